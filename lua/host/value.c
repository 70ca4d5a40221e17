#include "lua/host/value.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY_KEY "kal.values"
#define SAFE_INTEGER 9007199254740992 /* 2^53: doubles are exact up to here */

/* LuaJIT's type of boxed C data; its headers do not name it. */
enum { TYPE_CDATA = LUA_TTHREAD + 2 };

/* The C API cannot make or read an int64_t cdata, Lua can. */
static const char BOXES[] =
    "local ffi = ...\n"
    "local int64 = ffi.typeof 'int64_t'\n"
    "local function box(high, low) return int64(high) * 4294967296LL + int64(low) end\n"
    "local function text(x) return ffi.istype(int64, x) and tostring(x):sub(1, -3) or nil end\n"
    "return box, text\n";

static int values_gc(lua_State *L)
{
    kal_values *values = lua_touserdata(L, 1);
    kal_buf_deinit(&values->out);
    kal_free(values->keys);
    values->keys = NULL;
    values->key_cap = 0;
    return 0;
}

/* Pushes LuaJIT's ffi, opened once a state: a cell's has no `require`, and never sees it. */
static void push_ffi(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
    if (lua_istable(L, -1))
        lua_getfield(L, -1, LUA_FFILIBNAME);
    else
        lua_pushnil(L);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    lua_pushcfunction(L, luaopen_ffi);
    lua_pushliteral(L, LUA_FFILIBNAME);
    lua_call(L, 1, 1);
}

static void open_boxes(kal_values *values)
{
    lua_State *L = values->L;
    if (luaL_loadbuffer(L, BOXES, sizeof BOXES - 1, "=kal.boxes") != 0)
        lua_error(L);
    push_ffi(L);
    lua_call(L, 1, 2);
    values->text_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    values->box_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void open_arrays(kal_values *values)
{
    lua_State *L = values->L;
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "array");
    lua_setfield(L, -2, "__jsontype");
    values->array_meta = lua_topointer(L, -1);
    values->array_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

kal_values *kal_value_open(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, REGISTRY_KEY);
    kal_values *values = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (values != NULL)
        return values;
    values = lua_newuserdata(L, sizeof *values);
    memset(values, 0, sizeof *values);
    values->L = L;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, values_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    open_boxes(values);
    open_arrays(values);
    lua_setfield(L, LUA_REGISTRYINDEX, REGISTRY_KEY);
    return values;
}

/* -- pushing ---------------------------------------------------------------------------------- */

static void push_value(kal_values *values, const json_t *value);

static void push_integer(kal_values *values, json_int_t integer)
{
    lua_State *L = values->L;
    if (integer >= -SAFE_INTEGER && integer <= SAFE_INTEGER) {
        lua_pushnumber(L, (lua_Number)integer);
        return;
    }
    uint64_t bits = (uint64_t)integer;
    lua_rawgeti(L, LUA_REGISTRYINDEX, values->box_ref);
    lua_pushnumber(L, (lua_Number)(int32_t)(bits >> 32));
    lua_pushnumber(L, (lua_Number)(uint32_t)bits);
    lua_call(L, 2, 1);
}

static void push_array(kal_values *values, const json_t *array)
{
    lua_State *L = values->L;
    int count = (int)json_array_size(array);
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        push_value(values, json_array_get(array, (size_t)i));
        lua_rawseti(L, -2, i + 1);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, values->array_ref);
    lua_setmetatable(L, -2);
}

static void push_object(kal_values *values, const json_t *object)
{
    lua_State *L = values->L;
    const char *key;
    json_t *member;
    lua_createtable(L, 0, (int)json_object_size(object));
    json_object_foreach((json_t *)object, key, member)
    {
        lua_pushstring(L, key);
        push_value(values, member);
        lua_rawset(L, -3);
    }
}

static void push_value(kal_values *values, const json_t *value)
{
    lua_State *L = values->L;
    luaL_checkstack(L, 8, "a value is nested too deep");
    if (value == NULL) {
        lua_pushnil(L);
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        push_object(values, value);
        break;
    case JSON_ARRAY:
        push_array(values, value);
        break;
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        push_integer(values, json_integer_value(value));
        break;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        lua_pushboolean(L, json_is_true(value));
        break;
    case JSON_NULL:
        lua_pushlightuserdata(L, NULL);
        break;
    }
}

void kal_value_push(lua_State *L, kal_values *values, const json_t *value)
{
    values->L = L;
    push_value(values, value);
}

/* -- writing: the value is on top of the stack and stays there --------------------------------- */

static bool write_value(kal_values *values, int depth);

static bool __attribute__((format(printf, 2, 3)))
refuse(kal_values *values, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(values->error, sizeof values->error, format, args);
    va_end(args);
    return false;
}

static bool write_number(kal_values *values)
{
    lua_Number number = lua_tonumber(values->L, -1);
    if (!isfinite(number))
        return refuse(values, "%s is no JSON number", isnan(number) ? "NaN" : "infinity");
    if (fabs(number) <= (double)SAFE_INTEGER && number == floor(number))
        kal_buf_printf(&values->out, "%" PRId64, (int64_t)number);
    else
        kal_json_write_double(&values->out, number);
    return true;
}

static bool write_text(kal_values *values, kal_str text)
{
    if (!kal_str_utf8(text))
        return refuse(values, "a text is not valid UTF-8 or holds a NUL");
    kal_json_write_str(&values->out, text);
    return true;
}

static bool write_string(kal_values *values)
{
    kal_str text;
    text.p = lua_tolstring(values->L, -1, &text.n);
    return write_text(values, text);
}

static bool write_cdata(kal_values *values)
{
    lua_State *L = values->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, values->text_ref);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);
    const char *text = lua_tostring(L, -1);
    if (text == NULL)
        return refuse(values, "a cdata that is no int64_t cannot be JSON");
    kal_buf_puts(&values->out, text);
    lua_pop(L, 1);
    return true;
}

static bool write_null(kal_values *values)
{
    if (lua_touserdata(values->L, -1) != NULL)
        return refuse(values, "a userdata cannot be JSON");
    kal_buf_puts(&values->out, "null");
    return true;
}

static bool is_list(kal_values *values)
{
    lua_State *L = values->L;
    if (lua_getmetatable(L, -1)) {
        bool marked = lua_topointer(L, -1) == values->array_meta;
        lua_pop(L, 1);
        if (marked)
            return true;
    }
    lua_pushnil(L);
    if (!lua_next(L, -2))
        return false;
    bool numbered = lua_type(L, -2) == LUA_TNUMBER;
    lua_pop(L, 2);
    return numbered;
}

static size_t count_keys(lua_State *L)
{
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
        count++;
    return count;
}

/* With as many keys as its length and none of 1..length missing, a table has no other keys. */
static bool write_list(kal_values *values, int depth)
{
    lua_State *L = values->L;
    size_t length = lua_objlen(L, -1);
    if (count_keys(L) != length)
        return refuse(values, "a list has holes or other keys");
    kal_buf_putc(&values->out, '[');
    for (size_t i = 1; i <= length; i++) {
        if (i > 1)
            kal_buf_putc(&values->out, ',');
        lua_rawgeti(L, -1, (int)i);
        if (lua_isnil(L, -1))
            return refuse(values, "a list has holes or other keys");
        if (!write_value(values, depth))
            return false;
        lua_pop(L, 1);
    }
    kal_buf_putc(&values->out, ']');
    return true;
}

static void add_key(kal_values *values, kal_str key)
{
    if (values->key_count == values->key_cap) {
        values->key_cap = values->key_cap == 0 ? 32 : values->key_cap * 2;
        values->keys = kal_realloc(values->keys, values->key_cap * sizeof *values->keys);
    }
    values->keys[values->key_count++] = key;
}

static int compare_keys(const void *a, const void *b)
{
    const kal_str *left = a, *right = b;
    size_t shorter = left->n < right->n ? left->n : right->n;
    int order = memcmp(left->p, right->p, shorter);
    return order != 0 ? order : (left->n > right->n) - (left->n < right->n);
}

/* The table keeps its keys' texts alive while they are listed here. */
static bool collect_keys(kal_values *values)
{
    lua_State *L = values->L;
    size_t first = values->key_count;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        int type = lua_type(L, -2);
        if (type == LUA_TNUMBER)
            return refuse(values, "a table mixes names and numbers as keys");
        if (type != LUA_TSTRING)
            return refuse(values, "a %s cannot be a JSON key", lua_typename(L, type));
        kal_str key;
        key.p = lua_tolstring(L, -2, &key.n);
        add_key(values, key);
    }
    if (values->key_count - first > 1)
        qsort(values->keys + first, values->key_count - first, sizeof(kal_str), compare_keys);
    return true;
}

static bool write_object(kal_values *values, int depth)
{
    lua_State *L = values->L;
    size_t first = values->key_count;
    if (!collect_keys(values))
        return false;
    kal_buf_putc(&values->out, '{');
    for (size_t i = first, end = values->key_count; i < end; i++) {
        kal_str key = values->keys[i]; /* the array may move below */
        if (i > first)
            kal_buf_putc(&values->out, ',');
        if (!write_text(values, key))
            return false;
        kal_buf_putc(&values->out, ':');
        lua_pushlstring(L, key.p, key.n);
        lua_rawget(L, -2);
        if (!write_value(values, depth))
            return false;
        lua_pop(L, 1);
    }
    kal_buf_putc(&values->out, '}');
    values->key_count = first;
    return true;
}

static bool write_table(kal_values *values, int depth)
{
    if (depth >= values->levels)
        return refuse(values, "nested deeper than %d levels", values->levels);
    luaL_checkstack(values->L, 6, "a value is nested too deep");
    if (is_list(values))
        return write_list(values, depth + 1);
    return write_object(values, depth + 1);
}

static bool write_value(kal_values *values, int depth)
{
    int type = lua_type(values->L, -1);
    switch (type) {
    case LUA_TTABLE:
        return write_table(values, depth);
    case LUA_TSTRING:
        return write_string(values);
    case LUA_TNUMBER:
        return write_number(values);
    case LUA_TBOOLEAN:
        kal_buf_puts(&values->out, lua_toboolean(values->L, -1) ? "true" : "false");
        return true;
    case LUA_TNIL:
        kal_buf_puts(&values->out, "null");
        return true;
    case LUA_TLIGHTUSERDATA:
        return write_null(values);
    case TYPE_CDATA:
        return write_cdata(values);
    default:
        return refuse(values, "a %s cannot be JSON", lua_typename(values->L, type));
    }
}

bool kal_value_write(lua_State *L, kal_values *values, int index, int outer)
{
    int top = lua_gettop(L);
    values->L = L;
    kal_buf_clear(&values->out);
    values->key_count = 0;
    luaL_checkstack(L, 6, "a value is nested too deep");
    lua_pushvalue(L, index);
    values->levels = KAL_JSON_MAX_DEPTH - outer;
    bool ok = write_value(values, 0);
    lua_settop(L, top);
    return ok;
}

/* Through the text: nothing of the tree exists while Lua may still raise. */
json_t *kal_value_to_json(lua_State *L, kal_values *values, int index)
{
    if (!kal_value_write(L, values, index, 0))
        return NULL;
    return kal_json_parse((kal_str){values->out.data, values->out.len}, values->error);
}
