/* Why an instance is where it is: sentences for people, out of what api_instance_explain.sql reads.
 * Invariant: looks at nothing but its argument. Thread: any. Blocks: never. */
#ifndef KAL_API_EXPLAIN_H
#define KAL_API_EXPLAIN_H

#include "base/json.h"

/* {status, summary, decisions[], waiting_for[], ignored_events[], note?}; the caller decrefs. */
json_t *kal_explain(const json_t *facts);

#endif
