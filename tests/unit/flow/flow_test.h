/* What the tests of flow/ share: the Lua state of the working directory's home, graphs written
 * with single quotes, and words about problems. */
#ifndef KAL_TEST_FLOW_H
#define KAL_TEST_FLOW_H

#include "flow/graph.h"
#include "json_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static inline int open_lua(void **state)
{
    kal_buf error = {0};
    kal_plugins *plugins = kal_plugins_new(".", "", &error);
    *state = kal_lua_new(".", plugins, &error);
    kal_plugins_free(plugins); /* nothing is adopted later */
    if (!*state)
        print_error("%s\n", error.data);
    kal_buf_deinit(&error);
    return *state ? 0 : -1;
}

static inline int close_lua(void **state)
{
    kal_lua_free(*state);
    return 0;
}

static inline json_t *problems_of(kal_lua *lua, const json_t *graph)
{
    json_t *problems = json_array();
    kal_graph_check(lua, graph, NULL, problems);
    return problems;
}

static inline bool has_problem(const json_t *problems, const char *text)
{
    for (size_t i = 0; i < json_array_size(problems); i++)
        if (!strcmp(json_string_value(json_array_get(problems, i)), text))
            return true;
    return false;
}

static inline void print_problems(const json_t *problems)
{
    for (size_t i = 0; i < json_array_size(problems); i++)
        print_error("problem: %s\n", json_string_value(json_array_get(problems, i)));
}

static inline void assert_problem(const json_t *problems, const char *text)
{
    if (has_problem(problems, text))
        return;
    print_problems(problems);
    fail_msg("not said: %s", text);
}

/* The graph has exactly these problems (a list closed by NULL), in any order. It is compiled unless
 * one of them keeps it from that. */
static inline void assert_problems(kal_lua *lua, const json_t *graph, ...)
{
    json_t *problems = problems_of(lua, graph);
    size_t count = 0;
    va_list texts;
    va_start(texts, graph);
    for (const char *text = va_arg(texts, const char *); text; text = va_arg(texts, const char *)) {
        assert_problem(problems, text);
        count++;
    }
    va_end(texts);
    if (json_array_size(problems) != count) {
        print_problems(problems);
        fail_msg("%zu problems, not %zu", json_array_size(problems), count);
    }
    json_t *hard = json_array();
    kal_graph *compiled = kal_graph_new(lua, graph, NULL, hard);
    assert_int_equal(compiled == NULL, json_array_size(hard) > 0);
    for (size_t i = 0; i < json_array_size(hard); i++)
        assert_problem(problems, json_string_value(json_array_get(hard, i)));
    kal_graph_free(compiled);
    json_decref(hard);
    json_decref(problems);
}

/* The same for a text; the list is closed here. */
#define assert_refused(lua, text, ...)                                                             \
    do {                                                                                           \
        json_t *graph_ = json_of(text);                                                            \
        assert_problems(lua, graph_, __VA_ARGS__, NULL);                                           \
        json_decref(graph_);                                                                       \
    } while (0)

static inline void assert_right(kal_lua *lua, const char *text)
{
    json_t *graph = json_of(text);
    assert_problems(lua, graph, NULL);
    json_decref(graph);
}

#endif
