#include "run/enrol.h"

#include "base/clock.h"
#include "run/burst.h"
#include "run/entry.h"
#include "run/sources.h"

static kal_str context_of(kal_batch *batch, const kal_work *work)
{
    char at[KAL_TIME_TEXT + 1];
    if (work->due_ms == KAL_UNSET)
        return kal_str_of("{}");
    kal_clock_format(work->due_ms, at);
    return kal_batch_json(batch, kal_batch_keep(batch, json_pack("{s:s}", "_scheduled_for", at)));
}

static void enrol(kal_batch *batch, kal_customer *customer, const kal_work *work)
{
    kal_flow *flow = kal_flows_find(batch->flows, work->flow_id);
    const kal_version *version = flow ? kal_flow_active(flow) : NULL;
    if (!customer->exists || !version || !version->graph)
        return;
    uint32_t count = kal_graph_count(version->graph);
    uint32_t *nodes = kal_arena_alloc(batch->arena, count * sizeof *nodes);
    size_t n = 0;
    for (uint32_t node = 0; node < count; node++)
        if (kal_source_is(kal_graph_at(version->graph, node), kal_str_of(work->entry)))
            nodes[n++] = node;
    if (!n)
        return;
    if (!work->passes && kal_entry_check(batch, customer, flow) == KAL_OK) {
        kal_instance *instance =
            kal_entry_make(batch, customer, flow, context_of(batch, work), NULL);
        if (instance) /* none: a quota refuses it, as the flow could */
            kal_burst_start(batch, instance, nodes, n, NULL, (kal_uuid){{0}});
    }
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_ENROLMENT);
    row[0] = kal_v_uuid(flow->id);
    row[1] = kal_v_str(KAL_TEXT, kal_batch_text(batch, kal_str_of(work->entry)));
    row[2] = kal_v_uuid(customer->id);
    row[3] = kal_v_uuid(customer->tenant);
    row[4] = kal_v_time(work->due_ms == KAL_UNSET ? batch->now_ms : work->due_ms);
}

static void leave(kal_batch *batch, kal_customer *customer, const kal_work *work)
{
    if (!customer->exists)
        return;
    kal_value *row = kal_unit_row(customer->unit, KAL_TABLE_LEAVE);
    row[0] = kal_v_uuid(work->flow_id);
    row[1] = kal_v_str(KAL_TEXT, kal_batch_text(batch, kal_str_of(work->entry)));
    row[2] = kal_v_uuid(customer->id);
}

void kal_enrol(kal_batch *batch, kal_customer *customer, const kal_work *work)
{
    if (work->kind == KAL_WORK_ENROL)
        enrol(batch, customer, work);
    else
        leave(batch, customer, work);
}
