#include "store/server.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGS 80
#define PROBE_MS 10000
#define FAST_MS 20000
#define IMMEDIATE_MS 5000
#define LOG_MOST (16 << 20)
#define MB (1 << 20)

struct kal_server {
    kal_user user;
    char *home, *log;
    char *argv[MAX_ARGS]; /* with a NULL behind the last */
    size_t n;
    pid_t pid; /* 0: none */
};

static void add(kal_server *server, const char *text)
{
    if (server->n + 1 == MAX_ARGS)
        abort();
    server->argv[server->n++] = kal_strdup(text);
}

static void set(kal_server *server, const char *name, const char *value)
{
    kal_buf pair = {0};
    kal_buf_printf(&pair, "%s=%s", name, value);
    add(server, "-c");
    add(server, pair.data);
    kal_buf_deinit(&pair);
}

/* The folder as a list of one, quoted as the server reads lists. */
static void set_socket_dir(kal_server *server, const char *dir)
{
    kal_buf quoted = {0};
    kal_buf_putc(&quoted, '"');
    for (const char *p = dir; *p; p++) {
        if (*p == '"')
            kal_buf_putc(&quoted, '"');
        kal_buf_putc(&quoted, *p);
    }
    kal_buf_putc(&quoted, '"');
    set(server, "unix_socket_directories", quoted.data);
    kal_buf_deinit(&quoted);
}

/* An eighth of the memory for the server's own cache, half for what it expects of the system's. */
static void set_memory(kal_server *server)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    long long mb = pages > 0 && page > 0 ? (long long)pages * page / MB : 2048;
    long long buffers = mb / 8 < 64 ? 64 : mb / 8 > 1024 ? 1024 : mb / 8;
    char text[32];
    snprintf(text, sizeof text, "%lldMB", buffers);
    set(server, "shared_buffers", text);
    snprintf(text, sizeof text, "%lldMB", mb / 2 < 128 ? 128 : mb / 2);
    set(server, "effective_cache_size", text);
}

static void set_fixed(kal_server *server)
{
    static const char *const settings[][2] = {
        {"listen_addresses", ""},
        {"port", "5432"}, /* names the socket */
        {"unix_socket_permissions", "0700"},
        {"max_connections", "200"},
        {"fsync", "on"},
        {"synchronous_commit", "on"},
        {"full_page_writes", "on"},
        /* Nothing is replicated from a private cluster, so its log need not serve that. */
        {"wal_level", "minimal"},
        {"max_wal_senders", "0"},
        {"max_wal_size", "4GB"},
        {"wal_buffers", "16MB"},
        {"checkpoint_timeout", "15min"},
        {"checkpoint_completion_target", "0.9"},
        {"random_page_cost", "1.1"},
        /* Short statements by the thousand: neither compiling nor helpers pay for them. */
        {"jit", "off"},
        {"max_parallel_workers_per_gather", "0"},
        {"autovacuum", "on"},
        {"autovacuum_naptime", "30s"},
        {"autovacuum_vacuum_cost_limit", "1000"},
        {"logging_collector", "off"},
        {"log_min_messages", "warning"},
        {"log_error_verbosity", "terse"}, /* details quote customers' data */
        {"log_line_prefix", "%m [%p] "},
        {"log_timezone", "UTC"},
        {"timezone", "UTC"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        set(server, settings[i][0], settings[i][1]);
}

/* lz4 where the server was built with it. */
static void set_compression(kal_server *server)
{
    kal_buf output = {0};
    char *argv[] = {server->argv[0],
                    (char[]){"-D"},
                    server->home,
                    (char[]){"-c"},
                    (char[]){"wal_compression=lz4"},
                    (char[]){"-C"},
                    (char[]){"wal_compression"},
                    NULL};
    bool lz4 = kal_process_run(&server->user, argv, PROBE_MS, &output);
    set(server, "wal_compression", lz4 ? "lz4" : "on");
    kal_buf_deinit(&output);
}

kal_server *kal_server_new(const kal_server_options *options)
{
    kal_server *server = kal_calloc(1, sizeof *server);
    kal_buf program = {0};

    server->user = *options->user;
    server->home = kal_strdup(options->home);
    server->log = kal_strdup(options->log);
    kal_buf_printf(&program, "%s/postgres", options->programs);
    add(server, program.data);
    add(server, "-D");
    add(server, options->home);
    set_fixed(server);
    set_memory(server);
    set_socket_dir(server, options->socket_dir);
    set_compression(server);
    kal_buf_deinit(&program);
    return server;
}

void kal_server_free(kal_server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->n; i++)
        kal_free(server->argv[i]);
    kal_free(server->home);
    kal_free(server->log);
    kal_free(server);
}

/* The pid file: the process id in its first line, the status in its eighth. */
static pid_t read_pid_file(const kal_server *server, char status[16])
{
    kal_buf path = {0};
    char line[1024];
    long pid = 0;

    status[0] = '\0';
    kal_buf_printf(&path, "%s/postmaster.pid", server->home);
    FILE *file = fopen(path.data, "re");
    for (int n = 1; file && n <= 8 && fgets(line, sizeof line, file); n++) {
        if (n == 1)
            pid = strtol(line, NULL, 10);
        if (n == 8)
            snprintf(status, 16, "%.15s", line);
    }
    if (file)
        fclose(file);
    kal_buf_deinit(&path);
    return (pid_t)pid;
}

bool kal_server_is_starting(const kal_server *server)
{
    char status[16];
    return read_pid_file(server, status) == server->pid && strncmp(status, "starting", 8) == 0;
}

/* A zombie works nowhere, so it is not taken for a living one either. */
static bool works_in(pid_t pid, const char *folder)
{
    char path[64], cwd[4096];
    snprintf(path, sizeof path, "/proc/%ld/cwd", (long)pid);
    ssize_t n = readlink(path, cwd, sizeof cwd);
    return n > 0 && (size_t)n == strlen(folder) && memcmp(cwd, folder, (size_t)n) == 0;
}

bool kal_server_adopt(kal_server *server)
{
    char status[16];
    pid_t pid = read_pid_file(server, status);
    if (pid <= 0 || !works_in(pid, server->home))
        return false;
    server->pid = pid;
    return true;
}

/* One file of history is enough. */
static int open_log(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size > LOG_MOST) {
        kal_buf old = {0};
        kal_buf_printf(&old, "%s.1", path);
        if (rename(path, old.data) != 0)
            kal_log(KAL_LOG_WARN, "postgres_log", "path", path, "error", strerror(errno), NULL);
        kal_buf_deinit(&old);
    }
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

bool kal_server_spawn(kal_server *server, kal_buf *error)
{
    int log = open_log(server->log);
    if (log < 0) {
        kal_buf_printf(error, "%s: %s", server->log, strerror(errno));
        return false;
    }
    pid_t pid = kal_process_spawn(&server->user, server->argv, log);
    if (pid < 0)
        kal_buf_printf(error, "PostgreSQL cannot be started: %s", strerror(errno));
    close(log);
    server->pid = pid > 0 ? pid : 0;
    return pid > 0;
}

bool kal_server_alive(kal_server *server)
{
    if (!server->pid)
        return false;
    /* A child of ours is asked first, for a dead one has to be reaped. */
    pid_t ended = waitpid(server->pid, NULL, WNOHANG);
    bool alive = ended < 0 ? works_in(server->pid, server->home) : ended == 0;
    if (!alive)
        server->pid = 0;
    return alive;
}

static bool wait_for_end(kal_server *server, int most_ms)
{
    for (int ms = 0; kal_server_alive(server); ms += 10) {
        if (ms >= most_ms)
            return false;
        usleep(10000);
    }
    return true;
}

bool kal_server_stop(kal_server *server)
{
    if (!kal_server_alive(server))
        return true;
    kill(server->pid, SIGINT);
    if (wait_for_end(server, FAST_MS))
        return true;
    kal_log(KAL_LOG_WARN, "postgres_stop_slow", NULL);
    kill(server->pid, SIGQUIT);
    if (wait_for_end(server, IMMEDIATE_MS))
        return true;
    kal_log(KAL_LOG_ERROR, "postgres_stop_failed", NULL);
    return false;
}

void kal_server_last_words(const kal_server *server, kal_buf *out)
{
    char text[2048];
    int fd = open(server->log, O_RDONLY | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof text ? size - (off_t)sizeof text : 0;
    ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof text, from);
    if (fd >= 0)
        close(fd);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    ssize_t begin = n;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    if (n > begin)
        kal_buf_add(out, text + begin, (size_t)(n - begin));
}
