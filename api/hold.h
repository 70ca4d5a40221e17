/* A transaction that stays open while a request makes up its answer, so that the answer is stored
 * with the effect. The one place where BEGIN and COMMIT are sent: never ahead of a result that is
 * not known yet, on a connection that is one request's at a time.
 * Invariant: a call goes on in the transaction that began, or changes nothing.
 * Thread: an engine thread. Blocks: never. */
#ifndef KAL_API_HOLD_H
#define KAL_API_HOLD_H

#include "api/request.h"

typedef struct kal_hold kal_hold;

kal_hold *kal_hold_new(void);
/* No request holds it any more. */
void kal_hold_free(kal_hold *hold);

/* As kal_request_send, in the request's transaction, which begins with it when there is none. A
 * call that fails ends the transaction without effect. */
void kal_hold_send(kal_request *request, bool as_owner, kal_pg_call *call,
                   void (*then)(kal_request *request, const kal_pg_reply *reply));
/* The request has a transaction open. */
bool kal_hold_is_open(const kal_request *request);
/* Sends a last call and commits. */
void kal_hold_commit(kal_request *request, kal_pg_call *call,
                     void (*then)(kal_request *request, const kal_pg_reply *reply));
/* Ends the request's transaction, if any, without effect, and lets go of the connection. */
void kal_hold_drop(kal_request *request);

#endif
