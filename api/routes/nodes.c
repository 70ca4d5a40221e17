/* GET /node-types and /node-types/:type, from this thread's Lua state. */
#include "api/reply.h"
#include "api/routes/routes.h"

void kal_route_node_types(kal_request *request)
{
    json_t *types = kal_lua_types(kal_engine_lua(request->thread->engine));

    kal_reply_json(request, 200, json_pack("{s:o, s:n}", "data", types, "next_cursor"));
}

void kal_route_node_type(kal_request *request)
{
    json_t *types = kal_lua_types(kal_engine_lua(request->thread->engine));

    for (size_t i = 0; i < json_array_size(types); i++) {
        json_t *type = json_array_get(types, i);
        if (kal_str_eq(kal_json_get_str(type, "type"), request->params[0])) {
            kal_reply_json(request, 200, json_pack("{s:O}", "data", type));
            json_decref(types);
            return;
        }
    }
    json_decref(types);
    kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
}
