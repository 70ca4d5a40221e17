/* Counts by name, for figures with labels: one name, or a pair of them. A name keeps its place for
 * ever; what comes when all places are taken counts as "other", so that nobody's words can fill
 * what the figures are read by.
 * Invariant: counts only grow; the sum over all names is all that was added.
 * Thread: one counts, any reads (relaxed atomics). Blocks: never. */
#ifndef KAL_BASE_TALLY_H
#define KAL_BASE_TALLY_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define KAL_TALLY_NAMES 256 /* places, that of "other" among them */

typedef struct kal_tally kal_tally;

kal_tally *kal_tally_new(void);
void kal_tally_free(kal_tally *tally);
/* Counts n more under a name, or under a pair of names when `second` has a p. A tally holds names
 * of one kind. */
void kal_tally_add(kal_tally *tally, kal_str first, kal_str second, uint64_t n);
/* Adds what another tally has, whose own thread may be counting on. */
void kal_tally_add_all(kal_tally *tally, const kal_tally *other);
/* The count in a place, in the order in which names came; false behind the last. The texts live as
 * long as the tally. */
bool kal_tally_at(const kal_tally *tally, size_t place, kal_str *first, kal_str *second,
                  uint64_t *count);

#endif
