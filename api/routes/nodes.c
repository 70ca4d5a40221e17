/* GET /node-types and /node-types/:type: those of this thread's Lua state, and the tenant's own. */
#include "api/reply.h"
#include "api/routes/routes.h"

/* A row of the tenant's plugins as a node type. */
static json_t *own_type(const kal_pg_rows *rows, size_t row)
{
    static const char *const members[] = {"type",   "category", "version", "summary",
                                          "config", "branches", "hash"};
    char error[160];
    json_t *plugin = kal_json_parse(kal_pg_str(rows, row, 1), error);
    json_t *type = json_pack("{s:s}", "origin", "tenant");

    for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
        json_t *value = json_object_get(plugin, members[m]);
        if (value && !json_is_null(value))
            json_object_set(type, members[m], value);
    }
    json_decref(plugin);
    return type;
}

static json_t *all_types(kal_request *request, const kal_pg_rows *rows)
{
    json_t *types = kal_lua_types(kal_engine_lua(request->thread->engine));

    for (size_t row = 0; row < kal_pg_count(rows); row++)
        json_array_append_new(types, own_type(rows, row));
    return types;
}

static void on_types(kal_request *request, const kal_pg_reply *reply)
{
    if (!kal_reply_failed(request, reply))
        kal_reply_json(
            request, 200,
            json_pack("{s:o, s:n}", "data", all_types(request, reply->rows[1]), "next_cursor"));
}

static void on_type(kal_request *request, const kal_pg_reply *reply)
{
    json_t *found = NULL, *type;
    size_t i;

    if (kal_reply_failed(request, reply))
        return;
    json_t *types = all_types(request, reply->rows[1]);
    json_array_foreach(types, i, type) if (kal_str_eq(kal_json_get_str(type, "type"),
                                                      request->params[0])) found = type;
    if (found)
        kal_reply_json(request, 200, json_pack("{s:O}", "data", found));
    else
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    json_decref(types);
}

static void ask(kal_request *request, void (*then)(kal_request *request, const kal_pg_reply *reply))
{
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);

    kal_pg_call_add(call, KAL_SQL_API_PLUGIN_TYPES, NULL);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, then);
}

void kal_route_node_types(kal_request *request)
{
    ask(request, on_types);
}

void kal_route_node_type(kal_request *request)
{
    ask(request, on_type);
}
