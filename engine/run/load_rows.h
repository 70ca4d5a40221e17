/* What a load has read, row by row into the batch's copies.
 * Invariant: rows of customers and instances that the batch does not hold are passed over.
 * Thread: the shard's. Blocks: never. */
#ifndef KAL_RUN_LOAD_ROWS_H
#define KAL_RUN_LOAD_ROWS_H

#include "run/batch.h"

/* The statements of a load (load_NAME.sql), in the order in which their rows are taken: waits
 * after their instances, what names customers after all that tells their ids. */
typedef enum kal_load_part {
    KAL_LOAD_KNOWN,
    KAL_LOAD_INSTANCES,
    KAL_LOAD_WAITS,
    KAL_LOAD_CUSTOMERS,
    KAL_LOAD_CUSTOMERS_OF,
    KAL_LOAD_LAST,
    KAL_LOAD_EVENTS,
    KAL_LOAD_SENDS,
    KAL_LOAD_MEMBERS,
    KAL_LOAD_PARTS
} kal_load_part;

/* Takes all rows of one statement. */
void kal_load_rows(kal_batch *batch, kal_load_part part, const kal_pg_rows *rows);

#endif
