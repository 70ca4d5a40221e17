/* Whatever operators draw: a right graph is never refused and means what it shows; a graph broken
 * in one place is refused in the words for that break. Checked against a naive model. */
#include "flow_test.h"

#include <assert.h>

#define MOST 60
#define ROUNDS 300

typedef struct model {
    uint64_t seed;
    uint32_t n;
    uint32_t name[MOST];  /* of the nodes in their order along the edges: a permutation */
    uint32_t place[MOST]; /* in nodes[], by that order */
    const char *type[MOST];
    bool edge[MOST][MOST], reach[MOST][MOST];
    json_t *graph;
} model;

static uint32_t pick(model *m, uint32_t below)
{
    assert(below > 0);
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return (uint32_t)(m->seed % below);
}

static void shuffle(model *m, uint32_t *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        list[i] = i;
    for (uint32_t i = n; i-- > 1;) {
        uint32_t k = pick(m, i + 1), kept = list[i];
        list[i] = list[k];
        list[k] = kept;
    }
}

static const char *id_of(const model *m, uint32_t i, char id[16])
{
    (void)snprintf(id, 16, "node %u", (unsigned)m->name[i]);
    return id;
}

static json_t *config_of(const char *type)
{
    if (!strcmp(type, "event_entry"))
        return json_pack("{s:s}", "event_type", "e");
    if (!strcmp(type, "condition"))
        return json_pack("{s:s}", "expression", "a == 1");
    if (!strcmp(type, "send_email"))
        return json_pack("{s:s}", "template_id", "t");
    if (!strcmp(type, "wait"))
        return json_pack("{s:s}", "duration", "1d");
    if (!strcmp(type, "wait_for_event"))
        return json_pack("{s:s,s:s}", "event_type", "e", "lookback", "5m");
    return json_pack("{s:s}", "tag", "t");
}

static json_t *node_json(const model *m, uint32_t i)
{
    char id[16];
    return json_pack("{s:s,s:s,s:o}", "id", id_of(m, i, id), "type", m->type[i], "config",
                     config_of(m->type[i]));
}

static void add_edge(model *m, uint32_t from, uint32_t to, const char *branch)
{
    char source[16], target[16];
    json_t *edges = json_object_get(m->graph, "edges");
    json_t *edge =
        json_pack("{s:s,s:s}", "source", id_of(m, from, source), "target", id_of(m, to, target));
    if (branch)
        json_object_set_new(edge, "branch", json_string(branch));
    json_array_insert_new(edges, pick(m, (uint32_t)json_array_size(edges) + 1), edge);
    m->edge[from][to] = true;
}

/* The branches of a type, closed by NULL; the type's edges may have any of them. */
static const char *const *branches_of(const char *type)
{
    static const char *const plain[] = {NULL};
    static const char *const condition[] = {"true", "false", NULL};
    static const char *const event[] = {"event_received", NULL};
    if (!strcmp(type, "condition"))
        return condition;
    return strcmp(type, "wait_for_event") ? plain : event;
}

static void connect(model *m, uint32_t from, uint32_t to)
{
    const char *const *branches = branches_of(m->type[from]);
    uint32_t count = 0;
    while (branches[count])
        count++;
    add_edge(m, from, to, count ? branches[pick(m, count)] : NULL);
}

static void choose_types(model *m)
{
    static const char *const types[] = {"add_tag", "send_email", "wait", "wait_for_event",
                                        "condition"};
    for (uint32_t i = 0; i < m->n; i++) {
        bool last = i + 1 == m->n;
        m->type[i] = i && pick(m, 12) ? types[pick(m, last ? 3 : 5)] : "event_entry";
    }
}

/* Nodes in an order in which all edges lead forward, put into the JSON in another one. */
static void draw(model *m, uint64_t seed)
{
    *m = (model){.seed = seed * UINT64_C(0x9E3779B97F4A7C15) + 1};
    m->n = 1 + pick(m, MOST);
    m->graph = json_pack("{s:[],s:[]}", "nodes", "edges");
    shuffle(m, m->name, m->n);
    shuffle(m, m->place, m->n);
    choose_types(m);
    for (uint32_t at = 0; at < m->n; at++)
        for (uint32_t i = 0; i < m->n; i++)
            if (m->place[i] == at)
                json_array_append_new(json_object_get(m->graph, "nodes"), node_json(m, i));
    for (uint32_t i = 1; i < m->n; i++)
        if (strcmp(m->type[i], "event_entry"))
            connect(m, pick(m, i), i);
    for (uint32_t i = 0; i + 1 < m->n; i++)
        for (const char *const *branch = branches_of(m->type[i]); *branch; branch++)
            add_edge(m, i, i + 1 + pick(m, m->n - i - 1), *branch);
    for (uint32_t k = pick(m, m->n); m->n > 1 && k > 0; k--) {
        uint32_t from = pick(m, m->n - 1);
        connect(m, from, from + 1 + pick(m, m->n - from - 1));
    }
    for (uint32_t from = m->n; from-- > 0;) {
        m->reach[from][from] = true;
        for (uint32_t to = from + 1; to < m->n; to++)
            for (uint32_t end = 0; m->edge[from][to] && end < m->n; end++)
                m->reach[from][end] |= m->reach[to][end];
    }
}

static void assert_edges(const model *m, const kal_graph *g)
{
    uint32_t at[MOST] = {0}, total = 0;
    size_t k;
    json_t *edge;
    json_array_foreach(json_object_get(m->graph, "edges"), k, edge)
    {
        uint32_t source = kal_graph_find(g, kal_json_get_str(edge, "source"));
        const kal_graph_node *node = kal_graph_at(g, source);
        assert_true(at[source] < node->n_edges);
        const kal_edge *got = &node->edges[at[source]++];
        kal_str target = kal_graph_at(g, got->target)->id;
        assert_true(kal_str_eq(target, kal_json_get_str(edge, "target")));
        assert_true(kal_str_eq(got->branch, kal_json_get_str(edge, "branch")));
    }
    for (uint32_t i = 0; i < m->n; i++)
        total += kal_graph_at(g, i)->n_edges;
    assert_int_equal(total, k);
}

static bool needs_customer(kal_lua *lua, const model *m, uint32_t i)
{
    json_t *config = config_of(m->type[i]);
    json_t *described = kal_lua_describe(lua, kal_str_of(m->type[i]), (kal_str){0}, config);
    bool needs = json_is_true(json_object_get(json_object_get(described, "needs"), "customer"));
    json_decref(described);
    json_decref(config);
    return needs;
}

static void assert_needs(kal_lua *lua, const model *m, const kal_graph *g)
{
    bool customer[MOST], lookback[MOST];
    for (uint32_t i = m->n; i-- > 0;) {
        bool wait = !strcmp(m->type[i], "wait"); /* the other waits here look back */
        customer[i] = needs_customer(lua, m, i);
        lookback[i] = !strcmp(m->type[i], "wait_for_event");
        for (uint32_t to = i + 1; !wait && to < m->n; to++) {
            customer[i] |= m->edge[i][to] && customer[to];
            lookback[i] |= m->edge[i][to] && lookback[to];
        }
        const kal_graph_node *node = kal_graph_at(g, m->place[i]);
        assert_int_equal(node->needs_customer, customer[i]);
        assert_int_equal(node->needs_lookback, lookback[i]);
    }
}

static void right_graphs_compile_to_what_they_show(void **state)
{
    model m;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        draw(&m, seed);
        assert_problems(*state, m.graph, NULL);
        kal_graph *g = kal_graph_new(*state, m.graph, NULL, NULL);
        assert_int_equal(kal_graph_count(g), m.n);
        for (uint32_t from = 0; from < m.n; from++)
            for (uint32_t to = 0; to < m.n; to++)
                assert_int_equal(kal_graph_reaches(g, m.place[from], m.place[to]),
                                 m.reach[from][to]);
        assert_edges(&m, g);
        assert_needs(*state, &m, g);
        kal_graph_free(g);
        json_decref(m.graph);
    }
}

static uint32_t order_of(const model *m, const char *id, size_t len)
{
    char name[16];
    for (uint32_t i = 0; i < m->n; i++)
        if (strlen(id_of(m, i, name)) == len && !memcmp(name, id, len))
            return i;
    fail_msg("no such node: %s", id);
    return 0;
}

/* The text names nodes with an edge from each to the next, and comes back to the first. */
static void assert_cycle(const model *m, const char *text)
{
    static const char title[] = "graph contains a cycle: ";
    assert_int_equal(strncmp(text, title, sizeof title - 1), 0);
    const char *at = text + sizeof title - 1, *arrow = strstr(at, " -> ");
    assert_non_null(arrow);
    uint32_t first = order_of(m, at, (size_t)(arrow - at)), from = first;
    while (arrow) {
        at = arrow + 4;
        arrow = strstr(at, " -> ");
        uint32_t to = order_of(m, at, arrow ? (size_t)(arrow - at) : strlen(at));
        assert_true(m->edge[from][to]);
        from = to;
    }
    assert_int_equal(from, first);
}

static void a_cycle_is_always_found(void **state)
{
    model m;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        draw(&m, seed);
        uint32_t from = pick(&m, m.n), to = pick(&m, m.n);
        while (!m.reach[from][to])
            to = pick(&m, m.n);
        connect(&m, to, from);
        json_t *problems = problems_of(*state, m.graph);
        assert_int_equal(json_array_size(problems), 1);
        assert_cycle(&m, json_string_value(json_array_get(problems, 0)));
        assert_null(kal_graph_new(*state, m.graph, NULL, NULL));
        json_decref(problems);
        json_decref(m.graph);
    }
}

static void an_orphan_is_always_found(void **state)
{
    model m;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        draw(&m, seed);
        json_t *lost =
            json_pack("{s:s,s:s,s:{s:s}}", "id", "lost", "type", "add_tag", "config", "tag", "t");
        json_array_insert_new(json_object_get(m.graph, "nodes"), pick(&m, m.n + 1), lost);
        assert_problems(*state, m.graph, "orphan nodes not reachable from entry: lost", NULL);
        json_decref(m.graph);
    }
}

static void an_unknown_end_is_always_found(void **state)
{
    model m;
    char id[16];
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        draw(&m, seed);
        json_t *edges = json_object_get(m.graph, "edges");
        id_of(&m, pick(&m, m.n), id);
        json_array_append_new(edges, json_pack("{s:s,s:s}", "source", id, "target", "ghost"));
        json_array_append_new(edges, json_pack("{s:s,s:s}", "source", "spirit", "target", id));
        assert_problems(*state, m.graph, "edge references unknown source node: spirit",
                        "edge references unknown target node: ghost", NULL);
        json_decref(m.graph);
    }
}

static void a_duplicate_is_always_found(void **state)
{
    model m;
    char id[16], text[64];
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        draw(&m, seed);
        uint32_t i = pick(&m, m.n);
        json_array_append_new(json_object_get(m.graph, "nodes"), node_json(&m, i));
        (void)snprintf(text, sizeof text, "duplicate node id: %s", id_of(&m, i, id));
        assert_problems(*state, m.graph, text, NULL);
        json_decref(m.graph);
    }
}

/* Takes the branch off the edges of a node that have it; they stay as plain edges. */
static void drop_branch(const model *m, const char *id, const char *branch)
{
    size_t k;
    json_t *edge;
    json_array_foreach(json_object_get(m->graph, "edges"), k, edge)
    {
        if (kal_str_is(kal_json_get_str(edge, "source"), id) &&
            kal_str_is(kal_json_get_str(edge, "branch"), branch))
            json_object_del(edge, "branch");
    }
}

static void a_missing_branch_is_always_found(void **state)
{
    model m;
    char id[16], text[128];
    uint32_t broken = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        draw(&m, seed);
        uint32_t i = pick(&m, m.n);
        const char *branch = *branches_of(m.type[i]);
        if (branch) {
            drop_branch(&m, id_of(&m, i, id), branch);
            (void)snprintf(text, sizeof text, "node %s (%s) missing branch edges: %s", id,
                           m.type[i], branch);
            assert_problems(*state, m.graph, text, NULL);
            broken++;
        }
        json_decref(m.graph);
    }
    assert_true(broken > ROUNDS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_graphs_compile_to_what_they_show),
        cmocka_unit_test(a_cycle_is_always_found),
        cmocka_unit_test(an_orphan_is_always_found),
        cmocka_unit_test(an_unknown_end_is_always_found),
        cmocka_unit_test(a_duplicate_is_always_found),
        cmocka_unit_test(a_missing_branch_is_always_found),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
