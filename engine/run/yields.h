/* Tokens that a long burst puts down until its turn comes again. Thousands may rest at a time, so a
 * batch keeps one row (a yielded wait, due at once) for all of a node: its state counts them. */
#ifndef KAL_RUN_YIELDS_H
#define KAL_RUN_YIELDS_H

#include "run/walk.h"

/* One more rests before the node, without its event. */
void kal_yields_put(kal_walk *walk, uint32_t node);
/* All that rest are on their way again. */
void kal_yields_take_up(kal_walk *walk);

#endif
