/* PostgreSQL's programs on this machine, and the making of a cluster with them.
 * Invariant: a directory that kal_initdb has not finished never looks like a cluster.
 * Thread: main. Blocks: yes. */
#ifndef KAL_STORE_INITDB_H
#define KAL_STORE_INITDB_H

#include "base/buf.h"
#include "store/process.h"

/* The superuser's name in a cluster made here. */
#define KAL_CLUSTER_USER "kalcifer"

/* Finds the folder with initdb and postgres for the cluster in `home`: of the version that made
 * it, or the newest from 15 when there is no cluster yet. NULL with one line in error; the caller
 * frees the path. */
char *kal_initdb_programs(const kal_user *user, const char *home, kal_buf *error);
/* Makes a cluster in `home` unless there is one. False with one line in error. */
bool kal_initdb(const kal_user *user, const char *programs, const char *home, kal_buf *error);

#endif
