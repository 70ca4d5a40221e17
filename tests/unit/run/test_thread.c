/* Threads talk by messages alone: one that is lost is a request without an answer, one that runs
 * twice is a mail sent twice. */
#include "run_test.h"

#include "run/thread.h"

#define MESSAGES 100000

typedef struct side {
    kal_thread *thread;
    struct side *other;
    uint32_t received; /* its own thread's */
    bool ordered, entered, left, here;
} side;

typedef struct note {
    kal_message super;
    side *to;
    uint32_t number;
} note;

static void receive(kal_message *message)
{
    note *n = (note *)message;
    side *to = n->to;
    to->ordered = to->ordered && n->number == to->received;
    to->here = to->here && kal_thread_self() == to->thread;
    if (++to->received == MESSAGES)
        kal_thread_quit(to->thread);
    kal_free(n);
}

static void post_numbers(kal_message *message)
{
    side *from = ((note *)message)->to;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        note *n = kal_calloc(1, sizeof *n);
        *n = (note){.super.run = receive, .to = from->other, .number = i};
        kal_thread_post(from->other->thread, &n->super);
    }
    kal_free(message);
}

static void enter(void *data)
{
    side *s = data;
    s->entered = true;
    s->here = kal_thread_self() == s->thread;
}

static void leave(void *data)
{
    side *s = data;
    s->left = true;
}

static side side_new(int index)
{
    side s = {.thread = kal_thread_new(index), .ordered = true};
    assert_int_equal(kal_thread_index(s.thread), index);
    assert_non_null(kal_thread_loop(s.thread));
    return s;
}

static void run(side *s)
{
    kal_thread_start(s->thread, enter, leave, s);
}

static void two_threads_post_to_each_other(void **state)
{
    (void)state;
    side sides[2] = {side_new(0), side_new(1)};
    for (int i = 0; i < 2; i++) {
        sides[i].other = &sides[1 - i];
        note *begin = kal_calloc(1, sizeof *begin);
        *begin = (note){.super.run = post_numbers, .to = &sides[i]};
        kal_thread_post(sides[i].thread, &begin->super); /* before it runs: kept for it */
    }
    for (int i = 0; i < 2; i++)
        run(&sides[i]);
    for (int i = 0; i < 2; i++)
        kal_thread_join(sides[i].thread);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sides[i].received, MESSAGES);
        assert_true(sides[i].ordered && sides[i].here && sides[i].entered && sides[i].left);
        kal_thread_free(sides[i].thread);
    }
    assert_null(kal_thread_self());
}

static void quit_in_enter(void *data)
{
    enter(data);
    kal_thread_quit(((side *)data)->thread);
}

static void a_thread_that_quits_at_once_is_joined(void **state)
{
    (void)state;
    side s = side_new(3);
    kal_thread_start(s.thread, quit_in_enter, leave, &s);
    kal_thread_join(s.thread);
    assert_true(s.entered && s.left);
    kal_thread_free(s.thread);
    kal_thread_free(NULL);
}

static void note_place(kal_message *message)
{
    note *n = (note *)message;
    n->to->received++;
    n->to->here = kal_thread_self() == n->to->thread && !n->to->left;
    kal_free(n);
}

static void post_and_quit(kal_message *message)
{
    note *n = (note *)message;
    note *late = kal_calloc(1, sizeof *late);
    *late = (note){.super.run = note_place, .to = n->to};
    kal_thread_post(n->to->thread, &late->super);
    kal_thread_quit(n->to->thread);
    kal_free(n);
}

/* An answer that is in the mailbox when the engine stops still reaches who waits for it. */
static void what_is_in_the_mailbox_at_quit_runs_on_the_thread(void **state)
{
    (void)state;
    side s = side_new(4);
    note *first = kal_calloc(1, sizeof *first);
    *first = (note){.super.run = post_and_quit, .to = &s};
    kal_thread_post(s.thread, &first->super);
    run(&s);
    kal_thread_join(s.thread);
    uint32_t received = s.received;
    kal_thread_free(s.thread);
    assert_int_equal(received, 1);
    assert_true(s.here);
}

/* What comes too late is not leaked: whoever frees the thread runs it. */
static void a_message_after_the_end_runs_once(void **state)
{
    (void)state;
    side s = side_new(5);
    kal_thread_start(s.thread, quit_in_enter, leave, &s);
    kal_thread_join(s.thread);
    note *late = kal_calloc(1, sizeof *late);
    *late = (note){.super.run = note_place, .to = &s};
    kal_thread_post(s.thread, &late->super);
    kal_thread_free(s.thread);
    assert_int_equal(s.received, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_post_to_each_other),
        cmocka_unit_test(a_thread_that_quits_at_once_is_joined),
        cmocka_unit_test(what_is_in_the_mailbox_at_quit_runs_on_the_thread),
        cmocka_unit_test(a_message_after_the_end_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
