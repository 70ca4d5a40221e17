/* A wait that the index loses is a customer who waits for ever; one that it keeps too long wakes
 * somebody twice. */
#include "run_test.h"

#include "run/waits.h"

#define CUSTOMERS 40
#define MOST 2000

typedef struct row {
    uint64_t customer;
    kal_uuid instance;
    uint32_t seq, place;
    bool live;
} row;

static row rows[MOST];
static size_t n_rows;

static uint64_t customer_of(unsigned number)
{
    /* 0 and the greatest key are keys like any other */
    return number == 0 ? 0 : number == 1 ? UINT64_MAX : number * UINT64_C(0x9E3779B97F4A7C15);
}

static kal_uuid instance_of(unsigned number)
{
    return (kal_uuid){.b = {1, [14] = (uint8_t)(number >> 8), (uint8_t)number}};
}

static void add(kal_waits *waits)
{
    row *r = &rows[n_rows];
    *r = (row){customer_of((unsigned)(rand() % CUSTOMERS)), instance_of((unsigned)(rand() % 60)),
               (uint32_t)n_rows, (uint32_t)rand(), true};
    kal_waits_add(waits, r->customer, r->instance, r->seq, r->place);
    n_rows++;
}

static void drop(kal_waits *waits)
{
    row *r = &rows[(size_t)rand() % n_rows];
    assert_int_equal(kal_waits_drop(waits, r->customer, r->instance, r->seq), r->live);
    r->live = false;
}

/* Instances are a customer's: the model may give one id to several. */
static size_t live_instances(void)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rows; i++) {
        size_t k = 0;
        while (k < i && !(rows[k].live && rows[k].customer == rows[i].customer &&
                          kal_uuid_eq(rows[k].instance, rows[i].instance)))
            k++;
        n += rows[i].live && k == i;
    }
    return n;
}

static void assert_same(const kal_waits *waits)
{
    size_t live = 0, found = 0;
    for (size_t i = 0; i < n_rows; i++) {
        const row *r = &rows[i];
        const kal_wait_entry *entry = kal_waits_find(waits, r->customer, r->instance, r->seq);
        assert_int_equal(entry != NULL, r->live);
        if (entry)
            assert_int_equal(entry->place, r->place);
        live += r->live;
    }
    assert_int_equal(kal_waits_count(waits), live);
    assert_int_equal(kal_waits_instances(waits), live_instances());
    for (unsigned c = 0; c < CUSTOMERS; c++) {
        const kal_wait_entry *entry = NULL;
        while ((entry = kal_waits_next(waits, customer_of(c), entry))) {
            const row *r = &rows[entry->seq]; /* numbers are unique here */
            assert_true(r->live && r->customer == customer_of(c));
            assert_true(kal_uuid_eq(r->instance, entry->instance));
            found++;
        }
    }
    assert_int_equal(found, live);
}

static void random_changes_match_the_model(void **state)
{
    (void)state;
    kal_waits *waits = kal_waits_new();
    srand(11);
    n_rows = 0;
    while (n_rows < MOST) {
        if (n_rows && rand() % 100 < 48)
            drop(waits);
        else
            add(waits);
        if (n_rows % 97 == 0)
            assert_same(waits);
    }
    assert_same(waits);
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].live)
            assert_true(kal_waits_drop(waits, rows[i].customer, rows[i].instance, rows[i].seq));
    assert_int_equal(kal_waits_count(waits), 0);
    assert_int_equal(kal_waits_instances(waits), 0);
    kal_waits_free(waits);
}

static void an_instance_counts_once(void **state)
{
    (void)state;
    kal_waits *waits = kal_waits_new();
    for (uint32_t seq = 1; seq <= 3; seq++)
        kal_waits_add(waits, 1, instance_of(1), seq, 9);
    kal_waits_add(waits, 1, instance_of(2), 1, 9);
    kal_waits_add(waits, 2, instance_of(3), 1, 9);
    assert_int_equal(kal_waits_instances(waits), 3);
    for (uint32_t seq = 3; seq >= 2; seq--) {
        assert_true(kal_waits_drop(waits, 1, instance_of(1), seq));
        assert_int_equal(kal_waits_instances(waits), 3);
    }
    assert_true(kal_waits_drop(waits, 1, instance_of(1), 1));
    assert_int_equal(kal_waits_instances(waits), 2);
    assert_false(kal_waits_drop(waits, 1, instance_of(1), 1));
    assert_int_equal(kal_waits_instances(waits), 2);
    assert_true(kal_waits_drop(waits, 1, instance_of(2), 1));
    assert_true(kal_waits_drop(waits, 2, instance_of(3), 1));
    assert_int_equal(kal_waits_instances(waits), 0);
    kal_waits_free(waits);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    kal_waits *waits = kal_waits_new();
    kal_waits_add(waits, 1, instance_of(1), 1, 9);
    assert_null(kal_waits_find(waits, 2, instance_of(1), 1)); /* another customer */
    assert_null(kal_waits_find(waits, 1, instance_of(2), 1)); /* another instance */
    assert_null(kal_waits_find(waits, 1, instance_of(1), 2)); /* another wait */
    assert_null(kal_waits_next(waits, 2, NULL));
    assert_false(kal_waits_drop(waits, 1, instance_of(1), 2));
    assert_true(kal_waits_drop(waits, 1, instance_of(1), 1));
    assert_false(kal_waits_drop(waits, 1, instance_of(1), 1));
    assert_null(kal_waits_next(waits, 1, NULL));
    kal_waits_free(waits);
    kal_waits_free(NULL);
}

static void a_pause_is_of_one_instance(void **state)
{
    (void)state;
    kal_waits *waits = kal_waits_new();
    kal_waits_add(waits, 1, instance_of(1), 1, 9);
    kal_waits_add(waits, 1, instance_of(2), 1, 9);
    kal_waits_add(waits, 1, instance_of(1), INT32_MAX, 9);
    for (int held = 1; held >= 0; held--) {
        kal_waits_hold(waits, 1, instance_of(1), held);
        assert_int_equal(kal_waits_find(waits, 1, instance_of(1), 1)->held, held);
        assert_int_equal(kal_waits_find(waits, 1, instance_of(1), INT32_MAX)->held, held);
        assert_int_equal(kal_waits_find(waits, 1, instance_of(2), 1)->held, 0);
    }
    kal_waits_hold(waits, 2, instance_of(1), true); /* nobody */
    kal_waits_free(waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_match_the_model),
        cmocka_unit_test(an_instance_counts_once),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_pause_is_of_one_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
