#include "store/process.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool user_of(const struct passwd *entry, kal_user *user)
{
    if (!entry || entry->pw_uid == 0)
        return false;
    user->change = true;
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    user->n_groups = KAL_USER_GROUPS;
    if (getgrouplist(entry->pw_name, entry->pw_gid, user->groups, &user->n_groups) < 0)
        user->n_groups = KAL_USER_GROUPS; /* more than fit: the first ones */
    return true;
}

bool kal_user_find(const char *home, kal_user *user)
{
    struct stat st;
    *user = (kal_user){.uid = geteuid(), .gid = getegid()};
    if (user->uid != 0)
        return true;
    if (stat(home, &st) == 0 && user_of(getpwuid(st.st_uid), user))
        return true;
    return user_of(getpwnam("postgres"), user) || user_of(getpwnam("nobody"), user);
}

static void default_signals(void)
{
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool become(const kal_user *user)
{
    return !user->change || (setgroups((size_t)user->n_groups, user->groups) == 0 &&
                             setgid(user->gid) == 0 && setuid(user->uid) == 0);
}

/* The child's side of the fork: calls that are safe between fork and exec only. */
static _Noreturn void run_child(const kal_user *user, char *const argv[], int out)
{
    static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8",
                                        NULL};
    static const char failed[] = "the program cannot be run as its user\n";
    int null = open("/dev/null", O_RDWR);

    setsid();
    default_signals();
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    umask(077);
    if (chdir("/") == 0 && become(user))
        execve(argv[0], argv, environment);
    if (write(STDERR_FILENO, failed, sizeof failed - 1) < 0)
        _exit(126);
    _exit(127);
}

pid_t kal_process_spawn(const kal_user *user, char *const argv[], int out)
{
    sigset_t all, before;
    /* The engine's signal handlers must not run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        run_child(user, argv, out);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

/* Reads until the other side closes; false at the deadline. */
static bool drain(int fd, int timeout_ms, kal_buf *output)
{
    uint64_t end = kal_clock_mono_ns() + (uint64_t)timeout_ms * 1000000;
    for (;;) {
        uint64_t now = kal_clock_mono_ns();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = now < end ? poll(&p, 1, (int)((end - now) / 1000000) + 1) : 0;
        if (n == 0)
            return false;
        if (n < 0 && errno != EINTR)
            return false;
        if (n < 0)
            continue;
        char bytes[4096];
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got <= 0)
            return got == 0;
        kal_buf_add(output, bytes, (size_t)got);
    }
}

bool kal_process_run(const kal_user *user, char *const argv[], int timeout_ms, kal_buf *output)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    pid_t pid = kal_process_spawn(user, argv, ends[1]);
    close(ends[1]);
    bool ended = pid > 0 && drain(ends[0], timeout_ms, output);
    close(ends[0]);
    if (pid <= 0)
        return false;
    if (!ended)
        kill(-pid, SIGKILL); /* its session's group */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
