#include "lua/host/native.h"

#include "base/clock.h"
#include "base/cron.h"
#include "base/zone.h"
#include "lua/host/digest.h"
#include "lua/host/value.h"

#include <lauxlib.h>
#include <math.h>

/* What kal_clock_format can write: years 1 to 9999. */
#define FIRST_MS (-62135596800000.0)
#define LAST_MS 253402300799999.0

/* In Lua, because the JIT compiles these away and cannot compile calls into C. */
static const char ARRAYS[] =
    "local meta = ...\n"
    "local type, getmetatable, setmetatable = type, getmetatable, setmetatable\n"
    "local function array(t) return setmetatable(t or {}, meta) end\n"
    "local function is_array(t) return type(t) == 'table' and getmetatable(t) == meta end\n"
    "return array, is_array\n";

static kal_values *values_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static kal_str check_text(lua_State *L, int index)
{
    kal_str text;
    text.p = luaL_checklstring(L, index, &text.n);
    return text;
}

static int64_t check_time(lua_State *L, int index)
{
    lua_Number ms = luaL_checknumber(L, index);
    luaL_argcheck(L, ms >= FIRST_MS && ms <= LAST_MS, index, "no time of the years 1 to 9999");
    return (int64_t)floor(ms);
}

static int fail(lua_State *L, const char *error)
{
    lua_pushnil(L);
    lua_pushstring(L, error);
    return 2;
}

static int native_encode(lua_State *L)
{
    kal_values *values = values_of(L);
    luaL_checkany(L, 1);
    if (!kal_value_write(L, values, 1, 0))
        return fail(L, values->error);
    lua_pushlstring(L, values->out.data, values->out.len);
    return 1;
}

static int push_tree(lua_State *L)
{
    kal_value_push(L, lua_touserdata(L, 1), lua_touserdata(L, 2));
    return 1;
}

/* The tree is pushed in a call of its own: whatever is raised there, it is released. */
static int native_decode(lua_State *L)
{
    kal_values *values = values_of(L);
    kal_str text = check_text(L, 1);
    lua_pushcfunction(L, push_tree);
    lua_pushlightuserdata(L, values);
    json_t *tree = kal_json_parse(text, values->error);
    if (tree == NULL)
        return fail(L, values->error);
    lua_pushlightuserdata(L, tree);
    int status = lua_pcall(L, 2, 1, 0);
    json_decref(tree);
    return status == 0 ? 1 : lua_error(L);
}

static int native_hash(lua_State *L)
{
    uint64_t hash = kal_str_hash(check_text(L, 1));
    lua_pushnumber(L, (lua_Number)(hash >> 11) * 0x1p-53);
    return 1;
}

static int native_sha256(lua_State *L)
{
    char hex[KAL_DIGEST_TEXT + 1];
    kal_digest_sha256(check_text(L, 1), hex);
    lua_pushlstring(L, hex, KAL_DIGEST_TEXT);
    return 1;
}

static int native_zone_next(lua_State *L)
{
    kal_str zone = check_text(L, 1);
    int hour = luaL_checkint(L, 2);
    int minute = luaL_checkint(L, 3);
    luaL_argcheck(L, hour >= 0 && hour < 24, 2, "no hour");
    luaL_argcheck(L, minute >= 0 && minute < 60, 3, "no minute");
    lua_pushnumber(L, (lua_Number)kal_zone_next(zone, hour, minute, check_time(L, 4)));
    return 1;
}

/* 1 is Monday. Days count on from 1 March, so that a leap day ends its year. */
static int weekday_of(const kal_local *local)
{
    int year = local->month < 3 ? local->year - 1 : local->year;
    int month = local->month < 3 ? local->month + 9 : local->month - 3;
    int days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + local->day;
    return (days + 1) % 7 + 1;
}

static int native_zone_local(lua_State *L)
{
    kal_str zone = check_text(L, 1);
    kal_local local = kal_zone_local(zone, check_time(L, 2));
    const struct {
        const char *name;
        int value;
    } members[] = {
        {"year", local.year}, {"month", local.month},   {"day", local.day},
        {"hour", local.hour}, {"minute", local.minute}, {"weekday", weekday_of(&local)},
    };
    lua_createtable(L, 0, 6);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        lua_pushinteger(L, members[i].value);
        lua_setfield(L, -2, members[i].name);
    }
    return 1;
}

static int native_zone_known(lua_State *L)
{
    lua_pushboolean(L, kal_zone_known(check_text(L, 1)));
    return 1;
}

static int native_cron_check(lua_State *L)
{
    kal_cron cron;
    const char *problem;
    if (!kal_cron_parse(check_text(L, 1), &cron, &problem))
        return fail(L, problem);
    lua_pushboolean(L, 1);
    return 1;
}

static int native_parse_time(lua_State *L)
{
    int64_t ms;
    if (kal_clock_parse(check_text(L, 1), &ms))
        lua_pushnumber(L, (lua_Number)ms);
    else
        lua_pushnil(L);
    return 1;
}

static int native_format_time(lua_State *L)
{
    char text[KAL_TIME_TEXT + 1];
    kal_clock_format(check_time(L, 1), text);
    lua_pushstring(L, text);
    return 1;
}

static int native_utf8_len(lua_State *L)
{
    kal_str text = check_text(L, 1);
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++)
        count += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    lua_pushnumber(L, (lua_Number)count);
    return 1;
}

static const luaL_Reg FUNCTIONS[] = {
    {"encode", native_encode},
    {"decode", native_decode},
    {"hash", native_hash},
    {"sha256", native_sha256},
    {"zone_next", native_zone_next},
    {"zone_local", native_zone_local},
    {"zone_known", native_zone_known},
    {"cron_check", native_cron_check},
    {"parse_time", native_parse_time},
    {"format_time", native_format_time},
    {"utf8_len", native_utf8_len},
    {NULL, NULL},
};

/* The table is on top. */
static void add_arrays(lua_State *L, const kal_values *values)
{
    if (luaL_loadbuffer(L, ARRAYS, sizeof ARRAYS - 1, "=kal.native") != 0)
        lua_error(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, values->array_ref);
    lua_call(L, 1, 2);
    lua_setfield(L, -3, "is_array");
    lua_setfield(L, -2, "array");
}

int kal_native_open(lua_State *L)
{
    kal_values *values = kal_value_open(L);
    lua_newtable(L);
    for (const luaL_Reg *entry = FUNCTIONS; entry->name != NULL; entry++) {
        lua_pushlightuserdata(L, values); /* the registry keeps it alive */
        lua_pushcclosure(L, entry->func, 1);
        lua_setfield(L, -2, entry->name);
    }
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    add_arrays(L, values);
    return 1;
}
