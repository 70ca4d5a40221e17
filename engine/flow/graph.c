#include "base/alloc.h"
#include "flow/check.h"

struct kal_graph {
    kal_lua *lua;
    json_t *json;
    json_t *no_config;
    kal_shape shape; /* its edges are the nodes' */
    kal_graph_node *nodes;
    json_t **described; /* what each node's type says; owns the texts of events, the filters */
    size_t words;       /* of a node's row in `reach` */
    uint64_t *reach;    /* bit t of row f: f reaches t */
    kal_caps caps;
    kal_uuid *flows;
    size_t n_flows;
    kal_uuid *segments;
    size_t n_segments;
};

static kal_node_category category_of(kal_str name)
{
    static const char *const names[] = {"trigger", "condition", "wait", "action"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (kal_str_is(name, names[i]))
            return (kal_node_category)i;
    return KAL_NODE_END;
}

static kal_join_mode join_of(kal_str name)
{
    if (kal_str_is(name, "all"))
        return KAL_JOIN_ALL;
    return kal_str_is(name, "any") ? KAL_JOIN_ANY : KAL_JOIN_NONE;
}

static void read_events(kal_graph_node *node, const json_t *events)
{
    node->n_events = (uint32_t)json_array_size(events);
    if (!node->n_events)
        return;
    kal_str *texts = kal_calloc(node->n_events, sizeof *texts);
    for (uint32_t i = 0; i < node->n_events; i++) {
        const json_t *event = json_array_get(events, i);
        texts[i] = (kal_str){json_string_value(event), json_string_length(event)};
    }
    node->events = texts;
}

static void read_caps(kal_graph *g, kal_graph_node *node, const json_t *needs)
{
    size_t i;
    json_t *cap;
    json_array_foreach(json_object_get(needs, "caps"), i, cap)
    {
        double window = json_number_value(json_object_get(cap, "window_ms"));
        kal_str channel = kal_json_get_str(cap, "channel");
        if (channel.p && window >= 0 && window <= (double)KAL_CAP_LONGEST_MS)
            kal_caps_add(&g->caps, (kal_cap){channel, (int64_t)window, -1});
        node->counts = true;
    }
    node->counts = node->counts || json_is_true(json_object_get(needs, "flow_caps"));
    node->needs_caps = node->counts;
}

static void read_flows(kal_graph *g, kal_graph_node *node, const json_t *needs)
{
    size_t i;
    json_t *text;
    kal_uuid id;
    json_array_foreach(json_object_get(needs, "flows"), i, text)
    {
        if (!kal_uuid_parse(kal_str_of(json_string_value(text)), &id))
            continue;
        g->flows = kal_realloc(g->flows, (g->n_flows + 1) * sizeof *g->flows);
        g->flows[g->n_flows++] = id;
        node->needs_flows = true;
    }
}

static void add_segment(kal_graph *g, kal_uuid id)
{
    for (size_t i = 0; i < g->n_segments; i++)
        if (kal_uuid_eq(g->segments[i], id))
            return;
    g->segments = kal_realloc(g->segments, (g->n_segments + 1) * sizeof *g->segments);
    g->segments[g->n_segments++] = id;
}

/* What is no id is no segment's. */
static void read_segments(kal_graph *g, kal_graph_node *node, const json_t *needs)
{
    size_t i;
    json_t *text;
    kal_uuid id;
    json_array_foreach(json_object_get(needs, "segments"), i, text)
    {
        if (!kal_uuid_parse(kal_str_of(json_string_value(text)), &id))
            continue;
        node->needs_segments = true;
        add_segment(g, id);
    }
}

static void read_description(kal_graph *g, kal_graph_node *node, const json_t *described)
{
    const json_t *needs = json_object_get(described, "needs");
    node->category = category_of(kal_json_get_str(described, "category"));
    node->join = join_of(kal_json_get_str(described, "join"));
    node->filter = kal_shape_member(described, "filter");
    node->lookback_ms = (int64_t)json_number_value(json_object_get(described, "lookback"));
    node->needs_customer = json_is_true(json_object_get(needs, "customer"));
    node->needs_lookback = node->lookback_ms > 0;
    read_caps(g, node, needs);
    read_flows(g, node, needs);
    read_segments(g, node, needs);
    read_events(node, json_object_get(described, "events"));
}

static void compile_node(kal_graph *g, uint32_t i, const json_t *json)
{
    kal_graph_node *node = &g->nodes[i];
    const json_t *config = kal_shape_member(json, "config");
    node->id = g->shape.ids[i];
    node->type = kal_json_get_str(json, "type");
    node->config = config ? config : g->no_config;
    node->edges = g->shape.edges + g->shape.first[i];
    node->n_edges = g->shape.first[i + 1] - g->shape.first[i];
    kal_str on_error = kal_json_get_str(node->config, "on_error");
    node->on_error = on_error.p ? on_error : kal_str_of("fail");
    read_description(g, node, g->described[i]);
    node->lua = kal_lua_node_new(g->lua, node->id, node->type,
                                 kal_json_get_str(g->described[i], "plugin"), node->config);
}

/* All nodes so that every edge leads forward. */
static uint32_t *topological_order(const kal_graph *g)
{
    uint32_t n = g->shape.n_nodes, filled = 0;
    uint32_t *order = kal_calloc(n, sizeof *order);
    uint32_t *incoming = kal_calloc(n, sizeof *incoming);
    for (uint32_t e = 0; e < g->shape.n_edges; e++)
        incoming[g->shape.edges[e].target]++;
    for (uint32_t i = 0; i < n; i++)
        if (!incoming[i])
            order[filled++] = i;
    for (uint32_t next = 0; next < filled; next++) {
        const kal_graph_node *node = &g->nodes[order[next]];
        for (uint32_t e = 0; e < node->n_edges; e++)
            if (--incoming[node->edges[e].target] == 0)
                order[filled++] = node->edges[e].target;
    }
    kal_free(incoming);
    return order;
}

static void add_target(kal_graph *g, uint32_t source, uint32_t target)
{
    kal_graph_node *node = &g->nodes[source];
    const kal_graph_node *next = &g->nodes[target];
    uint64_t *row = g->reach + source * g->words, *more = g->reach + target * g->words;
    for (size_t w = 0; w < g->words; w++)
        row[w] |= more[w];
    if (node->category == KAL_NODE_WAIT && !node->lookback_ms)
        return; /* the walk stops here (no event from before lets it go on), and loads anew */
    node->needs_customer = node->needs_customer || next->needs_customer;
    node->needs_lookback = node->needs_lookback || next->needs_lookback;
    node->needs_caps = node->needs_caps || next->needs_caps;
    node->needs_flows = node->needs_flows || next->needs_flows;
    node->needs_segments = node->needs_segments || next->needs_segments;
}

/* Reachability and needs, from the leaves up. */
static void compile_paths(kal_graph *g)
{
    uint32_t n = g->shape.n_nodes;
    uint32_t *order = topological_order(g);
    g->words = ((size_t)n + 63) / 64;
    g->reach = kal_calloc(n * g->words, sizeof *g->reach);
    for (uint32_t k = n; k-- > 0;) {
        uint32_t i = order[k];
        g->reach[i * g->words + i / 64] |= UINT64_C(1) << (i % 64);
        for (uint32_t e = 0; e < g->nodes[i].n_edges; e++)
            add_target(g, i, g->nodes[i].edges[e].target);
    }
    kal_free(order);
}

kal_graph *kal_graph_new(kal_lua *lua, const json_t *graph, const json_t *pins, json_t *problems)
{
    kal_shape shape;
    json_t **described = kal_check_form(lua, graph, pins, &shape, problems);
    if (!described)
        return NULL;
    kal_graph *g = kal_calloc(1, sizeof *g);
    g->lua = lua;
    g->json = json_incref((json_t *)graph);
    g->no_config = json_object();
    g->shape = shape;
    g->described = described;
    g->nodes = kal_calloc(g->shape.n_nodes, sizeof *g->nodes);
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(graph, "nodes"), i, node) compile_node(g, (uint32_t)i, node);
    kal_caps_read(&g->caps, kal_graph_frequency_cap(g));
    compile_paths(g);
    return g;
}

void kal_graph_free(kal_graph *graph)
{
    if (!graph)
        return;
    for (uint32_t i = 0; i < graph->shape.n_nodes; i++) {
        kal_lua_node_free(graph->lua, graph->nodes[i].lua);
        kal_free((void *)graph->nodes[i].events);
        json_decref(graph->described[i]);
    }
    kal_caps_deinit(&graph->caps);
    kal_free(graph->flows);
    kal_free(graph->nodes);
    kal_free(graph->described);
    kal_free(graph->reach);
    kal_free(graph->segments);
    kal_shape_deinit(&graph->shape);
    json_decref(graph->no_config);
    json_decref(graph->json);
    kal_free(graph);
}

uint32_t kal_graph_count(const kal_graph *graph)
{
    return graph->shape.n_nodes;
}

const kal_graph_node *kal_graph_at(const kal_graph *graph, uint32_t index)
{
    return &graph->nodes[index];
}

bool kal_graph_node_hears(const kal_graph_node *node, kal_str event_type)
{
    for (uint32_t e = 0; e < node->n_events; e++)
        if (kal_str_eq(node->events[e], event_type))
            return true;
    return false;
}

uint32_t kal_graph_find(const kal_graph *graph, kal_str id)
{
    return kal_shape_find(&graph->shape, id);
}

bool kal_graph_reaches(const kal_graph *graph, uint32_t from, uint32_t to)
{
    return graph->reach[from * graph->words + to / 64] >> (to % 64) & 1;
}

const kal_uuid *kal_graph_segments(const kal_graph *graph, size_t *n)
{
    *n = graph->n_segments;
    return graph->segments;
}

const json_t *kal_graph_exit_criteria(const kal_graph *graph)
{
    return kal_shape_member(graph->json, "exit_criteria");
}

const json_t *kal_graph_frequency_cap(const kal_graph *graph)
{
    return kal_shape_member(graph->json, "frequency_cap");
}

const kal_caps *kal_graph_caps(const kal_graph *graph)
{
    return &graph->caps;
}

const kal_uuid *kal_graph_flows(const kal_graph *graph, size_t *n)
{
    *n = graph->n_flows;
    return graph->flows;
}

/* {type: what its description has under the key} */
static json_t *by_type(const kal_graph *graph, const char *key)
{
    json_t *types = json_object();
    for (uint32_t i = 0; i < graph->shape.n_nodes; i++) {
        json_t *value = json_object_get(graph->described[i], key);
        json_object_setn(types, graph->nodes[i].type.p, graph->nodes[i].type.n, value);
    }
    return types;
}

json_t *kal_graph_types(const kal_graph *graph)
{
    return by_type(graph, "version");
}

json_t *kal_graph_plugins(const kal_graph *graph)
{
    return by_type(graph, "plugin");
}
