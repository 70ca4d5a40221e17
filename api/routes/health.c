/* /health, /health/ready and /info: no key needed. */
#include "api/reply.h"
#include "api/routes/routes.h"

#include <stdio.h>

void kal_route_health(kal_request *request)
{
    static const char body[] = "{\"status\":\"ok\"}";

    kal_reply(request, 200, body, sizeof(body) - 1);
}

void kal_route_health_ready(kal_request *request)
{
    kal_engine *engine = request->thread->engine;
    kal_engine_status status;

    kal_engine_get_status(engine, &status);
    json_t *problems = kal_engine_plugin_problems(engine);
    bool ready = status.database && status.shards > 0 && status.owned == status.shards &&
                 kal_engine_is_active(engine) && !atomic_load(&request->thread->api->draining);
    const char *told = !ready ? "not_ready" : json_object_size(problems) ? "degraded" : "ready";
    kal_reply_json(request, ready ? 200 : 503,
                   json_pack("{s:s, s:i, s:i, s:b, s:o}", "status", told, "shards", status.shards,
                             "owned", status.owned, "database", status.database, "problems",
                             problems));
}

void kal_route_info(kal_request *request)
{
    const kal_api *api = request->thread->api;
    char body[192];
    double uptime = (double)(kal_clock_mono_ns() - api->began_ns) / 1e9;
    int n = snprintf(body, sizeof(body),
                     "{\"name\":\"kalcifer\",\"version\":\"%s\",\"uptime_seconds\":%.0f,"
                     "\"threads\":%d}",
                     api->version, uptime, atomic_load(&api->threads));

    kal_reply(request, 200, body, (size_t)n);
}
