/* What is lost when this fails: answers go to the wrong caller, half of a change is stored, or a
 * broken connection leaves callers waiting. */
#include "base/alloc.h"
#include "store/cluster_fixture.h"
#include "store/pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the above first. */
#include <cmocka.h>

#define CALLS 1000
#define ROWS 100000

typedef struct answer {
    int nth;
    kal_err err;
    bool there, unknown;
    char sqlstate[6];
    char message[200];
    size_t failed, count;
    int64_t number; /* the last statement's first value, when it has one of eight bytes or less */
    int *order;     /* counts answers */
} answer;

static void on_answer(void *data, const kal_pg_reply *reply)
{
    answer *a = data;
    a->there = true;
    a->err = reply->err;
    a->unknown = reply->unknown;
    a->failed = reply->failed;
    a->count = reply->count;
    memcpy(a->sqlstate, reply->sqlstate, sizeof a->sqlstate);
    snprintf(a->message, sizeof a->message, "%s", reply->message);
    if (reply->count && kal_pg_count(reply->rows[reply->count - 1]) &&
        kal_pg_str(reply->rows[reply->count - 1], 0, 0).n <= 8)
        a->number = kal_pg_int(reply->rows[reply->count - 1], 0, 0);
    if (a->order)
        a->nth = (*a->order)++;
}

typedef struct line {
    kal_pg *pg;
    bool up, down;
} line;

static void on_state(void *data, bool up)
{
    line *l = data;
    l->up = up;
    l->down = !up;
}

static kal_pg_options options_of(kal_cluster_fixture *f, line *l)
{
    return (kal_pg_options){
        .conninfo = kal_cluster_conninfo(f->cluster), .on_state = on_state, .data = l};
}

static void connect_line(kal_cluster_fixture *f, line *l)
{
    kal_pg_options options = options_of(f, l);
    *l = (line){0};
    l->pg = kal_pg_new(&f->loop, &options);
    kal_loop_until(&f->loop, &l->up);
}

static kal_pg_call *call_of(kal_sql sql, kal_args *args)
{
    kal_pg_call *call = kal_pg_call_new();
    kal_pg_call_add(call, sql, args);
    return call;
}

static answer ask(kal_cluster_fixture *f, line *l, kal_pg_call *call)
{
    answer a = {0};
    kal_pg_send(l->pg, call, on_answer, &a);
    assert_false(a.there);
    kal_loop_until(&f->loop, &a.there);
    return a;
}

static kal_args *lock_args(int shard)
{
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, shard));
    return args;
}

/* Adds the statement that stores a conversion with this id (version 7 ids grow). */
static void add_conversion(kal_pg_call *call, kal_uuid id, const char *type)
{
    const kal_type types[] = {KAL_UUID, KAL_UUID,   KAL_UUID, KAL_UUID,     KAL_UUID,
                              KAL_TEXT, KAL_FLOAT8, KAL_JSON, KAL_TIMESTAMP};
    const kal_value row[] = {kal_v_uuid(id),           kal_v_uuid(id),
                             kal_v_uuid(id),           kal_v_uuid(id),
                             kal_v_uuid(id),           kal_v_text(type),
                             kal_v_float(49.99),       kal_v_str(KAL_JSON, kal_str_of("{\"a\":1}")),
                             kal_v_time(1763711100123)};
    const kal_value *const rows[] = {row};
    kal_args *args = kal_args_new();
    kal_args_add_rows(args, types, 9, rows, 1);
    kal_pg_call_add(call, KAL_SQL_JOURNAL_CONVERSION, args);
}

static void test_rows_come_back(void **state)
{
    kal_cluster_fixture *f = *state;
    line l;
    connect_line(f, &l);
    answer a = ask(f, &l, call_of(KAL_SQL_JOURNAL_SEQ, lock_args(2)));
    assert_int_equal(a.err, KAL_OK);
    assert_int_equal(a.count, 1);
    assert_int_equal(kal_pg_pending(l.pg), 0);
    kal_pg_free(l.pg);
}

static void test_one_error_undoes_the_whole_call(void **state)
{
    kal_cluster_fixture *f = *state;
    line l;
    kal_uuid kept = kal_uuid_new(1), lost = kal_uuid_new(2);
    connect_line(f, &l);

    kal_pg_call *call = kal_pg_call_new();
    add_conversion(call, kept, "kept");
    assert_int_equal(ask(f, &l, call).err, KAL_OK);

    call = kal_pg_call_new();
    add_conversion(call, lost, "lost");
    add_conversion(call, kept, "twice");
    kal_pg_call_add(call, KAL_SQL_API_PING, NULL);
    answer a = ask(f, &l, call);
    assert_int_equal(a.err, KAL_ERR_VALIDATION_FAILED);
    assert_string_equal(a.sqlstate, "23505");
    assert_int_equal(a.failed, 1);
    assert_false(a.unknown);
    assert_string_equal(kal_ask(f->sql, "SELECT string_agg(conversion_type, ',') FROM conversion"),
                        "kept");
    assert_int_equal(ask(f, &l, call_of(KAL_SQL_API_PING, NULL)).err, KAL_OK);
    kal_pg_free(l.pg);
}

static void test_what_goes_ahead_of_a_call_is_not_the_callers(void **state)
{
    line l;
    connect_line(*state, &l);
    for (int time = 0; time < 2; time++) {
        kal_pg_call *call = call_of(KAL_SQL_API_PING, NULL);
        add_conversion(call, (kal_uuid){.b = {3}}, "once");
        kal_pg_call_precede(call, KAL_SQL_JOURNAL_SEQ, lock_args(1));
        kal_pg_call_precede(call, KAL_SQL_API_PING, NULL);
        answer a = ask(*state, &l, call);
        assert_int_equal(a.err, time ? KAL_ERR_VALIDATION_FAILED : KAL_OK);
        assert_int_equal(a.count, 2 - time);
        assert_int_equal(a.failed, time);
    }
    kal_pg_free(l.pg);
}

static void test_the_lease_fences(void **state)
{
    kal_cluster_fixture *f = *state;
    line l;
    connect_line(f, &l);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_int(KAL_INT2, 0));
    kal_args_add(args, kal_v_int(KAL_INT8, 77));
    kal_args_add(args, kal_v_int(KAL_INT8, 0));
    kal_args_add(args, kal_v_time(0));
    answer a = ask(f, &l, call_of(KAL_SQL_JOURNAL_LEASE, args));
    assert_int_equal(a.err, KAL_ERR_FENCED);
    kal_pg_free(l.pg);
}

static void test_a_refused_statement_is_prepared_again(void **state)
{
    kal_cluster_fixture *f = *state;
    line l;
    connect_line(f, &l);
    kal_ask(f->sql, "ALTER TABLE deployment RENAME TO away");
    answer a = ask(f, &l, call_of(KAL_SQL_CLOCK_GET, NULL));
    assert_int_equal(a.err, KAL_ERR_INTERNAL);
    assert_string_equal(a.sqlstate, "42P01");
    kal_ask(f->sql, "ALTER TABLE away RENAME TO deployment");
    assert_int_equal(ask(f, &l, call_of(KAL_SQL_CLOCK_GET, NULL)).err, KAL_OK);
    kal_pg_free(l.pg);
}

static void test_other_types_than_before_are_refused(void **state)
{
    kal_cluster_fixture *f = *state;
    line l;
    connect_line(f, &l);
    assert_int_equal(ask(f, &l, call_of(KAL_SQL_JOURNAL_SEQ, lock_args(0))).err, KAL_OK);
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_text("0"));
    kal_pg_call *call = call_of(KAL_SQL_API_PING, NULL);
    kal_pg_call_add(call, KAL_SQL_JOURNAL_SEQ, args);
    assert_int_equal(ask(f, &l, call).err, KAL_ERR_INTERNAL);
    assert_int_equal(ask(f, &l, call_of(KAL_SQL_API_PING, NULL)).err, KAL_OK);
    kal_pg_free(l.pg);
}

static void test_a_thousand_calls_answer_in_order(void **state)
{
    kal_cluster_fixture *f = *state;
    static answer answers[CALLS];
    int order = 0;
    line l;
    memset(answers, 0, sizeof answers);
    kal_ask(f->sql, "UPDATE shard_lease SET epoch = 100 + shard");
    connect_line(f, &l);
    for (int i = 0; i < CALLS; i++) {
        answers[i].order = &order;
        kal_pg_send(l.pg, call_of(KAL_SQL_JOURNAL_SEQ, lock_args(i % 4)), on_answer, &answers[i]);
    }
    assert_int_equal(kal_pg_pending(l.pg), CALLS);
    kal_loop_until(&f->loop, &answers[CALLS - 1].there);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(answers[i].err, KAL_OK);
        assert_int_equal(answers[i].number, 100 + i % 4);
        assert_int_equal(answers[i].nth, i);
    }
    kal_pg_free(l.pg);
}

/* Far more than a socket holds, both ways at once. */
static void test_large_calls_and_answers_do_not_lock_up(void **state)
{
    kal_cluster_fixture *f = *state;
    enum { BIG = 4 << 20, TIMES = 8 };
    char *text = kal_alloc(BIG);
    answer answers[TIMES] = {0};
    kal_value tenant = kal_v_uuid((kal_uuid){{[15] = 1}});
    line l;

    kal_ask(f->sql, "INSERT INTO tenant (id, name, created_at) VALUES"
                    " ('00000000-0000-0000-0000-000000000001', 't', 'epoch')");
    kal_ask(f->sql, "INSERT INTO flow (id, tenant_id, name, entry_config, created_at, updated_at)"
                    " SELECT id, id, 'f', to_json(repeat('x', 4000000)), 'epoch', 'epoch'"
                    " FROM tenant");
    connect_line(f, &l);
    memset(text, 'x', BIG);
    for (int i = 0; i < TIMES; i++) {
        kal_args *asked = kal_args_new(), *sent = kal_args_new();
        kal_pg_call *call = kal_pg_call_new();
        kal_args_add_array(asked, KAL_UUID, &tenant, 1);
        kal_args_add_array(asked, KAL_TEXT, NULL, 0);
        kal_pg_call_add(call, KAL_SQL_LOAD_FLOWS, asked);
        kal_args_add_array(sent, KAL_UUID, &tenant, 1);
        kal_args_add_array(sent, KAL_TEXT, (kal_value[]){kal_v_str(KAL_TEXT, (kal_str){text, BIG})},
                           1);
        kal_pg_call_add(call, KAL_SQL_LOAD_CUSTOMERS, sent);
        kal_pg_send(l.pg, call, on_answer, &answers[i]);
    }
    for (int i = 0; i < TIMES; i++) {
        kal_loop_until(&f->loop, &answers[i].there);
        assert_int_equal(answers[i].err, KAL_OK);
        assert_int_equal(answers[i].count, 2);
    }
    kal_pg_free(l.pg);
    kal_free(text);
}

/* Sends a call that waits for a lock which `f->sql` holds, and waits until it does. */
static void send_blocked(kal_cluster_fixture *f, line *l, answer *a)
{
    kal_ask(f->sql, "BEGIN");
    kal_ask(f->sql, "SELECT shard FROM shard_lease WHERE shard = 1 FOR UPDATE");
    kal_pg_send(l->pg, call_of(KAL_SQL_JOURNAL_SEQ, lock_args(1)), on_answer, a);
    while (strcmp(kal_ask(f->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "1") != 0)
        kal_loop_turn(&f->loop);
}

static void test_a_killed_connection_answers_and_comes_back(void **state)
{
    kal_cluster_fixture *f = *state;
    answer a = {0};
    line l;
    connect_line(f, &l);
    send_blocked(f, &l, &a);
    kal_ask(f->sql, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted");
    kal_loop_until(&f->loop, &a.there);
    kal_ask(f->sql, "ROLLBACK");
    assert_int_equal(a.err, KAL_ERR_UNAVAILABLE);
    assert_true(a.unknown);

    kal_loop_until(&f->loop, &l.down);
    answer refused = ask(f, &l, call_of(KAL_SQL_API_PING, NULL));
    assert_int_equal(refused.err, KAL_ERR_UNAVAILABLE);
    assert_false(refused.unknown);
    kal_loop_until(&f->loop, &l.up);
    assert_int_equal(ask(f, &l, call_of(KAL_SQL_JOURNAL_SEQ, lock_args(1))).err, KAL_OK);
    kal_pg_free(l.pg);
}

static void test_a_statement_that_takes_too_long_is_repeatable(void **state)
{
    kal_cluster_fixture *f = *state;
    answer a = {0};
    line l = {0};
    kal_pg_options options = options_of(f, &l);
    options.statement_timeout_ms = 50;
    l.pg = kal_pg_new(&f->loop, &options);
    kal_loop_until(&f->loop, &l.up);
    kal_ask(f->sql, "BEGIN");
    kal_ask(f->sql, "SELECT shard FROM shard_lease WHERE shard = 1 FOR UPDATE");
    kal_pg_send(l.pg, call_of(KAL_SQL_JOURNAL_SEQ, lock_args(1)), on_answer, &a);
    kal_loop_until(&f->loop, &a.there);
    kal_ask(f->sql, "ROLLBACK");
    assert_int_equal(a.err, KAL_ERR_UNAVAILABLE);
    assert_string_equal(a.sqlstate, "57014");
    assert_false(a.unknown);
    kal_pg_free(l.pg);
}

static void test_a_break_on_purpose_is_a_loss(void **state)
{
    kal_cluster_fixture *f = *state;
    answer a = {0};
    line l;
    connect_line(f, &l);
    send_blocked(f, &l, &a);
    kal_pg_break(l.pg);
    assert_false(a.there);
    kal_loop_until(&f->loop, &a.there);
    kal_ask(f->sql, "ROLLBACK");
    assert_true(a.unknown);
    kal_loop_until(&f->loop, &l.up);
    kal_pg_free(l.pg);
}

static void test_closing_answers_what_is_in_flight(void **state)
{
    kal_cluster_fixture *f = *state;
    answer a = {0};
    line l;
    connect_line(f, &l);
    kal_pg_send(l.pg, call_of(KAL_SQL_API_PING, NULL), on_answer, &a);
    kal_pg_free(l.pg);
    assert_true(a.there);
    assert_int_equal(a.err, KAL_ERR_UNAVAILABLE);
}

static void test_no_server_no_answer_but_unavailable(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_pg_options options = {.conninfo = "host=/nonexistent dbname=x"};
    line l = {.pg = kal_pg_new(&f->loop, &options)};
    assert_int_equal(ask(f, &l, call_of(KAL_SQL_API_PING, NULL)).err, KAL_ERR_UNAVAILABLE);
    assert_false(kal_pg_is_up(l.pg));
    kal_pg_free(l.pg);
}

typedef struct copied {
    size_t rows, fields;
    int64_t bytes;
    bool ended;
    kal_err err;
} copied;

static void on_row(void *data, const kal_str *fields, size_t n)
{
    copied *c = data;
    c->rows++;
    c->fields = n;
    for (size_t i = 0; i < n; i++)
        c->bytes += (int64_t)fields[i].n;
}

static void on_end(void *data, kal_err err, const char *message)
{
    copied *c = data;
    (void)message;
    assert_false(c->ended);
    c->ended = true;
    c->err = err;
}

static copied copy_of(kal_cluster_fixture *f, kal_sql sql, int shard)
{
    copied c = {0};
    kal_pg_options options = {.conninfo = kal_cluster_conninfo(f->cluster)};
    kal_pg_copy(&f->loop, &options, sql, shard, on_row, on_end, &c);
    kal_loop_until(&f->loop, &c.ended);
    return c;
}

static void test_copy_streams_all_rows_of_a_shard(void **state)
{
    kal_cluster_fixture *f = *state;
    char sql[600];
    snprintf(sql, sizeof sql,
             "INSERT INTO wait (instance_id, seq, shard, tenant_id, customer_key, flow_id, version,"
             " node_id, node_type, absolute, began_at) SELECT md5(n::text)::uuid, n, n / %d,"
             " gen_random_uuid(), n, gen_random_uuid(), 1, 'pause', 'wait', false, '2026-01-01'"
             " FROM generate_series(0, %d) n",
             ROWS, ROWS + 4);
    kal_ask(f->sql, sql);
    copied all = copy_of(f, KAL_SQL_RECOVER_WAITS, 0);
    assert_int_equal(all.err, KAL_OK);
    assert_int_equal(all.rows, ROWS);
    copied few = copy_of(f, KAL_SQL_RECOVER_WAITS, 1);
    assert_int_equal(few.rows, 5);
    copied none = copy_of(f, KAL_SQL_RECOVER_WAITS, 3);
    assert_int_equal(none.err, KAL_OK);
    assert_int_equal(none.rows, 0);
}

/* A takeover of very many waits takes longer than any other statement may. */
static void test_a_copy_has_no_time_limit(void **state)
{
    kal_cluster_fixture *f = *state;
    copied c = {0};
    kal_pg_options options = {.conninfo = kal_cluster_conninfo(f->cluster),
                              .statement_timeout_ms = 20,
                              .lock_timeout_ms = 20};
    kal_ask(f->sql, "BEGIN");
    kal_ask(f->sql, "LOCK TABLE wait");
    kal_pg_copy(&f->loop, &options, KAL_SQL_RECOVER_WAITS, 0, on_row, on_end, &c);
    while (!c.ended && strcmp(kal_ask(f->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted AND "
                                              "waitstart < clock_timestamp() - interval '50 ms'"),
                              "1") != 0)
        kal_loop_turn(&f->loop);
    kal_ask(f->sql, "ROLLBACK");
    kal_loop_until(&f->loop, &c.ended);
    assert_int_equal(c.err, KAL_OK);
}

static void test_copy_tells_what_the_server_refuses(void **state)
{
    kal_cluster_fixture *f = *state;
    kal_ask(f->sql, "ALTER TABLE wait RENAME TO away");
    copied c = copy_of(f, KAL_SQL_RECOVER_WAITS, 0);
    kal_ask(f->sql, "ALTER TABLE away RENAME TO wait");
    assert_int_equal(c.err, KAL_ERR_INTERNAL);
}

static void test_copy_without_a_server_ends(void **state)
{
    kal_cluster_fixture *f = *state;
    copied c = {0};
    kal_pg_options options = {.conninfo = "host=/nonexistent dbname=x"};
    kal_pg_copy(&f->loop, &options, KAL_SQL_RECOVER_WAITS, 0, on_row, on_end, &c);
    assert_false(c.ended);
    kal_loop_until(&f->loop, &c.ended);
    assert_int_equal(c.err, KAL_ERR_UNAVAILABLE);
}

/* A process that ends while the server hangs does not wait for it. */
static void test_a_copy_that_is_stopped_tells_nothing(void **state)
{
    kal_cluster_fixture *f = *state;
    copied c = {0};
    kal_pg_options options = {.conninfo = kal_cluster_conninfo(f->cluster)};
    kal_ask(f->sql, "BEGIN");
    kal_ask(f->sql, "LOCK TABLE wait");
    kal_pg_copying *copying =
        kal_pg_copy(&f->loop, &options, KAL_SQL_RECOVER_WAITS, 0, on_row, on_end, &c);
    while (strcmp(kal_ask(f->sql, "SELECT count(*) FROM pg_locks WHERE NOT granted"), "1") != 0)
        kal_loop_turn(&f->loop);
    kal_pg_copy_stop(copying);
    kal_pg_copy_stop(NULL);
    kal_ask(f->sql, "COMMIT");
    uv_run(&f->loop, UV_RUN_DEFAULT); /* nothing of it is left */
    assert_false(c.ended);
    assert_int_equal(c.rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_back),
        cmocka_unit_test(test_one_error_undoes_the_whole_call),
        cmocka_unit_test(test_what_goes_ahead_of_a_call_is_not_the_callers),
        cmocka_unit_test(test_the_lease_fences),
        cmocka_unit_test(test_a_refused_statement_is_prepared_again),
        cmocka_unit_test(test_other_types_than_before_are_refused),
        cmocka_unit_test(test_a_thousand_calls_answer_in_order),
        cmocka_unit_test(test_large_calls_and_answers_do_not_lock_up),
        cmocka_unit_test(test_a_killed_connection_answers_and_comes_back),
        cmocka_unit_test(test_a_statement_that_takes_too_long_is_repeatable),
        cmocka_unit_test(test_a_break_on_purpose_is_a_loss),
        cmocka_unit_test(test_closing_answers_what_is_in_flight),
        cmocka_unit_test(test_no_server_no_answer_but_unavailable),
        cmocka_unit_test(test_copy_streams_all_rows_of_a_shard),
        cmocka_unit_test(test_a_copy_has_no_time_limit),
        cmocka_unit_test(test_copy_tells_what_the_server_refuses),
        cmocka_unit_test(test_copy_without_a_server_ends),
        cmocka_unit_test(test_a_copy_that_is_stopped_tells_nothing),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
