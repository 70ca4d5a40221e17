/* A turn takes what one flush can hold: more than that must neither grow the process nor lose its
 * place. */
#include "run_rig.h"

#define MOST_BYTES (4 * 1024 * 1024)
#define CUSTOMERS 200
#define BODY (200 * 1024)

static char *name_of(unsigned customer, char name[16])
{
    snprintf(name, 16, "c%03u", customer);
    return name;
}

/* Each customer enters with a large context, and then an event comes; seq counts them. */
static void add_works(rig *r, const kal_flow *flow)
{
    char name[16];
    char *text = kal_alloc(BODY);
    memset(text, 'x', BODY);
    for (unsigned c = 0; c < CUSTOMERS; c++) {
        kal_work *work = rig_trigger(r, flow, name_of(c, name));
        work->body = json_pack("{s:s#}", "given", text, BODY);
        work->seq = 2 * c;
        rig_event(r, name, "go", "{}")->seq = 2 * c + 1;
    }
    kal_free(text);
}

/* How many works of the batch were handled; they are the first of all. */
static uint32_t handled(const rig *r)
{
    uint32_t n = 0;
    for (const kal_customer *c = r->batch->customers; c; c = c->next) {
        for (const kal_work *work = c->works; work; work = work->next) {
            assert_int_equal(work->seq, n++);
            assert_int_equal(work->err, KAL_OK);
            assert_true(work->kind == KAL_WORK_EVENT ? work->routed == 1
                                                     : !kal_uuid_is_nil(work->instance_id));
        }
    }
    return n;
}

static void what_is_too_much_for_a_flush_is_left_in_order(void **state)
{
    rig r = rig_new(state);
    add_works(&r, rig_flow(&r, "in:start w:wait_for_event{'event_type':'go'} in>w"
                               " a:pass w>a@event_received"));
    kal_work *left = kal_handle_all(r.batch);
    uint32_t n = handled(&r);
    assert_in_range(n, 2, 2 * CUSTOMERS - 1);
    size_t used = kal_arena_used(r.batch->arena);
    assert_in_range(used, MOST_BYTES, MOST_BYTES + 2 * BODY); /* no less, and one work more */
    for (const kal_work *work = left; work; work = work->next, n++) {
        assert_int_equal(work->seq, n);
        assert_true(work->kind == KAL_WORK_EVENT ? work->routed == 0
                                                 : kal_uuid_is_nil(work->instance_id));
    }
    assert_int_equal(n, 2 * CUSTOMERS);
    while (left) {
        kal_work *next = left->next;
        kal_work_free(left);
        left = next;
    }
    rig_free(&r);
}

/* What a turn has loaded is in memory already; counted, it would stop the shard for ever. */
static void what_was_loaded_does_not_count(void **state)
{
    rig r = rig_new(state);
    rig_event(&r, "ann", "any", "{}");
    (void)kal_arena_alloc(r.batch->arena, MOST_BYTES + 1);
    assert_null(kal_handle_all(r.batch));
    rig_free(&r);
}

/* The customer in the middle of whose works the flush was full: the first half is in it. */
static void works_of_one_customer_are_cut_where_the_flush_is_full(void **state)
{
    rig r = rig_new(state);
    for (uint32_t i = 0; i < CUSTOMERS; i++) {
        kal_work *work = rig_event(&r, "ann", "any", "{}");
        char *text = kal_alloc(BODY);
        memset(text, 'x', BODY);
        json_object_set_new(work->body, "given", json_stringn(text, BODY));
        kal_free(text);
        work->seq = i;
    }
    kal_work *left = kal_handle_all(r.batch);
    kal_customer *ann = rig_customer(&r, "ann");
    uint32_t n = 0;
    for (const kal_work *work = ann->works; work; work = work->next)
        assert_int_equal(work->seq, n++);
    assert_in_range(n, 12, CUSTOMERS - 1);
    assert_int_equal(r.batch->counts.events, n);
    assert_ptr_equal(*ann->works_last, NULL);
    for (kal_work *work = left, *next; work; work = next) {
        assert_int_equal(work->seq, n++);
        next = work->next;
        assert_true(kal_batch_add(r.batch, work)); /* where the customer's works end now */
    }
    assert_int_equal(n, CUSTOMERS);
    n = 0;
    for (const kal_work *work = ann->works; work; work = work->next)
        assert_int_equal(work->seq, n++);
    assert_int_equal(n, CUSTOMERS);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_loaded_does_not_count),
        cmocka_unit_test(what_is_too_much_for_a_flush_is_left_in_order),
        cmocka_unit_test(works_of_one_customer_are_cut_where_the_flush_is_full),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
