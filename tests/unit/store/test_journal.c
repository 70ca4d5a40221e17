/* What is lost when this fails: one customer whose rows somebody has locked stops a shard, or takes
 * others' changes along. */
#include "store/journal.h"

#include "base/log.h"
#include "effect/outbox.h"
#include "run/run_test.h"
#include "store/cluster_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the above first. */
#include <cmocka.h>

#define CUSTOMERS 8
#define TIMEOUT_MS 100

typedef struct rig {
    kal_cluster_fixture *f;
    kal_pg *pg;
    kal_clock *clock;
    kal_journal *journal;
    PGconn *other; /* the session that is in the way */
    FILE *log;
    bool up, done;
    kal_err err;
} rig;

static kal_uuid ids[CUSTOMERS];

static void on_state(void *data, bool up)
{
    ((rig *)data)->up = up;
}

static void on_done(void *data, kal_err err)
{
    rig *r = data;
    r->done = true;
    r->err = err;
}

static void rig_open_within(rig *r, void **state, int statement_ms, int lock_ms)
{
    *r = (rig){.f = *state, .log = tmpfile(), .clock = kal_clock_new_virtual(1790000000000)};
    kal_log_set_fd(fileno(r->log));
    kal_pg_options options = {.conninfo = kal_cluster_conninfo(r->f->cluster),
                              .statement_timeout_ms = statement_ms,
                              .lock_timeout_ms = lock_ms,
                              .on_state = on_state,
                              .data = r};
    r->other = PQconnectdb(options.conninfo);
    kal_ask(r->f->sql, "UPDATE shard_lease SET epoch = 1, seq = 0 WHERE shard = 0");
    r->pg = kal_pg_new(&r->f->loop, &options);
    r->journal = kal_journal_new(&r->f->loop, r->pg, 0, r->clock);
    kal_journal_open(r->journal, 1, 0);
    kal_loop_until(&r->f->loop, &r->up);
}

static void rig_open(rig *r, void **state)
{
    rig_open_within(r, state, TIMEOUT_MS, 0);
}

static void rig_close(rig *r)
{
    kal_pg_free(r->pg);
    kal_journal_free(r->journal);
    kal_clock_free(r->clock);
    PQfinish(r->other);
    kal_log_set_fd(STDERR_FILENO);
    fclose(r->log);
}

/* Each customer's row with this e-mail, a unit each. */
static kal_flush *flush_of(const char *email)
{
    kal_flush *flush = kal_flush_new();
    for (int i = 0; i < CUSTOMERS; i++) {
        kal_unit *unit = kal_flush_unit(flush);
        kal_value *row = kal_unit_row(unit, KAL_TABLE_CUSTOMER);
        char *name = kal_arena_alloc(kal_flush_arena(flush), 16);
        snprintf(name, 16, "c%d", i);
        row[0] = kal_v_uuid(ids[i]);
        row[1] = kal_v_uuid((kal_uuid){.b = {7}});
        row[2] = kal_v_text(name);
        row[3] = kal_v_int(KAL_INT8, i);
        row[4] = kal_v_text(email);
        row[8] = row[10] = kal_v_str(KAL_JSON, kal_str_of("{}"));
        row[9] = kal_v_str(KAL_JSON, kal_str_of("[]"));
        row[11] = kal_v_time(1790000000000);
    }
    return flush;
}

static void flush_now(rig *r, kal_flush *flush)
{
    r->done = false;
    kal_journal_flush(r->journal, flush, on_done, r);
}

static void assert_written(rig *r, const char *email)
{
    kal_flush *flush = flush_of(email);
    flush_now(r, flush);
    kal_loop_until(&r->f->loop, &r->done);
    assert_int_equal(r->err, KAL_OK);
    kal_flush_free(flush);
}

/* Lines of the log that hold the text. */
static size_t logged(rig *r, const char *text)
{
    char line[1024];
    size_t n = 0;
    rewind(r->log);
    while (fgets(line, sizeof line, r->log))
        n += strstr(line, text) != NULL;
    return n;
}

static const char *customers_with(rig *r, const char *email)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "SELECT string_agg(external_id, ' ' ORDER BY external_id) FROM customer "
             "WHERE email = '%s'",
             email);
    return kal_ask(r->f->sql, sql);
}

static void test_a_locked_customer_is_refused_alone(void **state)
{
    rig r;
    rig_open(&r, state);
    for (uint8_t i = 0; i < CUSTOMERS; i++)
        ids[i] = (kal_uuid){.b = {1, i}};
    assert_written(&r, "first");

    kal_ask(r.other, "BEGIN");
    kal_ask(r.other, "SELECT 1 FROM customer WHERE external_id = 'c5' FOR UPDATE");
    kal_flush *flush = flush_of("second");
    flush_now(&r, flush);
    kal_loop_until(&r.f->loop, &r.done);
    assert_int_equal(r.err, KAL_OK);
    assert_string_equal(customers_with(&r, "second"), "c0 c1 c2 c3 c4 c6 c7");
    assert_string_equal(customers_with(&r, "first"), "c5");
    assert_int_equal(logged(&r, "\"flush_retried\""), 3); /* 8, 4 and 2 rows */
    assert_int_equal(logged(&r, "\"attempt\":\"1\",\"rows\":\"8\""), 1);
    assert_int_equal(logged(&r, "\"attempt\":\"3\",\"rows\":\"2\""), 1);
    kal_flush_free(flush);

    kal_ask(r.other, "ROLLBACK");
    assert_written(&r, "third");
    assert_string_equal(customers_with(&r, "third"), "c0 c1 c2 c3 c4 c5 c6 c7");
    rig_close(&r);
}

/* Nobody's rows are to blame: all of them are written when the lease's row comes free. */
static void test_a_locked_lease_is_waited_for(void **state)
{
    rig r;
    rig_open(&r, state);
    kal_ask(r.other, "BEGIN");
    kal_ask(r.other, "SELECT 1 FROM shard_lease WHERE shard = 0 FOR UPDATE");
    kal_flush *flush = flush_of("fourth");
    flush_now(&r, flush);
    while (logged(&r, "\"flush_retried\"") < 2 && !r.done)
        kal_loop_turn(&r.f->loop);
    assert_false(r.done);
    assert_int_equal(logged(&r, "\"attempt\":\"2\",\"rows\":\"8\""), 1);
    kal_ask(r.other, "ROLLBACK");
    kal_loop_until(&r.f->loop, &r.done);
    assert_int_equal(r.err, KAL_OK);
    assert_string_equal(customers_with(&r, "fourth"), "c0 c1 c2 c3 c4 c5 c6 c7");
    kal_flush_free(flush);
    rig_close(&r);
}

/* A lock is given up long before the time of a statement is over. */
static void test_a_lock_has_a_limit_of_its_own(void **state)
{
    rig r;
    rig_open_within(&r, state, 0, TIMEOUT_MS);
    assert_written(&r, "fifth");
    kal_ask(r.other, "BEGIN");
    kal_ask(r.other, "SELECT 1 FROM customer WHERE external_id = 'c2' FOR UPDATE");
    kal_flush *flush = flush_of("sixth");
    flush_now(&r, flush);
    kal_loop_until(&r.f->loop, &r.done);
    assert_int_equal(r.err, KAL_OK);
    assert_string_equal(customers_with(&r, "sixth"), "c0 c1 c3 c4 c5 c6 c7");
    assert_int_equal(logged(&r, "due to lock timeout"), 3);
    kal_flush_free(flush);

    flush = flush_of("seventh");
    kal_ask(r.other, "ROLLBACK");
    kal_ask(r.other, "BEGIN");
    kal_ask(r.other, "SELECT 1 FROM shard_lease WHERE shard = 0 FOR UPDATE");
    flush_now(&r, flush);
    while (logged(&r, "due to lock timeout") < 4 && !r.done)
        kal_loop_turn(&r.f->loop);
    assert_false(r.done); /* of the lease's lock no customer is guilty */
    kal_ask(r.other, "ROLLBACK");
    kal_loop_until(&r.f->loop, &r.done);
    assert_string_equal(customers_with(&r, "seventh"), "c0 c1 c2 c3 c4 c5 c6 c7");
    kal_flush_free(flush);
    rig_close(&r);
}

/* Flushes while every write to the table fails in this way, and it fails no more after a while. */
static void write_through(void **state, const char *table, const char *sqlstate, const char *email)
{
    rig r;
    char sql[300];
    rig_open(&r, state);
    kal_ask(r.f->sql, "CREATE SEQUENCE failures");
    snprintf(sql, sizeof sql,
             "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
             "IF nextval('failures') < 4 THEN RAISE 'not now' USING ERRCODE = '%s'; END IF; "
             "RETURN NULL; END $$",
             sqlstate);
    kal_ask(r.f->sql, sql);
    snprintf(sql, sizeof sql,
             "CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON %s EXECUTE FUNCTION fail()", table);
    kal_ask(r.f->sql, sql);
    kal_flush *flush = flush_of(email);
    flush_now(&r, flush);
    kal_loop_until(&r.f->loop, &r.done);
    kal_ask(r.f->sql, "DROP FUNCTION fail CASCADE");
    kal_ask(r.f->sql, "DROP SEQUENCE failures");
    assert_int_equal(r.err, KAL_OK);
    assert_string_equal(customers_with(&r, email), "c0 c1 c2 c3 c4 c5 c6 c7");
    assert_int_equal(logged(&r, "\"attempt\":\"3\",\"rows\":\"8\""), 1); /* whole, each time */
    kal_flush_free(flush);
    rig_close(&r);
}

/* Callers would get 500, and instances fail, for a server that is not well. */
static void test_what_blames_no_row_is_tried_again(void **state)
{
    write_through(state, "shard_lease", "55000", "lease");
    write_through(state, "customer", "25006", "read-only");
    write_through(state, "customer", "58030", "i/o");
    write_through(state, "customer", "53100", "disk");
}

/* A work whose first attempt was committed after all: its customer is told to ask again, and the
 * others are written. */
static void test_what_has_happened_does_not_happen_again(void **state)
{
    rig r;
    rig_open(&r, state);
    for (int time = 0; time < 2; time++) {
        kal_flush *flush = flush_of(time ? "second@x" : "first@x");
        kal_unit *unit = kal_flush_unit(flush);
        kal_value *row = kal_unit_row(unit, KAL_TABLE_CLAIM);
        row[0] = kal_v_uuid((kal_uuid){.b = {7}});
        row[1] = kal_v_text("key");
        row[2] = kal_v_int(KAL_INT4, 0);
        row[5] = kal_v_time(1790000000000 + time);
        flush_now(&r, flush);
        kal_loop_until(&r.f->loop, &r.done);
        assert_int_equal(r.err, KAL_OK);
        assert_int_equal(kal_unit_err(unit), time ? KAL_ERR_UNAVAILABLE : KAL_OK);
        kal_flush_free(flush);
    }
    assert_string_equal(customers_with(&r, "second@x"), "c0 c1 c2 c3 c4 c5 c6 c7");
    rig_close(&r);
}

static bool may_send(void *data, kal_uuid flow)
{
    (void)data;
    (void)flow;
    return true;
}

static bool may_act(void *data)
{
    (void)data;
    return true;
}

static size_t sent_by(rig *r, kal_outbox *outbox)
{
    kal_flush *flush = kal_flush_new();
    int64_t now_ms = kal_clock_now(r->clock);
    assert_int_equal(kal_outbox_fill(outbox, flush, 10, now_ms), 1);
    flush_now(r, flush);
    kal_loop_until(&r->f->loop, &r->done);
    size_t sent = kal_outbox_committed(outbox, now_ms);
    kal_clock_set(r->clock, now_ms + 60000); /* what was refused rests for a while */
    kal_flush_free(flush);
    return sent;
}

/* What left without its attempt on record would leave again after a crash. */
static void test_a_message_whose_row_is_locked_does_not_leave(void **state)
{
    rig r;
    rig_open(&r, state);
    kal_buf error = {0};
    kal_lua *lua = test_lua_new();
    kal_ledger *ledger = kal_ledger_open(r.f->dir, &error);
    kal_outbox_options options = {
        .lua = lua, .ledger = ledger, .may_send = may_send, .may_act = may_act};
    kal_outbox *outbox = kal_outbox_new(&options);
    json_t *json = json_of("{'channel':'email','recipient':{'email':'a@b.c'},"
                           "'message':{'template_id':'t'},'at':'2026-01-01T00:00:00.000Z'}");
    kal_ask(r.f->sql, "INSERT INTO delivery (id, tenant_id, shard, flow_id, instance_id, "
                      "customer_uuid, customer_key, node_id, channel, provider, recipient, "
                      "message, status, created_at) SELECT u, u, 0, u, u, u, 1, 'n', 'email', "
                      "'log', '{}', '{}', 'pending', now() "
                      "FROM CAST('05000000-0000-0000-0000-000000000000' AS uuid) AS u");
    kal_outbox_add(outbox, (kal_uuid){.b = {5}}, (kal_uuid){.b = {5}}, kal_str_of("log"), json,
                   NULL);

    kal_ask(r.other, "BEGIN");
    kal_ask(r.other, "SELECT 1 FROM delivery FOR UPDATE");
    assert_int_equal(sent_by(&r, outbox), 0);
    kal_ask(r.other, "ROLLBACK");
    assert_int_equal(sent_by(&r, outbox), 1);
    assert_string_equal(kal_ask(r.f->sql, "SELECT attempts FROM delivery"), "1");

    kal_ask(r.other, "BEGIN"); /* the result */
    kal_ask(r.other, "SELECT 1 FROM delivery FOR UPDATE");
    assert_int_equal(sent_by(&r, outbox), 0);
    kal_ask(r.other, "ROLLBACK");
    assert_int_equal(sent_by(&r, outbox), 0);
    assert_string_equal(kal_ask(r.f->sql, "SELECT status FROM delivery"), "sent");
    assert_int_equal(kal_outbox_next(outbox), INT64_MAX);
    json_decref(json);
    kal_outbox_free(outbox);
    kal_ledger_close(ledger);
    kal_lua_free(lua);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_locked_customer_is_refused_alone),
        cmocka_unit_test(test_a_locked_lease_is_waited_for),
        cmocka_unit_test(test_a_lock_has_a_limit_of_its_own),
        cmocka_unit_test(test_what_blames_no_row_is_tried_again),
        cmocka_unit_test(test_what_has_happened_does_not_happen_again),
        cmocka_unit_test(test_a_message_whose_row_is_locked_does_not_leave),
    };
    return cmocka_run_group_tests(tests, kal_cluster_fixture_open, kal_cluster_fixture_close);
}
