#include "store/initdb.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION_LEAST 15
#define INITDB_MS 120000
#define VERSION_MS 10000

/* The version that made the cluster; 0 when there is no cluster. */
static int version_of_cluster(const char *home)
{
    kal_buf path = {0};
    int version = 0;
    kal_buf_printf(&path, "%s/PG_VERSION", home);
    FILE *file = fopen(path.data, "re");
    if (file && fscanf(file, "%d", &version) != 1)
        version = 0;
    if (file)
        fclose(file);
    kal_buf_deinit(&path);
    return version;
}

/* The version of the programs in a folder; 0 when they are not there. */
static int version_of_programs(const kal_user *user, const char *folder)
{
    kal_buf initdb = {0}, postgres = {0}, output = {0};
    int version = 0;
    kal_buf_printf(&initdb, "%s/initdb", folder);
    kal_buf_printf(&postgres, "%s/postgres", folder);
    char *argv[] = {postgres.data, (char[]){"-V"}, NULL};
    if (access(initdb.data, X_OK) == 0 && access(postgres.data, X_OK) == 0 &&
        kal_process_run(user, argv, VERSION_MS, &output) && output.data &&
        sscanf(output.data, "postgres (PostgreSQL) %d", &version) != 1)
        version = 0;
    kal_buf_deinit(&initdb);
    kal_buf_deinit(&postgres);
    kal_buf_deinit(&output);
    return version;
}

/* Keeps the folder when its version is the wanted one, or the newest so far. */
static void consider(const kal_user *user, const char *folder, int wanted, char **best,
                     int *version)
{
    int v = version_of_programs(user, folder);
    if (wanted ? v != wanted || *version == wanted : v < VERSION_LEAST || v <= *version)
        return;
    kal_free(*best);
    *best = kal_strdup(folder);
    *version = v;
}

static void consider_path(const kal_user *user, int wanted, char **best, int *version)
{
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        char *folder = kal_strndup(path, n);
        if (folder[0] == '/')
            consider(user, folder, wanted, best, version);
        kal_free(folder);
        path += n + (path[n] == ':');
    }
}

char *kal_initdb_programs(const kal_user *user, const char *home, kal_buf *error)
{
    static const char *const patterns[] = {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"};
    int wanted = version_of_cluster(home), version = 0;
    char *best = NULL;

    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        glob_t found = {0};
        if (glob(patterns[p], 0, NULL, &found) == 0)
            for (size_t i = 0; i < found.gl_pathc; i++)
                consider(user, found.gl_pathv[i], wanted, &best, &version);
        globfree(&found);
    }
    consider_path(user, wanted, &best, &version);
    if (!best && wanted)
        kal_buf_printf(error, "%s was made by PostgreSQL %d, which is not installed", home, wanted);
    else if (!best)
        kal_buf_printf(error, "PostgreSQL %d or newer is not installed", VERSION_LEAST);
    return best;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *locale_name(void)
{
    locale_t locale = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    if (!locale)
        return "C";
    freelocale(locale);
    return "C.UTF-8";
}

/* The last line that initdb wrote. */
static void explain(const kal_buf *output, const char *home, kal_buf *error)
{
    const char *text = output->data ? output->data : "";
    size_t end = output->len;
    while (end && text[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin && text[begin - 1] != '\n')
        begin--;
    kal_buf_puts(error, "initdb failed: ");
    /* What it reports comes before it tells what it cleans up. */
    const char *first = strstr(text, "error: ");
    if (first)
        kal_buf_add(error, first + 7, strcspn(first + 7, "\n"));
    else
        kal_buf_add(error, text + begin, end - begin);
    if (strstr(text, "Permission denied"))
        kal_buf_printf(error, " (PostgreSQL's user must be able to enter all folders above %s)",
                       home);
}

static bool run_initdb(const kal_user *user, const char *programs, const char *folder,
                       kal_buf *error)
{
    kal_buf initdb = {0}, data = {0}, locale = {0}, output = {0};
    kal_buf_printf(&initdb, "%s/initdb", programs);
    kal_buf_printf(&data, "--pgdata=%s", folder);
    kal_buf_printf(&locale, "--locale=%s", locale_name());
    char *argv[] = {initdb.data,
                    data.data,
                    locale.data,
                    (char[]){"--encoding=UTF8"},
                    (char[]){"--auth=trust"}, /* the socket's folder is the guard */
                    (char[]){"--username=" KAL_CLUSTER_USER},
                    (char[]){"--no-instructions"},
                    NULL};
    bool made = kal_process_run(user, argv, INITDB_MS, &output);
    if (!made)
        explain(&output, folder, error);
    kal_buf_deinit(&initdb);
    kal_buf_deinit(&data);
    kal_buf_deinit(&locale);
    kal_buf_deinit(&output);
    return made;
}

/* Gives the finished folder its name, for good: the name is on the disk when this returns. */
static bool publish(const char *folder, const char *home, kal_buf *error)
{
    char *parent = kal_strndup(home, (size_t)(strrchr(home, '/') - home));
    int fd = -1;
    bool done = rename(folder, home) == 0 &&
                (fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 && fsync(fd) == 0;
    if (!done)
        kal_buf_printf(error, "%s: %s", home, strerror(errno));
    if (fd >= 0)
        close(fd);
    kal_free(parent);
    return done;
}

bool kal_initdb(const kal_user *user, const char *programs, const char *home, kal_buf *error)
{
    kal_buf folder = {0};
    bool made = false;
    if (version_of_cluster(home))
        return true;
    kal_buf_printf(&folder, "%s.new", home);
    remove_tree(folder.data); /* an initdb that was killed */
    if (mkdir(folder.data, 0700) != 0 ||
        (user->change && chown(folder.data, user->uid, user->gid) != 0))
        kal_buf_printf(error, "%s: %s", folder.data, strerror(errno));
    else
        made = run_initdb(user, programs, folder.data, error) && publish(folder.data, home, error);
    if (!made)
        remove_tree(folder.data);
    kal_buf_deinit(&folder);
    return made;
}
