#include "lua/host/jail.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NOBODY 65534
#define NICE 10

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static bool limit(int resource, rlim_t most)
{
    const struct rlimit both = {most, most};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

static bool keep_only(int pipe)
{
    if (pipe != KAL_JAIL_PIPE && dup2(pipe, KAL_JAIL_PIPE) < 0)
        return false;
    return close_range(0, KAL_JAIL_PIPE - 1, 0) == 0 && close_range(KAL_JAIL_PIPE + 1, ~0U, 0) == 0;
}

/* Code of tenants runs when nothing of the engine's or the database's wants the core. */
static bool step_back(void)
{
    return setpriority(PRIO_PROCESS, 0, NICE) == 0;
}

static bool become_nobody(void)
{
    if (geteuid() != 0)
        return true;
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* Grown and kept: from here on malloc finds its memory on the heap or nowhere. */
static bool grow_heap(size_t memory)
{
    if (SANITIZED)
        return true;
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, -1);
    mallopt(M_ARENA_MAX, 1);
    void *all = malloc(memory + KAL_JAIL_ROOM);
    free(all);
    return all != NULL;
}

bool kal_jail_enter(int pipe, size_t memory)
{
    return keep_only(pipe) && step_back() && become_nobody() &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) &&
           limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_MEMLOCK, 0) &&
           limit(RLIMIT_NOFILE, 0) && grow_heap(memory);
}

static bool allow(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
}

static bool allow_on_pipe(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, KAL_JAIL_PIPE)) ==
           0;
}

static bool deny_memory(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(mremap)};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOMEM), calls[i], 0) != 0)
            return false;
    return true;
}

static bool allow_little(scmp_filter_ctx filter)
{
    return allow_on_pipe(filter, SCMP_SYS(read)) && allow_on_pipe(filter, SCMP_SYS(write)) &&
           allow(filter, SCMP_SYS(exit_group)) && allow(filter, SCMP_SYS(clock_gettime)) &&
           deny_memory(filter);
}

/* What leads out of the process, and what a sanitizer has no use for. */
static bool kill_most(scmp_filter_ctx filter)
{
    static const int calls[] = {
        SCMP_SYS(socket),
        SCMP_SYS(connect),
        SCMP_SYS(accept),
        SCMP_SYS(bind),
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
        SCMP_SYS(fork),
        SCMP_SYS(vfork),
        SCMP_SYS(clone),
        SCMP_SYS(clone3),
        SCMP_SYS(kill),
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(getppid),
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0) != 0)
            return false;
    return true;
}

bool kal_jail_close(void)
{
    scmp_filter_ctx filter = seccomp_init(SANITIZED ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
    if (!filter)
        return false;
    bool ok = (SANITIZED ? kill_most(filter) : allow_little(filter)) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}
