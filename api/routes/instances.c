/* GET /instances/:id with its steps, and cancel, which answers the same. */
#include "api/reply.h"
#include "api/routes/routes.h"
#include "api/works.h"

static void on_instance(kal_request *request, const kal_pg_reply *reply)
{
    kal_buf out = {0};

    if (kal_reply_failed(request, reply))
        return;
    if (kal_pg_count(reply->rows[1]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_str data = kal_pg_str(reply->rows[1], 0, 0), steps = kal_pg_str(reply->rows[1], 0, 1);
    kal_buf_puts(&out, "{\"data\":");
    kal_buf_add(&out, data.p, data.n);
    kal_buf_puts(&out, ",\"steps\":");
    kal_buf_add(&out, steps.p, steps.n);
    kal_buf_putc(&out, '}');
    kal_reply(request, 200, out.data, out.len);
    kal_buf_deinit(&out);
}

void kal_route_instances_get(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(id));
    kal_args_add(args, kal_v_time(kal_request_now(request)));
    kal_pg_call_add(call, KAL_SQL_API_INSTANCE_GET, args);
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_instance);
}

static void on_cancelled(kal_work *work)
{
    kal_request *request = work->data;

    if (work->err == KAL_OK)
        kal_route_instances_get(request);
    else
        kal_reply_error(request, work->err, work->message);
    kal_work_free(work);
    kal_request_unref(request);
}

static void on_customer(kal_request *request, const kal_pg_reply *reply)
{
    kal_uuid id;

    if (kal_reply_failed(request, reply) || !kal_request_uuid(request, 0, &id))
        return;
    if (kal_pg_count(reply->rows[1]) == 0) {
        kal_reply_error(request, KAL_ERR_NOT_FOUND, NULL);
        return;
    }
    kal_str customer = kal_pg_str(reply->rows[1], 0, 0);
    kal_work *work = kal_works_make(request, KAL_WORK_CANCEL, customer, NULL, 0);
    work->instance_id = id;
    kal_works_send(request, work, on_cancelled);
}

void kal_route_instances_cancel(kal_request *request)
{
    kal_uuid id;

    if (!kal_request_uuid(request, 0, &id))
        return;
    kal_pg_call *call = kal_pool_tenant_call(request->caller.tenant);
    kal_pg_call_add_one(call, KAL_SQL_API_INSTANCE_CUSTOMER, kal_v_uuid(id));
    kal_request_send(request, kal_engine_reads(request->thread->engine), call, on_customer);
}
