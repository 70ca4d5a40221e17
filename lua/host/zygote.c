#include "lua/host/zygote.h"

#include "base/alloc.h"
#include "lua/host/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK "--cells" /* argv[1] of a zygote: then its channels' count and the home */
#define FIRST_CHANNEL 3
#define CHANNELS_MOST 256

struct kal_zygote {
    pid_t pid;
    int count;
    int channels[];
};

typedef struct request {
    uint64_t memory;
} request;

typedef struct answer {
    int32_t pid; /* 0: it could not be made */
} answer;

/* ---- the engine's side ---- */

static void close_channels(kal_zygote *zygote)
{
    for (int i = 0; i < zygote->count; i++)
        close(zygote->channels[i]);
}

/* In the new process, between fork and exec: the peers become 3, 4, …; all else closes. */
static _Noreturn void become(const int *peers, int count, const char *home)
{
    char number[16];
    char *const arguments[] = {"kalcifer", MARK, number, (char *)(uintptr_t)home, NULL};
    char *const environment[] = {NULL};
    int high[CHANNELS_MOST];
    snprintf(number, sizeof number, "%d", count);
    for (int i = 0; i < count; i++)
        if ((high[i] = fcntl(peers[i], F_DUPFD, FIRST_CHANNEL + CHANNELS_MOST)) < 0)
            _exit(127);
    for (int i = 0; i < count; i++)
        if (dup2(high[i], FIRST_CHANNEL + i) < 0)
            _exit(127);
    close_range((unsigned)(FIRST_CHANNEL + count), ~0U, 0);
    execve("/proc/self/exe", arguments, environment);
    _exit(127);
}

kal_zygote *kal_zygote_start(const char *home, int channels, kal_buf *error)
{
    int count = channels < CHANNELS_MOST ? channels : CHANNELS_MOST;
    int peers[CHANNELS_MOST] = {0};
    kal_zygote *zygote = kal_calloc(1, sizeof *zygote + (size_t)count * sizeof *zygote->channels);
    for (; zygote->count < count; zygote->count++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
            break;
        zygote->channels[zygote->count] = pair[0];
        peers[zygote->count] = pair[1];
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
    }
    zygote->pid = zygote->count == count ? fork() : -1;
    if (zygote->pid == 0)
        become(peers, count, home);
    int why = errno;
    for (int i = 0; i < zygote->count; i++)
        close(peers[i]);
    if (zygote->pid > 0)
        return zygote;
    kal_buf_printf(error, "the process for tenants' code cannot be started: %s", strerror(why));
    close_channels(zygote);
    kal_free(zygote);
    return NULL;
}

void kal_zygote_stop(kal_zygote *zygote)
{
    int status;
    if (!zygote)
        return;
    close_channels(zygote);
    while (waitpid(zygote->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    kal_free(zygote);
}

int kal_zygote_channel(const kal_zygote *zygote, int index)
{
    return zygote->channels[index % zygote->count];
}

bool kal_zygote_ask(int channel, size_t memory)
{
    const request r = {memory};
    return send(channel, &r, sizeof r, MSG_NOSIGNAL) == (ssize_t)sizeof r;
}

typedef union control {
    struct cmsghdr head;
    char space[CMSG_SPACE(2 * sizeof(int))];
} control;

int kal_zygote_take(int channel, kal_spawned *out)
{
    answer a = {0};
    control c;
    struct iovec data = {&a, sizeof a};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};
    ssize_t n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != (ssize_t)sizeof a)
        return -2;
    const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (!a.pid || !head || head->cmsg_len != CMSG_LEN(2 * sizeof(int)))
        return -1;
    int fds[2];
    memcpy(fds, CMSG_DATA(head), sizeof fds);
    *out = (kal_spawned){.pid = a.pid, .pidfd = fds[0], .pipe = fds[1]};
    fcntl(out->pipe, F_SETFL, O_NONBLOCK);
    return 1;
}

/* ---- the zygote's own ---- */

static void send_answer(int channel, int32_t pid, int pidfd, int pipe)
{
    answer a = {pid};
    int fds[2] = {pidfd, pipe};
    control c = {.head = {.cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS,
                          .cmsg_len = CMSG_LEN(sizeof fds)}};
    struct iovec data = {&a, sizeof a};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (pid) {
        memcpy(CMSG_DATA(&c.head), fds, sizeof fds);
        message.msg_control = &c;
        message.msg_controllen = sizeof c.space;
    }
    (void)sendmsg(channel, &message, MSG_NOSIGNAL); /* a channel that is closed is seen by poll */
}

static void make_worker(int channel, kal_str sandbox, size_t memory)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) {
        send_answer(channel, 0, -1, -1);
        return;
    }
    pid_t pid = fork();
    if (pid == 0)
        kal_worker_main(pair[1], sandbox, memory);
    int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    send_answer(channel, pidfd >= 0 ? pid : 0, pidfd, pair[0]);
    if (pidfd >= 0)
        close(pidfd);
    close(pair[0]);
    close(pair[1]);
}

/* False when the channel is closed. */
static bool serve(int channel, kal_str sandbox)
{
    request r;
    ssize_t n = recv(channel, &r, sizeof r, MSG_DONTWAIT);
    if (n == (ssize_t)sizeof r)
        make_worker(channel, sandbox, (size_t)r.memory);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool read_sandbox(const char *home, kal_buf *text)
{
    kal_buf path = {0};
    kal_buf_printf(&path, "%s/lua/kal/sandbox.lua", home);
    FILE *file = fopen(path.data, "re");
    kal_buf_deinit(&path);
    if (!file)
        return false;
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        kal_buf_add(text, piece, n);
    bool ok = !ferror(file) && text->len;
    fclose(file);
    return ok;
}

bool kal_zygote_is_one(int argc, char *const *argv)
{
    return argc == 4 && strcmp(argv[1], MARK) == 0;
}

int kal_zygote_main(int argc, char *const *argv)
{
    kal_buf text = {0};
    struct pollfd polls[CHANNELS_MOST];
    int count = atoi(argv[2]);
    int open = count;
    (void)argc;
    if (count < 1 || count > CHANNELS_MOST || !read_sandbox(argv[3], &text))
        return 1;
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    signal(SIGCHLD, SIG_IGN); /* the kernel reaps */
    for (int i = 0; i < count; i++)
        polls[i] = (struct pollfd){.fd = FIRST_CHANNEL + i, .events = POLLIN};
    while (open) {
        if (poll(polls, (nfds_t)count, -1) < 0 && errno != EINTR)
            break;
        for (int i = 0; i < count; i++) {
            if (polls[i].fd < 0 || !polls[i].revents)
                continue;
            if (serve(polls[i].fd, (kal_str){text.data, text.len}))
                continue;
            close(polls[i].fd);
            polls[i].fd = -1; /* poll skips it */
            open--;
        }
    }
    kal_buf_deinit(&text);
    kill(0, SIGKILL); /* the workers, who are of this group, and itself */
    return 0;
}
