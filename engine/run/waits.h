/* The index of a shard's committed waits: customer -> waits. It tells, without a query, which
 * instances an event may wake, whether a customer is in a flow, and whether a timer still counts.
 * Invariant: it mirrors the table `wait` as of the last commit; 28 bytes and a hash slot a wait.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_WAITS_H
#define KAL_RUN_WAITS_H

#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kal_waits kal_waits;

typedef struct kal_wait_entry {
    kal_uuid instance;
    uint32_t place;    /* of kal_flows: the flow, version and node */
    uint32_t seq : 31; /* the wait's number within its instance */
    uint32_t held : 1; /* its instance is paused */
    uint32_t next;
} kal_wait_entry;

kal_waits *kal_waits_new(void);
void kal_waits_free(kal_waits *waits);
size_t kal_waits_count(const kal_waits *waits);
/* How many instances have waits. */
size_t kal_waits_instances(const kal_waits *waits);
void kal_waits_add(kal_waits *waits, uint64_t customer, kal_uuid instance, uint32_t seq,
                   uint32_t place);
/* False when there was no such wait. */
bool kal_waits_drop(kal_waits *waits, uint64_t customer, kal_uuid instance, uint32_t seq);
/* The instance is paused, or is so no more: of all its waits that are there. */
void kal_waits_hold(kal_waits *waits, uint64_t customer, kal_uuid instance, bool held);
/* The wait of this instance and number, or NULL. Borrowed until the next change. */
const kal_wait_entry *kal_waits_find(const kal_waits *waits, uint64_t customer, kal_uuid instance,
                                     uint32_t seq);
/* Walks a customer's waits: start with NULL, ends with NULL. */
const kal_wait_entry *kal_waits_next(const kal_waits *waits, uint64_t customer,
                                     const kal_wait_entry *entry);

#endif
