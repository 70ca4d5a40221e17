#include "run/records.h"

#define DAY_MS INT64_C(86400000)

void kal_record_event(kal_batch *batch, kal_customer *customer, kal_work *work, kal_uuid id)
{
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_EVENT);
    row[0] = kal_v_uuid(id);
    row[1] = kal_v_uuid(customer->tenant);
    row[2] = kal_v_int(KAL_INT8, (int64_t)customer->key);
    row[3] = kal_v_str(KAL_TEXT, customer->external_id);
    row[4] = kal_v_str(KAL_TEXT, kal_batch_text(batch, kal_str_of(work->event_id)));
    row[5] = kal_v_str(KAL_TEXT, kal_batch_text(batch, kal_str_of(work->event_type)));
    row[6] = kal_v_str(KAL_JSON, kal_batch_json(batch, work->body));
    if (work->occurred_ms != KAL_UNSET)
        row[7] = kal_v_time(work->occurred_ms);
    row[8] = kal_v_time(batch->now_ms);
}

void kal_record_usage(kal_batch *batch, const kal_customer *customer)
{
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_USAGE);
    row[0] = kal_v_uuid(customer->tenant);
    row[1] = kal_v_int(KAL_INT4, batch->now_ms / DAY_MS);
    row[2] = kal_v_int(KAL_INT2, batch->shard);
}

void kal_record_answer(kal_batch *batch, kal_customer *customer, const kal_work *work)
{
    kal_str event_id = kal_batch_text(batch, kal_str_of(work->event_id));
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_DEDUPE);
    row[0] = kal_v_int(KAL_INT8, (int64_t)customer->key);
    row[1] = kal_v_str(KAL_TEXT, event_id);
    row[2] = kal_v_uuid(customer->tenant);
    row[3] = kal_v_int(KAL_INT4, work->routed);
    row[4] = kal_v_int(KAL_INT4, work->started);
    row[5] = kal_v_int(KAL_INT4, work->held);
    row[6] = kal_v_time(batch->now_ms);
    if (work->kind == KAL_WORK_WEBHOOK && work->started)
        row[7] = kal_v_uuid(work->instance_id);
    kal_known *known = kal_arena_alloc(batch->arena, sizeof *known);
    *known = (kal_known){customer->known, event_id,   work->routed,
                         work->started,   work->held, work->instance_id};
    customer->known = known;
}

void kal_record_outcome(kal_batch *batch, const kal_customer *customer, const kal_work *work)
{
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_CLAIM);
    row[0] = kal_v_uuid(work->tenant);
    row[1] = kal_v_str(KAL_TEXT, kal_batch_text(batch, kal_str_of(work->claim)));
    row[2] = kal_v_int(KAL_INT4, work->item);
    row[3] = kal_v_uuid(work->instance_id);
    if (work->answer.len)
        row[4] = kal_v_str(KAL_TEXT,
                           kal_batch_text(batch, (kal_str){work->answer.data, work->answer.len}));
    row[5] = kal_v_time(batch->now_ms);
}
