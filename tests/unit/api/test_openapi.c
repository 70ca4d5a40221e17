/* What a caller would lose: a document that knows every route and names nothing that is not there.
 */
#include "api/openapi.h"

#include "json_of.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *document(void)
{
    json_t *types =
        json_of("[{'type': 'wait', 'summary': 'Pause.', 'config': {'type': 'object'}}]");
    size_t count;
    const kal_route *routes = kal_routes(&count);
    json_t *made = kal_openapi_new(routes, count, types, "1.2.3");

    json_decref(types);
    assert_non_null(made);
    return made;
}

/* "/api/v1/flows/:id" as "/api/v1/flows/{id}", below a journey too; a method as "get". */
static void spell(const kal_route *route, bool below_journey, char path[256], char method[16])
{
    const char *at = below_journey ? kal_router_below_journey(route->pattern) : route->pattern;
    size_t n = (size_t)snprintf(path, 256, "%s", below_journey ? "/api/v1/journeys" : "");

    while (*at) {
        size_t name = *at == ':' ? strcspn(at, "/") : 0;
        n += (size_t)snprintf(path + n, 256 - n, name ? "{%.*s}" : "%.*s", name ? (int)name - 1 : 1,
                              name ? at + 1 : at);
        at += name ? name : 1;
    }
    for (n = 0; route->method[n]; n++)
        method[n] = (char)(route->method[n] | 32);
    method[n] = '\0';
}

static size_t operations(const json_t *paths)
{
    const char *path;
    json_t *item;
    size_t n = 0;

    json_object_foreach((json_t *)(uintptr_t)paths, path, item) n += json_object_size(item);
    return n;
}

static void test_rows_and_operations_are_the_same(void **state)
{
    json_t *made = document();
    const json_t *paths = json_object_get(made, "paths");
    size_t count, wanted = 0;
    const kal_route *routes = kal_routes(&count);
    char path[256], method[16];

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (int below = 0; below <= (kal_router_below_journey(routes[i].pattern) != NULL);
             below++) {
            spell(&routes[i], below, path, method);
            if (!json_object_get(json_object_get(paths, path), method))
                fail_msg("%s %s is not in the document", method, path);
            wanted++;
        }
    assert_int_equal(operations(paths), wanted);
    json_decref(made);
}

/* How many path parameters an operation declares. */
static size_t declared(const json_t *operation)
{
    const json_t *list = json_object_get(operation, "parameters");
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        n += kal_str_is(kal_json_get_str(json_array_get(list, i), "in"), "path");
    return n;
}

static void test_every_path_parameter_is_declared(void **state)
{
    json_t *made = document();
    size_t count;
    const kal_route *routes = kal_routes(&count);
    char path[256], method[16];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        size_t wanted = 0;
        for (const char *at = routes[i].pattern; *at; at++)
            wanted += *at == ':';
        spell(&routes[i], false, path, method);
        const json_t *item = json_object_get(json_object_get(made, "paths"), path);
        assert_int_equal(declared(json_object_get(item, method)), wanted);
    }
    json_decref(made);
}

static void test_every_row_says_what_it_is_for(void **state)
{
    size_t count;
    const kal_route *routes = kal_routes(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const kal_doc *doc = &routes[i].doc;
        bool shows = doc->answer != KAL_ANSWER_EMPTY && doc->answer != KAL_ANSWER_TEXT &&
                     doc->answer != KAL_ANSWER_HTML;
        if (!doc->summary || !*doc->summary || doc->status < 200 || doc->status > 299 ||
            shows != (doc->schema != KAL_SCHEMA_NONE) ||
            (doc->answer == KAL_ANSWER_READ) != (routes[i].handle == NULL))
            fail_msg("%s %s: summary, status or schema is missing", routes[i].method,
                     routes[i].pattern);
    }
}

/* Follows every $ref below a value; marks the schemas that are met. */
static void follow(const json_t *root, const json_t *value, json_t *met)
{
    const char *key;
    json_t *member;
    size_t i;

    json_array_foreach(value, i, member) follow(root, member, met);
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        follow(root, member, met);
        if (strcmp(key, "$ref") != 0)
            continue;
        const char *name = strrchr(json_string_value(member), '/') + 1;
        const char *where = json_string_value(member) + strlen("#/components/");
        char group[32] = {0};
        memcpy(group, where, strcspn(where, "/"));
        const json_t *components = json_object_get(root, "components");
        if (!json_object_get(json_object_get(components, group), name))
            fail_msg("%s leads nowhere", json_string_value(member));
        json_object_set_new(met, name, json_true());
    }
}

static void test_references_and_schemas_are_the_same(void **state)
{
    json_t *made = document(), *met = json_object(), *schema;
    const char *name;

    (void)state;
    follow(made, made, met);
    json_object_foreach(kal_json_path(made, kal_str_of("components.schemas")), name, schema)
    {
        bool needed = json_object_get(met, name) || strcmp(name, "error") == 0;
        if (!needed)
            fail_msg("api/schemas/%s.json: no route names it", name);
    }
    json_decref(met);
    json_decref(made);
}

static void test_an_error_status_lists_its_codes(void **state)
{
    static const char *const known[] = {
#define X(name, code, status, text) (status) == 404 ? (code) : "",
        KAL_ERRORS(X)
#undef X
    };
    json_t *made = document();
    const json_t *codes = kal_json_path(
        made, kal_str_of("components.responses.404.content.application/json.schema.properties.error"
                         ".enum"));
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (*known[i])
            assert_string_equal(json_string_value(json_array_get(codes, n++)), known[i]);
    assert_int_equal(json_array_size(codes), n);
    assert_null(kal_json_path(made, kal_str_of("components.responses.500")));
    json_decref(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_operations_are_the_same),
        cmocka_unit_test(test_every_path_parameter_is_declared),
        cmocka_unit_test(test_every_row_says_what_it_is_for),
        cmocka_unit_test(test_references_and_schemas_are_the_same),
        cmocka_unit_test(test_an_error_status_lists_its_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
