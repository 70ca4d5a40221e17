/* What becomes of the works of a turn that stands still: a caller is told in time, and nothing
 * loses its place. */
#include "run_rig.h"

#include "run/shard_state.h"

typedef struct turn_rig {
    rig rig;
    kal_shard shard;
    kal_work *given[8];
    size_t n_given;
} turn_rig;

static void give_back(void *data, kal_work *list)
{
    turn_rig *t = data;
    for (; list; list = list->next)
        t->given[t->n_given++] = list;
}

static void turn_init(turn_rig *t, void **state)
{
    memset(t, 0, sizeof *t);
    t->rig = rig_new(state);
    t->shard = (kal_shard){.options = {.give_back = give_back, .data = t},
                           .batch = t->rig.batch,
                           .queue = kal_queue_new()};
}

static void turn_free(turn_rig *t)
{
    for (size_t i = 0; i < t->n_given; i++)
        kal_work_free(t->given[i]);
    kal_queue_free(t->shard.queue);
    rig_free(&t->rig);
}

static void done(kal_work *work)
{
    (void)work;
}

/* An event of a caller; seq tells it from others. */
static kal_work *call(turn_rig *t, const char *customer, uint32_t number, uint64_t deadline_ns)
{
    kal_work *work = rig_event(&t->rig, customer, "go", "{}");
    work->seq = number;
    work->done = done;
    work->deadline_ns = deadline_ns;
    return work;
}

static void assert_works(const kal_customer *customer, const uint32_t *numbers, size_t n)
{
    const kal_work *work = customer->works;
    for (size_t i = 0; i < n; i++, work = work->next) {
        assert_non_null(work);
        assert_int_equal(work->seq, numbers[i]);
    }
    assert_null(work);
}

static void callers_of_a_turn_are_told_at_their_deadline(void **state)
{
    turn_rig t;
    turn_init(&t, state);
    kal_work *late[] = {call(&t, "ann", 1, 1000), NULL, NULL};
    call(&t, "ann", 2, 1001);
    rig_add(&t.rig, KAL_WORK_TIMER, "ann")->seq = 3; /* the shard's own has no deadline */
    late[1] = call(&t, "ann", 4, 1000);
    late[2] = call(&t, "bob", 5, 1000);
    kal_turn_expire(&t.shard, 999);
    assert_int_equal(t.n_given, 0);
    kal_turn_expire(&t.shard, 1000);
    assert_int_equal(t.n_given, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(t.given[i], late[i]);
        assert_int_equal(late[i]->err, KAL_ERR_UNAVAILABLE);
    }
    assert_works(rig_customer(&t.rig, "ann"), (const uint32_t[]){2, 3}, 2);
    assert_works(rig_customer(&t.rig, "bob"), NULL, 0);
    call(&t, "ann", 6, 0); /* both lists still end where they say */
    call(&t, "bob", 7, 0);
    assert_works(rig_customer(&t.rig, "ann"), (const uint32_t[]){2, 3, 6}, 3);
    assert_works(rig_customer(&t.rig, "bob"), (const uint32_t[]){7}, 1);
    turn_free(&t);
}

/* Of many customers, one of whom has no work left. */
static void works_go_back_ahead_of_the_queue_in_order(void **state)
{
    turn_rig t;
    turn_init(&t, state);
    kal_work *later = kal_work_new(KAL_WORK_EVENT);
    later->tenant = t.rig.tenant;
    later->seq = 7;
    kal_queue_push(t.shard.queue, KAL_CLASS_EVENT, later);
    call(&t, "ann", 1, 0);
    call(&t, "bob", 9, 1000);
    call(&t, "cid", 3, 0);
    call(&t, "ann", 2, 0);
    for (uint32_t i = 4; i < 7; i++)
        call(&t, "dan", i, 0);
    kal_turn_expire(&t.shard, 1000);
    kal_turn_put_back(&t.shard);
    for (uint32_t i = 1; i <= 7; i++) {
        kal_work *work = kal_queue_pop(t.shard.queue, KAL_CLASS_EVENT);
        assert_non_null(work);
        assert_int_equal(work->seq, i);
        kal_work_free(work);
    }
    assert_null(kal_queue_pop(t.shard.queue, KAL_CLASS_EVENT));
    assert_works(rig_customer(&t.rig, "ann"), NULL, 0);
    call(&t, "dan", 8, 0); /* the turn may go on with others */
    assert_works(rig_customer(&t.rig, "dan"), (const uint32_t[]){8}, 1);
    turn_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_of_a_turn_are_told_at_their_deadline),
        cmocka_unit_test(works_go_back_ahead_of_the_queue_in_order),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
