/* The log provider's ledger: a file of JSON lines, one a delivery that was "sent", which knows
 * afterwards what left before a crash. Recipients are masked.
 * Invariant: a line is there whole or not at all; each begins with the delivery's id.
 * Thread: one a handle (the file may be shared). Blocks: on the file. */
#ifndef KAL_EFFECT_LEDGER_H
#define KAL_EFFECT_LEDGER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/map.h"
#include "base/uuid.h"

typedef struct kal_ledger kal_ledger;

/* Opens data_dir/log/deliveries.ndjson, made when it is not there; NULL with one line in error. */
kal_ledger *kal_ledger_open(const char *data_dir, kal_buf *error);
void kal_ledger_close(kal_ledger *ledger);
/* Adds a line to those that the next kal_ledger_write writes together. */
void kal_ledger_add(kal_ledger *ledger, kal_uuid delivery, const json_t *line);
/* Writes the lines added since the last time; on failure none of them counts as written. */
KAL_MUST_USE kal_err kal_ledger_write(kal_ledger *ledger);
/* Sets the value of each id in `ids` (text form -> any pointer) that the file holds to `found`. */
KAL_MUST_USE kal_err kal_ledger_find(kal_ledger *ledger, kal_strmap *ids, void *found);

#endif
