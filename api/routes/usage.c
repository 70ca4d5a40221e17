/* GET /usage: what a tenant has used of its quotas, and what its code has taken. */
#include "api/reply.h"
#include "api/routes/routes.h"

static json_t *quotas_json(kal_request *request)
{
    static const char *const names[KAL_QUOTA_KINDS] = {
        [KAL_QUOTA_INSTANCES] = "instances",
        [KAL_QUOTA_CUSTOMERS] = "customers",
        [KAL_QUOTA_EVENTS] = "events_per_day",
    };
    kal_engine *engine = request->thread->engine;
    const kal_quota *quota = kal_engine_quota(engine, request->caller.tenant);
    int64_t now_ms = kal_clock_now(kal_engine_clock(engine));
    json_t *quotas = json_object();

    for (size_t k = 0; quota && k < KAL_QUOTA_KINDS; k++) {
        int64_t most = kal_quota_most(quota, (kal_quota_kind)k);
        if (most >= 0)
            json_object_set_new(
                quotas, names[k],
                json_pack("{s:I, s:I}", "limit", (json_int_t)most, "used",
                          (json_int_t)kal_quota_used(quota, (kal_quota_kind)k, now_ms)));
    }
    return quotas;
}

void kal_route_usage(kal_request *request)
{
    kal_cell_usage code = {0};

    (void)kal_cell_book_usage(kal_engine_cell_book(request->thread->engine), request->caller.tenant,
                              &code);
    kal_reply_json(request, 200,
                   json_pack("{s:{s:o, s:{s:I, s:I, s:I, s:f, s:I, s:b}}}", "data", "quotas",
                             quotas_json(request), "code", "calls", (json_int_t)code.calls,
                             "failures", (json_int_t)code.failures, "kills", (json_int_t)code.kills,
                             "cpu_seconds", (double)code.cpu_ns / 1e9, "memory_bytes",
                             (json_int_t)code.memory, "switched_off", (int)code.off));
}
