#include "api/dirs.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* mkdir -p. Parents may be entered by others, the data directory too: PostgreSQL's own user has to
 * pass it. */
static bool make(char *path)
{
    for (char *at = path + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            int rc = mkdir(path, 0755);
            *at = '/';
            if (rc < 0 && errno != EEXIST)
                return false;
        }
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

char *kal_dirs_data(const kal_config *config, kal_buf *error)
{
    const char *given = kal_config_text(config, "KALCIFER_DATA_DIR");
    char path[PATH_MAX];

    if (!*given)
        given = geteuid() == 0 ? "/var/lib/kalcifer" : "./var";
    snprintf(path, sizeof(path), "%s", given);
    char *real = make(path) ? realpath(path, NULL) : NULL;
    if (!real) {
        kal_buf_printf(error, "cannot make the data directory %s: %s", given, strerror(errno));
        return NULL;
    }
    char *copy = kal_strdup(real);
    free(real);
    return copy;
}

static bool is_home(const char *dir)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof(path), "%s/lua/kal", dir) < (int)sizeof(path) &&
           access(path, R_OK) == 0 &&
           snprintf(path, sizeof(path), "%s/nodes", dir) < (int)sizeof(path) &&
           access(path, R_OK) == 0;
}

char *kal_dirs_home(const kal_config *config, kal_buf *error)
{
    const char *given = kal_config_text(config, "KALCIFER_HOME");
    char dir[PATH_MAX], share[PATH_MAX + 32];

    if (*given) {
        if (is_home(given))
            return kal_strdup(given);
        kal_buf_printf(error, "KALCIFER_HOME: %s has no lua/kal and nodes", given);
        return NULL;
    }
    ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    dir[n > 0 ? n : 0] = '\0';
    for (char *slash; (slash = strrchr(dir, '/'));) {
        *slash = '\0';
        snprintf(share, sizeof(share), "%s/share/kalcifer", dir);
        if (is_home(*dir ? dir : "/"))
            return kal_strdup(*dir ? dir : "/");
        if (is_home(share))
            return kal_strdup(share);
    }
    kal_buf_puts(error,
                 "no lua/kal and nodes beside the program: set KALCIFER_HOME to where they lie");
    return NULL;
}

int kal_dirs_lock(const char *data_dir, kal_buf *error)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/lock", data_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    if (fd >= 0 && errno == EWOULDBLOCK)
        kal_buf_printf(error, "another kalcifer uses the data directory %s", data_dir);
    else
        kal_buf_printf(error, "cannot lock %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool read_node(const char *path, kal_uuid *node)
{
    char text[KAL_UUID_TEXT];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;

    if (fd >= 0)
        close(fd);
    return n == (ssize_t)sizeof(text) && kal_uuid_parse((kal_str){text, sizeof(text)}, node);
}

bool kal_dirs_node(const char *data_dir, kal_uuid *node, kal_buf *error)
{
    char path[PATH_MAX], temporary[PATH_MAX], text[KAL_UUID_TEXT + 1];

    snprintf(path, sizeof(path), "%s/node", data_dir);
    snprintf(temporary, sizeof(temporary), "%s/node.new", data_dir);
    if (read_node(path, node))
        return true;
    *node = kal_uuid_new(kal_clock_real_ms());
    kal_uuid_format(*node, text);
    text[KAL_UUID_TEXT] = '\n';
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text) && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (ok && rename(temporary, path) == 0)
        return true;
    kal_buf_printf(error, "cannot write %s: %s", path, strerror(errno));
    return false;
}
