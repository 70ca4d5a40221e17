/* The addresses of the host that a conninfo names, asked off the loop: libpq would ask on it.
 * Invariant: `done` runs once, never inside kal_pg_lookup_start, and never after _stop.
 * Thread: the loop's (the question itself waits in libuv's pool). Blocks: never. */
#ifndef KAL_STORE_PG_LOOKUP_H
#define KAL_STORE_PG_LOOKUP_H

#include <uv.h>

typedef struct kal_pg_lookup kal_pg_lookup;

/* What libpq takes in the place of the name: the name as often as it has addresses, and these, both
 * separated by commas. error is NULL, or why there are none. All borrowed for the call. */
typedef void (*kal_pg_lookup_cb)(void *data, const char *hosts, const char *addresses,
                                 const char *error);

/* NULL when there is nothing to ask: a socket, an address, several hosts, a hostaddr of its own. */
kal_pg_lookup *kal_pg_lookup_start(uv_loop_t *loop, const char *conninfo, kal_pg_lookup_cb done,
                                   void *data);
/* Forgets a lookup that has not answered; NULL is fine. */
void kal_pg_lookup_stop(kal_pg_lookup *lookup);

#endif
