#include "run/burst.h"

#include "base/clock.h"
#include "run/context.h"
#include "run/criteria.h"
#include "run/effects.h"
#include "run/joins.h"
#include "run/lost.h"
#include "run/sends.h"
#include "run/sub_flow.h"
#include "run/yields.h"

#include <stdio.h>
#include <string.h>

#define MAX_CONTEXT (256 * 1024)

static void walk_init(kal_walk *walk, kal_batch *batch, kal_instance *instance)
{
    *walk = (kal_walk){.batch = batch, .instance = instance, .graph = instance->version->graph};
    walk->nodes = instance->customer->spent;
    walk->last = &walk->first;
    for (uint32_t n = 0; instance->joins && n < kal_graph_count(walk->graph); n++)
        walk->pending_joins += instance->joins[n] == KAL_JOIN_ARRIVED;
}

kal_token *kal_walk_push(kal_walk *walk, uint32_t node)
{
    kal_token *token = kal_arena_alloc(walk->batch->arena, sizeof *token);
    token->node = node;
    *walk->last = token;
    walk->last = &token->next;
    walk->queued++;
    return token;
}

static kal_token *push_wait(kal_walk *walk, kal_wait *wait)
{
    kal_token *token = kal_walk_push(walk, wait->node);
    token->wait = wait;
    return token;
}

static void push_answer(kal_walk *walk, kal_wait *wait, json_t *answer)
{
    kal_token *token = push_wait(walk, wait);
    token->trigger = "answer";
    token->answer = answer;
}

static void end_walk(kal_walk *walk, kal_status status, kal_str reason)
{
    walk->instance->lost = NULL;
    if (status == KAL_STATUS_FAILED) {
        kal_lost_token(walk->batch, walk->instance, walk->at);
        for (const kal_token *t = walk->first; t; t = t->next) {
            if (t->wait)
                t->wait->event = t->event;
            else
                kal_lost_token(walk->batch, walk->instance, t);
        }
    }
    kal_burst_end(walk->batch, walk->instance, status, reason);
    walk->first = NULL;
    walk->last = &walk->first;
    walk->over = true;
}

/* ---- steps ---- */

typedef struct kal_step {
    const char *status;
    kal_str branch, output, error;
} kal_step;

static kal_str trigger_text(kal_walk *walk, const kal_token *token)
{
    kal_str type = kal_json_get_str(token->event, "event_type");
    if (!token->trigger || strcmp(token->trigger, "event") != 0 || !type.p)
        return kal_str_of(token->trigger);
    kal_buf text = {0};
    kal_buf_puts(&text, "event:");
    kal_buf_add(&text, type.p, type.n);
    return kal_batch_take(walk->batch, &text);
}

static void record(kal_walk *walk, const kal_token *token, const kal_step *step)
{
    const kal_graph_node *node = kal_graph_at(walk->graph, token->node);
    const kal_instance *instance = walk->instance;
    kal_value *row = kal_unit_row(instance->customer->unit, KAL_TABLE_STEP);
    int64_t now = walk->batch->now_ms;
    row[0] = kal_v_uuid(kal_uuid_new(now));
    row[1] = kal_v_uuid(instance->id);
    row[2] = kal_v_uuid(instance->customer->tenant);
    row[3] = kal_v_str(KAL_TEXT, node->id);
    row[4] = kal_v_str(KAL_TEXT, node->type);
    row[5] = kal_v_int(KAL_INT4, instance->version->number);
    row[6] = kal_v_text(step->status);
    row[7] = kal_v_str(KAL_TEXT, step->branch);
    row[8] = kal_v_str(KAL_JSON, step->output);
    row[9] = kal_v_str(KAL_TEXT, step->error);
    row[10] = kal_v_str(KAL_TEXT, trigger_text(walk, token));
    row[11] = kal_v_time(token->wait ? token->wait->began_ms : now);
    row[12] = kal_v_time(now);
}

/* ---- where tokens go ---- */

/* The event that set the token going goes with it, until it waits. */
static void follow(kal_walk *walk, const kal_token *token, kal_str branch)
{
    const kal_graph_node *node = kal_graph_at(walk->graph, token->node);
    for (uint32_t e = 0; e < node->n_edges; e++) {
        const kal_edge *edge = &node->edges[e];
        bool same = branch.p ? edge->branch.p && kal_str_eq(edge->branch, branch) : !edge->branch.p;
        if (same)
            kal_walk_push(walk, edge->target)->event = token->event;
    }
}

static void fail(kal_walk *walk, const kal_token *token, kal_str reason)
{
    const kal_graph_node *node = kal_graph_at(walk->graph, token->node);
    kal_step step = {.status = "failed", .error = reason};
    bool branches = node->on_error.p && !kal_str_is(node->on_error, "fail") &&
                    !kal_str_is(node->on_error, "continue");
    if (branches)
        step.branch = node->on_error;
    record(walk, token, &step);
    if (branches)
        follow(walk, token, node->on_error);
    else if (node->on_error.p && kal_str_is(node->on_error, "continue"))
        follow(walk, token, (kal_str){0});
    else
        end_walk(walk, KAL_STATUS_FAILED, reason);
}

static bool node_hears(const kal_graph_node *node, const json_t *event)
{
    return kal_graph_node_hears(node, kal_json_get_str(event, "event_type")) &&
           kal_json_matches(node->filter, json_object_get(event, "data"));
}

/* A wait that looks back takes the oldest matching event that came shortly before it. */
static void look_back(kal_walk *walk, const kal_graph_node *node, kal_wait *wait)
{
    for (const kal_recent *r = walk->instance->customer->recent; r; r = r->next) {
        if (r->received_ms < wait->began_ms - node->lookback_ms ||
            kal_instance_has_seen(walk->instance, r->id) || !node_hears(node, r->event))
            continue;
        kal_instance_see(walk->batch, walk->instance, r->id);
        kal_token *token = push_wait(walk, wait);
        token->trigger = "event";
        token->event = r->event;
        return;
    }
}

static void rest(kal_walk *walk, const kal_token *token, const kal_outcome *outcome)
{
    const kal_graph_node *node = kal_graph_at(walk->graph, token->node);
    kal_wait *wait = kal_instance_add_wait(walk->batch, walk->instance, token->node);
    wait->state = kal_batch_keep(walk->batch, json_incref(outcome->state));
    if (outcome->until_ms >= 0) {
        int64_t shift = outcome->absolute ? 0 : walk->instance->version->flow->paused_ms;
        wait->due_ms = outcome->until_ms - shift;
        wait->absolute = outcome->absolute;
    } else if (token->wait) {
        wait->due_ms = token->wait->due_ms; /* it goes on waiting, with its timer */
        wait->absolute = token->wait->absolute;
        wait->began_ms = token->wait->began_ms;
    }
    if (node->lookback_ms)
        look_back(walk, node, wait);
    wait->code = walk->told.code;
    if (walk->told.answer)
        push_answer(walk, wait, walk->told.answer);
}

/* Counts a result in; false, and the result is taken out of the context, when it is too much. A
 * result that replaces an older one of its node counts beside it: the limit is on the safe side. */
static bool fits(kal_walk *walk, const kal_lua_call *call, kal_str result)
{
    kal_instance *instance = walk->instance;
    if (instance->context.n + instance->accumulated.n + instance->grown + result.n > MAX_CONTEXT) {
        kal_lua_forget(walk->batch->lua, call);
        return false;
    }
    instance->grown += result.n;
    return true;
}

static void settle(kal_walk *walk, const kal_token *token, const kal_outcome *outcome)
{
    kal_step step = {.status = "completed", .branch = outcome->branch, .output = outcome->result};
    switch (outcome->kind) {
    case KAL_OUTCOME_COMPLETE:
        record(walk, token, &step);
        follow(walk, token, outcome->branch);
        break;
    case KAL_OUTCOME_WAIT:
        rest(walk, token, outcome);
        break;
    case KAL_OUTCOME_EXIT:
        record(walk, token, &step);
        end_walk(walk, KAL_STATUS_COMPLETED, outcome->reason);
        break;
    case KAL_OUTCOME_FAIL:
        fail(walk, token, outcome->reason);
        break;
    }
}

static bool leads(const kal_graph_node *node, kal_str branch)
{
    for (uint32_t e = 0; e < node->n_edges; e++)
        if (node->edges[e].branch.p && kal_str_eq(node->edges[e].branch, branch))
            return true;
    return false;
}

/* What the engine knows for this node alone; the caller decrefs. */
static json_t *known_to(const kal_walk *walk, const kal_token *token)
{
    const kal_instance *instance = walk->instance;
    bool counts = kal_graph_at(walk->graph, token->node)->counts;
    json_t *caps = counts ? kal_sends_json(instance->customer, instance->version) : NULL;
    if (!token->answer && !caps)
        return NULL;
    return json_pack("{s:O*, s:o*}", "answer", token->answer, "caps", caps);
}

static bool run_node(kal_walk *walk, const kal_token *token, kal_outcome *outcome)
{
    const kal_graph_node *node = kal_graph_at(walk->graph, token->node);
    json_t *known = known_to(walk, token);
    kal_lua_call call = {
        .node = node->lua,
        .context = walk->instance->lua,
        .now_ms = walk->batch->now_ms,
        .trigger = token->wait ? token->trigger : NULL,
        .event = token->event,
        .state = token->wait ? token->wait->state : NULL,
        .known = known,
    };
    char error[160];
    walk->instance->dirty = true;
    walk->nodes++;
    kal_batch_ran(walk->batch, node->type);
    kal_lua_run(walk->batch->lua, &call, walk->batch->arena, outcome);
    json_decref(known);
    if (!fits(walk, &call, outcome->result)) {
        fail(walk, token, kal_str_of(kal_err_code(KAL_ERR_CONTEXT_TOO_LARGE)));
        return false;
    }
    if (outcome->branch.p && outcome->reason.p && !leads(node, outcome->branch)) {
        kal_lua_forget(walk->batch->lua, &call);
        fail(walk, token, outcome->reason);
        return false;
    }
    walk->told = (kal_told){0};
    if (outcome->kind != KAL_OUTCOME_FAIL && outcome->effects &&
        !kal_effects_apply(walk->batch, walk->instance, node, outcome, &walk->told, error)) {
        fail(walk, token, kal_batch_text(walk->batch, kal_str_of(error)));
        return false;
    }
    return true;
}

static void execute(kal_walk *walk, const kal_token *token)
{
    kal_outcome outcome = {0};
    if (++walk->instance->executed + walk->queued > KAL_INSTANCE_NODES) {
        end_walk(walk, KAL_STATUS_FAILED, kal_str_of("over 10000 node executions"));
        return;
    }
    if (!kal_context_open(walk->batch, walk->instance)) {
        end_walk(walk, KAL_STATUS_FAILED, kal_str_of("the context cannot be read"));
        return;
    }
    if (run_node(walk, token, &outcome))
        settle(walk, token, &outcome);
    json_decref(outcome.state);
    json_decref(outcome.effects);
}

static bool exits(kal_walk *walk, const json_t *event)
{
    if (!kal_criteria_met(walk->batch, walk->instance, event))
        return false;
    end_walk(walk, KAL_STATUS_EXITED, kal_str_of("exit_criteria"));
    return true;
}

/* ---- the walk ---- */

static void step(kal_walk *walk)
{
    kal_token *token = walk->first;
    walk->at = token;
    walk->first = token->next;
    if (!walk->first)
        walk->last = &walk->first;
    token->next = NULL;
    walk->queued--;
    if (token->wait) {
        if (token->wait->dropped)
            return; /* overtaken: resumed once already */
        token->wait->dropped = true;
    }
    const kal_graph_node *node = kal_graph_at(walk->graph, token->node);
    if (node->join != KAL_JOIN_NONE && !token->joined && !token->wait)
        kal_joins_arrive(walk, token->node, token->event);
    else if (walk->nodes >= KAL_BURST_NODES && !token->wait)
        kal_yields_put(walk, token->node);
    else if (!exits(walk, NULL))
        execute(walk, token);
}

static bool has_waits(const kal_instance *instance)
{
    for (const kal_wait *wait = instance->waits; wait; wait = wait->next)
        if (!wait->dropped)
            return true;
    return false;
}

static void walk_on(kal_walk *walk)
{
    kal_instance *instance = walk->instance;
    instance->dirty = true;
    while (!walk->over && walk->first) {
        step(walk);
        if (!walk->over && walk->pending_joins)
            kal_joins_fire(walk);
    }
    instance->customer->walked = walk->nodes;
    kal_sends_release(instance->customer);
    if (!kal_status_is_live(instance->status))
        return;
    if (has_waits(instance))
        instance->status = KAL_STATUS_WAITING;
    else
        kal_burst_end(walk->batch, instance, KAL_STATUS_COMPLETED, (kal_str){0});
}

static void push_entry(kal_walk *walk, uint32_t node, json_t *event)
{
    kal_token *token = kal_walk_push(walk, node);
    token->event = event;
    token->trigger = event ? "event" : "trigger";
}

void kal_burst_start(kal_batch *batch, kal_instance *instance, const uint32_t *entries, size_t n,
                     json_t *event, kal_uuid event_id)
{
    kal_walk walk;
    walk_init(&walk, batch, instance);
    batch->counts.starts++;
    kal_instance_see(batch, instance, event_id);
    for (size_t i = 0; i < n; i++)
        push_entry(&walk, entries[i], event);
    for (uint32_t node = 0; !n && node < kal_graph_count(walk.graph); node++)
        if (kal_graph_at(walk.graph, node)->category == KAL_NODE_TRIGGER)
            push_entry(&walk, node, event);
    walk_on(&walk);
}

void kal_burst_timeout(kal_batch *batch, kal_instance *instance, kal_wait *wait)
{
    kal_walk walk;
    walk_init(&walk, batch, instance);
    if (wait->yielded)
        kal_yields_take_up(&walk);
    else
        push_wait(&walk, wait)->trigger = "timeout";
    walk_on(&walk);
}

bool kal_burst_retry(kal_batch *batch, kal_instance *instance)
{
    kal_walk walk;
    walk_init(&walk, batch, instance);
    if (!kal_lost_restore(batch, instance, &walk.first))
        return false;
    for (kal_token *token = walk.first; token; token = token->next) {
        if (!token->wait)
            token->trigger = "retry";
        walk.last = &token->next;
        walk.queued++;
    }
    instance->status = KAL_STATUS_RUNNING;
    instance->ended_ms = KAL_UNSET;
    instance->exit_reason = (kal_str){0};
    instance->switched = instance->replays = true; /* what came for it meanwhile is held */
    walk_on(&walk);
    return true;
}

void kal_burst_answer(kal_batch *batch, kal_instance *instance, uint32_t seq, json_t *answer)
{
    kal_walk walk;
    kal_wait *wait = kal_instance_wait(instance, seq);
    if (!wait || wait->yielded || wait->node == KAL_GRAPH_NONE)
        return;
    walk_init(&walk, batch, instance);
    push_answer(&walk, wait, answer);
    walk_on(&walk);
}

int kal_burst_event(kal_batch *batch, kal_instance *instance, json_t *event, kal_uuid event_id)
{
    kal_walk walk;
    int resumed = 0;
    walk_init(&walk, batch, instance);
    if (kal_instance_has_seen(instance, event_id) || exits(&walk, event))
        return 0;
    for (kal_wait *wait = instance->waits; wait; wait = wait->next) {
        if (wait->dropped || wait->yielded || wait->node == KAL_GRAPH_NONE ||
            !node_hears(kal_graph_at(walk.graph, wait->node), event))
            continue;
        kal_token *token = push_wait(&walk, wait);
        token->trigger = "event";
        token->event = event;
        resumed++;
    }
    if (resumed) {
        kal_instance_see(batch, instance, event_id);
        walk_on(&walk);
    }
    return resumed;
}

void kal_burst_end(kal_batch *batch, kal_instance *instance, kal_status status, kal_str reason)
{
    if (instance->status == KAL_STATUS_PAUSED)
        instance->switched = instance->replays = true; /* nobody waits for what was held */
    instance->status = status;
    instance->ended_ms = batch->now_ms;
    instance->exit_reason = kal_batch_text(batch, reason);
    instance->dirty = true;
    if (status == KAL_STATUS_FAILED)
        kal_lost_waits(batch, instance);
    for (kal_wait *wait = instance->waits; wait; wait = wait->next)
        wait->dropped = true;
    batch->counts.completions += status == KAL_STATUS_COMPLETED;
    batch->counts.failures += status == KAL_STATUS_FAILED;
    batch->counts.exits += status == KAL_STATUS_EXITED;
    kal_sub_flow_ended(batch, instance);
}
