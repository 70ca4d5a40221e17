/* The database of a command: DATABASE_URL, or the private cluster of the data directory, started
 * when nobody runs it and then stopped again. One that another process starts is waited for (60 s).
 * Thread: main. Blocks: yes. */
#ifndef KAL_API_DATABASE_H
#define KAL_API_DATABASE_H

#include "base/buf.h"
#include "base/config.h"
#include "store/cluster.h"
#include "store/pg.h"

#include <stdbool.h>

typedef struct kal_database {
    const char *conninfo;
    kal_cluster *cluster; /* NULL: DATABASE_URL */
    int lock;             /* of the data directory, -1: another process runs the cluster */
    bool was_running;
} kal_database;

/* Zeroed memory in, false with one clear line in error. */
bool kal_database_open(const kal_config *config, kal_database *database, kal_buf *error);
void kal_database_close(kal_database *database);
/* Runs one call on a connection of its own and waits for its reply; UNAVAILABLE when it has not
 * connected in 15 s. */
void kal_database_call(const char *conninfo, kal_pg_call *call, kal_pg_cb cb, void *data);
/* The same under row level security, for a call of kal_pool_tenant_call. */
void kal_database_tenant_call(const char *conninfo, kal_pg_call *call, kal_pg_cb cb, void *data);
/* Whether a private cluster runs in the data directory. */
bool kal_database_runs(const char *data_dir);

#endif
