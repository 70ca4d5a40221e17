/* A rig that takes works through batches as a shard does, with memory in the place of the database:
 * what a batch's copies have become is what the next batch loads. */
#ifndef KAL_TEST_RIG_H
#define KAL_TEST_RIG_H

#include "run_test.h"

#include "run/batch.h"
#include "run/burst.h"
#include "run/handle.h"
#include "run/profile.h"
#include "run/seal.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define START_MS INT64_C(1790000000000)

/* ---- works ---- */

typedef struct rig {
    kal_lua *lua;
    kal_flows *flows;
    kal_waits *waits;
    kal_batch *batch;
    kal_uuid tenant;
    int64_t now;
} rig;

static inline rig rig_new(void **state)
{
    rig r = {.lua = *state, .now = START_MS};
    r.flows = kal_flows_new(r.lua);
    r.waits = kal_waits_new();
    r.tenant = kal_uuid_new(r.now);
    kal_flows_tenant(r.flows, r.tenant)->loaded = true;
    r.batch = kal_batch_new(r.lua, r.flows, r.waits, 0, r.now);
    return r;
}

static inline void rig_free(rig *r)
{
    kal_batch_free(r->batch);
    kal_waits_free(r->waits);
    kal_flows_free(r->flows);
}

/* An active flow of the tenant with this graph as version 1. The graph's JSON is taken over. */
static inline kal_flow *rig_flow_json(rig *r, json_t *graph)
{
    kal_version *version = kal_flows_version(r->flows, r->tenant, kal_uuid_new(r->now), 1);
    version->graph = graph_new(r->lua, graph);
    version->flow->status = KAL_FLOW_ACTIVE;
    version->flow->active_version = 1;
    for (uint32_t n = 0; n < kal_graph_count(version->graph); n++) {
        const kal_graph_node *node = kal_graph_at(version->graph, n);
        if (node->lookback_ms > version->lookback_ms)
            version->lookback_ms = node->lookback_ms;
        kal_str type = kal_json_get_str(node->config, "event_type");
        if (!kal_str_is(node->type, "event_entry"))
            continue;
        kal_entry *entry = kal_calloc(1, sizeof *entry);
        *entry = (kal_entry){.version = version, .node = n};
        entry->next = kal_strmap_put(&version->flow->tenant->entries, type, entry);
    }
    return version->flow;
}

static inline kal_flow *rig_flow(rig *r, const char *graph)
{
    return rig_flow_json(r, graph_of(graph));
}

/* The same with exit criteria in the graph. */
static inline kal_flow *rig_flow_until(rig *r, const char *graph, const char *criteria)
{
    json_t *json = graph_of(graph);
    json_object_set_new(json, "exit_criteria", json_of(criteria));
    return rig_flow_json(r, json);
}

/* A work of a customer in the open batch, which owns it. */
static inline kal_work *rig_add(rig *r, kal_work_kind kind, const char *customer)
{
    kal_work *work = kal_work_new(kind);
    work->tenant = r->tenant;
    work->customer_id = kal_strdup(customer);
    work->customer_key = kal_customer_key(r->tenant, kal_str_of(customer));
    assert_true(kal_batch_add(r->batch, work));
    return work;
}

static inline kal_work *rig_trigger(rig *r, const kal_flow *flow, const char *customer)
{
    kal_work *work = rig_add(r, KAL_WORK_TRIGGER, customer);
    work->flow_id = flow->id;
    return work;
}

static inline kal_work *rig_event(rig *r, const char *customer, const char *type, const char *data)
{
    kal_work *work = rig_add(r, KAL_WORK_EVENT, customer);
    work->event_type = kal_strdup(type);
    work->body = json_of(data);
    return work;
}

static inline kal_work *rig_op(rig *r, const char *customer, kal_customer_op op, const char *body)
{
    kal_work *work = rig_add(r, KAL_WORK_CUSTOMER, customer);
    work->op = op;
    work->body = json_of(body);
    return work;
}

static inline kal_work *rig_on(rig *r, kal_work_kind kind, const kal_instance *instance,
                               uint32_t seq)
{
    kal_str id = instance->customer->external_id;
    char *name = kal_strndup(id.p, id.n);
    kal_work *work = rig_add(r, kind, name);
    kal_free(name);
    work->instance_id = instance->id;
    work->seq = seq;
    return work;
}

/* Handles the works of the batch, and makes rows of what changed. Once a batch. */
static inline void rig_act(rig *r)
{
    kal_handle_all(r->batch);
    kal_seal(r->batch);
}

static inline kal_customer *rig_customer(const rig *r, const char *customer)
{
    return kal_batch_find(r->batch, kal_customer_key(r->tenant, kal_str_of(customer)));
}

/* The customer's latest instance, or NULL. */
static inline kal_instance *rig_instance(const rig *r, const char *customer)
{
    const kal_customer *copy = rig_customer(r, customer);
    kal_instance *instance = copy ? copy->instances : NULL;
    while (instance && instance->next)
        instance = instance->next;
    return instance;
}

static inline size_t live_waits(const kal_instance *instance)
{
    size_t n = 0;
    for (const kal_wait *w = instance->waits; w; w = w->next)
        n += !w->dropped;
    return n;
}

/* The first live wait in a node, or NULL. */
static inline kal_wait *wait_in(const kal_instance *instance, const char *node)
{
    kal_wait *w = instance->waits;
    uint32_t index = kal_graph_find(instance->version->graph, kal_str_of(node));
    while (w && (w->dropped || w->node != index))
        w = w->next;
    return w;
}

/* ---- from batch to batch ---- */

static inline void reload_waits(rig *r, const kal_instance *old, kal_instance *instance)
{
    for (const kal_wait *w = old->waits; w; w = w->next) {
        if (w->dropped)
            continue;
        kal_wait *wait = kal_instance_add_wait(r->batch, instance, w->node);
        *wait = (kal_wait){.seq = w->seq,
                           .node = w->node,
                           .due_ms = w->due_ms,
                           .began_ms = w->began_ms,
                           .absolute = w->absolute,
                           .yielded = w->yielded,
                           .frozen = w->frozen,
                           .state = kal_batch_keep(r->batch, json_incref(w->state))};
        kal_str id = kal_graph_at(old->version->graph, w->node)->id;
        kal_waits_add(r->waits, old->customer->key, old->id, w->seq,
                      kal_flows_place(r->flows, old->version, id));
    }
    kal_waits_hold(r->waits, old->customer->key, old->id, old->status == KAL_STATUS_PAUSED);
    instance->next_seq = old->next_seq;
}

static inline void reload_instance(rig *r, kal_customer *customer, const kal_instance *old)
{
    if (!kal_status_is_live(old->status) && !old->lost) {
        kal_last *last = kal_arena_alloc(r->batch->arena, sizeof *last);
        *last = (kal_last){customer->lasts, old->version->flow, old->ended_ms};
        customer->lasts = last;
        return;
    }
    kal_instance *instance = kal_customer_add_instance(r->batch, customer, old->id, old->version);
    kal_buf out = {0};
    if (old->lua != KAL_LUA_NONE)
        assert_int_equal(kal_lua_context_accumulated(r->lua, old->lua, &out), KAL_OK);
    kal_str grown = {out.data, out.len};
    instance->accumulated = kal_batch_text(r->batch, grown.p ? grown : old->accumulated);
    kal_buf_deinit(&out);
    instance->context = kal_batch_text(r->batch, old->context);
    instance->status = old->status;
    instance->ended_ms = old->ended_ms;
    instance->exit_reason = kal_batch_text(r->batch, old->exit_reason);
    instance->lost = kal_batch_keep(r->batch, json_deep_copy(old->lost));
    instance->row_version = old->row_version + 1;
    instance->executed = old->executed;
    instance->parent = old->parent;
    instance->depth = old->depth;
    if (old->joins) {
        size_t n = kal_graph_count(old->version->graph);
        instance->joins = kal_arena_alloc(r->batch->arena, n);
        memcpy(instance->joins, old->joins, n);
    }
    if (old->n_seen) {
        instance->seen = kal_arena_alloc(r->batch->arena, old->n_seen * sizeof *old->seen);
        memcpy(instance->seen, old->seen, old->n_seen * sizeof *old->seen);
        instance->n_seen = old->n_seen;
    }
    reload_waits(r, old, instance);
}

static inline void reload_history(rig *r, kal_customer *customer, const kal_customer *old)
{
    for (const kal_recent *e = old->recent; e; e = e->next) {
        kal_recent *recent = kal_arena_alloc(r->batch->arena, sizeof *recent);
        *recent = (kal_recent){.id = e->id,
                               .received_ms = e->received_ms,
                               .event = kal_batch_keep(r->batch, json_incref(e->event))};
        *customer->recent_last = recent;
        customer->recent_last = &recent->next;
    }
    for (const kal_known *k = old->known; k; k = k->next) {
        kal_known *known = kal_arena_alloc(r->batch->arena, sizeof *known);
        *known = (kal_known){customer->known, kal_batch_text(r->batch, k->event_id),
                             k->routed,       k->started,
                             k->held,         k->instance_id};
        customer->known = known;
    }
    for (const kal_last *l = old->lasts; l; l = l->next) {
        kal_last *last = kal_arena_alloc(r->batch->arena, sizeof *last);
        *last = (kal_last){customer->lasts, l->flow, l->ended_ms};
        customer->lasts = last;
    }
}

static inline void reload_customer(rig *r, const kal_customer *old)
{
    char *name = kal_strndup(old->external_id.p, old->external_id.n);
    rig_add(r, KAL_WORK_TIMER, name); /* of no instance: makes the copy, does nothing */
    kal_customer *customer = rig_customer(r, name);
    kal_free(name);
    customer->exists = old->exists;
    customer->id = old->id;
    customer->email = kal_batch_text(r->batch, old->email);
    customer->phone = kal_batch_text(r->batch, old->phone);
    customer->name = kal_batch_text(r->batch, old->name);
    customer->timezone = kal_batch_text(r->batch, old->timezone);
    customer->properties = json_deep_copy(old->properties);
    customer->tags = json_deep_copy(old->tags);
    customer->preferences = json_deep_copy(old->preferences);
    customer->created_ms = old->created_ms;
    customer->seen_ms = old->seen_ms;
    reload_history(r, customer, old);
    for (const kal_instance *i = old->instances; i; i = i->next)
        reload_instance(r, customer, i);
}

/* The batch is committed; some time later a new one has loaded everything. */
static inline void rig_next(rig *r, int64_t later_ms)
{
    kal_batch *old = r->batch;
    r->now += later_ms;
    kal_waits_free(r->waits);
    r->waits = kal_waits_new();
    r->batch = kal_batch_new(r->lua, r->flows, r->waits, 0, r->now);
    for (const kal_customer *c = old->customers; c; c = c->next)
        reload_customer(r, c);
    kal_batch_free(old);
}

/* Adds the timers of an instance that are due, in the order in which they come up. */
static inline size_t rig_add_due(rig *r, const kal_instance *instance)
{
    size_t n = 0;
    const kal_wait *last = NULL;
    for (;;) {
        const kal_wait *next = NULL;
        for (const kal_wait *w = instance->waits; w; w = w->next) {
            bool later = !last || w->due_ms > last->due_ms ||
                         (w->due_ms == last->due_ms && w->seq > last->seq);
            if (!w->dropped && later && kal_wait_due(instance->version->flow, w) <= r->now &&
                (!next || w->due_ms < next->due_ms))
                next = w;
        }
        if (!next)
            return n;
        rig_on(r, KAL_WORK_TIMER, instance, next->seq);
        last = next;
        n++;
    }
}

/* Commits, moves the time, fires every timer that is due. Answers how many. */
static inline size_t rig_fire(rig *r, int64_t later_ms)
{
    size_t n = 0;
    rig_next(r, later_ms);
    for (const kal_customer *c = r->batch->customers; c; c = c->next)
        for (const kal_instance *i = c->instances; i; i = i->next)
            n += rig_add_due(r, i);
    rig_act(r);
    return n;
}

/* ---- what became of it ---- */

static inline void assert_ended(const kal_instance *instance, kal_status status, const char *reason)
{
    assert_non_null(instance);
    assert_string_equal(kal_status_text(instance->status), kal_status_text(status));
    if (reason)
        assert_string_equal(instance->exit_reason.p, reason);
    assert_int_equal(live_waits(instance), kal_status_is_live(status) ? live_waits(instance) : 0);
}

/* The ids of the marks that the customer passed, in order. */
static inline void assert_trail(const rig *r, const char *customer, const char *trail)
{
    kal_str given = kal_json_get_str(rig_customer(r, customer)->properties, "trail");
    assert_string_equal(given.p ? given.p : "", trail);
}

/* What a node gave, out of `accumulated`; the caller decrefs. NULL when it has not ended. */
static inline json_t *result_of(const rig *r, const kal_instance *instance, const char *node)
{
    char error[160];
    kal_buf out = {0};
    if (instance->lua != KAL_LUA_NONE)
        assert_int_equal(kal_lua_context_accumulated(r->lua, instance->lua, &out), KAL_OK);
    else
        kal_buf_add(&out, instance->accumulated.p, instance->accumulated.n);
    json_t *accumulated = kal_json_parse((kal_str){out.data, out.len}, error);
    json_t *result = json_incref(json_object_get(accumulated, node));
    json_decref(accumulated);
    kal_buf_deinit(&out);
    return result;
}

#endif
