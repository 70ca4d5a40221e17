/* The virtual clock: 404 while time is real. */
#include "base/clock.h"
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"

#include <stdio.h>

static void reply_time(kal_request *request, int64_t now_ms)
{
    char now[KAL_TIME_TEXT + 1], json[64];

    kal_clock_format(now_ms, now);
    int n = snprintf(json, sizeof(json), "{\"now\":\"%s\"}", now);
    kal_reply_data(request, 200, (kal_str){json, (size_t)n});
}

static bool is_virtual(kal_request *request)
{
    if (kal_clock_is_virtual(kal_engine_clock(request->thread->engine)))
        return true;
    kal_reply_error(request, KAL_ERR_NOT_FOUND, "the server does not run on a virtual clock");
    return false;
}

void kal_route_clock_show(kal_request *request)
{
    if (is_virtual(request))
        reply_time(request, kal_request_now(request));
}

static void on_advanced(void *data, kal_err err, int64_t now_ms)
{
    kal_request *request = data;

    if (err == KAL_OK)
        reply_time(request, now_ms);
    else
        kal_reply_error(request, err, NULL);
    kal_request_unref(request);
}

void kal_route_clock_advance(kal_request *request)
{
    int64_t by;

    if (!is_virtual(request) || !kal_request_body(request))
        return;
    const json_t *value = json_object_get(request->body, "by");
    if (!json_is_string(value) || !kal_clock_duration(kal_json_get_str(request->body, "by"), &by)) {
        kal_reply_invalid(request, "by", value ? KAL_INVALID : KAL_BLANK);
        return;
    }
    kal_request_ref(request);
    kal_engine_advance(request->thread->engine, kal_request_now(request) + by, on_advanced,
                       request);
}
