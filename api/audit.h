/* The audit log is written by the database itself (migrations/0009_access.sql: kal_audited); what
 * it cannot know goes ahead of each change: who makes it, for which request, by which name.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_AUDIT_H
#define KAL_API_AUDIT_H

#include "store/pg.h"

/* Puts the statement that tells it ahead of a call. request_id may be NULL; verb: what an update
 * is called ("pause"). */
void kal_audit_tell(kal_pg_call *call, const char *actor, const char *request_id, const char *verb,
                    int64_t now_ms);

#endif
