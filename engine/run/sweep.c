/* Sweeps: a shard's customers looked through, page by page, for those whom a due source lets enter.
 * What a page finds becomes bulk work, and the next page is asked for when that is done; each
 * enrolment is written with the start that it stands for, so a sweep that is cut off begins again
 * and finds what is left. */
#include "run/shard_state.h"

#include "base/alloc.h"
#include "base/log.h"

#include <string.h>

#define RETRY_MS 500

/* A page's rows are of load_enrolments.sql. */
enum { ID, EXTERNAL_ID, KEY, ENROLLED, MEMBER, CUSTOMER, DEFINITION };

/* A customer of the page whom the predicate is asked about. */
struct kal_asked {
    char *external_id;
    uint64_t key;
    bool enrolled;
};

/* What the sweep under way is of; NULL when its flow has stopped, or its schedule is another. */
static kal_source *source_of(const kal_shard *shard)
{
    const kal_sweep *sweep = &shard->sweep;
    kal_source *source =
        kal_sources_find(shard->sources, sweep->tenant, sweep->flow, kal_str_of(sweep->entry));
    bool same = source && (!source->scheduled || source->instant_ms == sweep->instant_ms);
    return same ? source : NULL;
}

static void forget_asked(kal_sweep *sweep)
{
    size_t n = sweep->predicate ? kal_predicate_count(sweep->predicate) : 0;
    for (size_t nth = 0; nth < n; nth++)
        kal_free(sweep->asked[nth].external_id);
    kal_free(sweep->asked);
    kal_predicate_free(sweep->predicate);
    sweep->asked = NULL;
    sweep->predicate = NULL;
}

/* Works that are queued stay counted. */
static void stop(kal_sweep *sweep)
{
    forget_asked(sweep);
    kal_free(sweep->entry);
    kal_free(sweep->changed);
    *sweep = (kal_sweep){.open = sweep->open};
}

void kal_sweeps_end(kal_shard *shard)
{
    stop(&shard->sweep);
    kal_sources_free(shard->sources);
    shard->sources = NULL;
}

void kal_sweeps_begin(kal_shard *shard)
{
    kal_sweeps_end(shard);
    shard->sources = kal_sources_new();
}

bool kal_sweeps_wait(const kal_shard *shard)
{
    return shard->sweep.predicate != NULL;
}

int64_t kal_sweeps_next(const kal_shard *shard, int64_t at_ms)
{
    int64_t due_ms = kal_sources_due(shard->sources);
    return due_ms < at_ms && !kal_sweeps_wait(shard) ? due_ms : at_ms;
}

static void start(kal_shard *shard, kal_source *source)
{
    const json_t *existing = json_object_get(source->flow->entry_config, "existing_members");
    bool first = source->swept_ms == KAL_SOURCE_NEW;
    stop(&shard->sweep);
    shard->sweep = (kal_sweep){
        .running = true,
        .tenant = source->flow->tenant->id,
        .flow = source->flow->id,
        .entry = kal_strdup(source->entry),
        .instant_ms = source->scheduled ? source->instant_ms : KAL_UNSET,
        .passes = !source->scheduled && first && json_is_false(existing),
        .noted = source->scheduled || first,
    };
    shard->sweep.changed = kal_sources_began(source, &shard->sweep.n_changed);
}

/* ---- a page ---- */

/* It cannot be told who enters: the next minute begins anew. */
static void put_off(kal_shard *shard, const char *why)
{
    kal_sweep *sweep = &shard->sweep;
    char tenant[KAL_UUID_TEXT + 1] = "";
    kal_uuid_format(sweep->tenant, tenant);
    kal_log(KAL_LOG_WARN, "sweep_failed", "tenant_id", tenant, "entry",
            sweep->entry ? sweep->entry : "", "error", why, NULL);
    kal_source *source = sweep->running ? source_of(shard) : NULL;
    if (source)
        kal_sources_put_off(shard->sources, source, kal_clock_now(shard->options.clock));
    stop(sweep);
}

/* By the definition, but for its predicate. */
static bool matches(kal_shard *shard, kal_lua_ref segment, kal_str text)
{
    char error[160];
    json_t *customer = kal_json_parse(text, error);
    bool member = customer && kal_lua_segment_matches(shard->lua, segment, customer,
                                                      kal_clock_now(shard->options.clock));
    json_decref(customer);
    return member;
}

static void queue_work(kal_shard *shard, kal_str external_id, uint64_t key, bool enters)
{
    kal_sweep *sweep = &shard->sweep;
    kal_work *work = kal_work_new(enters ? KAL_WORK_ENROL : KAL_WORK_LEAVE);
    work->tenant = sweep->tenant;
    work->flow_id = sweep->flow;
    work->entry = kal_strdup(sweep->entry);
    work->customer_id = kal_strndup(external_id.p, external_id.n);
    work->customer_key = key;
    work->due_ms = sweep->instant_ms;
    work->passes = sweep->passes;
    sweep->open++;
    kal_queue_push(shard->queue, KAL_CLASS_BULK, work);
}

/* A schedule's instant enrols for good. */
static bool changes(const kal_sweep *sweep, bool enrolled, bool member)
{
    return member != enrolled && (member || sweep->instant_ms == KAL_UNSET);
}

/* The predicate is to be asked about the customer, when what it says changes something. */
static void add_asked(kal_sweep *sweep, const kal_pg_rows *rows, size_t row, bool enrolled)
{
    kal_str external_id = kal_pg_str(rows, row, EXTERNAL_ID);
    if (!changes(sweep, enrolled, !enrolled))
        return;
    if (!sweep->asked)
        sweep->asked = kal_alloc(kal_pg_count(rows) * sizeof *sweep->asked);
    sweep->asked[kal_predicate_count(sweep->predicate)] = (kal_asked){
        kal_strndup(external_id.p, external_id.n), (uint64_t)kal_pg_int(rows, row, KEY), enrolled};
    kal_predicate_add(sweep->predicate, kal_pg_str(rows, row, CUSTOMER));
}

static void take_row(kal_shard *shard, const kal_pg_rows *rows, size_t row, kal_lua_ref segment)
{
    kal_sweep *sweep = &shard->sweep;
    if (kal_pg_null(rows, row, EXTERNAL_ID)) { /* there may be more */
        sweep->from = kal_pg_uuid(rows, row, ID);
        sweep->last = false;
        return;
    }
    bool enrolled = kal_pg_int(rows, row, ENROLLED) != 0;
    bool told = !kal_pg_null(rows, row, MEMBER);
    bool member = told ? kal_pg_int(rows, row, MEMBER) != 0
                       : matches(shard, segment, kal_pg_str(rows, row, CUSTOMER));
    if (!told && member && sweep->predicate)
        add_asked(sweep, rows, row, enrolled);
    else if (changes(sweep, enrolled, member))
        queue_work(shard, kal_pg_str(rows, row, EXTERNAL_ID), (uint64_t)kal_pg_int(rows, row, KEY),
                   member);
}

/* The definition that decides where a row does not tell; KAL_LUA_NONE when all rows do. */
static kal_lua_ref take_definition(kal_shard *shard, const kal_pg_rows *rows)
{
    char error[160];
    size_t row = 0;
    while (row < kal_pg_count(rows) && kal_pg_null(rows, row, DEFINITION))
        row++;
    if (row == kal_pg_count(rows))
        return KAL_LUA_NONE;
    json_t *definition = kal_json_parse(kal_pg_str(rows, row, DEFINITION), error);
    kal_str predicate = kal_json_get_str(definition, "predicate");
    if (predicate.p)
        shard->sweep.predicate =
            kal_predicate_new(shard->sweep.tenant, predicate, kal_clock_now(shard->options.clock));
    kal_lua_ref segment = kal_lua_segment_new(shard->lua, definition);
    json_decref(definition);
    return segment;
}

static void on_verdicts(void *data, const kal_verdicts *verdicts)
{
    kal_shard *shard = data;
    kal_sweep *sweep = &shard->sweep;
    if (shard->state != KAL_SHARD_READY) {
        forget_asked(sweep);
        return;
    }
    if (verdicts->reason.n && verdicts->end == KAL_CELL_OUTCOME)
        kal_log(KAL_LOG_WARN, "predicate_failed", "entry", sweep->entry, "error",
                verdicts->reason.p, NULL);
    for (size_t nth = 0; verdicts->end == KAL_CELL_OUTCOME && nth < verdicts->n; nth++) {
        const kal_asked *asked = &sweep->asked[nth];
        bool member = verdicts->list[nth] == KAL_VERDICT_YES;
        if (verdicts->list[nth] != KAL_VERDICT_UNKNOWN && changes(sweep, asked->enrolled, member))
            queue_work(shard, kal_str_of(asked->external_id), asked->key, member);
    }
    if (verdicts->end == KAL_CELL_OUTCOME)
        forget_asked(sweep);
    else
        put_off(shard, verdicts->reason.p);
    kal_shard_pump(shard);
}

/* Asks the predicate about those of the page that it is to decide. */
static void ask_predicate(kal_shard *shard)
{
    kal_predicate *predicate = shard->sweep.predicate;
    if (!predicate || !kal_predicate_count(predicate))
        forget_asked(&shard->sweep);
    else if (shard->options.cells)
        kal_predicate_ask(predicate, shard->options.cells, on_verdicts, shard);
    else
        put_off(shard, kal_codes_off);
}

static void take_page(kal_shard *shard, const kal_pg_rows *rows)
{
    kal_lua_ref segment = take_definition(shard, rows);
    shard->sweep.last = true;
    for (size_t row = 0; row < kal_pg_count(rows); row++)
        if (kal_pg_null(rows, row, DEFINITION))
            take_row(shard, rows, row, segment);
    kal_lua_unref(shard->lua, segment);
    ask_predicate(shard);
}

/* The query has ended; false when nothing is to follow. */
static bool answered(kal_shard *shard, const kal_pg_reply *reply)
{
    kal_sweep *sweep = &shard->sweep;
    if (!sweep->asking)
        return false; /* it was asked under an earlier lease */
    sweep->asking = false;
    if (!reply->err)
        return shard->state == KAL_SHARD_READY;
    put_off(shard, reply->message);
    if (reply->err == KAL_ERR_UNAVAILABLE)
        kal_shard_wake_in(shard, RETRY_MS);
    return reply->err != KAL_ERR_UNAVAILABLE;
}

static void on_page(void *data, const kal_pg_reply *reply)
{
    kal_shard *shard = data;
    if (!answered(shard, reply))
        return;
    if (!reply->err)
        take_page(shard, reply->rows[0]);
    kal_shard_pump(shard);
}

static void add_changed(kal_args *args, const kal_sweep *sweep)
{
    size_t n = sweep->changed ? sweep->n_changed : 0;
    kal_value *ids = kal_alloc((n + 1) * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = kal_v_uuid(sweep->changed[i]);
    kal_args_add_array(args, KAL_UUID, ids, n);
    kal_free(ids);
}

static void ask(kal_shard *shard, const kal_source *source)
{
    kal_sweep *sweep = &shard->sweep;
    kal_pg_call *call = kal_pg_call_new();
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(sweep->tenant));
    kal_args_add(args, kal_v_uuid(source->segment));
    kal_args_add(args, kal_v_uuid(sweep->flow));
    kal_args_add(args, kal_v_text(sweep->entry));
    kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
    kal_args_add(args, kal_v_uuid(sweep->from));
    kal_args_add(args, sweep->instant_ms == KAL_UNSET ? kal_v_null(KAL_TIMESTAMP)
                                                      : kal_v_time(sweep->instant_ms));
    add_changed(args, sweep);
    kal_pg_call_add(call, KAL_SQL_LOAD_ENROLMENTS, args);
    sweep->asking = true;
    kal_pg_send(shard->pg, call, on_page, shard);
}

/* ---- the end ---- */

static void on_noted(void *data, const kal_pg_reply *reply)
{
    kal_shard *shard = data;
    if (answered(shard, reply))
        kal_shard_pump(shard);
}

static void end(kal_shard *shard, kal_source *source, int64_t now_ms)
{
    kal_sweep *sweep = &shard->sweep;
    int64_t until_ms = kal_sources_ended(shard->sources, source, now_ms);
    if (sweep->noted) {
        kal_pg_call *call = kal_pg_call_new();
        kal_args *args = kal_args_new();
        kal_args_add(args, kal_v_uuid(sweep->flow));
        kal_args_add(args, kal_v_text(sweep->entry));
        kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
        kal_args_add(args, kal_v_uuid(sweep->tenant));
        kal_args_add(args, kal_v_time(until_ms));
        kal_args_add(args, kal_v_int(KAL_INT8, shard->epoch));
        kal_pg_call_add(call, KAL_SQL_SWEEP_DONE, args);
        kal_pg_send(shard->pg, call, on_noted, shard);
    }
    bool asking = sweep->noted;
    stop(sweep);
    sweep->asking = asking;
}

bool kal_shard_sweep(kal_shard *shard, int64_t now_ms)
{
    kal_sweep *sweep = &shard->sweep;
    while (shard->state == KAL_SHARD_READY && !sweep->asking && !sweep->open &&
           !kal_sweeps_wait(shard)) {
        kal_source *source = sweep->running ? source_of(shard) : NULL;
        if (source && sweep->last) {
            end(shard, source, now_ms);
            continue;
        }
        if (!source) {
            source = kal_sources_next(shard->sources, now_ms);
            if (!source)
                break;
            start(shard, source);
        }
        ask(shard, source);
    }
    return sweep->asking;
}
