/* What the tests of run/ and effect/ share: texts, files, a home with test node
 * types, and graphs in a short notation. */
#ifndef KAL_TEST_RUN_H
#define KAL_TEST_RUN_H

#include "base/alloc.h"
#include "base/json.h"
#include "flow/graph.h"
#include "json_of.h"
#include "temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

static inline const char *path_in(const char *dir, const char *name, char path[512])
{
    assert_in_range(snprintf(path, 512, "%s/%s", dir, name), 1, 511);
    return path;
}

static inline void dir_write(const char *dir, const char *name, const char *text)
{
    char path[512];
    path_in(dir, name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* ---- a home with test types: start, mark, fork, pass, raise, flaky, refuse, teleport, big, nest
 * ----
 */

#define TEST_NODE(type, category, properties, more, body)                                          \
    "local outcome = require 'kal.outcome'\n"                                                      \
    "return { type = '" type "', category = '" category "', version = '1', summary = 'a test',\n"  \
    "  config = { type = 'object', properties = {" properties "} }," more "\n"                     \
    "  execute = function(config, ctx) " body " end }\n"

/* Appends its id to the customer's property `trail`: the order of the walk. */
#define LEAVE_MARK                                                                                 \
    "local trail = ctx.customer and ctx.customer.properties.trail\n"                               \
    "local mark = { kind = 'update_profile',\n"                                                    \
    "  fields = { trail = (trail and trail .. ' ' or '') .. ctx.node_id } }\n"
#define NEEDS_CUSTOMER "needs = function() return { customer = true } end,"
#define FREE_PROPERTY(name) name " = { description = 'any' }, "

static const char *const test_types[][2] = {
    {"start.lua", TEST_NODE("start", "trigger", "", "", "return outcome.complete {}")},
    {"mark.lua", TEST_NODE("mark", "action", "", NEEDS_CUSTOMER,
                           LEAVE_MARK "return outcome.with(outcome.complete {}, mark)")},
    {"fork.lua", TEST_NODE("fork", "condition", FREE_PROPERTY("pick"),
                           "branches = { 'left', 'right' }," NEEDS_CUSTOMER,
                           "return outcome.branch(config.pick, {})")},
    {"pass.lua", TEST_NODE("pass", "action", "", "", "return outcome.complete {}")},
    {"raise.lua", TEST_NODE("raise", "action", "", "", "error('it broke', 0)")},
    {"flaky.lua", TEST_NODE("flaky", "action", "", NEEDS_CUSTOMER, /* until the customer is fixed */
                            "if not ctx.customer.properties.fixed then error('not yet', 0) end\n"
                            "return outcome.complete { event = ctx.event and ctx.event.data }")},
    {"refuse.lua", TEST_NODE("refuse", "action", "", "", "return outcome.fail('it would not')")},
    {"teleport.lua", TEST_NODE("teleport", "action", "", "",
                               "return outcome.with(outcome.complete {}, { kind = 'teleport' })")},
    {"big.lua", TEST_NODE("big", "action", FREE_PROPERTY("kb"), "",
                          "return outcome.complete { text = string.rep('x', config.kb * 1024) }")},
    {"nest.lua", TEST_NODE("nest", "action", FREE_PROPERTY("of"), "",
                           "return outcome.complete { of = ctx.context.accumulated[config.of] }")},
};

static inline void link_in(const char *home, const char *name, const char *target)
{
    char from[512];
    char *to = realpath(target, NULL);
    assert_non_null(to);
    assert_int_equal(symlink(to, path_in(home, name, from)), 0);
    free(to);
}

/* A Lua state over the repository's nodes and the types above; the working directory is the
 * repository's. */
static inline kal_lua *test_lua_new(void)
{
    char *home = kal_temp_dir_new();
    char plugins[512];
    assert_int_equal(mkdir(path_in(home, "plugins", plugins), 0700), 0);
    link_in(home, "lua", "lua");
    link_in(home, "nodes", "nodes");
    link_in(home, "plugins/log", "plugins/log");
    for (size_t i = 0; i < sizeof test_types / sizeof *test_types; i++)
        dir_write(plugins, test_types[i][0], test_types[i][1]);
    kal_buf error = {0};
    kal_plugins *dropped_in = kal_plugins_new(home, "", &error);
    kal_lua *lua = kal_lua_new(home, dropped_in, &error);
    kal_plugins_free(dropped_in); /* nothing is adopted later */
    kal_temp_dir_free(home);
    if (!lua)
        fail_msg("%s", error.data);
    kal_buf_deinit(&error);
    return lua;
}

static inline int open_lua(void **state)
{
    *state = test_lua_new();
    return 0;
}

static inline int close_lua(void **state)
{
    kal_lua_free(*state);
    return 0;
}

/* ---- graphs: "in:start  w:wait{'duration':'1h'}  in>w>end  w>x@branch" ---- */

static inline const char *take_name(const char *at, char name[64])
{
    size_t n = strcspn(at, ":>@{ \n");
    assert_in_range(n, 1, 63);
    snprintf(name, 64, "%.*s", (int)n, at);
    return at + n;
}

static inline const char *take_config(const char *at, json_t *node)
{
    int depth = 0;
    const char *end = at;
    do {
        depth += (*end == '{') - (*end == '}');
        end++;
    } while (depth);
    char text[1024];
    snprintf(text, sizeof text, "%.*s", (int)(end - at), at);
    json_object_set_new(node, "config", json_of(text));
    return end;
}

/* Each item is a node `id:type{config}` or a path `a>b>c`, whose last edge may have a `@branch`. */
static inline json_t *graph_of(const char *at)
{
    json_t *nodes = json_array();
    json_t *edges = json_array();
    for (at += strspn(at, " \n"); *at; at += strspn(at, " \n")) {
        char name[64], other[64];
        at = take_name(at, name);
        if (*at == ':') {
            at = take_name(at + 1, other);
            json_t *node = json_pack("{s:s, s:s}", "id", name, "type", other);
            at = *at == '{' ? take_config(at, node) : at;
            json_array_append_new(nodes, node);
        }
        while (*at == '>') {
            at = take_name(at + 1, other);
            json_t *edge = json_pack("{s:s, s:s}", "source", name, "target", other);
            memcpy(name, other, sizeof name);
            if (*at == '@') {
                at = take_name(at + 1, other);
                json_object_set_new(edge, "branch", json_string(other));
            }
            json_array_append_new(edges, edge);
        }
    }
    return json_pack("{s:o, s:o}", "nodes", nodes, "edges", edges);
}

static inline kal_graph *graph_new(kal_lua *lua, json_t *json)
{
    kal_graph *graph = kal_graph_new(lua, json, NULL, NULL);
    if (!graph) {
        json_t *problems = json_array();
        kal_graph_check(lua, json, NULL, problems);
        char *text = json_dumps(problems, 0);
        fail_msg("%s", text);
    }
    json_decref(json);
    return graph;
}

#endif
