#include "api/openapi_parts.h"

#include "api/reply.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#define SCHEMAS "#/components/schemas/"

json_t *kal_openapi_ref(kal_schema schema)
{
    return json_pack("{s:s+}", "$ref", SCHEMAS, kal_schema_name(schema));
}

json_t *kal_openapi_schema(kal_schema schema)
{
    char error[160];

    return kal_json_parse(kal_str_of(kal_schema_text(schema)), error); /* the build has read it */
}

json_t *kal_openapi_error(int status)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/responses/%d", status));
}

json_t *kal_openapi_headers(void)
{
    return json_pack("{s:{s:s}}", "X-Request-Id", "$ref", "#/components/headers/X-Request-Id");
}

/* One status: the schema of errors with the codes that the status has. */
static json_t *error_response(int status, json_t **codes)
{
    json_t *schema = kal_openapi_schema(KAL_SCHEMA_ERROR);
    json_t *error = json_pack("{s:[], s:s}", "enum", "description", "");
    json_t *headers = kal_openapi_headers();

    *codes = error;
    json_object_set_new(json_object_get(schema, "properties"), "error", error);
    if (status == kal_err_status(KAL_ERR_RATE_LIMIT_EXCEEDED))
        json_object_set_new(headers, "Retry-After",
                            json_pack("{s:s}", "$ref", "#/components/headers/Retry-After"));
    return json_pack("{s:s, s:o, s:{s:{s:o}}}", "description", kal_reply_reason(status), "headers",
                     headers, "content", "application/json", "schema", schema);
}

static bool is_in(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

static void add_code(json_t *responses, kal_err err)
{
    json_t *error;
    char status[16];

    snprintf(status, sizeof(status), "%d", kal_err_status(err));
    json_t *response = json_object_get(responses, status);
    if (response)
        error =
            kal_json_path(response, kal_str_of("content.application/json.schema.properties.error"));
    else
        json_object_set_new(responses, status, error_response(kal_err_status(err), &error));
    json_t *codes = json_object_get(error, "enum");
    if (is_in(codes, kal_err_code(err)))
        return;
    json_array_append_new(codes, json_string(kal_err_code(err)));
    const char *before = json_string_value(json_object_get(error, "description"));
    json_object_set_new(error, "description",
                        json_sprintf("%s%s`%s`: %s.", before, *before ? " " : "", kal_err_code(err),
                                     kal_err_text(err)));
}

static json_t *responses(void)
{
    static const kal_err errs[] = {
#define X(name, code, status, text) KAL_ERR_##name,
        KAL_ERRORS(X)
#undef X
    };
    json_t *all = json_object();

    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
        if (errs[i] != KAL_ERR_INTERNAL) /* no promise */
            add_code(all, errs[i]);
    return all;
}

/* Each type's config as config.TYPE, and `node`: one of them by its type. */
static void add_nodes(json_t *schemas, const json_t *types)
{
    json_t *any = json_array();
    size_t i;
    const json_t *type;

    json_array_foreach(types, i, type)
    {
        const char *name = json_string_value(json_object_get(type, "type"));
        json_t *key = json_sprintf("config.%s", name);
        json_array_append_new(
            any,
            json_pack("{s:s, s:s, s:[s, s], s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s+}}}", "type",
                      "object", "description", json_string_value(json_object_get(type, "summary")),
                      "required", "id", "type", "properties", "id", "type", "string", "type",
                      "const", name, "position", "type", "object", "config", "$ref",
                      SCHEMAS "config.", name));
        json_object_set(schemas, json_string_value(key), json_object_get(type, "config"));
        json_decref(key);
    }
    json_object_set_new(
        schemas, "node",
        json_pack("{s:s, s:o}", "description", "A node of a graph, by its type.", "anyOf", any));
}

static json_t *schemas(const json_t *types)
{
    json_t *all = json_object();

    for (kal_schema schema = KAL_SCHEMA_NONE + 1; schema < KAL_SCHEMA_COUNT; schema++)
        json_object_set_new(all, kal_schema_name(schema), kal_openapi_schema(schema));
    add_nodes(all, types);
    return all;
}

static json_t *header(const char *type, const char *description)
{
    return json_pack("{s:s, s:{s:s}}", "description", description, "schema", "type", type);
}

json_t *kal_openapi_components(const json_t *types)
{
    json_t *security = json_pack(
        "{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s}}", "key", "type", "http", "scheme", "bearer",
        "description", "A tenant's API key; its role decides what it may do.", "operator", "type",
        "http", "scheme", "bearer", "description", "KALCIFER_ADMIN_KEY, of who runs the server.");

    return json_pack("{s:o, s:o, s:o, s:{s:o, s:o}}", "schemas", schemas(types), "responses",
                     responses(), "securitySchemes", security, "headers", "X-Request-Id",
                     header("string", "The caller's, or a new one."), "Retry-After",
                     header("integer", "Seconds, at least 1."));
}
