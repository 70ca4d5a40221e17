/* Making tenants and keys: the calls that the operator's routes and the command line share.
 * Thread: any. Blocks: never. */
#ifndef KAL_API_TENANT_H
#define KAL_API_TENANT_H

#include "api/apikey.h"
#include "base/uuid.h"
#include "store/pg.h"

typedef struct kal_new_tenant {
    kal_uuid id;
    char key[KAL_KEY_TEXT + 1]; /* shown once, never stored */
} kal_new_tenant;

typedef struct kal_new_key {
    kal_uuid id, tenant;
    kal_str name, role;
    int64_t expires_ms;         /* real time; INT64_MAX: never */
    char key[KAL_KEY_TEXT + 1]; /* shown once, never stored */
} kal_new_key;

/* A call that makes a tenant and its first key (admin); SQLSTATE 23505: the name is taken. */
kal_pg_call *kal_tenant_create(kal_str name, int64_t now_ms, kal_new_tenant *out);
/* Appends the statement that makes a key; its id and text go to `key`. */
void kal_tenant_add_key(kal_pg_call *call, kal_new_key *key, int64_t now_ms);

#endif
