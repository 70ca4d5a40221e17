/* Settings from the environment and an optional file, each with where it came from.
 * Invariant: after kal_config_load every value is valid; nothing else reads the environment.
 * Thread: written at start, read by any. Blocks: reads a file. */
#ifndef KAL_BASE_CONFIG_H
#define KAL_BASE_CONFIG_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* X(field, "NAME", kind, default, least, most, "what it means"); kinds: text, int, bool, level.
 * An empty default of a text means "not set". */
#define KAL_SETTINGS(X)                                                                            \
    X(database_url, "DATABASE_URL", text, "", 0, 0,                                                \
      "PostgreSQL to use; empty: a private cluster in the data directory")                         \
    X(database_pool_size, "DATABASE_POOL_SIZE", int, "8", 1, 100,                                  \
      "connections for API reads, all threads together")                                           \
    X(host, "HOST", text, "127.0.0.1", 0, 0, "address to listen on")                               \
    X(port, "PORT", int, "4500", 1, 65535, "port to listen on (never 6000: browsers block it)")    \
    X(data_dir, "KALCIFER_DATA_DIR", text, "", 0, 0,                                               \
      "data directory; empty: /var/lib/kalcifer for root, else ./var")                             \
    X(admin_key, "KALCIFER_ADMIN_KEY", text, "", 0, 0,                                             \
      "key for /api/v1/admin routes; empty: they are off")                                         \
    X(home, "KALCIFER_HOME", text, "", 0, 0,                                                       \
      "where lua/, nodes/ and plugins/ lie; empty: beside the program")                            \
    X(plugin_path, "KALCIFER_PLUGIN_PATH", text, "", 0, 0,                                         \
      "folders of plugins, separated by colons, before plugins/ of the home")                      \
    X(log_level, "LOG_LEVEL", level, "info", 0, 0, "debug, info, warn or error")                   \
    X(threads, "THREADS", int, "0", 0, 64, "engine threads; 0: one a core, at most one a shard")   \
    X(shards, "SHARDS", int, "4", 1, 64, "shards of a new database; fixed at creation")            \
    X(max_connections, "MAX_CONNECTIONS", int, "1024", 1, 65536, "HTTP connections in all")        \
    X(max_connections_per_address, "MAX_CONNECTIONS_PER_ADDRESS", int, "64", 1, 65536,             \
      "HTTP connections of one address")                                                           \
    X(trusted_proxies, "TRUSTED_PROXIES", text, "127.0.0.1,::1", 0, 0,                             \
      "addresses without a connection cap, comma-separated")                                       \
    X(client_timeout, "CLIENT_TIMEOUT_SECONDS", int, "30", 1, 3600,                                \
      "how long a client may take nothing of its answer")                                          \
    X(metrics_host, "METRICS_HOST", text, "", 0, 0, "address that may read /metrics; empty: any")  \
    X(rate_events, "RATE_LIMIT_EVENTS_PER_SECOND", int, "1000", 0, 10000000,                       \
      "events a second per tenant; 0: no limit")                                                   \
    X(rate_api, "RATE_LIMIT_API_PER_MINUTE", int, "600", 0, 10000000,                              \
      "other requests a minute per tenant; 0: no limit")                                           \
    X(rate_trigger, "RATE_LIMIT_TRIGGER_PER_MINUTE", int, "100", 0, 10000000,                      \
      "triggers a minute per tenant; 0: no limit")                                                 \
    X(jwt_public_pem, "JWT_PUBLIC_PEM", text, "", 0, 0,                                            \
      "PEM file of the RSA key that signs RS256 tokens; empty: none are taken")                    \
    X(enable_custom_code, "ENABLE_CUSTOM_CODE", bool, "false", 0, 0,                               \
      "whether flows may use custom_code")                                                         \
    X(crash_point, "KALCIFER_CRASH_POINT", text, "", 0, 0,                                         \
      "point:n, where a crash test lets the process die")

typedef struct kal_config kal_config;

/* Reads the defaults, then the file (lines NAME=value, # comments; NULL: none), then the
 * environment. An unknown name in the file, an unknown KALCIFER_* name in the environment or a bad
 * value gives NULL and one clear line in error (the caller's buffer). */
kal_config *kal_config_load(const char *file, kal_buf *error);
void kal_config_free(kal_config *config);
/* Sets a value from the command line ("--listen"); false with one clear line in error. */
bool kal_config_set(kal_config *config, const char *name, const char *value, const char *origin,
                    kal_buf *error);
/* Values by their NAME; asking for a name or kind that is not in the list is a programmer's error
 * and aborts. Texts are owned by the config. */
const char *kal_config_text(const kal_config *config, const char *name);
int64_t kal_config_int(const kal_config *config, const char *name);
bool kal_config_bool(const kal_config *config, const char *name);
/* Appends all settings: a table of name, value, origin and meaning, or a JSON array of
 * {"name","value","origin","meaning"}; secrets (keys, passwords in URLs) are masked. */
void kal_config_print(const kal_config *config, bool as_json, kal_buf *out);

#endif
