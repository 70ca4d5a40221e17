/* A shard's outbox: deliveries that are committed and on their way to a provider.
 * The attempt is recorded (attempts + 1, one flush) before anything leaves; how it ended is
 * recorded with a later flush. An attempt that a crash left open is looked up in the ledger when
 * this very node made it, and is in doubt, never resent, when another did. Invariant: what leaves
 * had its attempt committed under this shard's lease. Thread: the shard's. Blocks: on the ledger's
 * file. */
#ifndef KAL_EFFECT_OUTBOX_H
#define KAL_EFFECT_OUTBOX_H

#include "base/tally.h"
#include "effect/held.h"
#include "effect/ledger.h"
#include "lua/host/host.h"
#include "store/journal.h"

#include <stdbool.h>

typedef struct kal_outbox kal_outbox;

typedef struct kal_outbox_options {
    kal_lua *lua;       /* borrowed */
    kal_ledger *ledger; /* borrowed */
    /* Whether deliveries of this flow may leave now (it is not paused). */
    bool (*may_send)(void *data, kal_uuid flow);
    /* The lease is still ours by the local clock: asked right before sending. */
    bool (*may_act)(void *data);
    void *data;
    /* What became of a delivery that somebody waits for is in the database, as a held answer. */
    void (*answered)(void *data, const kal_held *held, json_t *body);
    int shard;
    kal_tally *sent; /* borrowed: what was sent, by channel and provider; NULL: nobody counts */
} kal_outbox_options;

kal_outbox *kal_outbox_new(const kal_outbox_options *options);
void kal_outbox_free(kal_outbox *outbox);
/* Takes in a committed delivery that was not attempted; json is what the provider gets. Its result
 * is for `awaited_by` (NULL, or seq 0: nobody waits). */
void kal_outbox_add(kal_outbox *outbox, kal_uuid id, kal_uuid flow, kal_str provider, json_t *json,
                    const kal_held *awaited_by);
/* Takes in pending deliveries as a takeover finds them (LOAD_PENDING). `ours`: the attempts that
 * are open were made by this node. */
void kal_outbox_recover(kal_outbox *outbox, const kal_pg_rows *rows, bool ours);
/* When there is something to write, attempts or results: INT64_MIN now, INT64_MAX not before more
 * comes. What has failed rests, longer each time. */
int64_t kal_outbox_next(const kal_outbox *outbox);
/* Adds at most `most` rows to the flush, one unit each; answers how many. */
size_t kal_outbox_fill(kal_outbox *outbox, kal_flush *flush, size_t most, int64_t now_ms);
/* The flush is committed: results are done with, attempts leave now. Answers how many were sent. */
size_t kal_outbox_committed(kal_outbox *outbox, int64_t now_ms);
/* Drops what has not begun to leave and is one of those: their rows say no more whom they are for.
 */
void kal_outbox_withdraw(kal_outbox *outbox,
                         bool (*is_one)(void *data, kal_uuid flow, const json_t *json), void *data);
/* Flows have changed: deliveries of paused ones are looked at again. */
void kal_outbox_wake(kal_outbox *outbox);

#endif
