/* The trusted Lua state of a shard: node types and plugins loaded from disk, JSON values crossing
 * in and out, node functions called through one pcall.
 * Invariant: no Lua error leaves this module as anything but a value; the JIT is on and the
 * allocator never refuses.
 * Thread: the state's owner. Blocks: kal_lua_new reads files; later only a `require` within a
 * function does, of a module that nothing has asked for before. */
#ifndef KAL_LUA_HOST_H
#define KAL_LUA_HOST_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "lua/host/plugins.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct kal_lua kal_lua;
/* A node of a version: its type's functions and its config. */
typedef struct kal_lua_node kal_lua_node;
/* A Lua value kept alive; KAL_LUA_NONE is none. */
typedef int kal_lua_ref;

#define KAL_LUA_NONE 0

/* A state with kal.* from home/lua, node types from home/nodes, and the plugins in force (borrowed;
 * NULL: none). NULL with one clear line in error when a file does not load or the registry's
 * invariants fail. */
kal_lua *kal_lua_new(const char *home, kal_plugins *plugins, kal_buf *error);
void kal_lua_free(kal_lua *lua);
/* Takes over what is in force of its plugins now; true when that has changed anything. What has
 * been made ready before, and the code known by its hash, stay. */
bool kal_lua_adopt(kal_lua *lua);
/* How often the types in force have changed. */
uint64_t kal_lua_adoptions(const kal_lua *lua);
/* {hash: artefact} of those plugins in force that `pins` ({type: hash}) names; the caller decrefs.
 */
json_t *kal_lua_artefacts(const kal_lua *lua, const json_t *pins);
/* Makes the code of an artefact known by its hash, once; logs why it cannot. */
void kal_lua_keep(kal_lua *lua, kal_str hash, kal_str artefact);
/* Forgets the code of tenants' own types ({type: hash}), which nothing that was made of it needs.
 */
void kal_lua_forget_own(kal_lua *lua, const json_t *own);
/* The hashes of all code that is known by them, an array of texts; the caller decrefs. */
json_t *kal_lua_kept(kal_lua *lua);
/* Bytes in use by the state. */
size_t kal_lua_memory(const kal_lua *lua);

/* All node types as a JSON array, sorted by type: {type, category, version, summary, config (its
 * schema), branches, origin "builtin"|"plugin", hash}. The caller decrefs. */
json_t *kal_lua_types(kal_lua *lua);

/* What a type says about one node with this config (NULL counts as {}): NULL when the type is
 * unknown, else an object, which the caller decrefs. The type is a plugin's by the code with that
 * hash; without one (p NULL), the type in force.
 *   category   "trigger" | "condition" | "wait" | "action" | "end"
 *   version    text
 *   plugin     the hash of the plugin's code; absent for a built-in type
 *   problems   ["/duration: is invalid", …], empty when the config is right
 *   branches   the branch keys that need an edge; absent for a type that does not branch
 *   optional_branches  those that may have one; absent when none
 *   events     event types that resume it; absent when none
 *   filter     the filter on those events; absent when none
 *   lookback   milliseconds, absent when 0
 *   needs      what must be loaded before it executes, each member absent when it is nothing:
 *              {"customer": true, "flow_caps": true, "caps": [{"channel", "window_ms"}],
 *              "flows": [ids], "segments": [ids]}
 *   join       "all" | "any" for a join */
json_t *kal_lua_describe(kal_lua *lua, kal_str type, kal_str hash, const json_t *config);

/* A node ready to run. The type (by its hash, as above) must be known. Free before the state. */
kal_lua_node *kal_lua_node_new(kal_lua *lua, kal_str id, kal_str type, kal_str hash,
                               const json_t *config);
void kal_lua_node_free(kal_lua *lua, kal_lua_node *node);

/* An instance's context as nodes see it: the members of `context` (a JSON object's text) with
 * `accumulated` (likewise; empty text: {}) beside them. Unref when the burst is over. */
KAL_MUST_USE kal_err kal_lua_context_new(kal_lua *lua, kal_str context, kal_str accumulated,
                                         kal_lua_ref *out);
/* Sets a top-level member (`_customer`, `preferences`, …). */
void kal_lua_context_set(kal_lua *lua, kal_lua_ref context, const char *key, const json_t *value);
/* Appends the JSON text of `accumulated`. */
KAL_MUST_USE kal_err kal_lua_context_accumulated(kal_lua *lua, kal_lua_ref context, kal_buf *out);
void kal_lua_unref(kal_lua *lua, kal_lua_ref ref);

typedef struct kal_lua_call {
    const kal_lua_node *node;
    kal_lua_ref context;
    int64_t now_ms;      /* journey time of the burst */
    const char *trigger; /* NULL: execute; "event", "timeout", "answer": resume */
    const json_t *event; /* what started or resumed the walk, {id, event_type, data, occurred_at},
                            or NULL; does not change while there are references to it */
    const json_t *known; /* {"answer": what the wait was for} or {"caps": [{"channel", "window_ms",
                            "count", "max"?}]}, for the nodes that these are for, or NULL */
    const json_t *state; /* what the wait kept (outcome.wait{state=…}), or NULL */
} kal_lua_call;

typedef enum kal_outcome_kind {
    KAL_OUTCOME_COMPLETE, /* follow the edges; those of `branch` when it is set */
    KAL_OUTCOME_WAIT,     /* stay until `until_ms` (-1: no timer) or an event of `events` */
    KAL_OUTCOME_EXIT,     /* end the whole instance */
    KAL_OUTCOME_FAIL      /* failed step */
} kal_outcome_kind;

typedef struct kal_outcome {
    kal_outcome_kind kind;
    kal_str branch;   /* p NULL: plain */
    kal_str result;   /* JSON text of what the node gave; p NULL: none */
    kal_str reason;   /* of an exit or a failure; p NULL: none. Of a branch: the failure that this
                         is when no edge has the branch */
    int64_t until_ms; /* of a wait, -1: no timer */
    bool absolute;    /* the timer is a date (wait_until): pauses do not shift it */
    json_t *state;    /* of a wait, or NULL; the caller decrefs */
    json_t *effects;  /* array of {"kind": "send" | "start" | "reserve" | "update_profile" |
                         "add_tag" | "remove_tag" | "convert" | "emit" | "code", …}, or NULL; the
                         caller decrefs */
} kal_outcome;

/* Runs a node. Never fails as a call: an error raised by the node is KAL_OUTCOME_FAIL with its
 * text as reason (without paths of the host). For complete and exit the result is put under
 * accumulated[node id]. Texts live in the arena. */
void kal_lua_run(kal_lua *lua, const kal_lua_call *call, kal_arena *arena, kal_outcome *out);

/* Takes the result of the last run out of the context's `accumulated` again: what the node had
 * there before is back. */
void kal_lua_forget(kal_lua *lua, const kal_lua_call *call);

/* Evaluates an expression (kal.expr) over a context to its truth. KAL_ERR_VALIDATION_FAILED with a
 * sentence in error when it does not compile or fails. `event` (or NULL) is seen as `event`. */
KAL_MUST_USE kal_err kal_lua_truth(kal_lua *lua, kal_str expression, kal_lua_ref context,
                                   const json_t *event, int64_t now_ms, bool *out, kal_buf *error);
/* Only compiles; false with a sentence in error. */
bool kal_lua_expression_ok(kal_lua *lua, kal_str expression, kal_buf *error);

/* Problems of a segment's definition {type, rules, expression} by field, {} when it is right. The
 * caller decrefs; NULL with a sentence in error when it cannot be told. */
json_t *kal_lua_segment_check(kal_lua *lua, const json_t *definition, kal_buf *error);
/* A segment by its definition: ready to be asked about customers (as kal_profile_json shows them).
 * KAL_LUA_NONE when the definition cannot be read. Unref when done. */
kal_lua_ref kal_lua_segment_new(kal_lua *lua, const json_t *definition);
bool kal_lua_segment_matches(kal_lua *lua, kal_lua_ref segment, const json_t *customer,
                             int64_t now_ms);
/* Makes a tenant's segments ({id: definition}) known to nodes, in the place of those before. */
void kal_lua_segments_load(kal_lua *lua, kal_str tenant, const json_t *definitions);

/* Nodes with tenants' code may be published from now on: there are cells to run it in. */
void kal_lua_allow_code(kal_lua *lua);
/* Compiles a tenant's code and runs nothing of it; false with why it cannot be published: tenants'
 * code is not allowed, or where its first mistake is. */
bool kal_lua_code_ok(kal_lua *lua, kal_str source, kal_buf *problem);
/* A tenant's plugin by what its code (in a cell) said of itself: {"type", "artefact": the text that
 * it is kept as}, which the caller decrefs. NULL with a sentence in error when that is no node
 * type, or is one that is there already. */
json_t *kal_lua_own_plugin(kal_lua *lua, const json_t *said, kal_str source, kal_buf *error);

/* Asks a provider plugin (plugins/NAME/provider.lua) to turn a delivery into what is to be done:
 * {"sink": "log", "line": {…}}. NULL with a sentence in error when there is none or it fails. */
json_t *kal_lua_provider_send(kal_lua *lua, kal_str provider, const json_t *delivery,
                              kal_buf *error);

/* The file is a spec: NAME_spec.lua. */
bool kal_lua_is_spec(const char *path);
/* Runs a spec of a plugin (kal.kit) with the plugin that lies beside it, in the place of what is
 * installed under its names. The path is absolute. Answers {"tests": [{"name", "ok", "error"?}]},
 * which the caller decrefs; NULL with a sentence in error when the spec or its plugin does not
 * load. The state is for specs alone afterwards. */
json_t *kal_lua_spec(kal_lua *lua, const char *path, kal_buf *error);

#endif
