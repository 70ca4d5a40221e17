/* Numbered migrations (store/migrations/NNNN_name.sql, compiled in), each in one transaction.
 * Invariant: applied in order, once, under a lock that makes two processes agree; a migration that
 * has landed is never edited (its hash is kept and checked).
 * Thread: main. Blocks: yes. */
#ifndef KAL_STORE_MIGRATE_H
#define KAL_STORE_MIGRATE_H

#include "base/buf.h"
#include "base/err.h"

/* Brings the database up to date; `shards` is written at creation only. *applied (may be NULL)
 * gets the number of migrations applied now. One clear line in error on failure. */
KAL_MUST_USE kal_err kal_migrate(const char *conninfo, int shards, int *applied, kal_buf *error);

#endif
