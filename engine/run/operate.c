#include "run/operate.h"

#include "run/burst.h"
#include "run/seal.h"

/* The work's instance, or NULL: the work is refused then. */
static kal_instance *instance_of(const kal_customer *customer, kal_work *work)
{
    kal_instance *instance = kal_customer_instance(customer, work->instance_id);
    if (!instance)
        work->err = KAL_ERR_NOT_FOUND;
    return instance;
}

static void switch_to(kal_instance *instance, kal_status status)
{
    instance->status = status;
    instance->switched = true;
    instance->dirty = true;
}

void kal_operate_pause(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    kal_instance *instance = instance_of(customer, work);
    if (!instance || instance->status == KAL_STATUS_PAUSED)
        return;
    if (!kal_status_is_live(instance->status)) {
        work->err = KAL_ERR_INVALID_TRANSITION;
        return;
    }
    for (kal_wait *wait = instance->waits; wait; wait = wait->next) {
        if (wait->due_ms != KAL_NEVER && !wait->absolute)
            wait->due_ms = kal_wait_left(batch, instance, wait);
        wait->frozen = true;
    }
    switch_to(instance, KAL_STATUS_PAUSED);
}

void kal_operate_resume(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    kal_instance *instance = instance_of(customer, work);
    if (!instance)
        return;
    if (instance->status != KAL_STATUS_PAUSED) {
        if (!kal_status_is_live(instance->status))
            work->err = KAL_ERR_INVALID_TRANSITION;
        return;
    }
    for (kal_wait *wait = instance->waits; wait; wait = wait->next) {
        if (wait->due_ms != KAL_NEVER && !wait->absolute)
            wait->due_ms = kal_wait_from_left(batch, instance, wait->due_ms);
        wait->frozen = false;
    }
    switch_to(instance, KAL_STATUS_WAITING);
    instance->replays = true;
}

void kal_operate_end(kal_batch *batch, kal_customer *customer, kal_work *work, kal_status status,
                     const char *reason)
{
    kal_instance *instance = instance_of(customer, work);
    if (!instance)
        return;
    if (kal_status_is_live(instance->status))
        kal_burst_end(batch, instance, status, kal_str_of(reason));
    else
        work->err =
            work->kind == KAL_WORK_CANCEL ? KAL_ERR_NOT_CANCELLABLE : KAL_ERR_INVALID_TRANSITION;
}

void kal_operate_retry(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    kal_instance *instance = instance_of(customer, work);
    if (!instance)
        return;
    if (instance->status != KAL_STATUS_FAILED || !customer->exists)
        work->err = KAL_ERR_INVALID_TRANSITION;
    else if (instance->version->flow->status != KAL_FLOW_ACTIVE)
        work->err = KAL_ERR_FLOW_NOT_ACTIVE;
    else if (!instance->version->graph || !kal_burst_retry(batch, instance))
        work->err = KAL_ERR_INVALID_TRANSITION;
}
