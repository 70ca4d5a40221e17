/* GET /instances/:id with its steps, its explanation, and what operators do to an instance, which
 * answers the same as the first. */
#include "api/check.h"
#include "api/explain.h"
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/works.h"
#include "base/alloc.h"

/* False when it has answered: with an error, or because there is no such instance. */
static bool is_found(kal_request *request, const kal_pg_reply *reply)
{
    if (kal_reply_failed(request, reply))
        return false;
    if (kal_pg_count(reply->rows[1]))
        return true;
    kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
    return false;
}

static void on_instance(kal_request *request, const kal_pg_reply *reply)
{
    kal_buf out = {0};

    if (!is_found(request, reply))
        return;
    kal_str data = kal_pg_str(reply->rows[1], 0, 0), steps = kal_pg_str(reply->rows[1], 0, 1);
    kal_buf_puts(&out, "{\"data\":");
    kal_buf_add(&out, data.p, data.n);
    kal_buf_puts(&out, ",\"steps\":");
    kal_buf_add(&out, steps.p, steps.n);
    kal_buf_putc(&out, '}');
    kal_reply(request, 200, out.data, out.len);
    kal_buf_deinit(&out);
}

/* Sends a statement of $1 id and $2 journey time. */
static void ask(kal_request *request, kal_sql sql,
                void (*then)(kal_request *request, const kal_pg_reply *reply))
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, sql, args);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, then);
}

void kal_route_instances_get(kal_request *request)
{
    ask(request, KAL_SQL_API_INSTANCE_GET, on_instance);
}

static void on_facts(kal_request *request, const kal_pg_reply *reply)
{
    json_error_t error;

    if (!is_found(request, reply))
        return;
    /* What was taken in is taken out: no limit of a body's holds for all of it together. */
    kal_str text = kal_pg_str(reply->rows[1], 0, 0);
    json_t *facts = json_loadb(text.p, text.n, 0, &error);
    if (facts)
        kal_reply_json(request, 200, json_pack("{s:o}", "data", kal_explain(facts)));
    else
        kal_reply_error(request, KAL_ERR_INTERNAL, error.text);
    json_decref(facts);
}

void kal_route_instances_explain(kal_request *request)
{
    ask(request, KAL_SQL_API_INSTANCE_EXPLAIN, on_facts);
}

static void on_moved(kal_work *work)
{
    kal_request *request = work->data;

    if (work->err == KAL_OK)
        kal_route_instances_get(request);
    else
        kal_reply_error(request, work->err, work->message);
    kal_work_free(work);
    kal_request_unref(request);
}

/* request->number: the kind of work; request->state: its reason, or NULL. */
static void on_owner(kal_request *request, const kal_pg_reply *reply)
{
    kal_uuid id;

    if (!is_found(request, reply) || !kal_request_uuid(request, 0, &id))
        return;
    const kal_pg_rows *rows = reply->rows[1];
    kal_work *work =
        kal_works_make(request, (kal_work_kind)request->number, kal_pg_str(rows, 0, 0), NULL, 0);
    work->instance_id = id;
    work->flow_id = kal_pg_uuid(rows, 0, 1);
    work->version = (int32_t)kal_pg_int(rows, 0, 2);
    work->reason = request->state;
    request->state = NULL;
    kal_works_send(request, work, on_moved);
}

static void move(kal_request *request, kal_work_kind kind)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    request->number = kind;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_INSTANCE_OWNER, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_owner);
}

void kal_route_instances_cancel(kal_request *request)
{
    move(request, KAL_WORK_CANCEL);
}

void kal_route_instances_pause(kal_request *request)
{
    move(request, KAL_WORK_PAUSE);
}

void kal_route_instances_resume(kal_request *request)
{
    move(request, KAL_WORK_RESUME);
}

void kal_route_instances_retry(kal_request *request)
{
    move(request, KAL_WORK_RETRY);
}

void kal_route_instances_exit(kal_request *request)
{
    json_t *errors;

    if (!kal_request_body(request))
        return;
    errors = json_object();
    kal_check_text(errors, request->body, "reason", KAL_ID_MAX);
    if (!kal_reply_checked(request, errors))
        return;
    kal_str reason = kal_json_get_str(request->body, "reason");
    request->state = reason.n ? kal_strndup(reason.p, reason.n) : kal_strdup("exited_by_operator");
    move(request, KAL_WORK_EXIT);
}
