/* Every way a graph can be wrong is told to the operator in words that name the place, all of them
 * at once: else a broken journey is published, or is mended one refusal after the other. */
#include "flow_test.h"

#define ENTRY "{'id':'in','type':'event_entry','config':{'event_type':'e'}}"
#define TAG(id) "{'id':'" id "','type':'add_tag','config':{'tag':'t'}}"
#define IF(id) "{'id':'" id "','type':'condition','config':{'expression':'true'}}"
#define EDGE(from, to) "{'source':'" from "','target':'" to "'}"
#define BRANCH(from, to, key) "{'source':'" from "','target':'" to "','branch':'" key "'}"
#define GRAPH(nodes, edges) "{'nodes':[" nodes "],'edges':[" edges "]}"

static void only_a_map_is_a_graph(void **state)
{
    assert_refused(*state, "[]", "graph must be a map");
    assert_refused(*state, "null", "graph must be a map");
    assert_problems(*state, NULL, "graph must be a map", NULL);
}

static void a_graph_needs_an_entry(void **state)
{
    const char *none = "graph must have at least one entry node";
    assert_refused(*state, "{}", none);
    assert_refused(*state, GRAPH("", ""), none);
    assert_refused(*state, GRAPH(TAG("a"), ""), none);
    assert_right(*state, GRAPH(ENTRY, ""));
    assert_right(*state, "{'nodes':[" ENTRY "]}");
    assert_right(*state, GRAPH(ENTRY ",{'id':'in2','type':'event_entry','config':"
                                     "{'event_type':'f'}}," TAG("a"),
                               EDGE("in", "a") "," EDGE("in2", "a")));
}

static void lists_and_members_have_their_kind(void **state)
{
    assert_refused(*state, "{'nodes':{},'edges':3}", "/nodes: must be a list",
                   "/edges: must be a list", "graph must have at least one entry node");
    assert_refused(*state, GRAPH(ENTRY ",7,'a'", "[],null"), "/nodes/1: must be a map",
                   "/nodes/2: must be a map", "/edges/0: must be a map", "/edges/1: must be a map");
}

static void nodes_have_names_and_types(void **state)
{
    assert_refused(*state, GRAPH(ENTRY ",{'config':{}},{'id':'','type':''},{'id':7,'type':[]}", ""),
                   "/nodes/1/id: can't be blank", "/nodes/1/type: can't be blank",
                   "/nodes/2/id: can't be blank", "/nodes/2/type: can't be blank",
                   "/nodes/3/id: is invalid", "/nodes/3/type: is invalid");
    assert_refused(
        *state, GRAPH(ENTRY ",{'type':'teleport'},{'id':'b','type':'teleport'}", EDGE("in", "b")),
        "/nodes/1/id: can't be blank", "/nodes/1: unknown type teleport",
        "node b: unknown type teleport");
}

static void an_id_is_used_once(void **state)
{
    assert_refused(*state, GRAPH(ENTRY "," TAG("a") "," TAG("a") "," TAG("a"), EDGE("in", "a")),
                   "duplicate node id: a");
}

static void edges_join_known_nodes(void **state)
{
    assert_refused(*state, GRAPH(ENTRY, EDGE("x", "in") "," EDGE("in", "y") "," EDGE("x", "y")),
                   "edge references unknown source node: x",
                   "edge references unknown target node: y");
    assert_refused(*state, GRAPH(ENTRY, "{},{'source':null,'target':3}"),
                   "/edges/0/source: can't be blank", "/edges/0/target: can't be blank",
                   "/edges/1/source: can't be blank", "/edges/1/target: is invalid");
}

static void a_cycle_is_named(void **state)
{
    assert_refused(*state, GRAPH(ENTRY "," TAG("a"), EDGE("in", "a") "," EDGE("a", "a")),
                   "graph contains a cycle: a -> a");
    assert_refused(*state,
                   GRAPH(ENTRY "," TAG("a") "," TAG("b"),
                         EDGE("in", "a") "," EDGE("a", "b") "," EDGE("b", "a")),
                   "graph contains a cycle: a -> b -> a");
    assert_refused(*state,
                   GRAPH(TAG("b") "," TAG("c") "," ENTRY "," TAG("a"),
                         EDGE("in", "a") "," EDGE("a", "b") "," EDGE("b", "c") "," EDGE(
                             "c", "a") "," EDGE("c", "b")),
                   "graph contains a cycle: a -> b -> c -> a");
}

static void each_knot_gives_a_cycle(void **state)
{
    assert_refused(*state,
                   GRAPH(ENTRY "," TAG("a") "," TAG("b") "," TAG("c") "," TAG("d"),
                         EDGE("in", "a") "," EDGE("a", "b") "," EDGE("b", "a") "," EDGE(
                             "c", "d") "," EDGE("d", "c")),
                   "graph contains a cycle: a -> b -> a", "graph contains a cycle: c -> d -> c",
                   "orphan nodes not reachable from entry: c, d");
}

static void orphans_are_named_in_order(void **state)
{
    assert_refused(*state, GRAPH(TAG("z") "," ENTRY "," TAG("a") "," TAG("b"), EDGE("z", "a")),
                   "orphan nodes not reachable from entry: z, a, b");
}

static void every_branch_has_an_edge(void **state)
{
    assert_refused(*state, GRAPH(ENTRY "," IF("q"), EDGE("in", "q")),
                   "node q (condition) missing branch edges: true, false");
    assert_refused(*state,
                   GRAPH(ENTRY "," IF("q") "," TAG("a"),
                         EDGE("in", "q") "," BRANCH("q", "a", "true") "," EDGE("q", "a")),
                   "node q (condition) missing branch edges: false");
    assert_right(*state,
                 GRAPH(ENTRY "," IF("q") "," TAG("a"),
                       EDGE("in", "q") "," BRANCH("q", "a", "true") "," BRANCH("q", "a", "false")));
    assert_refused(*state,
                   GRAPH(ENTRY ",{'id':'w','type':'wait_for_event','config':"
                               "{'event_type':'e','timeout':'1d'}}",
                         EDGE("in", "w")),
                   "node w (wait_for_event) missing branch edges: event_received, timed_out");
    assert_refused(*state,
                   GRAPH(ENTRY "," TAG("a") ",{'id':'w','type':'wait_for_event','config':"
                                            "{'event_type':'e','event_branch':'yes'}}",
                         EDGE("in", "w") "," EDGE("in", "a")),
                   "node w (wait_for_event) missing branch edges: yes");
}

static void a_branch_belongs_to_its_node(void **state)
{
    assert_refused(*state, GRAPH(ENTRY "," TAG("a"), BRANCH("in", "a", "true")),
                   "edge in -> a: node in has no branch \"true\"");
    assert_refused(*state,
                   GRAPH(ENTRY "," IF("q") "," TAG("a"),
                         EDGE("in", "q") "," BRANCH("q", "a", "true") "," BRANCH(
                             "q", "a", "false") "," BRANCH("q", "a", "maybe")),
                   "edge q -> a: node q has no branch \"maybe\"");
    assert_refused(*state, GRAPH(ENTRY "," TAG("a"), "{'source':'in','target':'a','branch':1}"),
                   "/edges/0/branch: is invalid");
    assert_right(*state, GRAPH(ENTRY "," TAG("a"),
                               "{'id':7,'x':1,'source':'in','target':'a','branch':null}"));
}

#define RISKY(on_error) "{'id':'r','type':'add_tag','config':{'tag':'t','on_error':" on_error "}}"

static void on_error_names_a_branch_with_an_edge(void **state)
{
    assert_right(*state, GRAPH(ENTRY "," RISKY("'fail'"), EDGE("in", "r")));
    assert_right(*state, GRAPH(ENTRY "," RISKY("'continue'"), EDGE("in", "r")));
    assert_right(*state, GRAPH(ENTRY "," RISKY("null"), EDGE("in", "r")));
    assert_right(*state, GRAPH(ENTRY "," RISKY("'broken'") "," TAG("a"),
                               EDGE("in", "r") "," BRANCH("r", "a", "broken")));
    assert_refused(*state, GRAPH(ENTRY "," RISKY("'broken'"), EDGE("in", "r")),
                   "node r (add_tag) missing branch edges: broken");
    assert_refused(
        *state,
        GRAPH(ENTRY "," RISKY("'broken'") "," TAG("a"),
              EDGE("in", "r") "," BRANCH("r", "a", "broken") "," BRANCH("r", "a", "other")),
        "edge r -> a: node r has no branch \"other\"");
    assert_refused(*state, GRAPH(ENTRY "," RISKY("3"), EDGE("in", "r")),
                   "node r: /on_error: is invalid");
}

#define FORK(more, edges)                                                                          \
    GRAPH(ENTRY "," TAG("a") ",{'id':'q','type':'condition','config':{'expression':'x'" more "}}", \
          EDGE("in", "q") "," BRANCH("q", "a", "true") "," BRANCH("q", "a", "false") edges)

static void an_edge_that_is_never_walked_is_refused(void **state)
{
    assert_right(*state, FORK("", ""));
    assert_refused(*state, FORK("", "," EDGE("q", "a")),
                   "edge q -> a: has no branch, and node q always takes one");
    assert_refused(*state, FORK("", "," BRANCH("q", "a", "")),
                   "edge q -> a: has no branch, and node q always takes one");
    assert_right(*state,
                 GRAPH(ENTRY "," TAG("a"), BRANCH("in", "a", ""))); /* none, as editors say */
}

static void a_failure_that_continues_has_a_way_to_go_on(void **state)
{
    assert_right(*state, FORK(",'on_error':'continue'", "," EDGE("q", "a")));
    assert_refused(*state, FORK(",'on_error':'continue'", ""),
                   "node q: /on_error: continue needs an edge without a branch to go on by");
}

static void a_config_is_checked_by_its_type(void **state)
{
    assert_refused(*state, GRAPH(ENTRY ",{'id':'a','type':'add_tag'}", EDGE("in", "a")),
                   "node a: /tag: can't be blank");
    json_t *graph = json_of(GRAPH(ENTRY ",{'id':'w','type':'wait','config':{'duration':'soon'}},"
                                        "{'id':'v','type':'wait','config':[]}",
                                  EDGE("in", "w") "," EDGE("in", "v")));
    json_t *problems = problems_of(*state, graph);
    assert_int_equal(json_array_size(problems), 2);
    const char *bad = json_string_value(json_array_get(problems, 0));
    const char *list = json_string_value(json_array_get(problems, 1));
    assert_int_equal(strncmp(bad, "node w: /duration: ", 19), 0);
    assert_int_equal(strncmp(list, "node v: /", 9), 0);
    json_decref(problems);
    json_decref(graph);
}

#define WITH(member) "{'nodes':[" ENTRY "],'edges':[]," member "}"

static void exit_criteria_can_be_met(void **state)
{
    assert_right(*state, WITH("'exit_criteria':{'event_type':'bye','filter':{'a':1}}"));
    assert_right(*state, WITH("'exit_criteria':{'condition':'accumulated.a.b > 3'}"));
    assert_right(*state, WITH("'exit_criteria':null"));
    assert_right(*state, WITH("'exit_criteria':{}"));
    assert_refused(*state, WITH("'exit_criteria':[]"), "/exit_criteria: must be a map");
    assert_refused(*state, WITH("'exit_criteria':{'filter':{}}"),
                   "/exit_criteria: needs an event_type or a condition");
    assert_refused(*state, WITH("'exit_criteria':{'event_type':'','condition':7}"),
                   "/exit_criteria/event_type: must be the name of an event, text of 1 to 255 "
                   "bytes",
                   "/exit_criteria/condition: must be an expression, as text");
}

static void an_exit_condition_compiles(void **state)
{
    static const char *const wrong[] = {"1 +", "no_such_function(1)", "a == '\xc3\xa9' \xc3\xa9",
                                        ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *graph = json_of(GRAPH(ENTRY, ""));
        json_object_set_new(graph, "exit_criteria", json_pack("{s:s}", "condition", wrong[i]));
        json_t *problems = problems_of(*state, graph);
        assert_int_equal(json_array_size(problems), 1);
        const char *text = json_string_value(json_array_get(problems, 0));
        assert_int_equal(strncmp(text, "/exit_criteria/condition: ", 26), 0);
        assert_true(strlen(text) > 26);
        json_decref(problems);
        json_decref(graph);
    }
}

static void a_frequency_cap_is_a_map(void **state)
{
    assert_right(*state, WITH("'frequency_cap':{}"));
    assert_right(*state, WITH("'frequency_cap':{'nonsense':1}"));
    assert_refused(*state, WITH("'frequency_cap':3"), "/frequency_cap: must be a map");
}

static void all_problems_come_together(void **state)
{
    assert_refused(
        *state,
        /* clang-format off */
        "{'nodes':[" ENTRY "," IF("q") "," TAG("a") "," TAG("a") "," TAG("lost") ","
            "{'id':'n','type':'nope'},{'id':'t','type':'add_tag'}],"
        "'edges':[" EDGE("in", "q") "," EDGE("q", "a") "," EDGE("a", "q") ","
            EDGE("a", "ghost") "," EDGE("in", "n") "," EDGE("in", "t") "],"
        "'exit_criteria':{'x':1},'frequency_cap':[]}",
        /* clang-format on */
        "duplicate node id: a", "node n: unknown type nope", "node t: /tag: can't be blank",
        "edge references unknown target node: ghost",
        "node q (condition) missing branch edges: true, false",
        "graph contains a cycle: q -> a -> q", "orphan nodes not reachable from entry: lost",
        "/exit_criteria: needs an event_type or a condition", "/frequency_cap: must be a map");
}

static void long_names_are_cut_to_whole_characters(void **state)
{
    char name[402], expected[512];
    for (size_t i = 0; i < 400; i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    json_t *graph = json_of(GRAPH(ENTRY, ""));
    json_array_append_new(json_object_get(graph, "nodes"),
                          json_pack("{s:s,s:s}", "id", name, "type", name));
    json_array_append_new(json_object_get(graph, "edges"),
                          json_pack("{s:s,s:s+}", "source", "in", "target", name, "x"));
    (void)snprintf(expected, sizeof expected, "edge references unknown target node: %.254s", name);
    json_t *problems = problems_of(*state, graph);
    assert_problem(problems, "/nodes/1/id: is longer than 255 bytes");
    assert_problem(problems, "/nodes/1/type: is longer than 255 bytes");
    assert_problem(problems, expected);
    json_decref(problems);
    json_decref(graph);
}

static void other_members_are_ignored(void **state)
{
    assert_right(*state, "{'name':'x','nodes':[{'id':'in','type':'event_entry','position':'top',"
                         "'label':{},'config':{'event_type':'e'}}],'edges':[],'viewport':[1]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_map_is_a_graph),
        cmocka_unit_test(a_graph_needs_an_entry),
        cmocka_unit_test(lists_and_members_have_their_kind),
        cmocka_unit_test(nodes_have_names_and_types),
        cmocka_unit_test(an_id_is_used_once),
        cmocka_unit_test(edges_join_known_nodes),
        cmocka_unit_test(a_cycle_is_named),
        cmocka_unit_test(each_knot_gives_a_cycle),
        cmocka_unit_test(orphans_are_named_in_order),
        cmocka_unit_test(every_branch_has_an_edge),
        cmocka_unit_test(a_branch_belongs_to_its_node),
        cmocka_unit_test(on_error_names_a_branch_with_an_edge),
        cmocka_unit_test(an_edge_that_is_never_walked_is_refused),
        cmocka_unit_test(a_failure_that_continues_has_a_way_to_go_on),
        cmocka_unit_test(a_config_is_checked_by_its_type),
        cmocka_unit_test(exit_criteria_can_be_met),
        cmocka_unit_test(an_exit_condition_compiles),
        cmocka_unit_test(a_frequency_cap_is_a_map),
        cmocka_unit_test(all_problems_come_together),
        cmocka_unit_test(long_names_are_cut_to_whole_characters),
        cmocka_unit_test(other_members_are_ignored),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
