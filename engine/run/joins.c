#include "run/joins.h"

static void fire(kal_walk *walk, uint32_t node, json_t *event)
{
    walk->instance->joins[node] = KAL_JOIN_FIRED;
    kal_token *token = kal_walk_push(walk, node);
    token->joined = true;
    token->event = event;
}

void kal_joins_arrive(kal_walk *walk, uint32_t node, json_t *event)
{
    kal_instance *instance = walk->instance;
    if (!instance->joins)
        instance->joins = kal_arena_alloc(walk->batch->arena, kal_graph_count(walk->graph));
    instance->dirty = true;
    if (instance->joins[node] != KAL_JOIN_EMPTY)
        return;
    if (kal_graph_at(walk->graph, node)->join == KAL_JOIN_ANY) {
        fire(walk, node, event);
    } else {
        instance->joins[node] = KAL_JOIN_ARRIVED;
        walk->pending_joins++;
    }
}

/* A live token can still reach the join. */
static bool expected(const kal_walk *walk, uint32_t join)
{
    for (const kal_token *t = walk->first; t; t = t->next)
        if (kal_graph_reaches(walk->graph, t->node, join))
            return true;
    for (const kal_wait *w = walk->instance->waits; w; w = w->next)
        if (!w->dropped && w->node != KAL_GRAPH_NONE &&
            kal_graph_reaches(walk->graph, w->node, join))
            return true;
    for (uint32_t n = 0; n < kal_graph_count(walk->graph); n++)
        if (n != join && walk->instance->joins[n] == KAL_JOIN_ARRIVED &&
            kal_graph_reaches(walk->graph, n, join))
            return true;
    return false;
}

void kal_joins_fire(kal_walk *walk)
{
    uint32_t count = kal_graph_count(walk->graph);
    for (uint32_t n = 0; walk->pending_joins && n < count; n++) {
        if (walk->instance->joins[n] == KAL_JOIN_ARRIVED && !expected(walk, n)) {
            walk->pending_joins--;
            fire(walk, n, NULL); /* many may have come, each with its own event */
        }
    }
}
