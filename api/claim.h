/* Idempotency-Key: a POST that carries one happens once. Its claim is committed before it begins,
 * what comes of it is stored with the effect: works of a shard in their flush, statements in one
 * transaction with the answer (hold.h). A claim without an answer that this process is not at work
 * on was left open, and its repetition takes it; what of it has happened does not happen again.
 * Invariant: a request without the header costs one look at its headers.
 * Thread: an engine thread; those at work are the process's (a lock). Blocks: never. */
#ifndef KAL_API_CLAIM_H
#define KAL_API_CLAIM_H

#include "api/request.h"

typedef struct kal_claim kal_claim;
typedef struct kal_claims kal_claims; /* those at work */

kal_claims *kal_claims_new(void);
void kal_claims_free(kal_claims *claims);

/* Goes on with then: at once without the header, else when the request is claimed; or answers, with
 * what is stored or an error. */
void kal_claim_begin(kal_request *request, void (*then)(kal_request *request));
/* Stores a claimed request's answer before it is sent, or gives its claim up: kal_reply comes again
 * then. False when there is nothing (more) to store. */
bool kal_claim_settle(kal_request *request, int status, kal_str body);
/* The same ahead of what must follow the commit and precede the answer; false when no transaction
 * is open. A commit that fails is answered, and then runs with false. */
bool kal_claim_commit(kal_request *request, int status, kal_str body,
                      void (*then)(void *data, bool committed), void *data);
/* Makes a work the item of the request's claim. True when it has happened before: the work has its
 * outcome, and is not to be submitted. */
bool kal_claim_work(kal_request *request, kal_work *work, size_t item);
/* The request ends; what was not settled is left open. */
void kal_claim_end(kal_request *request);

#endif
