/* Child programs of the private cluster, run as an unprivileged user when the engine is root.
 * Invariant: a child has its own session, default signals, an empty environment but for path and
 * locale, and no descriptor but its output. Not uv_spawn: these children outlive the engine.
 * Thread: any. Blocks: kal_process_run. */
#ifndef KAL_STORE_PROCESS_H
#define KAL_STORE_PROCESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

#define KAL_USER_GROUPS 64

typedef struct kal_user {
    bool change; /* false: the engine's own user */
    uid_t uid;
    gid_t gid;
    gid_t groups[KAL_USER_GROUPS];
    int n_groups;
} kal_user;

/* The user for PostgreSQL: for root the owner of `home` when it exists and is not root's, else
 * postgres, else nobody; for others themselves. False when there is none. */
bool kal_user_find(const char *home, kal_user *user);

/* Starts argv[0] (a path) with standard output and error to `out`; -1 with errno when it cannot
 * fork. The caller waits for it. */
pid_t kal_process_spawn(const kal_user *user, char *const argv[], int out);
/* Runs argv[0] to its end, which is forced after timeout_ms, and appends what it wrote. True when
 * it ended with status 0. */
bool kal_process_run(const kal_user *user, char *const argv[], int timeout_ms, kal_buf *output);

#endif
