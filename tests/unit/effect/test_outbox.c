/* A message that was promised leaves once: its attempt is on record before it goes, and what may
 * not go now goes later. */
#include "run/run_rows.h"
#include "run/run_test.h"

#include "effect/outbox.h"

#define NOW INT64_C(1790000000000)
#define MINUTE 60000

typedef struct rig {
    char *dir;
    kal_ledger *ledger;
    kal_outbox *outbox;
    kal_flush *flush;
    kal_tally *sent;
    bool paused, fenced;
    int64_t now;
    size_t answered; /* answers that may be given, and the last of them */
    uint32_t seq;
    char *answer;
} rig;

static bool may_send(void *data, kal_uuid flow)
{
    const rig *r = data;
    return !r->paused || flow.b[0] != 9; /* flow 9 is the one that is paused */
}

static void answered(void *data, const kal_held *held, json_t *body)
{
    rig *r = data;
    r->answered++;
    free(r->answer);
    r->answer = json_dumps(kal_held_read(body, &r->seq), JSON_SORT_KEYS | JSON_COMPACT);
    assert_int_equal(r->seq, held->seq);
    assert_int_equal(held->instance.b[0], 7);
}

static bool may_act(void *data)
{
    return !((rig *)data)->fenced;
}

static void outbox_open(rig *r, kal_lua *lua)
{
    kal_outbox_options options = {.lua = lua,
                                  .ledger = r->ledger,
                                  .may_send = may_send,
                                  .may_act = may_act,
                                  .answered = answered,
                                  .data = r,
                                  .sent = r->sent};
    r->outbox = kal_outbox_new(&options);
}

static rig *rig_new(void **state)
{
    kal_buf error = {0};
    rig *r = kal_calloc(1, sizeof *r);
    r->now = NOW;
    r->dir = kal_temp_dir_new();
    r->ledger = kal_ledger_open(r->dir, &error);
    assert_non_null(r->ledger);
    r->sent = kal_tally_new();
    outbox_open(r, *state);
    return r;
}

static void rig_free(rig *r)
{
    kal_outbox_free(r->outbox);
    kal_ledger_close(r->ledger);
    kal_flush_free(r->flush);
    kal_tally_free(r->sent);
    free(r->answer);
    kal_temp_dir_free(r->dir);
    kal_free(r);
}

static void add(rig *r, uint8_t number, uint8_t flow, const char *provider)
{
    kal_uuid id = {.b = {number}}, of = {.b = {flow}};
    json_t *json = json_of("{'channel':'email','recipient':{'email':'a@b.c'},"
                           "'message':{'template_id':'t'},'at':'2026-01-01T00:00:00.000Z'}");
    kal_outbox_add(r->outbox, id, of, kal_str_of(provider), json, NULL);
    json_decref(json);
}

/* A call whose answer the wait `seq` of instance 7 is for. */
static void add_awaited(rig *r, uint8_t number, const char *provider, uint32_t seq)
{
    kal_held held = {.instance = {.b = {7}}, .flow = {.b = {1}}, .seq = seq};
    json_t *json = json_of("{'channel':'webhook','recipient':{'url':'http://a'},'message':{}}");
    kal_outbox_add(r->outbox, (kal_uuid){.b = {number}}, held.flow, kal_str_of(provider), json,
                   &held);
    json_decref(json);
}

/* The next flush: how many rows it takes. */
static size_t fill(rig *r)
{
    kal_flush_free(r->flush);
    r->flush = kal_flush_new();
    kal_outbox_fill(r->outbox, r->flush, 500, r->now);
    return kal_flush_rows(r->flush);
}

static size_t committed(rig *r)
{
    return kal_outbox_committed(r->outbox, r->now);
}

/* Lines in the ledger: what left. */
static size_t left(const rig *r)
{
    char path[512];
    size_t n = 0;
    FILE *file = fopen(path_in(r->dir, "log/deliveries.ndjson", path), "r");
    assert_non_null(file);
    for (int c; (c = getc(file)) != EOF;)
        n += c == '\n';
    fclose(file);
    return n;
}

static void an_attempt_is_on_record_before_it_leaves(void **state)
{
    rig *r = rig_new(state);
    assert_false(kal_outbox_next(r->outbox) <= r->now);
    add(r, 1, 1, "log");
    add(r, 2, 1, "log");
    assert_true(kal_outbox_next(r->outbox) <= r->now);
    assert_int_equal(fill(r), 2); /* the claims */
    assert_int_equal(left(r), 0);
    assert_false(kal_outbox_next(r->outbox) <= r->now);
    assert_int_equal(committed(r), 2);
    assert_int_equal(left(r), 2);
    assert_true(kal_outbox_next(r->outbox) <= r->now);
    assert_int_equal(fill(r), 2); /* the results */
    assert_int_equal(committed(r), 0);
    assert_false(kal_outbox_next(r->outbox) <= r->now); /* done with */
    assert_int_equal(left(r), 2);
    rig_free(r);
}

static void they_leave_in_the_order_in_which_they_came(void **state)
{
    char path[512], line[512];
    rig *r = rig_new(state);
    for (uint8_t i = 1; i <= 9; i++)
        add(r, i, 1, "log");
    fill(r);
    assert_int_equal(committed(r), 9);
    FILE *file = fopen(path_in(r->dir, "log/deliveries.ndjson", path), "r");
    for (int i = 1; i <= 9; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "{\"delivery_id\":\"%02x000000-", (unsigned)i);
        assert_non_null(fgets(line, sizeof line, file));
        assert_memory_equal(line, prefix, strlen(prefix));
    }
    fclose(file);
    rig_free(r);
}

/* Another process may own the shard by now: it decides, we keep still. */
static void without_the_lease_nothing_leaves(void **state)
{
    rig *r = rig_new(state);
    add(r, 1, 1, "log");
    fill(r);
    r->fenced = true;
    assert_int_equal(committed(r), 0);
    assert_int_equal(left(r), 0);
    assert_in_range(kal_outbox_next(r->outbox), r->now + 1, r->now + MINUTE);
    r->now += MINUTE;
    assert_int_equal(fill(r), 0); /* no attempt goes on record while none may leave */
    r->fenced = false;            /* it was only late: it is tried again, once */
    for (int i = 0; i < 4; i++) {
        r->now += MINUTE;
        fill(r);
        committed(r);
    }
    assert_int_equal(left(r), 1);
    assert_false(kal_outbox_next(r->outbox) <= r->now);
    rig_free(r);
}

static void a_paused_flow_keeps_its_messages_and_holds_up_nobody(void **state)
{
    rig *r = rig_new(state);
    r->paused = true;
    add(r, 1, 9, "log");
    add(r, 2, 1, "log");
    assert_int_equal(fill(r), 1);
    assert_int_equal(committed(r), 1);
    assert_int_equal(fill(r), 1); /* the other's result */
    committed(r);
    assert_false(kal_outbox_next(r->outbox) <= r->now); /* it costs nothing while it is paused */
    kal_outbox_wake(r->outbox);
    assert_true(kal_outbox_next(r->outbox) <= r->now);
    assert_int_equal(fill(r), 0); /* still paused */
    r->paused = false;
    kal_outbox_wake(r->outbox);
    assert_int_equal(fill(r), 1);
    assert_int_equal(committed(r), 1);
    assert_int_equal(left(r), 2);
    rig_free(r);
}

static void a_provider_that_is_not_there_fails_its_messages_only(void **state)
{
    rig *r = rig_new(state);
    add(r, 1, 1, "pigeon");
    add(r, 2, 1, "log");
    assert_int_equal(fill(r), 2);
    assert_int_equal(committed(r), 1);
    assert_int_equal(left(r), 1);
    assert_int_equal(fill(r), 2); /* failed, sent */
    committed(r);
    assert_false(kal_outbox_next(r->outbox) <= r->now);
    rig_free(r);
}

/* The ledger's disk is full: five attempts, each later than the last by about twice the time. */
static void attempts_that_fail_come_again_ever_later(void **state)
{
    rig *r = rig_new(state);
    char path[512];
    kal_ledger_close(r->ledger);
    kal_outbox_free(r->outbox);
    assert_int_equal(unlink(path_in(r->dir, "log/deliveries.ndjson", path)), 0);
    assert_int_equal(symlink("/dev/full", path), 0);
    kal_buf error = {0};
    r->ledger = kal_ledger_open(r->dir, &error);
    assert_non_null(r->ledger);
    outbox_open(r, *state);
    add(r, 1, 1, "log");
    for (int64_t pause = 1000; pause <= 8000; pause *= 2) {
        assert_int_equal(fill(r), 1); /* the attempt */
        assert_int_equal(committed(r), 0);
        assert_int_equal(fill(r), 1); /* that it is to be tried again */
        committed(r);
        assert_in_range(kal_outbox_next(r->outbox), r->now + pause, r->now + pause + pause / 4);
        r->now = kal_outbox_next(r->outbox);
    }
    assert_int_equal(fill(r), 1);
    committed(r);
    assert_int_equal(fill(r), 1); /* the fifth was the last: it has failed */
    committed(r);
    assert_int_equal(kal_outbox_next(r->outbox), INT64_MAX);
    rig_free(r);
}

/* The answer is in the database with the result, and is given only then. */
static void who_waits_for_a_delivery_is_told_with_its_result(void **state)
{
    rig *r = rig_new(state);
    add_awaited(r, 1, "log", 3);
    assert_int_equal(fill(r), 1);
    assert_int_equal(committed(r), 1);
    assert_int_equal(r->answered, 0);
    assert_int_equal(fill(r), 2); /* the result, and the answer */
    assert_int_equal(r->answered, 0);
    committed(r);
    assert_int_equal(r->answered, 1);
    assert_int_equal(r->seq, 3);
    assert_string_equal(r->answer, "{\"body\":null,\"status\":200}");
    assert_int_equal(kal_outbox_next(r->outbox), INT64_MAX);
    rig_free(r);
}

static void who_waits_for_a_delivery_that_fails_is_told_why(void **state)
{
    rig *r = rig_new(state);
    add_awaited(r, 1, "pigeon", 4);
    fill(r);
    committed(r);
    assert_int_equal(fill(r), 2);
    committed(r);
    assert_int_equal(r->answered, 1);
    assert_non_null(strstr(r->answer, "{\"error\":"));
    rig_free(r);
}

/* What is not sent is not counted, and makes no name. */
static void what_leaves_is_counted_by_channel_and_provider(void **state)
{
    kal_str channel, provider;
    uint64_t count;
    rig *r = rig_new(state);
    add(r, 1, 1, "log");
    add(r, 2, 1, "pigeon");
    add(r, 3, 1, "log");
    r->fenced = true;
    fill(r);
    committed(r);
    assert_false(kal_tally_at(r->sent, 0, &channel, &provider, &count));
    r->fenced = false;
    for (int i = 0; i < 4; i++) {
        r->now += MINUTE;
        fill(r);
        committed(r);
    }
    assert_true(kal_tally_at(r->sent, 0, &channel, &provider, &count));
    assert_true(kal_str_is(channel, "email") && kal_str_is(provider, "log"));
    assert_int_equal(count, 2);
    assert_false(kal_tally_at(r->sent, 1, &channel, &provider, &count));
    rig_free(r);
}

static void a_storm_is_cut_into_flushes(void **state)
{
    rig *r = rig_new(state);
    enum { N = 1300 };
    for (int i = 0; i < N; i++)
        add(r, (uint8_t)i, 1, "log");
    size_t flushes = 0;
    while (kal_outbox_next(r->outbox) <= r->now) {
        assert_in_range(fill(r), 1, 999);
        committed(r);
        flushes++;
    }
    assert_true(flushes > 2);
    assert_int_equal(left(r), N);
    rig_free(r);
}

/* ---- after a crash ---- */

/* A row of load_pending.sql. */
static void pending_row(PGresult *rows, int row, uint8_t number, const char *provider, int attempts)
{
    rows_id(rows, row, 0, (kal_uuid){.b = {number}});
    rows_id(rows, row, 1, (kal_uuid){.b = {1}});
    rows_text(rows, row, 2, provider);
    rows_int(rows, row, 3, attempts);
    rows_text(rows, row, 4, "{\"channel\":\"webhook\",\"recipient\":{},\"message\":{}}");
    rows_id(rows, row, 5, (kal_uuid){.b = {2}});
    rows_id(rows, row, 6, (kal_uuid){.b = {7}});
    rows_int(rows, row, 7, 5);
    rows_int(rows, row, 8, number == 3 ? 0 : number); /* nobody waits for 3 */
}

/* Sends 1, and leaves 2 open, as a crash between the two would. */
static void crash(rig *r, kal_lua *lua)
{
    add(r, 1, 1, "log");
    fill(r);
    assert_int_equal(committed(r), 1);
    kal_outbox_free(r->outbox);
    outbox_open(r, lua);
}

static void recover(rig *r, bool ours)
{
    PGresult *rows = rows_new(9);
    pending_row(rows, 0, 1, "log", 1);
    pending_row(rows, 1, 2, "log", 1);
    pending_row(rows, 2, 3, "log", 0);
    kal_outbox_recover(r->outbox, rows_of(rows), ours);
    PQclear(rows);
}

static void settle(rig *r)
{
    for (int i = 0; kal_outbox_next(r->outbox) <= r->now; i++) {
        assert_in_range(i, 0, 10);
        fill(r);
        committed(r);
    }
}

static void our_open_attempts_are_looked_up_in_the_ledger(void **state)
{
    rig *r = rig_new(state);
    crash(r, *state);
    recover(r, true);
    assert_int_equal(fill(r), 4); /* 1 is sent, with its answer; 2 and 3 are claimed */
    assert_int_equal(committed(r), 2);
    settle(r);
    assert_int_equal(left(r), 3); /* each once */
    assert_int_equal(r->answered, 2);
    assert_string_equal(r->answer, "{\"body\":null,\"status\":200}");
    rig_free(r);
}

static void anothers_open_attempts_are_never_sent_again(void **state)
{
    rig *r = rig_new(state);
    crash(r, *state);
    recover(r, false);
    assert_int_equal(fill(r), 3); /* 1 and 2 are in doubt, 3 is claimed */
    assert_int_equal(committed(r), 1);
    settle(r);
    assert_int_equal(left(r), 2);
    assert_int_equal(r->answered, 0); /* what is in doubt answers nobody */
    rig_free(r);
}

static bool is_of_flow(void *data, kal_uuid flow, const json_t *json)
{
    assert_non_null(json_object_get(json, "recipient"));
    return flow.b[0] == *(uint8_t *)data;
}

/* Whoever was erased gets nothing any more, wherever it waits; others do. */
static void what_is_withdrawn_does_not_leave(void **state)
{
    rig *r = rig_new(state);
    uint8_t paused = 9, other = 2;
    r->paused = true;
    add(r, 1, 9, "log");
    add(r, 2, 1, "log");
    assert_int_equal(fill(r), 1); /* the other is parked */
    add(r, 3, 2, "log");
    kal_outbox_withdraw(r->outbox, is_of_flow, &paused);
    kal_outbox_withdraw(r->outbox, is_of_flow, &other);
    r->paused = false;
    kal_outbox_wake(r->outbox);
    assert_int_equal(committed(r), 1); /* what was on its way has left */
    assert_int_equal(fill(r), 1);      /* its result, and nothing else */
    assert_int_equal(committed(r), 0);
    assert_int_equal(left(r), 1);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attempt_is_on_record_before_it_leaves),
        cmocka_unit_test(they_leave_in_the_order_in_which_they_came),
        cmocka_unit_test(without_the_lease_nothing_leaves),
        cmocka_unit_test(a_paused_flow_keeps_its_messages_and_holds_up_nobody),
        cmocka_unit_test(a_provider_that_is_not_there_fails_its_messages_only),
        cmocka_unit_test(attempts_that_fail_come_again_ever_later),
        cmocka_unit_test(who_waits_for_a_delivery_is_told_with_its_result),
        cmocka_unit_test(who_waits_for_a_delivery_that_fails_is_told_why),
        cmocka_unit_test(what_leaves_is_counted_by_channel_and_provider),
        cmocka_unit_test(a_storm_is_cut_into_flushes),
        cmocka_unit_test(our_open_attempts_are_looked_up_in_the_ledger),
        cmocka_unit_test(anothers_open_attempts_are_never_sent_again),
        cmocka_unit_test(what_is_withdrawn_does_not_leave),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
