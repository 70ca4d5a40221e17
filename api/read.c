#include "api/read.h"

#include "api/cursor.h"
#include "api/reply.h"

#include <string.h>

typedef struct reading {
    kal_request *request;
    kal_args *args;
    size_t paths; /* path parameters taken */
    int64_t limit;
} reading;

bool kal_customer_ref(kal_str text, kal_value *id, kal_value *external)
{
    static const char prefix[] = "external:";
    kal_uuid uuid;

    *id = kal_v_null(KAL_UUID);
    *external = kal_v_null(KAL_TEXT);
    if (text.n > sizeof(prefix) - 1 && memcmp(text.p, prefix, sizeof(prefix) - 1) == 0) {
        *external = kal_v_str(
            KAL_TEXT, (kal_str){text.p + sizeof(prefix) - 1, text.n - (sizeof(prefix) - 1)});
        return true;
    }
    if (!kal_uuid_parse(text, &uuid))
        return false;
    *id = kal_v_uuid(uuid);
    return true;
}

static bool add_id(reading *r)
{
    kal_uuid id;

    if (!kal_request_uuid(r->request, r->paths++, &id))
        return false;
    kal_args_add(r->args, kal_v_uuid(id));
    return true;
}

static bool add_version(reading *r)
{
    int64_t number;

    if (!kal_str_int(r->request->params[r->paths++], &number)) {
        kal_reply_error(r->request, KAL_ERR_INVALID_VERSION_NUMBER, NULL);
        return false;
    }
    if (number < 1 || number > INT32_MAX) {
        kal_reply_error(r->request, KAL_ERR_NOT_FOUND, NULL);
        return false;
    }
    kal_args_add(r->args, kal_v_int(KAL_INT4, number));
    return true;
}

static bool add_customer(reading *r)
{
    kal_value id, external;

    if (!kal_customer_ref(r->request->params[r->paths++], &id, &external)) {
        kal_reply_error(r->request, KAL_ERR_NOT_FOUND, NULL);
        return false;
    }
    kal_args_add(r->args, id);
    kal_args_add(r->args, external);
    return true;
}

/* Reads ?cursor; null when there is none. False when it has answered. */
static bool read_cursor(kal_request *request, kal_type type, kal_value *value)
{
    kal_str text = kal_request_query(request, "cursor"), key;
    char space[KAL_CURSOR_MAX];
    kal_uuid id;
    int64_t number;

    *value = kal_v_null(type);
    if (!text.p)
        return true;
    bool ok = kal_cursor_read(text, space, &key);
    if (ok && type == KAL_UUID) {
        ok = kal_uuid_parse(key, &id);
        *value = kal_v_uuid(id);
    } else if (ok) {
        ok = kal_str_int(key, &number) && number >= 0 && number <= INT32_MAX;
        *value = kal_v_int(type, number);
    }
    if (!ok)
        kal_reply_invalid(request, "cursor", "is invalid");
    return ok;
}

/* Reads ?limit; false when it has answered. */
static bool read_limit(kal_request *request, int64_t *limit)
{
    kal_str text = kal_request_query(request, "limit");

    *limit = KAL_LIMIT_DEFAULT;
    if (!text.p || (kal_str_int(text, limit) && *limit >= 1 && *limit <= KAL_LIMIT_MOST))
        return true;
    kal_reply_invalid(request, "limit", "is invalid");
    return false;
}

bool kal_read_page(kal_request *request, kal_value *cursor, int64_t *limit)
{
    return read_cursor(request, KAL_UUID, cursor) && read_limit(request, limit);
}

static bool add_cursor(reading *r, kal_type type)
{
    kal_value value;

    if (!read_cursor(r->request, type, &value))
        return false;
    kal_args_add(r->args, value);
    return true;
}

static bool add_limit(reading *r)
{
    if (!read_limit(r->request, &r->limit))
        return false;
    kal_args_add(r->args, kal_v_int(KAL_INT4, r->limit + 1));
    return true;
}

static bool add_int(reading *r, const char *name)
{
    kal_str text = kal_request_query(r->request, name);
    kal_value value = kal_v_null(KAL_INT4);
    int64_t number;

    if (text.p) {
        if (!kal_str_int(text, &number) || number < INT32_MIN || number > INT32_MAX) {
            kal_reply_invalid(r->request, name, "is invalid");
            return false;
        }
        value = kal_v_int(KAL_INT4, number);
    }
    kal_args_add(r->args, value);
    return true;
}

static bool add_flow_status(reading *r, const char *name)
{
    static const char *const known[] = {"draft", "active", "paused", "archived"};
    kal_str text = kal_request_query(r->request, name);
    bool ok = !text.p;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        ok = ok || kal_str_is(text, known[i]);
    if (ok)
        kal_args_add(r->args, kal_v_str(KAL_TEXT, text));
    else
        kal_reply_invalid(r->request, name, "is invalid");
    return ok;
}

static bool add_time(reading *r, const char *name)
{
    kal_str text = kal_request_query(r->request, name);
    int64_t ms;

    if (text.p && !kal_clock_parse(text, &ms)) {
        kal_reply_invalid(r->request, name, "is invalid");
        return false;
    }
    kal_args_add(r->args, text.p ? kal_v_time(ms) : kal_v_null(KAL_TIMESTAMP));
    return true;
}

static bool add_param(reading *r, const kal_param *param)
{
    switch (param->kind) {
    case KAL_PARAM_ID:
        return add_id(r);
    case KAL_PARAM_VERSION:
        return add_version(r);
    case KAL_PARAM_CUSTOMER:
        return add_customer(r);
    case KAL_PARAM_CURSOR_ID:
        return add_cursor(r, KAL_UUID);
    case KAL_PARAM_CURSOR_INT:
        return add_cursor(r, KAL_INT4);
    case KAL_PARAM_LIMIT:
        return add_limit(r);
    case KAL_PARAM_INT:
        return add_int(r, param->name);
    case KAL_PARAM_FLOW_STATUS:
        return add_flow_status(r, param->name);
    case KAL_PARAM_TIME:
        return add_time(r, param->name);
    case KAL_PARAM_TEXT:
        kal_args_add(r->args, kal_v_str(KAL_TEXT, kal_request_query(r->request, param->name)));
        return true;
    case KAL_PARAM_NOW:
        kal_args_add(r->args,
                     kal_v_time(kal_clock_now(kal_engine_clock(r->request->thread->engine))));
        return true;
    case KAL_PARAM_NONE:
        break;
    }
    return true;
}

/* False when the route has no list of a customer's own, or none is asked for. */
static bool add_of_customer(reading *r)
{
    kal_str customer = kal_request_query(r->request, "customer_id");

    if (!r->request->route->read.of_customer || !customer.p)
        return false;
    uint64_t key = kal_customer_key(r->request->caller.tenant, customer);
    kal_args_add(r->args, kal_v_str(KAL_TEXT, customer));
    kal_args_add(r->args, kal_v_int(KAL_INT8, (int64_t)key));
    return true;
}

static void reply_list(kal_request *request, const kal_pg_rows *rows, size_t limit)
{
    size_t count = kal_pg_count(rows), shown = count < limit ? count : limit;
    kal_buf out = {0};

    kal_buf_puts(&out, "{\"data\":[");
    for (size_t i = 0; i < shown; i++) {
        kal_str item = kal_pg_str(rows, i, 0);
        if (i)
            kal_buf_putc(&out, ',');
        kal_buf_add(&out, item.p, item.n);
    }
    kal_buf_puts(&out, "],\"next_cursor\":");
    if (count > limit) {
        kal_buf_putc(&out, '"');
        kal_cursor_write(&out, kal_pg_str(rows, shown - 1, 1));
        kal_buf_puts(&out, "\"}");
    } else {
        kal_buf_puts(&out, "null}");
    }
    kal_reply(request, 200, out.data, out.len);
    kal_buf_deinit(&out);
}

static void on_rows(kal_request *request, const kal_pg_reply *reply)
{
    kal_read_kind kind = request->route->read.kind;

    if (kal_reply_failed(request, reply))
        return;
    const kal_pg_rows *rows = reply->rows[reply->count - 1];
    if (kind != KAL_READ_LIST && kal_pg_count(reply->rows[1]) == 0)
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    else if (kind == KAL_READ_ONE)
        kal_reply_data(request, 200, kal_pg_str(rows, 0, 0));
    else
        reply_list(request, rows, (size_t)request->number);
}

static void add_parent(kal_request *request, kal_pg_call *call)
{
    const kal_read *read = &request->route->read;
    kal_value id, external;

    (void)kal_customer_ref(request->params[0], &id, &external); /* the list's own were checked */
    kal_args *args = kal_args_new();
    kal_args_add(args, id);
    if (read->params[0].kind == KAL_PARAM_CUSTOMER)
        kal_args_add(args, external);
    kal_pg_call_add(call, read->parent, args);
}

void kal_read_run(kal_request *request)
{
    const kal_read *read = &request->route->read;
    reading r = {.request = request, .args = kal_args_new()};

    for (size_t i = 0; i < KAL_READ_PARAMS; i++)
        if (!add_param(&r, &read->params[i])) {
            kal_args_free(r.args);
            return;
        }
    kal_sql sql = add_of_customer(&r) ? read->of_customer : read->sql;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    if (read->kind == KAL_READ_LIST_OF)
        add_parent(request, call);
    kal_pg_call_add(call, sql, r.args);
    request->number = r.limit;
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_rows);
}
