/* Calls of tenants' code that a shard's waits are for. A call begins when its wait is committed,
 * and nothing of it is kept: a wait that nobody answers (the engine stopped, the instance was
 * paused) has a timer that is due, by which its node asks again. Invariant: `answered` comes once
 * for a call, later, unless the calls are forgotten before. Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_CODES_H
#define KAL_RUN_CODES_H

#include "base/json.h"
#include "lua/host/cell.h"
#include "run/timers.h"

typedef struct kal_codes kal_codes;

/* Why none is called where there are no cells. */
extern const char kal_codes_off[];

/* `cells` outlives the calls; NULL: this deployment runs no tenants' code, and says so. The answer
 * ({outcome} or {error}; borrowed) is NULL when no cell could be had: the node is to ask again. */
kal_codes *kal_codes_new(uv_loop_t *loop, kal_cells *cells,
                         void (*answered)(void *data, const kal_timer *wait, json_t *answer),
                         void *data);
void kal_codes_free(kal_codes *codes);
/* Calls for a wait of the tenant's: `effect` is {source, input, seed, timeout_ms?}. */
void kal_codes_call(kal_codes *codes, kal_uuid tenant, const kal_timer *wait, const json_t *effect);
/* What is under way has no answer any more. */
void kal_codes_forget(kal_codes *codes);
/* How many are under way. */
size_t kal_codes_open(const kal_codes *codes);

#endif
