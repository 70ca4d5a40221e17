/* How kal_args lies in memory: what libpq wants to be handed, in parallel arrays.
 * Invariant: offsets and lengths tell where each parameter lies in bytes; values are their
 * addresses only after kal_args_values.
 * Thread: one at a time. Blocks: never. */
#ifndef KAL_STORE_ARGS_H
#define KAL_STORE_ARGS_H

#include "store/row.h"

#include <stddef.h>
#include <stdint.h>

struct kal_args {
    kal_buf bytes;
    size_t n, cap;
    const char **values;
    size_t *offsets; /* SIZE_MAX: null */
    uint32_t *types; /* oids */
    int *lengths, *formats;
};

/* The parameters' addresses (NULL: null), good until the next parameter is added. */
const char *const *kal_args_values(kal_args *args);

#endif
