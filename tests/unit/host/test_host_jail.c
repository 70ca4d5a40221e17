/* What escapes from Lua finds a process that can do nothing: one call that is not on the list, and
 * it is gone. */
#include "lua/host/jail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void ask_for_parent(void)
{
    (void)getppid();
}

static void open_a_socket(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
}

static void run_a_program(void)
{
    char *const none[] = {NULL};
    (void)execve("/bin/true", none, none);
}

static void make_a_process(void)
{
    (void)fork();
}

static void write_and_end(void)
{
    if (write(KAL_JAIL_PIPE, "x", 1) == 1)
        _exit(7);
}

static void look_around(void)
{
    for (int fd = 0; fd < 100; fd++)
        if (fd != KAL_JAIL_PIPE && fcntl(fd, F_GETFD) >= 0)
            _exit(8);
    _exit(geteuid() == 0 ? 9 : 7);
}

/* The status of a child that goes through both halves and does it between or after them. */
static int status_of(void (*before)(void), void (*after)(void))
{
    int pair[2], status;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!kal_jail_enter(pair[1], 1 << 20))
            _exit(1);
        if (before)
            before();
        if (!kal_jail_close())
            _exit(2);
        after();
        _exit(3);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(pair[0]);
    close(pair[1]);
    return status;
}

static void assert_killed(void (*work)(void))
{
    int status = status_of(NULL, work);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void a_call_that_is_not_on_the_list_kills(void **state)
{
    (void)state;
    assert_killed(ask_for_parent);
    assert_killed(open_a_socket);
    assert_killed(run_a_program);
    assert_killed(make_a_process);
}

static void the_pipe_and_the_end_are_left(void **state)
{
    (void)state;
    int status = status_of(NULL, write_and_end);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void nothing_else_is_open_and_nobody_is_root(void **state)
{
    (void)state;
    int status = status_of(look_around, write_and_end);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_is_not_on_the_list_kills),
        cmocka_unit_test(the_pipe_and_the_end_are_left),
        cmocka_unit_test(nothing_else_is_open_and_nobody_is_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
