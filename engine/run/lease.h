/* Leases: the one poll that a process makes. It renews what the node holds, takes what is free, and
 * learns whose keys, settings or segments have changed; once a day it sees that the partitioned
 * tables have their next months.
 * Invariant: a shard runs only under an epoch that this node's own take has returned.
 * Thread: thread 0's. Blocks: never. */
#ifndef KAL_RUN_LEASE_H
#define KAL_RUN_LEASE_H

#include "base/clock.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

typedef struct kal_lease kal_lease;

typedef struct kal_lease_options {
    const char *conninfo;
    const kal_clock *clock; /* journey time, for the months of the partitioned tables */
    kal_uuid node;
    /* The deployment has this many shards; told once, before anything else. */
    void (*on_shards)(void *data, int shards);
    bool (*runs)(void *data, int shard);
    void (*on_taken)(void *data, int shard, int64_t epoch, int64_t seq, bool ours);
    void (*on_lost)(void *data, int shard);
    void (*on_changes)(void *data, const kal_uuid *tenants, size_t n);
    void (*on_segments)(void *data, kal_uuid tenant); /* told several times, and for less too */
    void *data;
} kal_lease_options;

kal_lease *kal_lease_new(uv_loop_t *loop, const kal_lease_options *options);
void kal_lease_free(kal_lease *lease);
/* Takes nothing more, and keeps what it has until that is released (the process stops). */
void kal_lease_stop(kal_lease *lease);
/* The leases are ours by the local clock, with a second to spare. From any thread. */
bool kal_lease_holds(const kal_lease *lease);

#endif
