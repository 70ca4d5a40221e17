/* An engine that stops answers what is still on its way: a request without an answer holds its
 * connection, and a work that meets a shard which is no more takes the process along. */
#include "run_test.h"

#include "run/engine.h"
#include "run/thread.h"
#include "store/cluster_fixture.h"

#include <sched.h>

#define THREADS 2

typedef struct stop {
    uv_sem_t gone; /* thread 1 has no callers any more */
    int answered;
    bool here; /* each on the thread that asked */
} stop;

static void done(kal_work *work)
{
    stop *s = work->data;
    const kal_thread *self = kal_thread_self();
    s->answered += work->err == KAL_ERR_UNAVAILABLE;
    s->here = s->here && self && kal_thread_index(self) == 0;
    kal_work_free(work);
}

static kal_work *work_of(stop *s, uint64_t customer_key)
{
    kal_work *work = kal_work_new(KAL_WORK_EVENT);
    work->customer_key = customer_key;
    work->done = done;
    work->data = s;
    return work;
}

/* Thread 0 asks for a shard of its own and one of the other thread's, which is on its way out. */
static void on_thread_stop(kal_engine *engine, int thread, void *data)
{
    stop *s = data;
    if (thread == 1) {
        uv_sem_post(&s->gone);
        return;
    }
    uv_sem_wait(&s->gone);
    kal_work *works = work_of(s, 0);
    works->next = work_of(s, 1);
    kal_engine_submit(engine, works);
}

static void what_is_on_its_way_at_the_end_is_answered(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_buf error = {0};
    stop s = {.here = true};
    kal_config *config = kal_config_load(NULL, &error);
    kal_clock *clock = kal_clock_new_virtual(INT64_C(1790000000000));
    kal_engine_options options = {.config = config,
                                  .conninfo = kal_cluster_conninfo(f->cluster),
                                  .data_dir = f->dir,
                                  .home = kal_config_text(config, "KALCIFER_HOME"),
                                  .clock = clock,
                                  .node = {.b = {1}},
                                  .threads = THREADS,
                                  .on_thread_stop = on_thread_stop,
                                  .data = &s};
    uv_sem_init(&s.gone, 0);
    kal_engine *engine = kal_engine_start(&options, &error);
    assert_non_null(engine);
    while (!kal_engine_is_active(engine))
        sched_yield();
    assert_true(kal_engine_stop(engine));
    assert_int_equal(s.answered, 2);
    assert_true(s.here);
    uv_sem_destroy(&s.gone);
    kal_clock_free(clock);
    kal_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_on_its_way_at_the_end_is_answered),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
