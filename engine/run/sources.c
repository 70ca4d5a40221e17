#include "run/sources.h"

#include "base/alloc.h"

#include <string.h>

#define MINUTE_MS 60000
#define CHANGED_MOST 1000 /* then everybody is looked at */

struct kal_sources {
    kal_strmap tenants; /* id -> its first source */
    uint64_t serials;
    int64_t due_ms; /* the least */
};

static kal_str key_of(const kal_uuid *id)
{
    return (kal_str){(const char *)id->b, sizeof id->b};
}

static int64_t next_minute(int64_t now_ms)
{
    return (now_ms / MINUTE_MS + 1) * MINUTE_MS;
}

kal_sources *kal_sources_new(void)
{
    kal_sources *sources = kal_calloc(1, sizeof *sources);
    sources->due_ms = KAL_CRON_NEVER;
    return sources;
}

static void free_source(kal_source *source)
{
    kal_free(source->changed);
    kal_free(source->entry);
    kal_free(source);
}

void kal_sources_free(kal_sources *sources)
{
    size_t at = 0;
    kal_str key;
    void *value;
    if (!sources)
        return;
    while (kal_strmap_next(&sources->tenants, &at, &key, &value)) {
        for (kal_source *source = value, *next; source; source = next) {
            next = source->next;
            free_source(source);
        }
    }
    kal_strmap_deinit(&sources->tenants);
    kal_free(sources);
}

static kal_source *first_of(const kal_sources *sources, kal_uuid tenant)
{
    return kal_strmap_get(&sources->tenants, key_of(&tenant));
}

static bool is_of(const kal_source *source, const kal_uuid *tenants, size_t n)
{
    while (n && !kal_uuid_eq(tenants[n - 1], source->flow->tenant->id))
        n--;
    return n > 0;
}

kal_source *kal_sources_earliest(const kal_sources *sources, const kal_uuid *but, size_t n)
{
    size_t at = 0;
    kal_str key;
    void *value;
    kal_source *least = NULL;
    while (kal_strmap_next(&sources->tenants, &at, &key, &value))
        for (kal_source *source = value; source; source = source->next)
            if ((!least || source->due_ms < least->due_ms) && !is_of(source, but, n))
                least = source;
    return least;
}

static void count(kal_sources *sources)
{
    const kal_source *least = kal_sources_earliest(sources, NULL, 0);
    sources->due_ms = least ? least->due_ms : KAL_CRON_NEVER;
}

/* ---- taking in ---- */

static kal_source *find(kal_source *list, const kal_flow *flow, kal_str entry)
{
    while (list && (list->flow != flow || !kal_str_is(entry, list->entry)))
        list = list->next;
    return list;
}

/* What the node says of itself; false when it lets nobody enter by itself. */
static bool describe(const kal_graph_node *node, kal_source *out, kal_buf *entry)
{
    char id[KAL_UUID_TEXT + 1];
    const char *problem;
    out->scheduled = kal_str_is(node->type, "scheduled_entry");
    if ((!out->scheduled && !kal_str_is(node->type, "segment_entry")) ||
        !kal_uuid_parse(kal_json_get_str(node->config, "segment_id"), &out->segment))
        return false;
    out->zone = kal_json_get_str(node->config, "timezone");
    if (out->scheduled &&
        !kal_cron_parse(kal_json_get_str(node->config, "cron"), &out->cron, &problem))
        return false;
    kal_uuid_format(out->segment, id);
    kal_buf_puts(entry, out->scheduled ? "schedule:" : "segment:");
    if (out->scheduled)
        kal_buf_add(entry, node->id.p, node->id.n);
    else
        kal_buf_puts(entry, id);
    return true;
}

bool kal_source_is(const kal_graph_node *node, kal_str entry)
{
    kal_source said;
    kal_buf own = {0};
    bool is = describe(node, &said, &own) && kal_str_eq((kal_str){own.data, own.len}, entry);
    kal_buf_deinit(&own);
    return is;
}

/* Reads the flow's row of the entry, or that of the flow alone. */
static void read_progress(kal_source *source, const kal_pg_rows *rows, int64_t *since_ms)
{
    source->swept_ms = KAL_SOURCE_NEW;
    *since_ms = 0;
    for (size_t row = 0; row < kal_pg_count(rows); row++) {
        if (!kal_uuid_eq(kal_pg_uuid(rows, row, 0), source->flow->id))
            continue;
        *since_ms = kal_pg_time(rows, row, 1);
        if (kal_str_is(kal_pg_str(rows, row, 2), source->entry))
            source->swept_ms = kal_pg_time(rows, row, 3);
    }
}

static void schedule(kal_source *source, int64_t after_ms)
{
    source->instant_ms = kal_cron_next(&source->cron, source->zone, after_ms);
    source->due_ms = source->instant_ms;
}

/* Instants before the flow's last (re)activation are none of it. */
static void begin(kal_sources *sources, kal_source *source, const kal_pg_rows *rows, int64_t now_ms)
{
    int64_t since_ms;
    read_progress(source, rows, &since_ms);
    source->serial = ++sources->serials;
    source->all = true;
    source->due_ms = now_ms;
    if (source->scheduled)
        schedule(source, source->swept_ms > since_ms ? source->swept_ms : since_ms);
}

/* Customers have changed, or (NULL) what may concern all of them. Schedules do not mind. */
static void touch(kal_source *source, const kal_uuid *customer, int64_t now_ms)
{
    if (source->scheduled)
        return;
    source->all = source->all || !customer || source->n_changed == CHANGED_MOST;
    if (!source->all && !source->changed)
        source->changed = kal_alloc(CHANGED_MOST * sizeof *source->changed);
    if (!source->all)
        source->changed[source->n_changed++] = *customer;
    if (source->due_ms == KAL_CRON_NEVER)
        source->due_ms = next_minute(now_ms);
}

static void take_node(kal_sources *sources, kal_flow *flow, const kal_graph_node *node,
                      const kal_pg_rows *rows, int64_t now_ms)
{
    kal_source said = {.flow = flow, .config = node->config};
    kal_buf entry = {0};
    kal_uuid tenant = flow->tenant->id;
    if (describe(node, &said, &entry)) {
        kal_source *known = find(first_of(sources, tenant), flow, (kal_str){entry.data, entry.len});
        bool same = known && known->scheduled == said.scheduled &&
                    kal_uuid_eq(known->segment, said.segment) &&
                    (!said.scheduled || json_equal(known->config, said.config));
        if (!known) {
            known = kal_calloc(1, sizeof *known);
            said.next = first_of(sources, tenant);
            said.entry = kal_strndup(entry.data, entry.len);
            *known = said;
            kal_strmap_put(&sources->tenants, key_of(&tenant), known);
        }
        if (!same) { /* it is new, or a later version says otherwise */
            said.next = known->next;
            said.entry = known->entry;
            kal_free(known->changed);
            *known = said;
            begin(sources, known, rows, now_ms);
        } else {
            known->config = said.config;
            known->zone = said.zone;
            touch(known, NULL, now_ms);
        }
        known->kept = true;
    }
    kal_buf_deinit(&entry);
}

static void drop_others(kal_sources *sources, kal_uuid tenant)
{
    kal_source *list = first_of(sources, tenant);
    kal_source **link = &list;
    for (kal_source *source; (source = *link);) {
        if (source->kept) {
            source->kept = false;
            link = &source->next;
            continue;
        }
        *link = source->next;
        free_source(source);
    }
    if (list)
        kal_strmap_put(&sources->tenants, key_of(&tenant), list);
    else
        kal_strmap_del(&sources->tenants, key_of(&tenant));
}

/* A guess on the safe side: the words may stand in a text. */
static bool reads_time(kal_str expression)
{
    static const char *const words[] = {"now", "days_since"};
    for (size_t w = 0; w < 2; w++)
        if (expression.n && memmem(expression.p, expression.n, words[w], strlen(words[w])))
            return true;
    return false;
}

/* Columns as in load_segments.sql. */
static void take_segments(kal_source *list, const kal_pg_rows *rows)
{
    for (size_t row = 0; list && row < kal_pg_count(rows); row++)
        for (kal_source *source = list; source; source = source->next)
            if (kal_uuid_eq(kal_pg_uuid(rows, row, 1), source->segment))
                source->timed = reads_time(kal_pg_str(rows, row, 2));
}

void kal_sources_take(kal_sources *sources, kal_tenant *tenant, const kal_pg_rows *rows,
                      const kal_pg_rows *segments, int64_t now_ms)
{
    for (kal_flow *flow = tenant->flows; flow; flow = flow->next) {
        const kal_version *active = kal_flow_active(flow);
        for (uint32_t n = 0; active && active->graph && n < kal_graph_count(active->graph); n++)
            take_node(sources, flow, kal_graph_at(active->graph, n), rows, now_ms);
    }
    drop_others(sources, tenant->id);
    take_segments(first_of(sources, tenant->id), segments);
    count(sources);
}

/* ---- being due ---- */

void kal_sources_touch(kal_sources *sources, kal_uuid tenant, kal_uuid customer, int64_t now_ms)
{
    for (kal_source *source = first_of(sources, tenant); source; source = source->next) {
        touch(source, &customer, now_ms);
        if (source->due_ms < sources->due_ms)
            sources->due_ms = source->due_ms;
    }
}

int64_t kal_sources_due(const kal_sources *sources)
{
    return sources->due_ms;
}

kal_source *kal_sources_find(const kal_sources *sources, kal_uuid tenant, kal_uuid flow,
                             kal_str entry)
{
    kal_source *source = first_of(sources, tenant);
    while (source && (!kal_uuid_eq(source->flow->id, flow) || !kal_str_is(entry, source->entry)))
        source = source->next;
    return source;
}

kal_uuid *kal_sources_began(kal_source *source, size_t *n)
{
    kal_uuid *changed = source->changed;
    bool all = source->all || source->timed || source->scheduled;
    *n = source->n_changed;
    source->changed = NULL;
    source->n_changed = 0;
    source->all = false;
    if (!all)
        return changed;
    kal_free(changed);
    return NULL;
}

int64_t kal_sources_ended(kal_sources *sources, kal_source *source, int64_t now_ms)
{
    source->swept_ms = now_ms;
    if (source->scheduled && source->instant_ms > now_ms)
        source->swept_ms = source->instant_ms;
    source->due_ms = KAL_CRON_NEVER;
    if (source->scheduled)
        schedule(source, source->swept_ms);
    else if (source->all || source->n_changed || source->timed)
        source->due_ms = next_minute(now_ms);
    count(sources);
    return source->swept_ms;
}

void kal_sources_put_off(kal_sources *sources, kal_source *source, int64_t now_ms)
{
    source->all = true;
    source->due_ms = next_minute(now_ms);
    count(sources);
}
