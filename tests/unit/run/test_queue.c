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
        cmocka_unit_test(an_empty_queue_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
