/* The private PostgreSQL cluster in the data directory.
 * Invariant: unix socket only, fsync on, run by an unprivileged user when started by root.
 * Thread: main, before and after the engine's threads; the supervisor runs on a loop.
 * Blocks: yes (initdb, start and stop wait for the server, each with a deadline). */
#ifndef KAL_STORE_CLUSTER_H
#define KAL_STORE_CLUSTER_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <uv.h>

typedef struct kal_cluster kal_cluster;

/* initdb at the first start, then starts the server or adopts the one that runs already; NULL with
 * one clear line in error. data_dir exists; the cluster lies in data_dir/postgres, its socket in
 * data_dir/run or, when that path would pass 107 bytes, in a short directory under /tmp whose name
 * derives from it. */
kal_cluster *kal_cluster_start(const char *data_dir, kal_buf *error);
/* The one that another process runs, never started nor made here; NULL when its database does not
 * answer (yet). */
kal_cluster *kal_cluster_adopt(const char *data_dir);
/* The conninfo string of the database "kalcifer"; owned by the cluster. */
const char *kal_cluster_conninfo(const kal_cluster *cluster);
/* Restarts the server when it dies, checked each second, until kal_cluster_stop. */
void kal_cluster_supervise(kal_cluster *cluster, uv_loop_t *loop);
/* Ends supervision (its handles close on the loop's next turn). */
void kal_cluster_unsupervise(kal_cluster *cluster);
/* Stops the server (fast, after 20 s at once) and frees. False when it did not stop in 25 s. */
bool kal_cluster_stop(kal_cluster *cluster);
/* Frees without stopping the server. */
void kal_cluster_free(kal_cluster *cluster);

#endif
