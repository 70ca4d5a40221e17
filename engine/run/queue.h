/* A shard's run queue: fair between tenants, urgent before patient.
 * Invariant: works of one tenant and class come out in the order they went in; a tenant waits for
 * at most one work of every other tenant of its class. Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_QUEUE_H
#define KAL_RUN_QUEUE_H

#include "run/work.h"

#include <stddef.h>

typedef enum kal_class {
    KAL_CLASS_EVENT, /* what a caller waits for */
    KAL_CLASS_TIMER,
    KAL_CLASS_BULK, /* replays, archived flows' exits, who enters by a segment or a schedule */
    KAL_CLASS_COUNT
} kal_class;

typedef struct kal_queue kal_queue;

kal_queue *kal_queue_new(void);
/* Frees the queue and the works that are left. */
void kal_queue_free(kal_queue *queue);
size_t kal_queue_count(const kal_queue *queue, kal_class class);
/* So many works of callers wait, or they hold so much, that no other is to be taken in. */
bool kal_queue_is_full(const kal_queue *queue);
void kal_queue_push(kal_queue *queue, kal_class class, kal_work *work);
/* Ahead of the tenant's other works of the class. */
void kal_queue_push_first(kal_queue *queue, kal_class class, kal_work *work);
/* The next work of the class, tenants in turn; NULL when empty. The caller owns it. */
kal_work *kal_queue_pop(kal_queue *queue, kal_class class);
/* The tenant whose all works of the class are; NULL when there is none, or more than one. */
const kal_uuid *kal_queue_owner(const kal_queue *queue, kal_class class);

/* Takes out the works of the class that a caller waits for and whose deadline has passed; a list
 * that the caller owns. */
kal_work *kal_queue_expire(kal_queue *queue, kal_class class, uint64_t now_ns);

#endif
