#include "run/yields.h"

#include "run/burst.h"

static void set_tokens(kal_wait *wait, json_int_t tokens)
{
    json_object_set_new(wait->state, "tokens", json_integer(tokens));
}

static json_int_t tokens_of(const kal_wait *wait)
{
    const json_t *tokens = json_object_get(wait->state, "tokens");
    return tokens ? json_integer_value(tokens) : 1;
}

/* The rows of this batch, by node. */
static kal_wait **resting(kal_walk *walk)
{
    if (walk->resting)
        return walk->resting;
    uint32_t count = kal_graph_count(walk->graph);
    walk->resting = kal_arena_alloc(walk->batch->arena, count * sizeof *walk->resting);
    for (kal_wait *wait = walk->instance->waits; wait; wait = wait->next)
        if (wait->yielded && wait->added && !wait->dropped)
            walk->resting[wait->node] = wait;
    return walk->resting;
}

void kal_yields_put(kal_walk *walk, uint32_t node)
{
    kal_wait **row = &resting(walk)[node];
    if (*row) {
        set_tokens(*row, tokens_of(*row) + 1);
        return;
    }
    *row = kal_instance_add_wait(walk->batch, walk->instance, node);
    (*row)->yielded = true;
    (*row)->absolute = true;
    (*row)->due_ms = walk->batch->now_ms;
    (*row)->state = kal_batch_keep(walk->batch, json_object());
    set_tokens(*row, 1);
}

/* Only a join that fires rests: what arrives at one does so whatever the burst's length. */
void kal_yields_take_up(kal_walk *walk)
{
    for (kal_wait *wait = walk->instance->waits; wait; wait = wait->next) {
        if (!wait->yielded || wait->dropped || wait->node == KAL_GRAPH_NONE)
            continue;
        bool join = kal_graph_at(walk->graph, wait->node)->join != KAL_JOIN_NONE;
        wait->dropped = true;
        for (json_int_t n = tokens_of(wait); n > 0 && walk->queued <= KAL_INSTANCE_NODES; n--)
            kal_walk_push(walk, wait->node)->joined = join;
    }
}
