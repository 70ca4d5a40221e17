/* The HTTP server: a listening socket, and h2o on each of the engine's threads.
 * Invariant: after kal_api_drain no connection is accepted and every answer closes its connection.
 * Thread: main, but for the hooks. Blocks: kal_api_new for a bind. */
#ifndef KAL_API_SERVER_H
#define KAL_API_SERVER_H

#include "api/api.h"
#include "base/buf.h"

/* Binds and listens at host:port; NULL with one clear line in error (a port in use). Connections
 * wait in the backlog until the engine's first thread is there. */
kal_api *kal_api_new(const kal_config *config, const char *host, int port, const char *version,
                     kal_buf *error);
/* After kal_engine_stop. */
void kal_api_free(kal_api *api);
/* Hooks for kal_engine_options; data is the kal_api. */
void kal_api_thread_start(kal_engine *engine, int thread, uv_loop_t *loop, void *data);
void kal_api_thread_stop(kal_engine *engine, int thread, void *data);
/* Stops listening and closes idle connections; requests begun go on. */
void kal_api_drain(kal_api *api);
/* Requests begun and not answered, over all threads. */
int kal_api_in_flight(const kal_api *api);
/* Connections open. */
int64_t kal_api_connections(const kal_api *api);

#endif
