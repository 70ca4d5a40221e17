#include "run/flows.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/map.h"

#include <string.h>

struct kal_flows {
    kal_lua *lua;
    kal_strmap tenants;  /* by id */
    kal_strmap flows;    /* by id */
    kal_strmap by_place; /* flow id, version, node id -> place + 1 */
    kal_place *places;
    uint32_t n_places, cap_places;
};

static kal_str id_key(const kal_uuid *id)
{
    return (kal_str){(const char *)id->b, sizeof id->b};
}

kal_flows *kal_flows_new(kal_lua *lua)
{
    kal_flows *flows = kal_calloc(1, sizeof *flows);
    flows->lua = lua;
    return flows;
}

static void clear_entries(kal_tenant *tenant)
{
    size_t at = 0;
    kal_str type;
    void *value;
    while (kal_strmap_next(&tenant->entries, &at, &type, &value)) {
        for (kal_entry *entry = value, *next; entry; entry = next) {
            next = entry->next;
            kal_free(entry);
        }
    }
    kal_strmap_deinit(&tenant->entries);
}

static void free_flow(kal_flow *flow)
{
    while (flow->versions) {
        kal_version *version = flow->versions;
        flow->versions = version->next;
        kal_graph_free(version->graph);
        kal_free(version);
    }
    json_decref(flow->entry_config);
    json_decref(flow->exit_criteria);
    json_decref(flow->frequency_cap);
    kal_caps_deinit(&flow->caps);
    kal_free(flow->parked);
    kal_free(flow);
}

void kal_flows_free(kal_flows *flows)
{
    if (!flows)
        return;
    size_t at = 0;
    kal_str key;
    void *value;
    while (kal_strmap_next(&flows->flows, &at, &key, &value))
        free_flow(value);
    at = 0;
    while (kal_strmap_next(&flows->tenants, &at, &key, &value)) {
        clear_entries(value);
        kal_free(value);
    }
    for (uint32_t p = 0; p < flows->n_places; p++)
        kal_free(flows->places[p].node_id);
    kal_free(flows->places);
    kal_strmap_deinit(&flows->tenants);
    kal_strmap_deinit(&flows->flows);
    kal_strmap_deinit(&flows->by_place);
    kal_free(flows);
}

kal_tenant *kal_flows_tenant(kal_flows *flows, kal_uuid id)
{
    kal_tenant *tenant = kal_strmap_get(&flows->tenants, id_key(&id));
    if (!tenant) {
        tenant = kal_calloc(1, sizeof *tenant);
        tenant->id = id;
        kal_strmap_put(&flows->tenants, id_key(&id), tenant);
    }
    return tenant;
}

kal_flow *kal_flows_find(const kal_flows *flows, kal_uuid id)
{
    return kal_strmap_get(&flows->flows, id_key(&id));
}

static kal_flow *flow_of(kal_flows *flows, kal_uuid tenant, kal_uuid id)
{
    kal_flow *flow = kal_flows_find(flows, id);
    if (!flow) {
        flow = kal_calloc(1, sizeof *flow);
        flow->id = id;
        flow->tenant = kal_flows_tenant(flows, tenant);
        flow->next = flow->tenant->flows;
        flow->tenant->flows = flow;
        kal_strmap_put(&flows->flows, id_key(&id), flow);
    }
    return flow;
}

static kal_version *version_of(kal_flow *flow, int32_t number)
{
    kal_version *version = flow->versions;
    while (version && version->number != number)
        version = version->next;
    if (!version) {
        version = kal_calloc(1, sizeof *version);
        version->flow = flow;
        version->number = number;
        version->next = flow->versions;
        flow->versions = version;
    }
    return version;
}

kal_version *kal_flows_version(kal_flows *flows, kal_uuid tenant, kal_uuid flow, int32_t number)
{
    return version_of(flow_of(flows, tenant, flow), number);
}

kal_version *kal_flow_active(const kal_flow *flow)
{
    if (flow->status != KAL_FLOW_ACTIVE || !flow->active_version)
        return NULL;
    kal_version *version = flow->versions;
    while (version && version->number != flow->active_version)
        version = version->next;
    return version;
}

static uint32_t node_of(const kal_version *version, const char *node_id)
{
    return version->graph ? kal_graph_find(version->graph, kal_str_of(node_id)) : KAL_GRAPH_NONE;
}

uint32_t kal_flows_place(kal_flows *flows, kal_version *version, kal_str node_id)
{
    char key[sizeof(kal_uuid) + sizeof(int32_t) + 256];
    size_t n = node_id.n < 256 ? node_id.n : 256;
    memcpy(key, version->flow->id.b, sizeof(kal_uuid));
    memcpy(key + sizeof(kal_uuid), &version->number, sizeof(int32_t));
    memcpy(key + sizeof(kal_uuid) + sizeof(int32_t), node_id.p, n);
    kal_str slice = {key, sizeof(kal_uuid) + sizeof(int32_t) + n};
    uintptr_t known = (uintptr_t)kal_strmap_get(&flows->by_place, slice);
    if (known)
        return (uint32_t)(known - 1);
    if (flows->n_places == flows->cap_places) {
        flows->cap_places = flows->cap_places ? flows->cap_places * 2 : 64;
        flows->places = kal_realloc(flows->places, flows->cap_places * sizeof *flows->places);
    }
    uint32_t place = flows->n_places++;
    char *id = kal_strndup(node_id.p, node_id.n);
    flows->places[place] = (kal_place){version, id, node_of(version, id)};
    kal_strmap_put(&flows->by_place, slice, (void *)(uintptr_t)(place + 1));
    return place;
}

const kal_place *kal_flows_at(const kal_flows *flows, uint32_t place)
{
    return &flows->places[place];
}

int64_t kal_flow_shift(const kal_flow *flow, int64_t now_ms)
{
    bool paused = flow->status == KAL_FLOW_PAUSED;
    return flow->paused_ms + (paused ? now_ms - flow->paused_at_ms : 0);
}

bool kal_flow_holds(const kal_flow *flow)
{
    return flow->status == KAL_FLOW_PAUSED ||
           (flow->status == KAL_FLOW_ACTIVE && flow->backlog >= KAL_BACKLOG_ROWS);
}

bool kal_version_holds(const kal_version *version)
{
    return kal_flow_holds(version->flow) ||
           (version->broken && version->flow->status == KAL_FLOW_ACTIVE);
}

const json_t *kal_version_exit_criteria(const kal_version *version, int i)
{
    return i == 0 ? kal_graph_exit_criteria(version->graph) : version->flow->exit_criteria;
}

const kal_caps *kal_version_caps(const kal_version *version, int i)
{
    return i == 0 ? kal_graph_caps(version->graph) : &version->flow->caps;
}

bool kal_version_watches(const kal_version *version, kal_str event_type)
{
    for (int i = 0; i < 2; i++) {
        const json_t *criteria = kal_version_exit_criteria(version, i);
        kal_str type = kal_json_get_str(criteria, "event_type");
        if (kal_json_get_str(criteria, "condition").p || (type.p && kal_str_eq(type, event_type)))
            return true;
    }
    return false;
}

bool kal_version_names(const kal_version *version, kal_str event_type)
{
    if (version->broken)
        return true;
    for (uint32_t n = 0; n < kal_graph_count(version->graph); n++)
        if (kal_graph_node_hears(kal_graph_at(version->graph, n), event_type))
            return true;
    return kal_version_watches(version, event_type);
}

static json_t *parse_column(const kal_pg_rows *rows, size_t row, size_t column)
{
    char error[160];
    return kal_pg_null(rows, row, column) ? NULL
                                          : kal_json_parse(kal_pg_str(rows, row, column), error);
}

/* Makes artefacts ({hash: content}) that this state did not know known to it. */
static void keep_artefacts(kal_flows *flows, const kal_pg_rows *rows, size_t row, size_t column)
{
    json_t *artefacts = parse_column(rows, row, column), *content;
    const char *hash;
    json_object_foreach(artefacts, hash, content)
    {
        kal_str text = {json_string_value(content), json_string_length(content)};
        kal_lua_keep(flows->lua, kal_str_of(hash), text);
    }
    json_decref(artefacts);
}

/* Where a row has the graph, and where the plugins with the artefacts behind them. */
static void compile(kal_flows *flows, kal_version *version, const kal_pg_rows *rows, size_t row,
                    size_t graph, size_t plugins)
{
    if (version->graph || version->broken)
        return;
    char error[160];
    json_t *json = kal_json_parse(kal_pg_str(rows, row, graph), error);
    json_t *pins = parse_column(rows, row, plugins);
    json_t *problems = json_array();
    keep_artefacts(flows, rows, row, plugins + 1);
    version->graph = json ? kal_graph_new(flows->lua, json, pins, problems) : NULL;
    json_decref(pins);
    if (!version->graph) {
        char id[KAL_UUID_TEXT + 1];
        const char *problem = json_string_value(json_array_get(problems, 0));
        kal_uuid_format(version->flow->id, id);
        kal_log(KAL_LOG_ERROR, "version_broken", "flow_id", id, "error", problem ? problem : error,
                NULL);
        version->broken = true;
    }
    json_decref(problems);
    json_decref(json);
    if (version->broken)
        return;
    for (uint32_t n = 0; n < kal_graph_count(version->graph); n++) {
        int64_t lookback = kal_graph_at(version->graph, n)->lookback_ms;
        if (lookback > version->lookback_ms)
            version->lookback_ms = lookback;
    }
    for (uint32_t p = 0; p < flows->n_places; p++)
        if (flows->places[p].version == version)
            flows->places[p].node = node_of(version, flows->places[p].node_id);
}

static void add_entries(kal_tenant *tenant, kal_version *version)
{
    for (uint32_t n = 0; n < kal_graph_count(version->graph); n++) {
        const kal_graph_node *node = kal_graph_at(version->graph, n);
        kal_str type = kal_json_get_str(node->config, "event_type");
        if (!kal_str_is(node->type, "event_entry") || !type.p)
            continue;
        kal_entry *entry = kal_calloc(1, sizeof *entry);
        *entry = (kal_entry){.version = version, .node = n};
        kal_entry *last = kal_strmap_get(&tenant->entries, type);
        if (!last)
            kal_strmap_put(&tenant->entries, type, entry);
        while (last && last->next)
            last = last->next;
        if (last)
            last->next = entry;
    }
}

/* The code that this state knows: nobody has to send it. */
static void add_known(const kal_flows *flows, kal_args *args)
{
    json_t *kept = kal_lua_kept(flows->lua);
    size_t n = json_array_size(kept);
    kal_value *hashes = kal_alloc((n + 1) * sizeof *hashes);
    for (size_t i = 0; i < n; i++)
        hashes[i] = kal_v_text(json_string_value(json_array_get(kept, i)));
    kal_args_add_array(args, KAL_TEXT, hashes, n);
    kal_free(hashes);
    json_decref(kept);
}

void kal_flows_query(const kal_flows *flows, kal_pg_call *call, const kal_value *tenants, size_t n)
{
    kal_args *args = kal_args_new();
    kal_args_add_array(args, KAL_UUID, tenants, n);
    add_known(flows, args);
    kal_pg_call_add(call, KAL_SQL_LOAD_FLOWS, args);
}

void kal_flows_query_segments(kal_pg_call *call, const kal_value *tenants, size_t n)
{
    kal_args *args = kal_args_new();
    kal_args_add_array(args, KAL_UUID, tenants, n);
    kal_pg_call_add(call, KAL_SQL_LOAD_SEGMENTS, args);
}

static kal_flow_status status_of(kal_str text)
{
    if (kal_str_is(text, "draft"))
        return KAL_FLOW_DRAFT;
    if (kal_str_is(text, "active"))
        return KAL_FLOW_ACTIVE;
    return kal_str_is(text, "paused") ? KAL_FLOW_PAUSED : KAL_FLOW_ARCHIVED;
}

/* Columns: tenant_id, id, status, active_version, entry_config, exit_criteria, paused_ms, graph,
 * paused_at, frequency_cap, plugins, artefacts. */
static void take_flow(kal_flows *flows, const kal_pg_rows *rows, size_t row)
{
    kal_flow *flow = flow_of(flows, kal_pg_uuid(rows, row, 0), kal_pg_uuid(rows, row, 1));
    flow->status = status_of(kal_pg_str(rows, row, 2));
    flow->active_version = (int32_t)kal_pg_int(rows, row, 3);
    flow->paused_ms = kal_pg_int(rows, row, 6);
    flow->paused_at_ms = kal_pg_null(rows, row, 8) ? 0 : kal_pg_time(rows, row, 8);
    json_decref(flow->entry_config);
    flow->entry_config = parse_column(rows, row, 4);
    json_decref(flow->exit_criteria);
    flow->exit_criteria = parse_column(rows, row, 5);
    json_decref(flow->frequency_cap);
    flow->frequency_cap = parse_column(rows, row, 9);
    kal_caps_deinit(&flow->caps);
    kal_caps_read(&flow->caps, flow->frequency_cap);
    if (flow->status != KAL_FLOW_ACTIVE || kal_pg_null(rows, row, 7))
        return;
    kal_version *active = version_of(flow, flow->active_version);
    compile(flows, active, rows, row, 7, 10);
    if (active->graph)
        add_entries(flow->tenant, active);
}

void kal_flows_take(kal_flows *flows, const kal_uuid *tenants, size_t n, const kal_pg_rows *rows)
{
    for (size_t t = 0; t < n; t++) {
        kal_tenant *tenant = kal_flows_tenant(flows, tenants[t]);
        clear_entries(tenant);
        tenant->loaded = true;
        for (kal_flow *flow = tenant->flows; flow; flow = flow->next)
            flow->status = KAL_FLOW_UNKNOWN;
    }
    for (size_t row = 0; row < kal_pg_count(rows); row++)
        take_flow(flows, rows, row);
}

/* Columns as in load_segments.sql. */
void kal_flows_take_segments(kal_flows *flows, const kal_uuid *tenants, size_t n,
                             const kal_pg_rows *rows)
{
    for (size_t t = 0; t < n; t++) {
        char id[KAL_UUID_TEXT + 1];
        json_t *definitions = json_object();
        for (size_t row = 0; row < kal_pg_count(rows); row++) {
            if (!kal_uuid_eq(kal_pg_uuid(rows, row, 0), tenants[t]))
                continue;
            kal_uuid_format(kal_pg_uuid(rows, row, 1), id);
            json_object_set_new(definitions, id, parse_column(rows, row, 3));
        }
        kal_uuid_format(tenants[t], id);
        kal_lua_segments_load(flows->lua, kal_str_of(id), definitions);
        json_decref(definitions);
    }
}

void kal_flows_mend(kal_flows *flows, void (*mended)(void *data, kal_uuid tenant), void *data)
{
    size_t at = 0;
    kal_str key;
    void *value;
    while (kal_strmap_next(&flows->tenants, &at, &key, &value)) {
        kal_tenant *tenant = value;
        bool any = false;
        for (const kal_flow *flow = tenant->flows; flow; flow = flow->next)
            for (kal_version *version = flow->versions; version; version = version->next) {
                any = any || version->broken;
                version->broken = false;
            }
        if (any)
            mended(data, tenant->id);
    }
}

void kal_flows_query_versions(const kal_flows *flows, kal_pg_call *call,
                              kal_version *const *versions, size_t n)
{
    kal_value *ids = kal_alloc(n * sizeof *ids);
    kal_value *numbers = kal_alloc(n * sizeof *numbers);
    for (size_t i = 0; i < n; i++) {
        ids[i] = kal_v_uuid(versions[i]->flow->id);
        numbers[i] = kal_v_int(KAL_INT4, versions[i]->number);
    }
    kal_args *args = kal_args_new();
    kal_args_add_array(args, KAL_UUID, ids, n);
    kal_args_add_array(args, KAL_INT4, numbers, n);
    add_known(flows, args);
    kal_pg_call_add(call, KAL_SQL_LOAD_VERSIONS, args);
    kal_free(ids);
    kal_free(numbers);
}

void kal_flows_take_versions(kal_flows *flows, kal_version *const *versions, size_t n,
                             const kal_pg_rows *rows)
{
    for (size_t row = 0; row < kal_pg_count(rows); row++) {
        kal_flow *flow = kal_flows_find(flows, kal_pg_uuid(rows, row, 0));
        if (flow)
            compile(flows, version_of(flow, (int32_t)kal_pg_int(rows, row, 1)), rows, row, 2, 3);
    }
    for (size_t i = 0; i < n; i++)
        if (!versions[i]->graph)
            versions[i]->broken = true;
}
