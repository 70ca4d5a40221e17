/* Whatever operators draw: every node that the drawing leads to runs as often as it says, and the
 * instance ends. The model counts arrivals along the edges and knows nothing of queues, waits and
 * yields. */
#include "run_rig.h"

#define MOST 14
#define GRAPHS 200

typedef enum kind { ENTRY, PASS, FORK, WAIT, ALL, ONE, EXIT } kind;

typedef struct model {
    int n;
    kind kinds[MOST];
    bool left[MOST]; /* a fork's pick */
    bool edge[MOST][MOST];
    bool by_left[MOST][MOST]; /* a fork's edge is its left one */
    int known[MOST];          /* arrivals counted already, -1: not yet */
} model;

static int pick(int below)
{
    return rand() % below;
}

static void draw(model *m)
{
    memset(m, 0, sizeof *m);
    m->n = 3 + pick(MOST - 2);
    for (int i = 0; i < m->n; i++) {
        static const kind kinds[] = {PASS, PASS, PASS, FORK, FORK, WAIT, ALL, ALL, ONE, EXIT};
        int last = pick(4) ? 9 : 10; /* an exit is rare */
        m->kinds[i] = i == 0 || (i == 1 && pick(3) == 0) ? ENTRY : kinds[pick(last)];
        m->left[i] = pick(2);
        m->known[i] = -1;
    }
    for (int to = 1; to < m->n; to++)
        for (int from = 0; from < to; from++)
            if (m->kinds[to] != ENTRY && m->kinds[from] != EXIT && pick(to < 3 ? 1 : 3) == 0) {
                m->edge[from][to] = true;
                m->by_left[from][to] = pick(2);
            }
}

/* Nodes without a way to them would be refused: each gets an edge from the entry. */
static void mend(model *m)
{
    for (int to = 1; to < m->n; to++) {
        bool reached = m->kinds[to] == ENTRY;
        for (int from = 0; from < to; from++)
            reached = reached || m->edge[from][to];
        m->edge[0][to] = m->edge[0][to] || !reached;
    }
}

static bool is_join(kind k)
{
    return k == ALL || k == ONE;
}

static bool taken(const model *m, int from, int to)
{
    return m->edge[from][to] && (m->kinds[from] != FORK || m->by_left[from][to] == m->left[from]);
}

/* How often a node runs when no exit cuts it short. */
static int runs(model *m, int node)
{
    if (m->known[node] >= 0)
        return m->known[node];
    int n = m->kinds[node] == ENTRY;
    for (int from = 0; from < node; from++)
        if (taken(m, from, node))
            n += runs(m, from);
    if (is_join(m->kinds[node]) && n > 1)
        n = 1;
    m->known[node] = n;
    return n;
}

static json_t *node_json(const model *m, int i)
{
    static const char *const types[] = {"start", "pass", "fork", "wait", "join", "join", "exit"};
    char id[16];
    snprintf(id, sizeof id, "n%d", i);
    json_t *config = json_object();
    if (m->kinds[i] == FORK)
        json_object_set_new(config, "pick", json_string(m->left[i] ? "left" : "right"));
    if (m->kinds[i] == WAIT)
        json_object_set_new(config, "duration", json_string(i % 3 ? "1h" : "0s"));
    if (m->kinds[i] == ONE)
        json_object_set_new(config, "mode", json_string("any"));
    return json_pack("{s:s, s:s, s:o}", "id", id, "type", types[m->kinds[i]], "config", config);
}

static void add_edge(json_t *edges, const char *from, const char *to, const char *branch)
{
    json_t *edge = json_pack("{s:s, s:s}", "source", from, "target", to);
    if (branch)
        json_object_set_new(edge, "branch", json_string(branch));
    json_array_append_new(edges, edge);
}

/* The nodes in reverse when told, so that the order of nodes[] is not that of the edges. */
static json_t *graph_json(const model *m, bool reverse)
{
    json_t *nodes = json_array();
    json_t *edges = json_array();
    for (int i = 0; i < m->n; i++)
        json_array_append_new(nodes, node_json(m, reverse ? m->n - 1 - i : i));
    json_array_append_new(nodes, json_pack("{s:s, s:s}", "id", "end", "type", "pass"));
    for (int from = 0; from < m->n; from++) {
        char a[16], b[16];
        snprintf(a, sizeof a, "n%d", from);
        for (int to = from + 1; to < m->n; to++) {
            snprintf(b, sizeof b, "n%d", to);
            const char *branch = m->by_left[from][to] ? "left" : "right";
            if (m->edge[from][to])
                add_edge(edges, a, b, m->kinds[from] == FORK ? branch : NULL);
        }
        if (m->kinds[from] == FORK) { /* both branches need an edge */
            add_edge(edges, a, "end", "left");
            add_edge(edges, a, "end", "right");
        }
    }
    add_edge(edges, "n0", "end", NULL);
    return json_pack("{s:o, s:o}", "nodes", nodes, "edges", edges);
}

static uint64_t total(model *m)
{
    uint64_t nodes = 1; /* the edge from the entry to `end` */
    for (int i = 0; i < m->n; i++) {
        uint64_t n = (uint64_t)runs(m, i);
        nodes += n;
        if (m->kinds[i] == WAIT)
            nodes += n; /* it is resumed too */
        if (m->kinds[i] == FORK)
            nodes += n; /* its edge to `end` */
    }
    return nodes;
}

static bool exit_runs(model *m)
{
    for (int i = 0; i < m->n; i++)
        if (m->kinds[i] == EXIT && runs(m, i))
            return true;
    return false;
}

/* Nodes that ended are those of the model; with an exit on the way, some of those. */
static void assert_nodes(const rig *r, const kal_instance *instance, model *m, bool cut)
{
    for (int i = 0; i < m->n; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%d", i);
        json_t *result = result_of(r, instance, id);
        if (cut ? result && !runs(m, i) : !result != !runs(m, i))
            fail_msg("%s ran %s, the model says %d", id, result ? "once or more" : "never",
                     runs(m, i));
        json_decref(result);
    }
}

static uint64_t walk(rig *r, json_t *graph)
{
    rig_trigger(r, rig_flow_json(r, graph), "ann");
    rig_act(r);
    uint64_t nodes = r->batch->counts.nodes;
    for (int rounds = 0; kal_status_is_live(rig_instance(r, "ann")->status); rounds++) {
        assert_in_range(rounds, 0, 100);
        size_t fired = rig_fire(r, 0);
        if (!fired)
            fired = rig_fire(r, HOUR);
        assert_true(fired > 0); /* what is live and waits for nothing hangs for ever */
        nodes += r->batch->counts.nodes;
    }
    return nodes;
}

static void random_graphs_run_as_they_are_drawn(void **state)
{
    int exits = 0;
    srand(20260501);
    for (int g = 0; g < GRAPHS; g++) {
        model m;
        draw(&m);
        mend(&m);
        rig r = rig_new(state);
        json_t *graph = graph_json(&m, g % 2);
        char *text = json_dumps(graph, JSON_COMPACT);
        uint64_t nodes = walk(&r, graph);
        bool cut = exit_runs(&m);
        exits += cut;
        const kal_instance *instance = rig_instance(&r, "ann");
        assert_ended(instance, KAL_STATUS_COMPLETED, NULL);
        assert_nodes(&r, instance, &m, cut);
        if (cut ? nodes > total(&m) : nodes != total(&m))
            fail_msg("%d nodes ran, the model says %d: %s", (int)nodes, (int)total(&m), text);
        free(text);
        rig_free(&r);
    }
    assert_in_range(exits, 5, GRAPHS - 50); /* the drawings are of both sorts */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_run_as_they_are_drawn),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
