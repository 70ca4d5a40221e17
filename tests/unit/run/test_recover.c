/* What a shard reads of its own accord, and what a lease's loss takes away: without the first,
 * timers stay in the database, and without the second an old lease's work is done twice. */
#include "run_rig.h"

#include "run/shard_state.h"

typedef struct shard_rig {
    rig rig;
    kal_shard shard;
    uv_loop_t loop;
    size_t given, lost;
} shard_rig;

static const kal_pg_options nowhere = {.conninfo = "host=/nonexistent"};

static void give_back(void *data, kal_work *list)
{
    shard_rig *s = data;
    for (kal_work *next; list; list = next) {
        next = list->next;
        s->given += list->err == KAL_ERR_UNAVAILABLE;
        kal_work_free(list);
    }
}

static void on_lost(void *data, int shard)
{
    shard_rig *s = data;
    s->lost++;
    assert_int_equal(shard, 3);
}

static void shard_init(shard_rig *s, void **state)
{
    memset(s, 0, sizeof *s);
    s->rig = rig_new(state);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    s->shard = (kal_shard){
        .options = {.index = 3, .give_back = give_back, .on_lost = on_lost, .data = s},
        .state = KAL_SHARD_RECOVERING,
        .lua = s->rig.lua,
        .queue = kal_queue_new(),
        .codes = kal_codes_new(&s->loop, NULL, NULL, NULL),
    };
    kal_timers_init(&s->shard.timers);
    kal_shard_forget(&s->shard);
}

static void shard_free(shard_rig *s)
{
    kal_queue_free(s->shard.queue);
    kal_codes_free(s->shard.codes);
    kal_sweeps_end(&s->shard);
    kal_flows_free(s->shard.flows);
    kal_waits_free(s->shard.waits);
    kal_outbox_free(s->shard.outbox);
    kal_timers_deinit(&s->shard.timers);
    kal_strmap_deinit(&s->shard.replaying);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    rig_free(&s->rig);
}

/* A long pause puts very many off, all at once. */
static void timers_put_off_keep_no_others_away(void **state)
{
    shard_rig s;
    kal_timer from;
    kal_timer timer = {.due_ms = START_MS + 9 * HOUR};
    shard_init(&s, state);
    kal_timers *timers = &s.shard.timers;
    kal_timers_begin_load(timers, &(kal_timer){.due_ms = START_MS}, &from);
    kal_timers_end_load(timers, NULL);
    for (timer.seq = 1; timer.seq < 9999; timer.seq++)
        kal_timers_put(timers, &timer);
    s.shard.pg = kal_pg_new(&s.loop, &nowhere);
    s.shard.in_turn = true; /* nothing begins by the answer */
    assert_true(kal_shard_refill(&s.shard, START_MS));
    assert_true(timers->horizon.due_ms >= START_MS + HOUR);
    kal_pg_free(s.shard.pg); /* it answers that there is no server */
    assert_false(timers->loading);
    kal_timers_begin_load(timers, &(kal_timer){.due_ms = START_MS}, &from);
    kal_timers_end_load(timers, NULL);
    timer.due_ms = START_MS;
    kal_timers_put(timers, &timer); /* while there is enough to do, the others may wait */
    assert_false(kal_shard_refill(&s.shard, START_MS));
    shard_free(&s);
}

/* Else a recovery that is tried again queues each held event twice. */
static void what_a_lease_has_queued_goes_with_it(void **state)
{
    shard_rig s;
    shard_init(&s, state);
    kal_work *replay = kal_work_new(KAL_WORK_REPLAY);
    kal_str id = {(const char *)replay->held_id.b, sizeof replay->held_id.b};
    kal_strmap_put(&s.shard.replaying, id, &s);
    kal_queue_push_first(s.shard.queue, KAL_CLASS_EVENT, replay);
    kal_queue_push(s.shard.queue, KAL_CLASS_BULK, kal_work_new(KAL_WORK_EXIT));
    kal_queue_push(s.shard.queue, KAL_CLASS_TIMER, kal_work_new(KAL_WORK_TIMER));
    s.shard.again = kal_work_new(KAL_WORK_TIMER);
    kal_shard_forget(&s.shard);
    for (int c = 0; c < KAL_CLASS_COUNT; c++)
        assert_int_equal(kal_queue_count(s.shard.queue, (kal_class)c), 0);
    assert_null(s.shard.again);
    assert_int_equal(s.shard.replaying.len, 0);
    assert_int_equal(s.given, 0); /* they were the shard's own */
    shard_free(&s);
}

static void no_row(void *data, const kal_str *fields, size_t n)
{
    (void)data;
    (void)fields;
    fail_msg("a row of %zu fields came", n);
}

static void no_end(void *data, kal_err err, const char *message)
{
    (void)data;
    fail_msg("it went on to %d: %s", err, message);
}

/* Else its rows are taken for a part of the next lease's index. */
static void a_recovery_ends_with_its_lease(void **state)
{
    shard_rig s;
    shard_init(&s, state);
    s.shard.recovering = 2;
    s.shard.copying =
        kal_pg_copy(&s.loop, &nowhere, KAL_SQL_RECOVER_WAITS, 3, no_row, no_end, NULL);
    kal_shard_lose(&s.shard);
    assert_int_equal(s.lost, 1);
    assert_null(s.shard.copying);
    assert_int_equal(s.shard.recovering, 1); /* the other part is of no use, whatever it finds */
    assert_true(s.shard.recovery_failed);
    shard_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_put_off_keep_no_others_away),
        cmocka_unit_test(what_a_lease_has_queued_goes_with_it),
        cmocka_unit_test(a_recovery_ends_with_its_lease),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
