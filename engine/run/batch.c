#include "run/batch.h"

#include <string.h>

#define MAX_SEEN 100

static const char *const status_texts[] = {
    [KAL_STATUS_RUNNING] = "running", [KAL_STATUS_WAITING] = "waiting",
    [KAL_STATUS_PAUSED] = "paused",   [KAL_STATUS_COMPLETED] = "completed",
    [KAL_STATUS_FAILED] = "failed",   [KAL_STATUS_EXITED] = "exited",
};

kal_batch *kal_batch_new(kal_lua *lua, kal_flows *flows, const kal_waits *waits, int shard,
                         int64_t now_ms)
{
    kal_batch *batch = kal_calloc(1, sizeof *batch);
    batch->lua = lua;
    batch->flows = flows;
    batch->waits = waits;
    batch->shard = shard;
    batch->now_ms = now_ms;
    batch->flush = kal_flush_new();
    batch->arena = kal_flush_arena(batch->flush);
    batch->customers_last = &batch->customers;
    batch->sent_last = &batch->sent;
    batch->answers_last = &batch->answers;
    batch->garbage = json_array();
    return batch;
}

static void free_customer(kal_batch *batch, kal_customer *customer)
{
    for (kal_instance *i = customer->instances; i; i = i->next)
        if (i->lua != KAL_LUA_NONE)
            kal_lua_unref(batch->lua, i->lua);
    json_decref(customer->properties);
    json_decref(customer->tags);
    json_decref(customer->preferences);
    for (kal_work *work = customer->works, *next; work; work = next) {
        next = work->next;
        kal_work_free(work);
    }
}

void kal_batch_free(kal_batch *batch)
{
    if (!batch)
        return;
    for (kal_customer *customer = batch->customers; customer; customer = customer->next)
        free_customer(batch, customer);
    json_decref(batch->garbage);
    kal_u64map_deinit(&batch->by_key);
    kal_flush_free(batch->flush);
    kal_free(batch);
}

kal_customer *kal_batch_find(const kal_batch *batch, uint64_t key)
{
    uint64_t value;
    return kal_u64map_get(&batch->by_key, key, &value) ? (kal_customer *)(uintptr_t)value : NULL;
}

static kal_customer *add_customer(kal_batch *batch, const kal_work *work)
{
    kal_customer *customer = kal_arena_alloc(batch->arena, sizeof *customer);
    customer->key = work->customer_key;
    customer->tenant = work->tenant;
    customer->created_ms = customer->seen_ms = KAL_UNSET;
    customer->recent_last = &customer->recent;
    customer->works_last = &customer->works;
    customer->unit = kal_flush_unit(batch->flush);
    *batch->customers_last = customer;
    batch->customers_last = &customer->next;
    kal_u64map_put(&batch->by_key, customer->key, (uint64_t)(uintptr_t)customer);
    return customer;
}

static bool is_other(const kal_customer *customer, const kal_work *work)
{
    return !kal_uuid_eq(customer->tenant, work->tenant) ||
           (customer->external_id.p && work->customer_id &&
            !kal_str_is(customer->external_id, work->customer_id));
}

bool kal_batch_add(kal_batch *batch, kal_work *work)
{
    kal_customer *customer = kal_batch_find(batch, work->customer_key);
    if (!customer)
        customer = add_customer(batch, work);
    else if (is_other(customer, work))
        return false;
    if (!customer->external_id.p && work->customer_id)
        customer->external_id = kal_batch_text(batch, kal_str_of(work->customer_id));
    work->next = NULL;
    *customer->works_last = work;
    customer->works_last = &work->next;
    batch->works++;
    return true;
}

kal_instance *kal_customer_instance(const kal_customer *customer, kal_uuid id)
{
    kal_instance *instance = customer->instances;
    while (instance && !kal_uuid_eq(instance->id, id))
        instance = instance->next;
    return instance;
}

kal_instance *kal_customer_add_instance(kal_batch *batch, kal_customer *customer, kal_uuid id,
                                        kal_version *version)
{
    kal_instance *instance = kal_arena_alloc(batch->arena, sizeof *instance);
    instance->id = id;
    instance->customer = customer;
    instance->version = version;
    instance->next_seq = 1;
    instance->ended_ms = KAL_UNSET;
    kal_instance **last = &customer->instances;
    while (*last)
        last = &(*last)->next;
    *last = instance;
    return instance;
}

json_t *kal_batch_keep(kal_batch *batch, json_t *value)
{
    if (value)
        json_array_append_new(batch->garbage, value);
    return value;
}

void kal_batch_hold(kal_batch *batch, kal_customer *customer, const kal_held *held, json_t *body)
{
    kal_answer *answer = kal_arena_alloc(batch->arena, sizeof *answer);
    *answer =
        (kal_answer){.customer = customer, .held = *held, .body = kal_batch_keep(batch, body)};
    *batch->answers_last = answer;
    batch->answers_last = &answer->next;
    kal_held_add(customer->unit, batch->arena, batch->shard, held, body);
}

kal_str kal_batch_text(kal_batch *batch, kal_str text)
{
    if (!text.p)
        return text;
    return (kal_str){kal_arena_strndup(batch->arena, text.p, text.n), text.n};
}

kal_str kal_batch_take(kal_batch *batch, kal_buf *text)
{
    kal_str kept = kal_batch_text(batch, (kal_str){text->data ? text->data : "", text->len});
    kal_buf_deinit(text);
    return kept;
}

kal_str kal_batch_json(kal_batch *batch, const json_t *value)
{
    if (!value)
        return kal_str_of("{}");
    kal_buf text = {0};
    kal_json_write(&text, value);
    return kal_batch_take(batch, &text);
}

bool kal_status_is_live(kal_status status)
{
    return status <= KAL_STATUS_PAUSED;
}

const char *kal_status_text(kal_status status)
{
    return status_texts[status];
}

bool kal_status_parse(kal_str text, kal_status *out)
{
    for (size_t i = 0; i < sizeof status_texts / sizeof *status_texts; i++) {
        if (kal_str_is(text, status_texts[i])) {
            *out = (kal_status)i;
            return true;
        }
    }
    return false;
}

kal_wait *kal_instance_add_wait(kal_batch *batch, kal_instance *instance, uint32_t node)
{
    kal_wait *wait = kal_arena_alloc(batch->arena, sizeof *wait);
    wait->seq = instance->next_seq++;
    wait->node = node;
    wait->due_ms = KAL_NEVER;
    wait->began_ms = batch->now_ms;
    wait->added = true;
    *(instance->waits ? instance->waits_last : &instance->waits) = wait;
    instance->waits_last = &wait->next;
    return wait;
}

kal_wait *kal_instance_wait(const kal_instance *instance, uint32_t seq)
{
    kal_wait *wait = instance->waits;
    while (wait && (wait->seq != seq || wait->dropped))
        wait = wait->next;
    return wait;
}

bool kal_instance_keeps(const kal_instance *instance)
{
    return instance->status == KAL_STATUS_PAUSED || instance->status == KAL_STATUS_FAILED;
}

bool kal_instance_holds(const kal_instance *instance)
{
    return instance->status == KAL_STATUS_PAUSED || instance->replays ||
           kal_version_holds(instance->version);
}

kal_wait *kal_instance_yielded(const kal_instance *instance)
{
    kal_wait *wait = instance->waits;
    while (wait && (!wait->yielded || wait->dropped || wait->node == KAL_GRAPH_NONE))
        wait = wait->next;
    return wait;
}

bool kal_instance_has_seen(const kal_instance *instance, kal_uuid id)
{
    for (size_t i = 0; i < instance->n_seen; i++)
        if (kal_uuid_eq(instance->seen[i], id))
            return true;
    return false;
}

void kal_instance_see(kal_batch *batch, kal_instance *instance, kal_uuid id)
{
    if (!instance->version->lookback_ms || kal_uuid_is_nil(id) ||
        kal_instance_has_seen(instance, id))
        return;
    kal_uuid *seen = kal_arena_alloc(batch->arena, (instance->n_seen + 1) * sizeof *seen);
    size_t skip = instance->n_seen == MAX_SEEN ? 1 : 0;
    for (size_t i = skip; i < instance->n_seen; i++)
        seen[i - skip] = instance->seen[i];
    instance->n_seen -= skip;
    seen[instance->n_seen++] = id;
    instance->seen = seen;
    instance->dirty = true;
}

/* The types of a batch are few: a list is faster than a table. */
void kal_batch_ran(kal_batch *batch, kal_str type)
{
    kal_ran *ran = batch->counts.ran;
    while (ran && !kal_str_eq(ran->type, type))
        ran = ran->next;
    if (!ran) {
        ran = kal_arena_alloc(batch->arena, sizeof *ran);
        *ran = (kal_ran){.next = batch->counts.ran, .type = type};
        batch->counts.ran = ran;
    }
    ran->count++;
    batch->counts.nodes++;
}

bool kal_customer_take(const kal_batch *batch, kal_customer *customer, kal_quota_kind kind,
                       kal_work *work)
{
    kal_quota *quota = kal_quotas_find(batch->quotas, customer->tenant);
    if (!quota)
        return true;
    bool taken = kal_quota_take(quota, kind, batch->now_ms);
    if (!taken && work) {
        kal_free(work->message);
        work->message = kal_strdup(kal_quota_text(kind));
        work->err = KAL_ERR_QUOTA_EXCEEDED;
    }
    customer->took[kind] += taken;
    return taken;
}

void kal_customer_settle(const kal_batch *batch, kal_customer *customer, bool committed)
{
    kal_quota *quota = kal_quotas_find(batch->quotas, customer->tenant);
    if (!quota)
        return;
    int64_t live = 0; /* more than before */
    for (const kal_instance *i = customer->instances; committed && i; i = i->next)
        live += kal_status_is_live(i->status) - i->counted;
    kal_quota_add(quota, KAL_QUOTA_INSTANCES, live - customer->took[KAL_QUOTA_INSTANCES]);
    if (committed) {
        kal_quota_add(quota, KAL_QUOTA_CUSTOMERS, -(int64_t)customer->gone);
        return;
    }
    kal_quota_add(quota, KAL_QUOTA_CUSTOMERS, -(int64_t)customer->took[KAL_QUOTA_CUSTOMERS]);
    kal_quota_add(quota, KAL_QUOTA_EVENTS, -(int64_t)customer->took[KAL_QUOTA_EVENTS]);
}
