/* A journey as a body tells it, from a request or from a file: what is checked and then stored.
 * Invariant: a call gets only bodies that were checked without a problem.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_JOURNEY_BODY_H
#define KAL_API_JOURNEY_BODY_H

#include "base/json.h"
#include "base/uuid.h"
#include "store/pg.h"

/* {field: [problem]} of a journey's body but for flow_id; one that is not new may leave out its
 * name. */
json_t *kal_journey_body_check(const json_t *body, bool is_new);

/* Appends the statement that makes a draft journey: a row, unless the flow cannot have one. */
void kal_journey_body_create(kal_pg_call *call, kal_uuid id, kal_uuid flow, const json_t *body,
                             int64_t now_ms);
/* Appends the one that changes a draft journey, its flow too when there is one; a row when it
 * could. */
void kal_journey_body_update(kal_pg_call *call, kal_uuid id, const kal_uuid *flow,
                             const json_t *body, int64_t now_ms);

#endif
