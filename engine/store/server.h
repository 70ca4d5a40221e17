/* One PostgreSQL server process on a cluster: its settings, its start, whether it lives, its end.
 * Invariant: a process is taken for the server only while it works in the cluster's folder, so a
 * process id that was given away again is never signalled.
 * Thread: one at a time. Blocks: kal_server_new (runs the program once), kal_server_stop. */
#ifndef KAL_STORE_SERVER_H
#define KAL_STORE_SERVER_H

#include "base/buf.h"
#include "store/process.h"

#include <stdbool.h>

typedef struct kal_server kal_server;

typedef struct kal_server_options {
    const kal_user *user;
    const char *programs;   /* the folder of `postgres` */
    const char *home;       /* the cluster's folder, absolute */
    const char *socket_dir; /* absolute */
    const char *log;        /* the file for what the server writes */
} kal_server_options;

/* Settles the settings; starts nothing. Everything is copied. */
kal_server *kal_server_new(const kal_server_options *options);
/* Frees; the process goes on. */
void kal_server_free(kal_server *server);
/* Takes over the server that runs on the cluster; false when there is none. */
bool kal_server_adopt(kal_server *server);
/* Starts the process; false with one line in error when it cannot. */
bool kal_server_spawn(kal_server *server, kal_buf *error);
/* The process lives (it may be starting still). */
bool kal_server_alive(kal_server *server);
/* It has told in its pid file that it starts, which recovery may make long. */
bool kal_server_is_starting(const kal_server *server);
/* Ends the process: a fast shutdown, after 20 s an immediate one. False when it goes on. */
bool kal_server_stop(kal_server *server);
/* Appends the last line of its log. */
void kal_server_last_words(const kal_server *server, kal_buf *out);

#endif
