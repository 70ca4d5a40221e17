/* What is kept in the database for an instance until it may take it in: events while its flow is
 * paused, and answers that its waits are for (what became of a delivery, how another flow ended).
 * An answer is written together with what it tells of and dropped together with the walk it sets
 * going, so that it arrives once, whatever stops in between.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_EFFECT_HELD_H
#define KAL_EFFECT_HELD_H

#include "base/json.h"
#include "store/journal.h"

typedef struct kal_held {
    kal_uuid id, tenant, flow, instance; /* its own, and whose it is */
    uint64_t customer_key;
    uint32_t seq; /* of an answer: the wait that it is for */
    bool paused;  /* its instance is, not only its flow */
} kal_held;

/* Adds the row to the unit; the body (an event, or kal_held_answer's) is written into the arena. */
void kal_held_add(kal_unit *unit, kal_arena *arena, int shard, const kal_held *held,
                  const json_t *body);
/* The body of an answer to a wait, which takes the value over; the caller decrefs. */
json_t *kal_held_answer(uint32_t seq, json_t *answer);
/* Takes a body apart: the answer, borrowed, or NULL when it is an event. */
json_t *kal_held_read(const json_t *body, uint32_t *seq);

#endif
