#include "api/openapi.h"

#include "api/openapi_parts.h"
#include "api/reply.h"
#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define JOURNEYS "/api/v1/journeys"

static bool is_get(const kal_route *route)
{
    return strcmp(route->method, "GET") == 0;
}

/* "/api/v1/flows/:id" as "/api/v1/flows/{id}". */
static void write_path(kal_buf *out, const char *pattern)
{
    bool in_name = false;

    for (; *pattern; pattern++) {
        if (in_name && *pattern == '/') {
            kal_buf_putc(out, '}');
            in_name = false;
        }
        kal_buf_putc(out, *pattern == ':' ? '{' : *pattern);
        in_name = in_name || *pattern == ':';
    }
    if (in_name)
        kal_buf_putc(out, '}');
}

/* get_flows_id_versions: unique, since method and path are. */
static json_t *operation_id(const kal_route *route)
{
    static const char base[] = "/api/v1";
    const char *at = route->pattern;
    kal_buf out = {0};

    if (strncmp(at, base, sizeof(base) - 1) == 0)
        at += sizeof(base) - 1;
    for (const char *m = route->method; *m; m++)
        kal_buf_putc(&out, (char)tolower(*m));
    for (; *at; at++)
        if (*at != ':')
            kal_buf_putc(&out, (char)(isalnum((unsigned char)*at) ? *at : '_'));
    json_t *id = json_stringn(out.data, out.len);
    kal_buf_deinit(&out);
    return id;
}

/* Parameters */

static bool asks_for_key(const kal_route *route)
{
    return route->scope != KAL_SCOPE_NONE || route->rate != KAL_RATE_NONE;
}

static json_t *schema_of(kal_param_kind kind)
{
    switch (kind) {
    case KAL_PARAM_ID:
        return json_pack("{s:s, s:s}", "type", "string", "format", "uuid");
    case KAL_PARAM_VERSION:
        return json_pack("{s:s, s:i}", "type", "integer", "minimum", 1);
    case KAL_PARAM_CUSTOMER:
        return json_pack("{s:s, s:s}", "type", "string", "description",
                         "The customer's id, or external: and its external_id.");
    case KAL_PARAM_CURSOR_ID:
    case KAL_PARAM_CURSOR_INT:
        return json_pack("{s:s, s:s}", "type", "string", "description",
                         "The next_cursor of the page before.");
    case KAL_PARAM_LIMIT:
        return json_pack("{s:s, s:i, s:i, s:i}", "type", "integer", "minimum", 1, "maximum",
                         KAL_LIMIT_MOST, "default", KAL_LIMIT_DEFAULT);
    case KAL_PARAM_INT:
        return json_pack("{s:s}", "type", "integer");
    case KAL_PARAM_TIME:
        return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
    case KAL_PARAM_FLOW_STATUS:
        return json_pack("{s:[s, s, s, s]}", "enum", "draft", "active", "paused", "archived");
    case KAL_PARAM_TEXT:
    case KAL_PARAM_NOW:
    case KAL_PARAM_NONE:
        break;
    }
    return json_pack("{s:s}", "type", "string");
}

static void add_parameter(json_t *list, const char *in, json_t *name, json_t *schema)
{
    json_array_append_new(list, json_pack("{s:o, s:s, s:b, s:o}", "name", name, "in", in,
                                          "required", strcmp(in, "path") == 0, "schema", schema));
}

static bool is_path(kal_param_kind kind)
{
    return kind == KAL_PARAM_ID || kind == KAL_PARAM_VERSION || kind == KAL_PARAM_CUSTOMER;
}

/* The kind of the path's n-th parameter; what no read declares is an id when it is called one. */
static kal_param_kind path_kind(const kal_route *route, size_t nth, kal_str name)
{
    for (size_t i = 0; i < KAL_READ_PARAMS; i++)
        if (is_path(route->read.params[i].kind) && nth-- == 0)
            return route->read.params[i].kind;
    return kal_str_is(name, "id")  ? KAL_PARAM_ID
           : kal_str_is(name, "n") ? KAL_PARAM_VERSION
                                   : KAL_PARAM_TEXT;
}

static void add_path_parameters(json_t *list, const kal_route *route)
{
    size_t nth = 0;

    for (const char *at = strchr(route->pattern, ':'); at; at = strchr(at, ':')) {
        kal_str name = {at + 1, strcspn(at + 1, "/")};
        add_parameter(list, "path", json_stringn(name.p, name.n),
                      schema_of(path_kind(route, nth++, name)));
        at += name.n + 1;
    }
}

static const char *query_name(const kal_param *param)
{
    switch (param->kind) {
    case KAL_PARAM_CURSOR_ID:
    case KAL_PARAM_CURSOR_INT:
        return "cursor";
    case KAL_PARAM_LIMIT:
        return "limit";
    case KAL_PARAM_INT:
    case KAL_PARAM_TEXT:
    case KAL_PARAM_TIME:
    case KAL_PARAM_FLOW_STATUS:
        return param->name;
    case KAL_PARAM_ID:
    case KAL_PARAM_VERSION:
    case KAL_PARAM_CUSTOMER:
    case KAL_PARAM_NOW:
    case KAL_PARAM_NONE:
        break;
    }
    return NULL;
}

/* What kal_claim_begin looks at: events carry an id of their own. */
static bool takes_claims(const kal_route *route)
{
    return strcmp(route->method, "POST") == 0 && route->rate != KAL_RATE_EVENTS &&
           asks_for_key(route);
}

static json_t *parameters(const kal_route *route)
{
    json_t *list = json_array();

    add_path_parameters(list, route);
    for (size_t i = 0; i < KAL_READ_PARAMS; i++) {
        const char *name = query_name(&route->read.params[i]);
        if (name)
            add_parameter(list, "query", json_string(name), schema_of(route->read.params[i].kind));
    }
    if (route->read.of_customer)
        add_parameter(list, "query", json_string("customer_id"), schema_of(KAL_PARAM_TEXT));
    if (takes_claims(route))
        add_parameter(
            list, "header", json_string("Idempotency-Key"),
            json_pack("{s:s, s:i, s:i}", "type", "string", "minLength", 16, "maxLength", 255));
    return list;
}

/* Bodies and answers */

static json_t *request_body(const kal_route *route)
{
    json_t *schema = kal_openapi_schema(route->doc.body);
    json_t *content =
        json_pack("{s:{s:o}}", "application/json", "schema", kal_openapi_ref(route->doc.body));
    bool needed = json_array_size(json_object_get(schema, "required")) > 0;

    if (json_is_true(json_object_get(schema, "x-ndjson")))
        json_object_set_new(content, "application/x-ndjson",
                            json_pack("{s:{s:s}}", "schema", "type", "string"));
    json_decref(schema);
    return json_pack("{s:b, s:o}", "required", needed, "content", content);
}

static json_t *content(const char *type, json_t *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *data_of(json_t *schema)
{
    return json_pack("{s:s, s:[s], s:{s:o}}", "type", "object", "required", "data", "properties",
                     "data", schema);
}

static json_t *list_of(json_t *schema)
{
    return json_pack("{s:s, s:[s, s], s:{s:{s:s, s:o}, s:{s:[s, s], s:s}}}", "type", "object",
                     "required", "data", "next_cursor", "properties", "data", "type", "array",
                     "items", schema, "next_cursor", "type", "string", "null", "description",
                     "Where the next page begins; null at the end.");
}

static json_t *answer_content(const kal_route *route)
{
    static const char json[] = "application/json";
    kal_schema schema = route->doc.schema;
    kal_answer answer = route->doc.answer;

    if (answer == KAL_ANSWER_READ)
        answer = route->read.kind == KAL_READ_ONE ? KAL_ANSWER_DATA : KAL_ANSWER_LIST;
    switch (answer) {
    case KAL_ANSWER_DATA:
        return content(json, data_of(kal_openapi_ref(schema)));
    case KAL_ANSWER_LIST:
        return content(json, list_of(kal_openapi_ref(schema)));
    case KAL_ANSWER_BARE:
        return content(json, kal_openapi_ref(schema));
    case KAL_ANSWER_TEXT:
        return content("text/plain", schema_of(KAL_PARAM_TEXT));
    case KAL_ANSWER_HTML:
        return content("text/html", schema_of(KAL_PARAM_TEXT));
    case KAL_ANSWER_EMPTY:
    case KAL_ANSWER_READ:
        break;
    }
    return NULL;
}

static void add_answer(json_t *responses, const kal_route *route, int status)
{
    char name[16];

    snprintf(name, sizeof(name), "%d", status);
    json_object_set_new(responses, name,
                        json_pack("{s:s, s:o, s:o*}", "description", kal_reply_reason(status),
                                  "headers", kal_openapi_headers(), "content",
                                  status == 304 ? NULL : answer_content(route)));
}

/* An open route that counts against a tenant's limits knows its caller by itself: by a key, or by a
 * signature. */
/* The statuses of errors that a row can lead to. 400: a broken query, more than one length. */
static bool may_fail(const kal_route *route, int status)
{
    bool has_key = asks_for_key(route), writes = !is_get(route);

    switch (status) {
    case 400:
        return true;
    case 401:
        return has_key;
    case 403:
        return has_key && route->scope != KAL_SCOPE_OPERATOR;
    case 404:
    case 422:
        return route->handle || strchr(route->pattern, ':') || route->read.params[0].kind;
    case 409:
    case 413:
        return writes;
    case 429:
        return route->rate != KAL_RATE_NONE;
    case 503:
        return has_key;
    default:
        return false;
    }
}

static json_t *responses(const kal_route *route)
{
    static const int statuses[] = {400, 401, 403, 404, 409, 413, 422, 429, 503};
    json_t *all = json_object();
    char name[16];

    add_answer(all, route, route->doc.status);
    if (route->doc.also)
        add_answer(all, route, route->doc.also);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (may_fail(route, statuses[i])) {
            snprintf(name, sizeof(name), "%d", statuses[i]);
            json_object_set_new(all, name, kal_openapi_error(statuses[i]));
        }
    return all;
}

/* Operations */

static const char *role_of(kal_scope scope)
{
    switch (scope) {
    case KAL_SCOPE_NONE:
        return "none";
    case KAL_SCOPE_VIEWER:
        return "viewer";
    case KAL_SCOPE_EDITOR:
        return "editor";
    case KAL_SCOPE_ADMIN:
        return "admin";
    case KAL_SCOPE_OPERATOR:
        return "operator";
    }
    return "";
}

static const char *rate_of(kal_rate_class rate)
{
    switch (rate) {
    case KAL_RATE_TRIGGER:
        return "trigger";
    case KAL_RATE_EVENTS:
        return "events";
    case KAL_RATE_API:
        return "api";
    case KAL_RATE_NONE:
    case KAL_RATE_CLASSES:
        break;
    }
    return "none";
}

static json_t *security(const kal_route *route)
{
    if (!asks_for_key(route))
        return json_array();
    if (route->scope == KAL_SCOPE_NONE)
        return json_pack("[{s:[]}, {}]", "key");
    return json_pack("[{s:[]}]", route->scope == KAL_SCOPE_OPERATOR ? "operator" : "key");
}

static json_t *operation(const kal_route *route)
{
    json_t *made =
        json_pack("{s:o, s:s, s:o, s:s, s:s, s:o, s:o}", "operationId", operation_id(route),
                  "summary", route->doc.summary, "security", security(route), "x-role",
                  role_of(route->scope), "x-rate-limit", rate_of(route->rate), "parameters",
                  parameters(route), "responses", responses(route));

    if (route->doc.body != KAL_SCHEMA_NONE)
        json_object_set_new(made, "requestBody", request_body(route));
    return made;
}

static void add_operation(json_t *paths, const kal_route *route)
{
    kal_buf path = {0}, method = {0};

    write_path(&path, route->pattern);
    kal_buf_putc(&path, '\0');
    for (const char *m = route->method; *m; m++)
        kal_buf_putc(&method, (char)tolower(*m));
    kal_buf_putc(&method, '\0');
    if (!json_object_get(paths, path.data))
        json_object_set_new(paths, path.data, json_object());
    json_object_set_new(json_object_get(paths, path.data), method.data, operation(route));
    kal_buf_deinit(&path);
    kal_buf_deinit(&method);
}

/* What a flow does below a journey, where it answers with the journey. */
static void add_below_journey(json_t *paths, const kal_route *route)
{
    kal_route below = *route;
    kal_buf pattern = {0};

    kal_buf_puts(&pattern, JOURNEYS);
    kal_buf_puts(&pattern, kal_router_below_journey(route->pattern));
    kal_buf_putc(&pattern, '\0');
    below.pattern = pattern.data;
    if (below.doc.schema == KAL_SCHEMA_FLOW)
        below.doc.schema = KAL_SCHEMA_JOURNEY;
    add_operation(paths, &below);
    kal_buf_deinit(&pattern);
}

json_t *kal_openapi_new(const kal_route *routes, size_t count, const json_t *types,
                        const char *version)
{
    json_t *paths = json_object();

    for (size_t i = 0; i < count; i++) {
        add_operation(paths, &routes[i]);
        if (kal_router_below_journey(routes[i].pattern))
            add_below_journey(paths, &routes[i]);
    }
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:o}", "openapi", "3.1.0", "info", "title",
                     "Kalcifer", "version", version, "description",
                     "Flows that customers walk through. Every answer carries X-Request-Id; HEAD "
                     "answers as GET.",
                     "paths", paths, "components", kal_openapi_components(types));
}
