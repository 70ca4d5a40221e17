/* What is lost when this fails: requests pile up without bound, or one tenant sees another's rows.
 */
#include "base/alloc.h"
#include "store/cluster_fixture.h"
#include "store/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the above first. */
#include <cmocka.h>

typedef struct answers {
    size_t ok, unavailable, rows;
    bool all;
    size_t expected;
} answers;

static void on_answer(void *data, const kal_pg_reply *reply)
{
    answers *a = data;
    if (reply->err == KAL_OK)
        a->ok++;
    else if (reply->err == KAL_ERR_UNAVAILABLE)
        a->unavailable++;
    if (reply->count == 2)
        a->rows = kal_pg_count(reply->rows[1]);
    a->all = a->ok + a->unavailable == a->expected;
}

typedef struct line {
    bool up, down;
    int changes;
} line;

static void on_state(void *data, bool up)
{
    line *l = data;
    l->up = up;
    l->down = !up;
    l->changes++;
}

static kal_pool *connect_pool(kal_cluster_fixture *f, line *l, const char *role, size_t queue)
{
    kal_pg_options options = {.conninfo = kal_cluster_conninfo(f->cluster),
                              .role = role,
                              .on_state = on_state,
                              .data = l};
    *l = (line){0};
    kal_pool *pool = kal_pool_new(&f->loop, &options, 3, queue);
    kal_loop_until(&f->loop, &l->up);
    return pool;
}

static void ping(kal_pool *pool, answers *a)
{
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add(call, KAL_SQL_API_PING, NULL);
    kal_pool_send(pool, call, on_answer, a);
}

static void test_what_is_over_the_bound_is_refused(void **state)
{
    kal_cluster_fixture *f = *state;
    answers a = {.expected = 60};
    line l;
    kal_pool *pool = connect_pool(f, &l, NULL, 50);
    for (size_t i = 0; i < a.expected; i++)
        ping(pool, &a);
    kal_loop_until(&f->loop, &a.all);
    assert_int_equal(a.ok, 50);
    assert_int_equal(a.unavailable, 10);

    a = (answers){.expected = 1};
    ping(pool, &a);
    kal_loop_until(&f->loop, &a.all);
    assert_int_equal(a.ok, 1);
    kal_pool_free(pool);
}

static void count_flows(kal_cluster_fixture *f, kal_pool *pool, kal_pg_call *call, answers *a)
{
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid((kal_uuid){{0}}));
    kal_args_add(args, kal_v_int(KAL_INT4, 10));
    kal_pg_call_add(call, KAL_SQL_API_FLOW_FILES, args);
    kal_pool_send(pool, call, on_answer, a);
    kal_loop_until(&f->loop, &a->all);
}

static void test_a_tenant_sees_its_own_rows_only(void **state)
{
    kal_cluster_fixture *f = *state;
    line l;
    kal_ask(f->sql, "INSERT INTO tenant (id, name, created_at) SELECT"
                    " ('00000000-0000-0000-0000-00000000000' || n)::uuid, n, 'epoch'"
                    " FROM generate_series(1, 2) n");
    kal_ask(f->sql, "INSERT INTO flow (id, tenant_id, name, created_at, updated_at)"
                    " SELECT id, id, name, 'epoch', 'epoch' FROM tenant");
    kal_pool *pool = connect_pool(f, &l, "kalcifer_api", 0);

    answers own = {.expected = 1};
    count_flows(f, pool, kal_pool_tenant_call((kal_uuid){{[15] = 2}}), &own);
    assert_int_equal(own.ok, 1);
    assert_int_equal(own.rows, 1);

    /* The tenant must not stay with the connection. */
    for (int i = 0; i < 6; i++) {
        answers none = {.expected = 1, .rows = 99};
        kal_pg_call *call = kal_pg_call_new();
        kal_pg_call_add(call, KAL_SQL_API_PING, NULL);
        count_flows(f, pool, call, &none);
        assert_int_equal(none.rows, 0);
    }
    kal_pool_free(pool);
}

static void test_the_state_is_the_pools_not_a_connections(void **state)
{
    kal_cluster_fixture *f = *state;
    answers a = {.expected = 1};
    line l;
    kal_pool *pool = connect_pool(f, &l, NULL, 0);
    while (strcmp(kal_ask(f->sql, "SELECT count(*) FROM pg_stat_activity"
                                  " WHERE application_name = 'kalcifer'"),
                  "3") != 0)
        kal_loop_turn(&f->loop);
    assert_true(kal_pool_is_up(pool));
    kal_ask(f->sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'kalcifer'");
    kal_loop_until(&f->loop, &l.down);
    ping(pool, &a);
    kal_loop_until(&f->loop, &a.all);
    kal_loop_until(&f->loop, &l.up);
    assert_int_equal(l.changes % 2, 1);
    kal_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_over_the_bound_is_refused),
        cmocka_unit_test(test_a_tenant_sees_its_own_rows_only),
        cmocka_unit_test(test_the_state_is_the_pools_not_a_connections),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
