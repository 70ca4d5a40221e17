#include "run/customers.h"

#include "base/alloc.h"
#include "run/burst.h"
#include "run/profile.h"

static void show(kal_customer *customer, kal_work *work)
{
    json_t *json = kal_profile_json(customer);
    kal_json_write(&work->answer, json);
    json_decref(json);
}

/* What the work sets or adds, by field. */
static const json_t *fields_of(kal_batch *batch, const kal_work *work)
{
    if (work->op == KAL_CUSTOMER_TAG)
        return kal_batch_keep(batch, json_pack("{s:O}", "tags", work->body));
    if (work->op == KAL_CUSTOMER_PREFERENCES)
        return kal_batch_keep(batch, json_pack("{s:O}", "preferences", work->body));
    return work->body;
}

/* The rows go when the flush has written all else that the batch says of the customer. */
static void drop(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    bool erases = work->op == KAL_CUSTOMER_ERASE;
    for (kal_instance *i = customer->instances; i; i = i->next) {
        if (!kal_status_is_live(i->status))
            continue;
        if (!erases) {
            work->err = KAL_ERR_IN_USE;
            return;
        }
        kal_burst_end(batch, i, KAL_STATUS_EXITED, kal_str_of("customer_erased"));
    }
    if (erases) {
        kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_ERASE);
        row[0] = kal_v_uuid(customer->id);
        row[1] = kal_v_int(KAL_INT8, (int64_t)customer->key);
        row[2] = kal_v_str(KAL_TEXT, customer->external_id);
    }
    kal_unit_row(customer->unit, KAL_TABLE_CUSTOMER_DROP)[0] = kal_v_uuid(customer->id);
    customer->gone = true;
    customer->erased = erases;
}

void kal_customers_handle(kal_batch *batch, kal_customer *customer, kal_work *work)
{
    bool creates = work->op == KAL_CUSTOMER_CREATE || work->op == KAL_CUSTOMER_UPSERT;
    if (customer->exists ? work->op == KAL_CUSTOMER_CREATE : !creates) {
        work->err = customer->exists ? KAL_ERR_VALIDATION_FAILED : KAL_ERR_NOT_FOUND;
        return;
    }
    if (work->op == KAL_CUSTOMER_DELETE || work->op == KAL_CUSTOMER_ERASE) {
        drop(batch, customer, work);
        return;
    }
    const json_t *fields = fields_of(batch, work);
    const char *refusal =
        work->op == KAL_CUSTOMER_UNTAG ? NULL : kal_profile_refusal(customer, fields);
    if (refusal) {
        work->message = kal_strdup(refusal);
        work->err = KAL_ERR_VALIDATION_FAILED;
        return;
    }
    if (!customer->exists && !kal_customer_take(batch, customer, KAL_QUOTA_CUSTOMERS, work))
        return;
    kal_profile_ensure(batch, customer);
    switch (work->op) {
    case KAL_CUSTOMER_CREATE:
    case KAL_CUSTOMER_UPSERT:
    case KAL_CUSTOMER_UPDATE:
    case KAL_CUSTOMER_PREFERENCES:
        kal_profile_set(batch, customer, fields);
        break;
    case KAL_CUSTOMER_TAG:
    case KAL_CUSTOMER_UNTAG:
        kal_profile_tags(customer, work->body, work->op == KAL_CUSTOMER_TAG);
        break;
    case KAL_CUSTOMER_DELETE:
    case KAL_CUSTOMER_ERASE:
        break;
    }
    show(customer, work);
}
