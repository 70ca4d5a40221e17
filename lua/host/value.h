/* JSON values crossing between C and a Lua state: null is a light userdata NULL, arrays carry a
 * shared metatable, whole numbers beyond 2^53 are int64_t cdata.
 * Invariant: what is written reads back equal; object keys are written sorted.
 * Thread: the state's owner. Blocks: never. */
#ifndef KAL_LUA_HOST_VALUE_H
#define KAL_LUA_HOST_VALUE_H

#include "base/buf.h"
#include "base/json.h"

#include <lua.h>

typedef struct kal_values {
    lua_State *L;           /* of the call in progress: a coroutine's, or the state's own */
    const void *array_meta; /* identity of the arrays' metatable */
    int array_ref;          /* the same, as a reference in the registry */
    int box_ref, text_ref;  /* Lua functions that make and write int64_t cdata */
    kal_buf out;            /* what kal_value_write wrote last */
    int levels;             /* how deep that may be */
    kal_str *keys;          /* of the objects being written, innermost last */
    size_t key_count, key_cap;
    char error[160]; /* why the last write or read failed */
} kal_values;

/* The one of this state, made at the first call; the state owns it. May raise. */
kal_values *kal_value_open(lua_State *L);
/* Pushes a value; NULL pushes nil. May raise (memory), so call it inside a protected call. */
void kal_value_push(lua_State *L, kal_values *values, const json_t *value);
/* Writes the value at index into values->out (cleared first), as if it lay `outer` levels deep.
 * False with a sentence in values->error. May raise as kal_value_push does. */
bool kal_value_write(lua_State *L, kal_values *values, int index, int outer);
/* The value at index as a tree of its own, which the caller decrefs. NULL with a sentence in
 * values->error. May raise as kal_value_push does; nothing leaks then. */
json_t *kal_value_to_json(lua_State *L, kal_values *values, int index);

#endif
