/* Sweeps: a shard's customers looked through, page by page, for those whom a due source lets enter.
 * What a page finds becomes bulk work, and the next page is asked for when that is done; each
 * enrolment is written with the start that it stands for, so a sweep that is cut off begins again
 * and finds what is left. Tenants' sweeps take turns, a page each, and one whose page waits for a
 * cell is passed over; a tenant has one at a time. */
#include "run/predicate.h"
#include "run/shard_state.h"

#include "base/alloc.h"
#include "base/log.h"

#include <string.h>

#define RETRY_MS 500
#define SWEEPS_MOST 16 /* at a time */

/* A page's rows are of load_enrolments.sql. */
enum { ID, EXTERNAL_ID, KEY, ENROLLED, MEMBER, CUSTOMER, DEFINITION };

/* A customer of the page whom the predicate is asked about. */
typedef struct asked {
    char *external_id;
    uint64_t key;
    bool enrolled;
} asked;

typedef struct sweep {
    struct sweep *next;
    kal_shard *shard;
    uint64_t id;
    uint64_t source; /* the serial of what it is of, which may be gone by the next page */
    kal_uuid tenant, flow;
    char *entry;
    int64_t instant_ms; /* KAL_UNSET: by membership */
    bool passes;        /* those found are enrolled without entering */
    bool noted;         /* its end is written */
    bool last;          /* no page is left */
    bool off;           /* it ends when its works are done */
    kal_uuid from;      /* the next page's begin */
    kal_uuid *changed;  /* whom to look at; NULL: everybody */
    size_t n_changed;
    size_t open;              /* works that are not done */
    kal_predicate *predicate; /* asked about customers of the page; NULL: none is under way */
    asked *asked;             /* who they are */
} sweep;

struct kal_sweeps {
    sweep *first; /* in the order of their turns */
    size_t count;
    uint64_t ids;    /* of sweeps and queries; never used twice, whatever lease it was under */
    uint64_t asking; /* the query under way, 0: none, */
    sweep *page;     /* of this one's page; NULL: what ended is written */
};

typedef struct query {
    kal_shard *shard;
    uint64_t id;
} query;

static void forget_asked(sweep *s)
{
    size_t n = s->predicate ? kal_predicate_count(s->predicate) : 0;
    for (size_t nth = 0; nth < n; nth++)
        kal_free(s->asked[nth].external_id);
    kal_free(s->asked);
    kal_predicate_free(s->predicate);
    s->asked = NULL;
    s->predicate = NULL;
}

static void free_sweep(sweep *s)
{
    forget_asked(s);
    kal_free(s->entry);
    kal_free(s->changed);
    kal_free(s);
}

void kal_sweeps_end(kal_shard *shard)
{
    for (sweep *s = shard->sweeps ? shard->sweeps->first : NULL, *next; s; s = next) {
        next = s->next;
        free_sweep(s);
    }
    kal_free(shard->sweeps);
    kal_sources_free(shard->sources);
    shard->sweeps = NULL;
    shard->sources = NULL;
}

void kal_sweeps_begin(kal_shard *shard)
{
    uint64_t ids = shard->sweeps ? shard->sweeps->ids : 0;
    kal_sweeps_end(shard);
    shard->sources = kal_sources_new();
    shard->sweeps = kal_calloc(1, sizeof *shard->sweeps);
    shard->sweeps->ids = ids;
}

static void append(kal_sweeps *sweeps, sweep *s)
{
    sweep **link = &sweeps->first;
    while (*link)
        link = &(*link)->next;
    s->next = NULL;
    *link = s;
    sweeps->count++;
}

void kal_sweeps_done(kal_shard *shard, const kal_work *work)
{
    sweep *s = shard->sweeps && work->sweep ? shard->sweeps->first : NULL;
    while (s && s->id != work->sweep)
        s = s->next;
    if (s)
        s->open--;
}

bool kal_sweeps_wait(const kal_shard *shard)
{
    const sweep *s = shard->sweeps->first;
    while (s && !s->predicate)
        s = s->next;
    return s != NULL;
}

/* What is to be swept next, due or not; NULL: nothing, or no more at a time. */
static kal_source *next_source(const kal_shard *shard)
{
    kal_uuid but[SWEEPS_MOST];
    size_t n = 0;
    if (shard->sweeps->count == SWEEPS_MOST)
        return NULL;
    for (const sweep *s = shard->sweeps->first; s; s = s->next)
        but[n++] = s->tenant;
    return kal_sources_earliest(shard->sources, but, n);
}

int64_t kal_sweeps_next(const kal_shard *shard, int64_t at_ms)
{
    const kal_source *source = kal_sources_due(shard->sources) < at_ms ? next_source(shard) : NULL;
    return source && source->due_ms < at_ms ? source->due_ms : at_ms;
}

/* What it is of; NULL when its flow has stopped, or its schedule is another. */
static kal_source *source_of(const sweep *s)
{
    kal_source *source =
        kal_sources_find(s->shard->sources, s->tenant, s->flow, kal_str_of(s->entry));
    return source && source->serial == s->source ? source : NULL;
}

/* It cannot be told who enters: the next minute begins anew. */
static void put_off(sweep *s, const char *why)
{
    kal_shard *shard = s->shard;
    char tenant[KAL_UUID_TEXT + 1];
    kal_uuid_format(s->tenant, tenant);
    kal_log(KAL_LOG_WARN, "sweep_failed", "tenant_id", tenant, "entry", s->entry, "error", why,
            NULL);
    kal_source *source = source_of(s);
    if (source)
        kal_sources_put_off(shard->sources, source, kal_clock_now(shard->options.clock));
    forget_asked(s);
    s->off = true;
}

/* ---- who is found ---- */

static void queue_work(sweep *s, kal_str external_id, uint64_t key, bool enters)
{
    kal_work *work = kal_work_new(enters ? KAL_WORK_ENROL : KAL_WORK_LEAVE);
    work->tenant = s->tenant;
    work->flow_id = s->flow;
    work->entry = kal_strdup(s->entry);
    work->customer_id = kal_strndup(external_id.p, external_id.n);
    work->customer_key = key;
    work->due_ms = s->instant_ms;
    work->passes = s->passes;
    work->sweep = s->id;
    s->open++;
    kal_queue_push(s->shard->queue, KAL_CLASS_BULK, work);
}

/* A schedule's instant enrols for good. */
static bool changes(const sweep *s, bool enrolled, bool member)
{
    return member != enrolled && (member || s->instant_ms == KAL_UNSET);
}

static void on_verdicts(void *data, const kal_verdicts *verdicts)
{
    sweep *s = data;
    kal_shard *shard = s->shard;
    bool told = verdicts->end == KAL_CELL_OUTCOME;
    char tenant[KAL_UUID_TEXT + 1];
    kal_uuid_format(s->tenant, tenant);
    if (told && verdicts->reason.n)
        kal_log(KAL_LOG_WARN, "predicate_failed", "tenant_id", tenant, "entry", s->entry, "error",
                verdicts->reason.p, NULL);
    for (size_t nth = 0; told && nth < verdicts->n; nth++) {
        const asked *a = &s->asked[nth];
        bool member = verdicts->list[nth] == KAL_VERDICT_YES;
        if (verdicts->list[nth] != KAL_VERDICT_UNKNOWN && changes(s, a->enrolled, member))
            queue_work(s, kal_str_of(a->external_id), a->key, member);
    }
    if (told)
        forget_asked(s);
    else
        put_off(s, verdicts->reason.p);
    kal_shard_pump(shard);
}

/* The predicate is to be asked about the customer, when what it says changes something. */
static void add_asked(sweep *s, const kal_pg_rows *rows, size_t row, bool enrolled)
{
    kal_str external_id = kal_pg_str(rows, row, EXTERNAL_ID);
    if (!changes(s, enrolled, !enrolled))
        return;
    if (!s->asked)
        s->asked = kal_alloc(kal_pg_count(rows) * sizeof *s->asked);
    s->asked[kal_predicate_count(s->predicate)] = (asked){
        kal_strndup(external_id.p, external_id.n), (uint64_t)kal_pg_int(rows, row, KEY), enrolled};
    kal_predicate_add(s->predicate, kal_pg_str(rows, row, CUSTOMER));
}

/* Asks the predicate about those of the page that it is to decide. */
static void ask_predicate(sweep *s)
{
    kal_cells *cells = s->shard->options.cells;
    if (!s->predicate || !kal_predicate_count(s->predicate))
        forget_asked(s);
    else if (cells)
        kal_predicate_ask(s->predicate, cells, NULL, on_verdicts, s);
    else
        put_off(s, kal_codes_off);
}

/* ---- a page ---- */

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

static void take_row(sweep *s, const kal_pg_rows *rows, size_t row, kal_lua_ref segment)
{
    if (kal_pg_null(rows, row, EXTERNAL_ID)) { /* there may be more */
        s->from = kal_pg_uuid(rows, row, ID);
        s->last = false;
        return;
    }
    bool enrolled = kal_pg_int(rows, row, ENROLLED) != 0;
    bool told = !kal_pg_null(rows, row, MEMBER);
    bool member = told ? kal_pg_int(rows, row, MEMBER) != 0
                       : matches(s->shard, segment, kal_pg_str(rows, row, CUSTOMER));
    if (!told && member && s->predicate)
        add_asked(s, rows, row, enrolled);
    else if (changes(s, enrolled, member))
        queue_work(s, kal_pg_str(rows, row, EXTERNAL_ID), (uint64_t)kal_pg_int(rows, row, KEY),
                   member);
}

/* The definition that decides where a row does not tell; KAL_LUA_NONE when all rows do. */
static kal_lua_ref take_definition(sweep *s, const kal_pg_rows *rows)
{
    kal_shard *shard = s->shard;
    char error[160];
    size_t row = 0;
    while (row < kal_pg_count(rows) && kal_pg_null(rows, row, DEFINITION))
        row++;
    if (row == kal_pg_count(rows))
        return KAL_LUA_NONE;
    json_t *definition = kal_json_parse(kal_pg_str(rows, row, DEFINITION), error);
    kal_str predicate = kal_json_get_str(definition, "predicate");
    if (predicate.p)
        s->predicate = kal_predicate_new(s->tenant, predicate, kal_clock_now(shard->options.clock));
    kal_lua_ref segment = kal_lua_segment_new(shard->lua, definition);
    json_decref(definition);
    return segment;
}

static void take_page(sweep *s, const kal_pg_rows *rows)
{
    kal_lua_ref segment = take_definition(s, rows);
    s->last = true;
    for (size_t row = 0; row < kal_pg_count(rows); row++)
        if (kal_pg_null(rows, row, DEFINITION))
            take_row(s, rows, row, segment);
    kal_lua_unref(s->shard->lua, segment);
    ask_predicate(s);
}

static void on_reply(void *data, const kal_pg_reply *reply)
{
    query q = *(query *)data;
    kal_shard *shard = q.shard;
    kal_sweeps *sweeps = shard->sweeps;
    kal_free(data);
    if (!sweeps || sweeps->asking != q.id)
        return; /* it was asked under an earlier lease */
    sweep *s = sweeps->page;
    sweeps->asking = 0;
    sweeps->page = NULL;
    if (reply->err && s)
        put_off(s, reply->message);
    else if (reply->err)
        kal_log(KAL_LOG_WARN, "sweep_failed", "error", reply->message, NULL);
    else if (s && shard->state == KAL_SHARD_READY)
        take_page(s, reply->rows[0]);
    if (reply->err == KAL_ERR_UNAVAILABLE)
        kal_shard_wake_in(shard, RETRY_MS);
    else
        kal_shard_pump(shard);
}

static void send_query(kal_shard *shard, kal_sql statement, kal_args *args, sweep *page)
{
    kal_pg_call *call = kal_pg_call_new();
    query *q = kal_alloc(sizeof *q);
    kal_pg_call_add(call, statement, args);
    *q = (query){shard, ++shard->sweeps->ids};
    shard->sweeps->asking = q->id;
    shard->sweeps->page = page;
    kal_pg_send(shard->pg, call, on_reply, q);
}

static void add_changed(kal_args *args, const sweep *s)
{
    size_t n = s->changed ? s->n_changed : 0;
    kal_value *ids = kal_alloc((n + 1) * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = kal_v_uuid(s->changed[i]);
    kal_args_add_array(args, KAL_UUID, ids, n);
    kal_free(ids);
}

static void ask_page(sweep *s, const kal_source *source)
{
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(s->tenant));
    kal_args_add(args, kal_v_uuid(source->segment));
    kal_args_add(args, kal_v_uuid(s->flow));
    kal_args_add(args, kal_v_text(s->entry));
    kal_args_add(args, kal_v_int(KAL_INT2, s->shard->options.index));
    kal_args_add(args, kal_v_uuid(s->from));
    kal_args_add(args, s->instant_ms == KAL_UNSET ? kal_v_null(KAL_TIMESTAMP)
                                                  : kal_v_time(s->instant_ms));
    add_changed(args, s);
    send_query(s->shard, KAL_SQL_LOAD_ENROLMENTS, args, s);
}

/* ---- turns ---- */

static void start(kal_shard *shard, kal_source *source)
{
    const json_t *existing = json_object_get(source->flow->entry_config, "existing_members");
    bool first = source->swept_ms == KAL_SOURCE_NEW;
    sweep *s = kal_alloc(sizeof *s);
    *s = (sweep){
        .shard = shard,
        .id = ++shard->sweeps->ids,
        .source = source->serial,
        .tenant = source->flow->tenant->id,
        .flow = source->flow->id,
        .entry = kal_strdup(source->entry),
        .instant_ms = source->scheduled ? source->instant_ms : KAL_UNSET,
        .passes = !source->scheduled && first && json_is_false(existing),
        .noted = source->scheduled || first,
    };
    s->changed = kal_sources_began(source, &s->n_changed);
    append(shard->sweeps, s);
}

static void end(sweep *s, kal_source *source, int64_t now_ms)
{
    kal_shard *shard = s->shard;
    int64_t until_ms = kal_sources_ended(shard->sources, source, now_ms);
    if (!s->noted)
        return;
    kal_args *args = kal_args_new();
    kal_args_add(args, kal_v_uuid(s->flow));
    kal_args_add(args, kal_v_text(s->entry));
    kal_args_add(args, kal_v_int(KAL_INT2, shard->options.index));
    kal_args_add(args, kal_v_uuid(s->tenant));
    kal_args_add(args, kal_v_time(until_ms));
    kal_args_add(args, kal_v_int(KAL_INT8, shard->epoch));
    send_query(shard, KAL_SQL_SWEEP_DONE, args, NULL);
}

/* Takes out the first whose page is done; NULL when all wait. */
static sweep *take_idle(kal_sweeps *sweeps)
{
    sweep **link = &sweeps->first;
    while (*link && ((*link)->open || (*link)->predicate))
        link = &(*link)->next;
    sweep *s = *link;
    if (s) {
        *link = s->next;
        sweeps->count--;
    }
    return s;
}

static void go_on(sweep *s, int64_t now_ms)
{
    kal_source *source = s->off ? NULL : source_of(s);
    if (source && !s->last) {
        append(s->shard->sweeps, s);
        ask_page(s, source);
        return;
    }
    if (source)
        end(s, source, now_ms);
    free_sweep(s);
}

bool kal_shard_sweep(kal_shard *shard, int64_t now_ms)
{
    kal_sweeps *sweeps = shard->sweeps;
    while (shard->state == KAL_SHARD_READY && !sweeps->asking) {
        kal_source *source = kal_sources_due(shard->sources) <= now_ms ? next_source(shard) : NULL;
        if (source && source->due_ms <= now_ms)
            start(shard, source);
        sweep *s = take_idle(sweeps);
        if (!s)
            break;
        go_on(s, now_ms);
    }
    return sweeps->asking != 0;
}
