/* A tenant with a storm of work must not keep its neighbours waiting, and nobody's works may change
 * their order or get lost. */
#include "run_test.h"

#include "run/queue.h"

#define TENANTS 5
#define MOST 4000

static kal_uuid tenant_of(unsigned number)
{
    return (kal_uuid){.b = {(uint8_t)(number + 1)}};
}

static kal_work *work_of(unsigned tenant, uint32_t number)
{
    kal_work *work = kal_work_new(KAL_WORK_EVENT);
    work->tenant = tenant_of(tenant);
    work->seq = number;
    return work;
}

static void assert_popped(kal_queue *queue, kal_class class, unsigned tenant, uint32_t number)
{
    kal_work *work = kal_queue_pop(queue, class);
    assert_non_null(work);
    assert_true(kal_uuid_eq(work->tenant, tenant_of(tenant)));
    assert_int_equal(work->seq, number);
    assert_null(work->next);
    kal_work_free(work);
}

/* The naive model: each tenant's works in an array, and the tenants in the order of their turn. */
typedef struct model {
    uint32_t works[TENANTS][MOST];
    size_t first[TENANTS], last[TENANTS]; /* works[first .. last) */
    unsigned turn[TENANTS];
    size_t waiting;
} model;

static void model_push(model *m, unsigned tenant, uint32_t number, bool ahead)
{
    if (m->first[tenant] == m->last[tenant]) {
        m->first[tenant] = m->last[tenant] = MOST / 2;
        m->turn[m->waiting++] = tenant;
    }
    if (ahead)
        m->works[tenant][--m->first[tenant]] = number;
    else
        m->works[tenant][m->last[tenant]++] = number;
}

static unsigned model_pop(model *m, uint32_t *number)
{
    unsigned tenant = m->turn[0];
    *number = m->works[tenant][m->first[tenant]++];
    memmove(m->turn, m->turn + 1, --m->waiting * sizeof *m->turn);
    if (m->first[tenant] < m->last[tenant])
        m->turn[m->waiting++] = tenant;
    return tenant;
}

static void random_works_come_out_as_in_the_model(void **state)
{
    (void)state;
    static model models[KAL_CLASS_COUNT];
    memset(models, 0, sizeof models);
    size_t counts[KAL_CLASS_COUNT] = {0};
    kal_queue *queue = kal_queue_new();
    srand(7);
    for (uint32_t i = 0; i < 20000; i++) {
        kal_class class = (kal_class)(rand() % KAL_CLASS_COUNT);
        unsigned tenant = (unsigned)(rand() % TENANTS);
        uint32_t number;
        if (rand() % 100 < 52) {
            bool ahead = rand() % 8 == 0;
            (ahead ? kal_queue_push_first : kal_queue_push)(queue, class, work_of(tenant, i));
            model_push(&models[class], tenant, i, ahead);
            counts[class]++;
        } else if (counts[class]) {
            tenant = model_pop(&models[class], &number);
            assert_popped(queue, class, tenant, number);
            counts[class]--;
        } else {
            assert_null(kal_queue_pop(queue, class));
        }
        assert_int_equal(kal_queue_count(queue, class), counts[class]);
    }
    kal_queue_free(queue); /* with the works that are left */
}

static void a_storm_lets_a_neighbour_through_after_one_work(void **state)
{
    (void)state;
    kal_queue *queue = kal_queue_new();
    for (uint32_t i = 0; i < 1000; i++)
        kal_queue_push(queue, KAL_CLASS_TIMER, work_of(0, i));
    kal_queue_push(queue, KAL_CLASS_TIMER, work_of(1, 5000));
    kal_queue_push(queue, KAL_CLASS_TIMER, work_of(2, 6000));
    assert_popped(queue, KAL_CLASS_TIMER, 0, 0);
    assert_popped(queue, KAL_CLASS_TIMER, 1, 5000);
    assert_popped(queue, KAL_CLASS_TIMER, 2, 6000);
    assert_popped(queue, KAL_CLASS_TIMER, 0, 1);
    kal_queue_free(queue);
}

static void classes_do_not_touch_each_other(void **state)
{
    (void)state;
    kal_queue *queue = kal_queue_new();
    kal_queue_push(queue, KAL_CLASS_BULK, work_of(0, 1));
    kal_queue_push(queue, KAL_CLASS_EVENT, work_of(0, 2));
    assert_null(kal_queue_pop(queue, KAL_CLASS_TIMER));
    assert_int_equal(kal_queue_count(queue, KAL_CLASS_BULK), 1);
    assert_popped(queue, KAL_CLASS_EVENT, 0, 2);
    assert_null(kal_queue_pop(queue, KAL_CLASS_EVENT));
    assert_popped(queue, KAL_CLASS_BULK, 0, 1);
    kal_queue_free(queue);
}

/* A work that was put back must not fall behind what came after it. */
static void what_is_put_back_comes_first(void **state)
{
    (void)state;
    kal_queue *queue = kal_queue_new();
    kal_queue_push_first(queue, KAL_CLASS_EVENT, work_of(0, 2)); /* into an empty lane */
    kal_queue_push(queue, KAL_CLASS_EVENT, work_of(0, 3));
    kal_queue_push_first(queue, KAL_CLASS_EVENT, work_of(0, 1));
    for (uint32_t i = 1; i <= 3; i++)
        assert_popped(queue, KAL_CLASS_EVENT, 0, i);
    kal_queue_push(queue, KAL_CLASS_EVENT, work_of(0, 4));
    assert_popped(queue, KAL_CLASS_EVENT, 0, 4);
    kal_queue_free(queue);
}

/* ---- bounds ---- */

static void assert_full_at(size_t works, size_t size)
{
    kal_queue *queue = kal_queue_new();
    for (size_t i = 0; i < works; i++) {
        assert_false(kal_queue_is_full(queue));
        kal_work *work = work_of((unsigned)i % TENANTS, (uint32_t)i);
        work->size = size;
        kal_queue_push(queue, KAL_CLASS_EVENT, work);
    }
    assert_true(kal_queue_is_full(queue));
    kal_work *work = kal_queue_pop(queue, KAL_CLASS_EVENT);
    assert_false(kal_queue_is_full(queue));
    kal_queue_push_first(queue, KAL_CLASS_EVENT, work);
    assert_true(kal_queue_is_full(queue));
    kal_queue_free(queue);
}

/* More than it can answer in time must not take the process's memory. */
static void a_queue_is_full_of_works_or_of_bytes(void **state)
{
    (void)state;
    assert_full_at(65536, 0);
    assert_full_at(65536, 1024);
    assert_full_at(64, 1 << 20);
}

/* A storm of timers shuts no caller out. */
static void only_callers_works_fill_it(void **state)
{
    (void)state;
    kal_queue *queue = kal_queue_new();
    kal_work *work = work_of(0, 0);
    work->size = (size_t)64 << 20;
    kal_queue_push(queue, KAL_CLASS_TIMER, work);
    for (uint32_t i = 0; i < 65536; i++)
        kal_queue_push(queue, KAL_CLASS_BULK, work_of(0, i));
    assert_false(kal_queue_is_full(queue));
    kal_queue_free(queue);
}

/* ---- deadlines ---- */

static void done(kal_work *work)
{
    (void)work;
}

/* A caller's work that is to begin before this instant, 0: whenever. */
static kal_work *call_of(unsigned tenant, uint32_t number, uint64_t deadline_ns)
{
    kal_work *work = work_of(tenant, number);
    work->done = done;
    work->deadline_ns = deadline_ns;
    return work;
}

static void a_work_expires_at_its_deadline(void **state)
{
    (void)state;
    kal_work *work = call_of(0, 0, 1000);
    assert_false(kal_work_expired(work, 999));
    assert_true(kal_work_expired(work, 1000));
    work->done = NULL; /* the shard's own: nobody waits for it */
    assert_false(kal_work_expired(work, 1000));
    work->done = done;
    work->deadline_ns = 0;
    assert_false(kal_work_expired(work, UINT64_MAX));
    kal_work_free(work);
}

static void assert_expired(kal_queue *queue, uint64_t now_ns, size_t count)
{
    kal_work *next, *list = kal_queue_expire(queue, KAL_CLASS_EVENT, now_ns);
    for (; list; list = next, count--) {
        assert_int_not_equal(count, 0);
        assert_true(kal_work_expired(list, now_ns));
        next = list->next;
        kal_work_free(list);
    }
    assert_int_equal(count, 0);
}

/* Those whose time is up are told; the others keep their order and their turn. */
static void what_has_expired_leaves_the_others_as_they_were(void **state)
{
    (void)state;
    kal_queue *queue = kal_queue_new();
    size_t expired = 0;
    for (uint32_t i = 0; i < 300; i++) {
        kal_work *work = call_of(i % 3, i, i % 5 == 1 || i % 3 == 1 ? 1000 : 1001);
        work->size = 1 << 20;
        expired += work->deadline_ns == 1000;
        kal_queue_push(queue, KAL_CLASS_EVENT, work);
    }
    kal_queue_push(queue, KAL_CLASS_TIMER, call_of(0, 7, 1));
    assert_expired(queue, 999, 0);
    assert_int_equal(kal_queue_count(queue, KAL_CLASS_EVENT), 300);
    assert_true(kal_queue_is_full(queue));
    assert_expired(queue, 1000, expired);
    assert_int_equal(kal_queue_count(queue, KAL_CLASS_EVENT), 300 - expired);
    uint32_t at[] = {0, 2}; /* tenants 0 and 2 in turn, each its own in order */
    for (unsigned n = 0; n < 300 - expired; n++) {
        uint32_t *i = &at[n % 2];
        *i += *i % 5 == 1 ? 3 : 0;
        assert_popped(queue, KAL_CLASS_EVENT, n % 2 * 2, *i);
        *i += 3;
    }
    assert_null(kal_queue_pop(queue, KAL_CLASS_EVENT));
    assert_popped(queue, KAL_CLASS_TIMER, 0, 7);
    kal_queue_free(queue);
}

static void a_queue_goes_on_after_all_has_expired(void **state)
{
    (void)state;
    kal_queue *queue = kal_queue_new();
    assert_expired(queue, 1000, 0);
    kal_queue_push(queue, KAL_CLASS_EVENT, call_of(0, 1, 1000));
    kal_queue_push(queue, KAL_CLASS_EVENT, call_of(1, 2, 1000));
    assert_expired(queue, 1000, 2);
    assert_int_equal(kal_queue_count(queue, KAL_CLASS_EVENT), 0);
    assert_false(kal_queue_is_full(queue));
    for (uint32_t i = 0; i < 4; i++)
        kal_queue_push(queue, KAL_CLASS_EVENT, call_of(i % 2, i, 2000));
    for (uint32_t i = 0; i < 4; i++)
        assert_popped(queue, KAL_CLASS_EVENT, i % 2, i);
    kal_queue_free(queue);
}

static void an_empty_queue_is_freed(void **state)
{
    (void)state;
    kal_queue_free(kal_queue_new());
    kal_queue_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_works_come_out_as_in_the_model),
        cmocka_unit_test(a_storm_lets_a_neighbour_through_after_one_work),
        cmocka_unit_test(classes_do_not_touch_each_other),
        cmocka_unit_test(what_is_put_back_comes_first),
        cmocka_unit_test(a_queue_is_full_of_works_or_of_bytes),
        cmocka_unit_test(only_callers_works_fill_it),
        cmocka_unit_test(a_work_expires_at_its_deadline),
        cmocka_unit_test(what_has_expired_leaves_the_others_as_they_were),
        cmocka_unit_test(a_queue_goes_on_after_all_has_expired),
        cmocka_unit_test(an_empty_queue_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
