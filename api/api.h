/* The HTTP API of an engine: what its threads share, and what each has.
 * Invariant: a thread's half is touched by that thread alone.
 * Thread: main makes and frees it; the hooks run on the engine's threads. Blocks: never. */
#ifndef KAL_API_API_H
#define KAL_API_API_H

#include "api/acceptor.h"
#include "api/auth.h"
#include "api/http.h"
#include "api/jwt.h"
#include "api/limits.h"
#include "api/stats.h"
#include "base/config.h"
#include "run/engine.h"

#include <stdatomic.h>

#define KAL_API_THREADS 64

typedef struct kal_api_thread kal_api_thread;

typedef struct kal_api {
    const kal_config *config;
    const char *version;
    kal_limits *limits;
    kal_acceptor *acceptor;
    struct kal_claims *claims;
    kal_jwt_key *jwt_key;             /* of RS256; NULL: none */
    kal_rate rates[KAL_RATE_CLASSES]; /* of tenants without settings of their own */
    uint64_t began_ns;
    unsigned turn;               /* of the thread that gets the next connection */
    atomic_uint tenants_changed; /* raised by this process's own changes of keys and tenants */
    atomic_bool draining;
    atomic_int threads;   /* started */
    atomic_int in_flight; /* requests begun and not answered */
    _Atomic(kal_api_thread *) thread[KAL_API_THREADS];
} kal_api;

struct kal_api_thread {
    kal_api *api;
    kal_engine *engine;
    int index;
    uv_loop_t *loop;
    h2o_globalconf_t globalconf;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    kal_auth *auth;
    kal_stats *stats;
    struct kal_hold *hold;
    struct kal_request *requests; /* not answered */
    struct kal_conn *conns;
    struct kal_inbox *inbox; /* descriptors from the acceptor */
    kal_buf document;        /* of GET /openapi.json, once it was asked for */
    uint64_t document_of;    /* kal_lua_adoptions then */
    bool stopping;
};

#endif
