/* Who calls: API keys to tenants, cached per thread; the operator's key.
 * Invariant: a revoked key or a changed tenant is known at once when this process changed it, else
 * after kal_auth_forget, which comes with the engine's poll (every 3 s; it looks back 10 s).
 * Thread: the engine thread that owns the cache. Blocks: never. */
#ifndef KAL_API_AUTH_H
#define KAL_API_AUTH_H

#include "base/uuid.h"

#include <stdbool.h>

struct kal_request;

typedef struct kal_auth kal_auth;

kal_auth *kal_auth_new(void);
void kal_auth_free(kal_auth *auth);
/* Finds the caller of the request's key: sets request->caller and goes on with then, at once or
 * after asking the database, or answers 401 (503 when the database is away). */
void kal_auth_check(struct kal_request *request, void (*then)(struct kal_request *request));
/* Whether the request carries KALCIFER_ADMIN_KEY; false when it has answered 401, or 404 when the
 * process has none. */
bool kal_auth_operator(struct kal_request *request);
/* Drops a tenant's keys. */
void kal_auth_forget(kal_auth *auth, kal_uuid tenant);

#endif
