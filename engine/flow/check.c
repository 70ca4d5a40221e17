/* All problems of a graph at once. Every walk is a loop over arrays, in nodes + edges, so that no
 * graph within the limits costs much; each message is made of names cut to their limit. */
#include "flow/check.h"

#include "base/alloc.h"
#include "flow/rules.h"

#define MAX_PROBLEMS 1000
#define MAX_NAME 255

/* The two arguments of a "%.*s". */
#define NAME(text) (int)name_len(text), (text).p

typedef struct check {
    kal_lua *lua;
    const json_t *graph, *pins;
    json_t *problems;
    size_t n_problems;
    kal_strmap seen; /* problems said already */
    kal_buf text;    /* the next problem */
    kal_shape shape;
    json_t **described; /* what each node's type says, NULL when unknown */
    bool form;          /* asks only for what compiling needs */
} check;

/* The length of a name cut to whole characters. */
static size_t name_len(kal_str text)
{
    if (text.n <= MAX_NAME)
        return text.n;
    size_t n = MAX_NAME;
    while (n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    return n;
}

/* A type or an expression may quote half a character; a problem must not be lost for that. */
static kal_str valid_text(kal_buf *buf)
{
    kal_str text = {buf->data, buf->len};
    bool valid = kal_str_utf8(text);
    for (size_t i = 0; i < buf->len && !valid; i++)
        if (!buf->data[i] || (unsigned char)buf->data[i] >= 0x80)
            buf->data[i] = '?';
    return text;
}

/* Says the problem in c->text, once. */
static void report(check *c)
{
    kal_str text = valid_text(&c->text);
    if (c->n_problems < MAX_PROBLEMS && !kal_strmap_put(&c->seen, text, c)) {
        json_array_append_new(c->problems, json_stringn(text.p, text.n));
        c->n_problems++;
    }
    kal_buf_clear(&c->text);
}

static void say(check *c, const char *text)
{
    kal_buf_puts(&c->text, text);
    report(c);
}

/* Adds a name to a list that begins with `title`. */
static void list_name(kal_buf *list, const char *title, kal_str name)
{
    kal_buf_puts(list, list->len ? ", " : title);
    kal_buf_add(list, name.p, name_len(name));
}

static bool check_list(check *c, const char *key, size_t most)
{
    const json_t *list = kal_shape_member(c->graph, key);
    if (list && !json_is_array(list)) {
        kal_buf_printf(&c->text, "/%s: must be a list", key);
        report(c);
    }
    if (json_array_size(list) <= most)
        return true;
    kal_buf_printf(&c->text, "graph has more than %zu %s", most, key);
    report(c);
    return false;
}

/* A name that nodes[i] or edges[i] must have. */
static void check_name(check *c, const char *list, size_t i, const char *key)
{
    const json_t *object = json_array_get(json_object_get(c->graph, list), i);
    const json_t *value = kal_shape_member(object, key);
    const char *problem = NULL;
    if (!value || (json_is_string(value) && json_string_length(value) == 0))
        problem = "can't be blank";
    else if (!json_is_string(value))
        problem = "is invalid";
    else if (json_string_length(value) > MAX_NAME)
        problem = "is longer than 255 bytes";
    if (!problem)
        return;
    kal_buf_printf(&c->text, "/%s/%zu/%s: %s", list, i, key, problem);
    report(c);
}

static bool check_object(check *c, const char *list, size_t i)
{
    if (json_is_object(json_array_get(json_object_get(c->graph, list), i)))
        return true;
    kal_buf_printf(&c->text, "/%s/%zu: must be a map", list, i);
    report(c);
    return false;
}

static void node_prefix(check *c, uint32_t i)
{
    kal_str id = c->shape.ids[i];
    if (id.p)
        kal_buf_printf(&c->text, "node %.*s: ", NAME(id));
    else
        kal_buf_printf(&c->text, "/nodes/%u: ", (unsigned)i);
}

/* Asks the node's type, and says what the type says against its config. */
static void check_type(check *c, uint32_t i, const json_t *node)
{
    kal_str type = kal_json_get_str(node, "type");
    if (type.n == 0 || type.n > MAX_NAME)
        return;
    json_t *described = kal_lua_describe(c->lua, type, kal_json_get_str(c->pins, type.p),
                                         kal_shape_member(node, "config"));
    c->described[i] = described;
    if (!described) {
        node_prefix(c, i);
        kal_buf_printf(&c->text, "unknown type %.*s", NAME(type));
        report(c);
        return;
    }
    size_t k;
    json_t *problem;
    json_array_foreach(c->form ? NULL : json_object_get(described, "problems"), k, problem)
    {
        node_prefix(c, i);
        kal_buf_puts(&c->text, json_string_value(problem));
        report(c);
    }
}

static void check_node(check *c, uint32_t i)
{
    if (!check_object(c, "nodes", i))
        return;
    check_name(c, "nodes", i, "id");
    check_name(c, "nodes", i, "type");
    kal_str id = c->shape.ids[i];
    if (id.p && kal_shape_find(&c->shape, id) != i) {
        kal_buf_printf(&c->text, "duplicate node id: %.*s", NAME(id));
        report(c);
    }
    check_type(c, i, json_array_get(json_object_get(c->graph, "nodes"), i));
}

static void check_end(check *c, const json_t *edge, const char *end)
{
    kal_str id = kal_json_get_str(edge, end);
    if (id.n == 0 || kal_shape_find(&c->shape, id) != KAL_GRAPH_NONE)
        return;
    kal_buf_printf(&c->text, "edge references unknown %s node: %.*s", end, NAME(id));
    report(c);
}

static void check_edge(check *c, size_t i, const json_t *edge)
{
    static const char *const ends[] = {"source", "target"};
    if (!check_object(c, "edges", i))
        return;
    for (size_t k = 0; k < 2; k++) {
        if (kal_json_get_str(edge, ends[k]).n == 0)
            check_name(c, "edges", i, ends[k]);
        check_end(c, edge, ends[k]);
    }
    const json_t *branch = kal_shape_member(edge, "branch");
    if (branch && !json_is_string(branch)) {
        kal_buf_printf(&c->text, "/edges/%zu/branch: is invalid", i);
        report(c);
    }
}

static bool is_entry(const check *c, uint32_t i)
{
    return kal_str_is(kal_json_get_str(c->described[i], "category"), "trigger");
}

static bool has_entry(const check *c)
{
    for (uint32_t i = 0; i < c->shape.n_nodes; i++)
        if (is_entry(c, i))
            return true;
    return false;
}

/* Notes a branch that the node may take; adds it to the list of the missing when no edge has it. */
static void want_branch(check *c, kal_strmap *known, const kal_strmap *given, kal_buf *missing,
                        kal_str branch)
{
    if (!kal_strmap_put(known, branch, c) && !kal_strmap_get(given, branch))
        list_name(missing, "missing branch edges: ", branch);
}

static kal_str on_error_of(const check *c, uint32_t i)
{
    const json_t *node = json_array_get(json_object_get(c->graph, "nodes"), i);
    return kal_json_get_str(json_object_get(node, "config"), "on_error");
}

/* False when one is missing. */
static bool want_branches(check *c, uint32_t i, kal_strmap *known, const kal_strmap *given)
{
    kal_buf missing = {0};
    size_t k;
    json_t *branch;
    json_array_foreach(json_object_get(c->described[i], "branches"), k, branch)
    {
        kal_str key = {json_string_value(branch), json_string_length(branch)};
        want_branch(c, known, given, &missing, key);
    }
    json_array_foreach(json_object_get(c->described[i], "optional_branches"), k, branch)(void)
        kal_strmap_put(known, kal_str_of(json_string_value(branch)), c);
    const json_t *node = json_array_get(json_object_get(c->graph, "nodes"), i);
    kal_str on_error = on_error_of(c, i);
    if (on_error.n && !kal_str_is(on_error, "fail") && !kal_str_is(on_error, "continue"))
        want_branch(c, known, given, &missing, on_error);
    bool all = missing.len == 0;
    if (!all) {
        kal_str id = c->shape.ids[i], type = kal_json_get_str(node, "type");
        kal_buf_printf(&c->text, "node %.*s (%.*s) ", NAME(id), NAME(type));
        kal_buf_add(&c->text, missing.data, missing.len);
        report(c);
    }
    kal_buf_deinit(&missing);
    return all;
}

/* A branch that the source does not give would never be walked. A config in error does not tell
 * its branches. */
static void refuse_branches(check *c, uint32_t i, const kal_strmap *known)
{
    if (json_array_size(json_object_get(c->described[i], "problems")))
        return;
    const kal_shape *shape = &c->shape;
    for (uint32_t e = shape->first[i]; e < shape->first[i + 1]; e++) {
        kal_str branch = shape->edges[e].branch;
        if (!branch.p || kal_strmap_get(known, branch))
            continue;
        kal_str source = shape->ids[i], target = shape->ids[shape->edges[e].target];
        kal_buf_printf(&c->text, "edge %.*s -> %.*s: node %.*s has no branch \"%.*s\"",
                       NAME(source), NAME(target), NAME(source), NAME(branch));
        report(c);
    }
}

/* An edge without a branch leads on from a plain result, which only an action gives where there are
 * branches, and from a failure that is to continue: else it is never walked, and without one the
 * failure ends the walk there unseen. */
static void check_plain_edges(check *c, uint32_t i)
{
    const kal_shape *shape = &c->shape;
    const json_t *described = c->described[i];
    if (!json_array_size(json_object_get(described, "branches")))
        return;
    bool action = kal_str_is(kal_json_get_str(described, "category"), "action");
    bool goes_on = kal_str_is(on_error_of(c, i), "continue"), plain = false;
    for (uint32_t e = shape->first[i]; e < shape->first[i + 1]; e++) {
        if (shape->edges[e].branch.p)
            continue;
        plain = true;
        if (action || goes_on)
            continue;
        kal_str source = shape->ids[i], target = shape->ids[shape->edges[e].target];
        kal_buf_printf(&c->text, "edge %.*s -> %.*s: has no branch, and node %.*s always takes one",
                       NAME(source), NAME(target), NAME(source));
        report(c);
    }
    if (goes_on && !plain) {
        node_prefix(c, i);
        kal_buf_puts(&c->text, "/on_error: continue needs an edge without a branch to go on by");
        report(c);
    }
}

static void check_branches(check *c, uint32_t i)
{
    const kal_shape *shape = &c->shape;
    if (!c->described[i] || kal_shape_find(shape, shape->ids[i]) != i)
        return;
    kal_strmap known = {0}, given = {0};
    for (uint32_t e = shape->first[i]; e < shape->first[i + 1]; e++)
        if (shape->edges[e].branch.p)
            (void)kal_strmap_put(&given, shape->edges[e].branch, c);
    if (want_branches(c, i, &known, &given))
        check_plain_edges(c, i);
    refuse_branches(c, i, &known);
    kal_strmap_deinit(&known);
    kal_strmap_deinit(&given);
}

#define DONE UINT32_MAX

typedef struct frame {
    uint32_t node, edge; /* the next edge to follow */
    uint32_t named;      /* how many frames up to the last one in a cycle said already */
} frame;

/* A walk in depth over all nodes. */
typedef struct trail {
    frame *frames;
    uint32_t depth;
    uint32_t *at; /* of a node: 0 not seen, its frame + 1 while on the trail, DONE */
} trail;

static void enter(const check *c, trail *t, uint32_t node)
{
    uint32_t named = t->depth ? t->frames[t->depth - 1].named : 0;
    t->frames[t->depth++] = (frame){node, c->shape.first[node], named};
    t->at[node] = t->depth;
}

/* Says the cycle from frame `from` to the end of the trail, unless it shares a node with one said
 * already: each knot gives at least one cycle, and all of them together name a node once. */
static void report_cycle(check *c, trail *t, uint32_t from)
{
    if (t->frames[t->depth - 1].named > from)
        return;
    kal_buf_puts(&c->text, "graph contains a cycle: ");
    for (uint32_t i = from; i < t->depth; i++) {
        kal_str id = c->shape.ids[t->frames[i].node];
        kal_buf_printf(&c->text, "%.*s -> ", NAME(id));
        t->frames[i].named = i + 1;
    }
    kal_str id = c->shape.ids[t->frames[from].node];
    kal_buf_add(&c->text, id.p, name_len(id));
    report(c);
}

static void follow(check *c, trail *t, uint32_t root)
{
    if (t->at[root])
        return;
    enter(c, t, root);
    while (t->depth) {
        frame *top = &t->frames[t->depth - 1];
        if (top->edge == c->shape.first[top->node + 1]) {
            t->at[top->node] = DONE;
            t->depth--;
            continue;
        }
        uint32_t target = c->shape.edges[top->edge++].target;
        if (!t->at[target])
            enter(c, t, target);
        else if (t->at[target] != DONE)
            report_cycle(c, t, t->at[target] - 1);
    }
}

/* What the entries do not reach: nodes without a name of their own apart. */
static void report_orphans(check *c, const trail *t)
{
    for (uint32_t i = 0; i < c->shape.n_nodes; i++)
        if (!t->at[i] && kal_shape_find(&c->shape, c->shape.ids[i]) == i)
            list_name(&c->text, "orphan nodes not reachable from entry: ", c->shape.ids[i]);
    if (c->text.len)
        report(c);
}

static void check_paths(check *c)
{
    uint32_t n = c->shape.n_nodes;
    trail t = {.frames = kal_calloc(n, sizeof *t.frames), .at = kal_calloc(n, sizeof *t.at)};
    for (uint32_t i = 0; i < n; i++)
        if (is_entry(c, i))
            follow(c, &t, i);
    if (!c->form && has_entry(c))
        report_orphans(c, &t);
    for (uint32_t i = 0; i < n; i++)
        follow(c, &t, i);
    kal_free(t.frames);
    kal_free(t.at);
}

/* What publishing asks for beyond what the compiled form needs. */
static void check_rules(check *c)
{
    if (!has_entry(c))
        say(c, "graph must have at least one entry node");
    for (uint32_t i = 0; i < c->shape.n_nodes; i++)
        check_branches(c, i);
    kal_rules_exit(c->lua, kal_shape_member(c->graph, "exit_criteria"), "/exit_criteria",
                   c->problems);
    const json_t *cap = kal_shape_member(c->graph, "frequency_cap");
    if (cap && !json_is_object(cap))
        say(c, "/frequency_cap: must be a map");
}

static void check_graph(check *c)
{
    bool small = check_list(c, "nodes", KAL_GRAPH_MAX_NODES);
    if (!check_list(c, "edges", KAL_GRAPH_MAX_EDGES) || !small)
        return;
    kal_shape_init(&c->shape, c->graph);
    c->described = kal_calloc(c->shape.n_nodes, sizeof(json_t *));
    for (uint32_t i = 0; i < c->shape.n_nodes; i++)
        check_node(c, i);
    size_t k;
    json_t *edge;
    json_array_foreach(json_object_get(c->graph, "edges"), k, edge) check_edge(c, k, edge);
    if (!c->form)
        check_rules(c);
    check_paths(c);
}

/* Checks, and frees what it has made: but of a right graph not what is asked for, or NULL. */
static void run(check *c, kal_shape *shape, json_t ***described)
{
    if (json_is_object(c->graph))
        check_graph(c);
    else
        say(c, "graph must be a map");
    if (shape && described && !c->n_problems) {
        *shape = c->shape;
        *described = c->described;
    } else {
        for (uint32_t i = 0; i < c->shape.n_nodes; i++)
            json_decref(c->described[i]);
        kal_free(c->described);
        kal_shape_deinit(&c->shape);
    }
    kal_strmap_deinit(&c->seen);
    kal_buf_deinit(&c->text);
}

void kal_graph_check(kal_lua *lua, const json_t *graph, const json_t *pins, json_t *problems)
{
    check c = {.lua = lua, .graph = graph, .pins = pins, .problems = problems};
    run(&c, NULL, NULL);
}

json_t **kal_check_form(kal_lua *lua, const json_t *graph, const json_t *pins, kal_shape *shape,
                        json_t *problems)
{
    check c = {.lua = lua, .graph = graph, .pins = pins, .problems = problems, .form = true};
    json_t **described = NULL;
    run(&c, shape, &described);
    return described;
}
