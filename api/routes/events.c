/* POST /events and /events/batch. The single event is the product's hottest path: one parse, one
 * work, one snprintf. */
#include "api/check.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/works.h"
#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define BATCH_MOST 10000
#define TOO_MANY "a batch has at most 10,000 events"

/* What an event is wrong with, in the order in which it is told. */
typedef struct event_problem {
    kal_err err; /* KAL_OK: none */
    const char *field;
} event_problem;

static bool blank(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_string(value) && !json_string_length(value));
}

static bool id_ok(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) <= KAL_ID_MAX;
}

static event_problem check(const json_t *event, int64_t *occurred_ms)
{
    const json_t *customer = json_object_get(event, "customer_id");
    const json_t *type = json_object_get(event, "event_type");
    const json_t *id = json_object_get(event, "id");
    const json_t *data = json_object_get(event, "data");
    const json_t *occurred = json_object_get(event, "occurred_at");

    if (blank(customer))
        return (event_problem){KAL_ERR_CUSTOMER_ID_REQUIRED, NULL};
    if (blank(type))
        return (event_problem){KAL_ERR_EVENT_TYPE_REQUIRED, NULL};
    if (!id_ok(customer))
        return (event_problem){KAL_ERR_VALIDATION_FAILED, "customer_id"};
    if (!id_ok(type))
        return (event_problem){KAL_ERR_VALIDATION_FAILED, "event_type"};
    if (id && !json_is_null(id) && (!id_ok(id) || json_string_length(id) == 0))
        return (event_problem){KAL_ERR_VALIDATION_FAILED, "id"};
    if (data && !json_is_null(data) && !json_is_object(data))
        return (event_problem){KAL_ERR_VALIDATION_FAILED, "data"};
    *occurred_ms = INT64_MIN;
    if (occurred && !json_is_null(occurred) &&
        (!json_is_string(occurred) ||
         !kal_clock_parse(kal_json_get_str(event, "occurred_at"), occurred_ms)))
        return (event_problem){KAL_ERR_VALIDATION_FAILED, "occurred_at"};
    return (event_problem){KAL_OK, NULL};
}

static char *copy(const json_t *text)
{
    return json_is_string(text) ? kal_strndup(json_string_value(text), json_string_length(text))
                                : NULL;
}

static kal_work *make(const kal_request *request, const json_t *event, size_t size,
                      int64_t occurred_ms)
{
    json_t *data = json_object_get(event, "data");
    kal_work *work = kal_works_make(request, KAL_WORK_EVENT, kal_json_get_str(event, "customer_id"),
                                    json_is_object(data) ? json_incref(data) : json_object(), size);

    work->event_type = copy(json_object_get(event, "event_type"));
    work->event_id = copy(json_object_get(event, "id"));
    work->occurred_ms = occurred_ms;
    return work;
}

static int counts(const kal_work *work, char *out, size_t size)
{
    return snprintf(out, size, "\"routed\":%d,\"started\":%d,\"held\":%d", work->routed,
                    work->started, work->held);
}

static void on_done(kal_work *work)
{
    kal_request *request = work->data;
    char numbers[80], body[96];

    if (work->err != KAL_OK) {
        kal_reply_error(request, work->err, work->message);
    } else {
        counts(work, numbers, sizeof(numbers));
        int n = snprintf(body, sizeof(body), "{%s}", numbers);
        kal_reply(request, 202, body, (size_t)n);
    }
    kal_work_free(work);
    kal_request_unref(request);
}

void kal_route_events(kal_request *request)
{
    int64_t occurred_ms;

    if (!kal_request_body(request))
        return;
    event_problem problem = check(request->body, &occurred_ms);
    if (problem.field) {
        kal_reply_invalid(request, problem.field, KAL_INVALID);
    } else if (problem.err != KAL_OK) {
        kal_reply_error(request, problem.err, NULL);
    } else {
        size_t size = kal_works_size(request->body, request->http->entity.len);
        kal_works_send(request, make(request, request->body, size, occurred_ms), on_done);
    }
}

static void write_item(kal_buf *out, size_t index, const kal_works_item *item)
{
    char numbers[80];

    kal_buf_printf(out, "%s{\"index\":%zu,", index ? "," : "", index);
    if (item->err == KAL_OK) {
        counts(item->work, numbers, sizeof(numbers));
        kal_buf_printf(out, "\"status\":\"ok\",%s}", numbers);
        return;
    }
    kal_buf_printf(out, "\"status\":\"error\",\"error\":\"%s\"", kal_err_code(item->err));
    if (item->field)
        kal_buf_printf(out, ",\"errors\":{\"%s\":[\"%s\"]}", item->field, KAL_INVALID);
    kal_buf_putc(out, '}');
}

static void on_batch(kal_request *request, const kal_works *batch)
{
    kal_buf items = {0}, out = {0};
    size_t accepted = 0;

    for (size_t i = 0; i < batch->count; i++) {
        write_item(&items, i, &batch->items[i]);
        accepted += batch->items[i].err == KAL_OK;
    }
    kal_buf_printf(&out, "{\"accepted\":%zu,\"rejected\":%zu,\"results\":[", accepted,
                   batch->count - accepted);
    kal_buf_add(&out, items.data, items.len);
    kal_buf_puts(&out, "]}");
    kal_reply(request, 202, out.data, out.len);
    kal_buf_deinit(&items);
    kal_buf_deinit(&out);
}

/* Adds one event of so many bytes of text; NULL stands for a line that is no JSON. */
static void add_event(kal_request *request, kal_works *batch, const json_t *event, size_t text)
{
    kal_works_item *item = kal_works_add(batch);
    int64_t occurred_ms;

    if (!json_is_object(event)) {
        item->err = event ? KAL_ERR_BAD_REQUEST : KAL_ERR_MALFORMED_JSON;
        return;
    }
    event_problem problem = check(event, &occurred_ms);
    item->err = problem.err;
    item->field = problem.field;
    if (problem.err == KAL_OK)
        item->work = make(request, event, kal_works_size(event, text), occurred_ms);
}

/* One event a line; blank lines count for nothing. What is wrong when there is too much. */
static const char *add_lines(kal_request *request, kal_works *batch)
{
    const char *at = request->http->entity.base, *end = at + request->http->entity.len;
    size_t values = 0;
    char error[160];

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        kal_str line = {at, (size_t)((stop ? stop : end) - at)};
        at = stop ? stop + 1 : end;
        while (line.n && strchr(" \t\r", line.p[line.n - 1]))
            line.n--;
        if (line.n == 0)
            continue;
        if (batch->count == BATCH_MOST)
            return TOO_MANY;
        json_t *event = kal_json_parse(line, error);
        values += event ? kal_works_values(event) : 0;
        add_event(request, batch, event, line.n);
        json_decref(event);
        if (values > KAL_JSON_MAX_VALUES)
            return "a batch has at most 250,000 JSON values";
    }
    return NULL;
}

static bool is_ndjson(const kal_request *request)
{
    static const char type[] = "application/x-ndjson";
    kal_str value = kal_request_header(request, H2O_TOKEN_CONTENT_TYPE);

    return value.p && value.n >= sizeof(type) - 1 &&
           strncasecmp(value.p, type, sizeof(type) - 1) == 0;
}

/* The events of {"events": […]}; false when it has answered. */
static bool add_array(kal_request *request, kal_works *batch)
{
    if (!kal_request_body(request))
        return false;
    const json_t *events = json_object_get(request->body, "events");
    if (!json_is_array(events)) {
        kal_reply_invalid(request, "events", events ? KAL_INVALID : KAL_BLANK);
        return false;
    }
    if (json_array_size(events) > BATCH_MOST) {
        kal_reply_error(request, KAL_ERR_TOO_LARGE, TOO_MANY);
        return false;
    }
    for (size_t i = 0; i < json_array_size(events); i++)
        add_event(request, batch, json_array_get(events, i),
                  request->http->entity.len / json_array_size(events));
    return true;
}

void kal_route_events_batch(kal_request *request)
{
    kal_works *batch = kal_works_new(request, on_batch);

    if (is_ndjson(request)) {
        const char *problem = add_lines(request, batch);
        if (problem) {
            kal_reply_error(request, KAL_ERR_TOO_LARGE, problem);
            kal_works_free(batch);
            return;
        }
    } else if (!add_array(request, batch)) {
        kal_works_free(batch);
        return;
    }
    kal_works_submit(batch);
}
