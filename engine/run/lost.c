#include "run/lost.h"

#include "run/seal.h"

static json_t *list_of(kal_batch *batch, kal_instance *instance, const char *name)
{
    if (!instance->lost)
        instance->lost = kal_batch_keep(batch, json_object());
    json_t *list = json_object_get(instance->lost, name);
    if (!list) {
        list = json_array();
        json_object_set_new(instance->lost, name, list);
    }
    return list;
}

static json_t *node_json(const kal_instance *instance, uint32_t node)
{
    kal_str id = kal_graph_at(instance->version->graph, node)->id;
    return json_pack("{s:o}", "node", json_stringn(id.p, id.n));
}

/* Many tokens go with one event: it is kept once. */
static size_t event_index(json_t *events, json_t *event)
{
    size_t n = json_array_size(events);
    for (size_t i = n; i-- > 0;)
        if (json_array_get(events, i) == event)
            return i;
    json_array_append(events, event);
    return n;
}

static void set_event(kal_batch *batch, kal_instance *instance, json_t *json, json_t *event)
{
    if (!event)
        return;
    size_t at = event_index(list_of(batch, instance, "events"), event);
    json_object_set_new(json, "event", json_integer((json_int_t)at));
}

static json_t *event_of(const kal_instance *instance, const json_t *json)
{
    const json_t *at = json_object_get(json, "event");
    const json_t *events = json_object_get(instance->lost, "events");
    return at ? json_array_get(events, (size_t)json_integer_value(at)) : NULL;
}

void kal_lost_token(kal_batch *batch, kal_instance *instance, const kal_token *token)
{
    json_t *json = node_json(instance, token->node);
    set_event(batch, instance, json, token->event);
    if (token->joined)
        json_object_set_new(json, "joined", json_true());
    json_array_append_new(list_of(batch, instance, "tokens"), json);
}

static json_t *wait_json(kal_batch *batch, kal_instance *instance, const kal_wait *wait)
{
    json_t *json = node_json(instance, wait->node);
    set_event(batch, instance, json, wait->event);
    json_object_set_new(json, "seq", json_integer(wait->seq)); /* answers find it by that */
    json_object_set_new(json, "began", json_integer(wait->began_ms));
    if (wait->due_ms != KAL_NEVER && wait->absolute)
        json_object_set_new(json, "due", json_integer(wait->due_ms));
    else if (wait->due_ms != KAL_NEVER)
        json_object_set_new(json, "left", json_integer(kal_wait_left(batch, instance, wait)));
    if (wait->absolute)
        json_object_set_new(json, "absolute", json_true());
    if (wait->yielded)
        json_object_set_new(json, "yielded", json_true());
    if (wait->state)
        json_object_set(json, "state", wait->state);
    return json;
}

void kal_lost_waits(kal_batch *batch, kal_instance *instance)
{
    for (const kal_wait *wait = instance->waits; wait; wait = wait->next)
        if (!wait->dropped && wait->node != KAL_GRAPH_NONE)
            json_array_append_new(list_of(batch, instance, "waits"),
                                  wait_json(batch, instance, wait));
}

static uint32_t node_of(const kal_instance *instance, const json_t *json)
{
    return kal_graph_find(instance->version->graph, kal_json_get_str(json, "node"));
}

static bool is_whole(const kal_instance *instance)
{
    static const char *const names[] = {"tokens", "waits"};
    for (size_t l = 0; l < 2; l++) {
        const json_t *list = json_object_get(instance->lost, names[l]);
        for (size_t i = 0; i < json_array_size(list); i++)
            if (node_of(instance, json_array_get(list, i)) == KAL_GRAPH_NONE)
                return false;
    }
    return true;
}

static kal_wait *restore_wait(kal_batch *batch, kal_instance *instance, const json_t *json)
{
    kal_wait *wait = kal_instance_add_wait(batch, instance, node_of(instance, json));
    const json_t *due = json_object_get(json, "due");
    const json_t *left = json_object_get(json, "left");
    wait->seq = (uint32_t)json_integer_value(json_object_get(json, "seq"));
    if (due)
        wait->due_ms = json_integer_value(due);
    if (left)
        wait->due_ms = kal_wait_from_left(batch, instance, json_integer_value(left));
    wait->absolute = json_is_true(json_object_get(json, "absolute"));
    wait->yielded = json_is_true(json_object_get(json, "yielded"));
    wait->began_ms = json_integer_value(json_object_get(json, "began"));
    wait->state = json_object_get(json, "state"); /* as long as the note, which the batch keeps */
    return wait;
}

static kal_token *add_token(kal_batch *batch, const kal_instance *instance, const json_t *json,
                            kal_token ***last)
{
    kal_token *token = kal_arena_alloc(batch->arena, sizeof *token);
    token->node = node_of(instance, json);
    token->joined = json_is_true(json_object_get(json, "joined"));
    token->event = event_of(instance, json);
    **last = token;
    *last = &token->next;
    return token;
}

bool kal_lost_restore(kal_batch *batch, kal_instance *instance, kal_token **tokens)
{
    kal_token **last = tokens;
    size_t i;
    json_t *json;
    if (!instance->lost || !is_whole(instance))
        return false;
    json_array_foreach(json_object_get(instance->lost, "tokens"), i, json)
        add_token(batch, instance, json, &last);
    json_array_foreach(json_object_get(instance->lost, "waits"), i, json)
    {
        kal_wait *wait = restore_wait(batch, instance, json);
        if (!json_object_get(json, "event"))
            continue;
        kal_token *token = add_token(batch, instance, json, &last);
        token->wait = wait;
        token->trigger = "event";
    }
    instance->lost = NULL;
    return true;
}
