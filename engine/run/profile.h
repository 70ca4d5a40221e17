/* A customer's row as a copy in a batch: made, changed, shown.
 * Invariant: a change marks the copy dirty; tags are a set.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_PROFILE_H
#define KAL_RUN_PROFILE_H

#include "run/batch.h"

/* Makes the customer when it does not exist (an external id and nothing else). */
void kal_profile_ensure(kal_batch *batch, kal_customer *customer);
/* Why the profile cannot take these properties, preferences and tags (a list, or one) merged in: it
 * may have 64 KB and 64 levels. NULL when it can. A flow's fields count as properties. */
const char *kal_profile_refusal(const kal_customer *customer, const json_t *fields);
/* Sets the fields that are there: the columns, properties (merged shallowly), tags, preferences
 * (merged shallowly). They are right, and fit. */
void kal_profile_set(kal_batch *batch, kal_customer *customer, const json_t *fields);
/* What a flow writes: email, phone, name and timezone when they are texts, all else a property.
 * False with a message, and nothing changed, when a column's text is over 255 bytes or names no
 * time zone. */
bool kal_profile_update(kal_batch *batch, kal_customer *customer, const json_t *fields,
                        char error[160]);
/* Adds or removes a tag. */
void kal_profile_tag(kal_customer *customer, const char *tag, bool add);
/* The same for a list of tags. */
void kal_profile_tags(kal_customer *customer, const json_t *tags, bool add);
/* The customer as the API and contexts show it; the caller decrefs. */
json_t *kal_profile_json(const kal_customer *customer);
/* Appends the customer's row to its unit. */
void kal_profile_seal(kal_customer *customer, kal_batch *batch);

#endif
