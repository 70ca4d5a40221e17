#include "api/system.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_ENOUGH 1048576
#define THREADS_MOST 64

bool kal_system_become(const char *user, const char *data_dir, kal_buf *error)
{
    if (!user)
        return true;
    const struct passwd *pw = getpwnam(user);
    if (!pw) {
        kal_buf_printf(error, "--user: there is no user %s", user);
        return false;
    }
    if (geteuid() == pw->pw_uid)
        return true;
    if (geteuid() != 0) {
        kal_buf_puts(error, "--user works when started by root only");
        return false;
    }
    if (chown(data_dir, pw->pw_uid, pw->pw_gid) < 0 || initgroups(user, pw->pw_gid) < 0 ||
        setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0) {
        kal_buf_printf(error, "cannot become %s: %s", user, strerror(errno));
        return false;
    }
    return true;
}

void kal_system_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_ENOUGH ? limit.rlim_max : FILES_ENOUGH;
    setrlimit(RLIMIT_NOFILE, &limit);
}

long kal_system_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    return limit.rlim_max < FILES_ENOUGH ? (long)limit.rlim_max : FILES_ENOUGH;
}

int kal_system_threads(const kal_config *config)
{
    long threads = (long)kal_config_int(config, "THREADS");

    if (threads == 0)
        threads = sysconf(_SC_NPROCESSORS_ONLN);
    return threads < 1 ? 1 : threads > THREADS_MOST ? THREADS_MOST : (int)threads;
}
