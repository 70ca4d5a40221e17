/* A compiled graph is what the operator drew: else a customer takes a way that nobody chose. */
#include "flow_test.h"

static json_t *fixture(const char *name)
{
    char path[128];
    json_error_t error;
    (void)snprintf(path, sizeof path, "tests/fixtures/flows/%s.json", name);
    json_t *graph = json_load_file(path, 0, &error);
    if (!graph)
        fail_msg("%s: %s", path, error.text);
    return graph;
}

/* The compiled fixture; it keeps the only reference to its JSON. */
static kal_graph *compiled(kal_lua *lua, const char *name)
{
    json_t *graph = fixture(name);
    assert_problems(lua, graph, NULL);
    kal_graph *g = kal_graph_new(lua, graph, NULL, NULL);
    assert_non_null(g);
    json_decref(graph);
    return g;
}

static uint32_t index_of(const kal_graph *g, const char *id)
{
    uint32_t index = kal_graph_find(g, kal_str_of(id));
    assert_true(index < kal_graph_count(g));
    assert_true(kal_str_is(kal_graph_at(g, index)->id, id));
    return index;
}

static const kal_graph_node *node_of(const kal_graph *g, const char *id)
{
    return kal_graph_at(g, index_of(g, id));
}

static void assert_edge(const kal_graph *g, const char *id, uint32_t i, const char *target,
                        const char *branch)
{
    const kal_graph_node *node = node_of(g, id);
    assert_true(i < node->n_edges);
    assert_int_equal(node->edges[i].target, index_of(g, target));
    if (branch)
        assert_true(kal_str_is(node->edges[i].branch, branch));
    else
        assert_null(node->edges[i].branch.p);
}

static void welcome_is_compiled_as_drawn(void **state)
{
    kal_graph *g = compiled(*state, "welcome");
    assert_int_equal(kal_graph_count(g), 6);
    assert_int_equal(index_of(g, "wait_1"), 2);
    assert_int_equal(kal_graph_find(g, kal_str_of("nobody")), KAL_GRAPH_NONE);
    assert_edge(g, "entry_1", 0, "email_1", NULL);
    assert_edge(g, "wait_1", 0, "email_2", "event_received");
    assert_edge(g, "wait_1", 1, "email_3", "timed_out");
    assert_int_equal(node_of(g, "goal_1")->n_edges, 0);
    assert_int_equal(node_of(g, "entry_1")->category, KAL_NODE_TRIGGER);
    assert_int_equal(node_of(g, "email_1")->category, KAL_NODE_ACTION);
    assert_int_equal(node_of(g, "wait_1")->category, KAL_NODE_WAIT);
    assert_int_equal(node_of(g, "goal_1")->category, KAL_NODE_END);
    assert_true(kal_str_is(node_of(g, "email_1")->type, "send_email"));
    assert_true(kal_str_is(node_of(g, "email_1")->on_error, "fail"));
    assert_int_equal(node_of(g, "wait_1")->n_events, 1);
    assert_true(kal_str_is(node_of(g, "wait_1")->events[0], "email_opened"));
    assert_non_null(node_of(g, "wait_1")->lua);
    assert_true(
        kal_str_is(kal_json_get_str(node_of(g, "goal_1")->config, "goal_name"), "activated"));
    kal_graph_free(g);
}

static void reach_follows_edges_forward_only(void **state)
{
    kal_graph *g = compiled(*state, "welcome");
    assert_true(kal_graph_reaches(g, index_of(g, "entry_1"), index_of(g, "goal_1")));
    assert_true(kal_graph_reaches(g, index_of(g, "email_2"), index_of(g, "email_2")));
    assert_false(kal_graph_reaches(g, index_of(g, "email_2"), index_of(g, "email_3")));
    assert_false(kal_graph_reaches(g, index_of(g, "goal_1"), index_of(g, "entry_1")));
    kal_graph_free(g);
}

static void exit_and_cap_are_the_graphs_own(void **state)
{
    kal_graph *g = compiled(*state, "welcome");
    assert_true(
        kal_str_is(kal_json_get_str(kal_graph_exit_criteria(g), "event_type"), "unsubscribed"));
    assert_non_null(json_object_get(kal_graph_frequency_cap(g), "sms"));
    kal_graph_free(g);
    g = compiled(*state, "abandoned-cart");
    assert_null(kal_graph_exit_criteria(g));
    assert_null(kal_graph_frequency_cap(g));
    kal_graph_free(g);
}

static void every_type_used_has_its_version(void **state)
{
    kal_graph *g = compiled(*state, "abandoned-cart");
    json_t *types = kal_graph_types(g);
    assert_int_equal(json_object_size(types), 9);
    assert_true(kal_json_get_str(types, "ab_split").n > 0);
    assert_true(kal_json_get_str(types, "add_tag").n > 0);
    json_decref(types);
    kal_graph_free(g);
}

static void waits_and_joins_keep_what_resumes_them(void **state)
{
    kal_graph *g = compiled(*state, "trial");
    const kal_graph_node *use = node_of(g, "use");
    assert_int_equal(use->n_events, 2);
    assert_true(kal_str_is(use->events[0], "project_created"));
    assert_true(kal_str_is(use->events[1], "teammate_invited"));
    assert_int_equal(node_of(g, "both")->join, KAL_JOIN_ALL);
    assert_int_equal(use->join, KAL_JOIN_NONE);
    assert_int_equal(node_of(g, "start")->n_edges, 2);
    kal_graph_free(g);
}

static void what_a_burst_needs_ends_at_a_wait(void **state)
{
    kal_graph *g = compiled(*state, "abandoned-cart");
    assert_int_equal(node_of(g, "hour")->lookback_ms, 300000);
    assert_true(node_of(g, "hour")->needs_lookback);
    assert_int_equal(node_of(g, "cart")->lookback_ms, 0);
    assert_true(node_of(g, "cart")->needs_lookback);
    assert_false(node_of(g, "value")->needs_lookback);
    assert_true(node_of(g, "value")->needs_customer);
    kal_graph_free(g);
}

/* What is not loaded for a walk is false in it. */
static void segments_are_needed_up_to_the_wait_before(void **state)
{
    json_t *graph = json_of(
        "{'nodes':[{'id':'in','type':'event_entry','config':{'event_type':'e'}},"
        "{'id':'w','type':'wait','config':{'duration':'1h'}},{'id':'t','type':'add_tag','config':"
        "{'tag':'x'}},{'id':'c','type':'check_segment','config':"
        "{'segment_id':'0190AAAA-0000-7000-8000-000000000001'}},"
        "{'id':'d','type':'check_segment','config':"
        "{'segment_id':'0190aaaa-0000-7000-8000-000000000001'}},"
        "{'id':'n','type':'check_segment','config':{'segment_id':'none'}},{'id':'out','type':'exit'"
        "}],"
        "'edges':[{'source':'in','target':'w'},{'source':'w','target':'t'},"
        "{'source':'t','target':'c'},{'source':'c','target':'d','branch':'true'},"
        "{'source':'c','target':'n','branch':'false'},{'source':'d','target':'out','branch':'true'}"
        ","
        "{'source':'d','target':'out','branch':'false'},{'source':'n','target':'out','branch':'"
        "true'},"
        "{'source':'n','target':'out','branch':'false'}]}");
    kal_graph *g = kal_graph_new(*state, graph, NULL, NULL);
    size_t n;
    assert_non_null(g);
    assert_non_null(kal_graph_segments(g, &n));
    assert_int_equal(n, 1);
    assert_true(node_of(g, "t")->needs_segments && node_of(g, "c")->needs_segments);
    assert_false(node_of(g, "in")->needs_segments || node_of(g, "w")->needs_segments);
    assert_false(node_of(g, "n")->needs_segments);
    assert_true(node_of(g, "n")->needs_customer);
    kal_graph_free(g);
    json_decref(graph);
}

static void a_left_out_config_is_an_empty_one(void **state)
{
    json_t *graph = json_of("{'nodes':[{'id':'in','type':'event_entry','config':"
                            "{'event_type':'e'}},{'id':'out','type':'exit'},"
                            "{'id':'t','type':'add_tag','config':{'tag':'x','on_error':'oops'}}],"
                            "'edges':[{'source':'in','target':'t'},"
                            "{'source':'t','target':'out','branch':'oops'}]}");
    kal_graph *g = kal_graph_new(*state, graph, NULL, NULL);
    assert_non_null(g);
    assert_true(json_is_object(node_of(g, "out")->config));
    assert_true(kal_str_is(node_of(g, "t")->on_error, "oops"));
    assert_int_equal(node_of(g, "in")->n_events, node_of(g, "in")->events ? 1 : 0);
    kal_graph_free(g);
    json_decref(graph);
}

static json_t *node_json(uint32_t i)
{
    char id[16];
    (void)snprintf(id, sizeof id, "n%u", (unsigned)i);
    return i ? json_pack("{s:s,s:s,s:{s:s}}", "id", id, "type", "add_tag", "config", "tag", "t")
             : json_pack("{s:s,s:s,s:{s:s}}", "id", id, "type", "event_entry", "config",
                         "event_type", "e");
}

static json_t *edge_json(uint32_t source, uint32_t target)
{
    char from[16], to[16];
    (void)snprintf(from, sizeof from, "n%u", (unsigned)source);
    (void)snprintf(to, sizeof to, "n%u", (unsigned)target);
    return json_pack("{s:s,s:s}", "source", from, "target", to);
}

/* A chain of n nodes with further edges forward, m edges in all. */
static json_t *large_graph(uint32_t n, uint32_t m)
{
    json_t *nodes = json_array(), *edges = json_array();
    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(nodes, node_json(i));
    for (uint32_t i = 0; i < m; i++) {
        uint32_t source = i % (n - 1), step = i / (n - 1) + 1;
        json_array_append_new(edges, edge_json(source, source + step < n ? source + step : n - 1));
    }
    return json_pack("{s:o,s:o}", "nodes", nodes, "edges", edges);
}

/* An upgrade whose rules are stricter must not stop the customers who are on their way. */
static void a_graph_outlives_the_rules_of_its_publication(void **state)
{
    json_t *problems = json_array(), *checked = json_array();
    json_t *graph = json_of("{'nodes':[{'id':'in','type':'event_entry','config':{}},"
                            "{'id':'q','type':'condition','config':{'operator':'like'}},"
                            "{'id':'lost','type':'wait','config':{'duration':7}}],"
                            "'edges':[{'source':'in','target':'q','branch':'gone'}],"
                            "'exit_criteria':{'condition':'gone('},'frequency_cap':7}");
    kal_graph_check(*state, graph, NULL, checked);
    assert_int_equal(json_array_size(checked), 8);
    kal_graph *g = kal_graph_new(*state, graph, NULL, problems);
    assert_non_null(g);
    assert_edge(g, "in", 0, "q", "gone");
    kal_graph_free(g);
    json_object_set_new(json_array_get(json_object_get(graph, "nodes"), 1), "type",
                        json_string("uninstalled"));
    assert_null(kal_graph_new(*state, graph, NULL, problems));
    assert_int_equal(json_array_size(problems), 1);
    assert_problem(problems, "node q: unknown type uninstalled");
    json_decref(checked);
    json_decref(problems);
    json_decref(graph);
}

static void the_largest_graph_works(void **state)
{
    json_t *graph = large_graph(1000, 5000);
    kal_graph *g = kal_graph_new(*state, graph, NULL, NULL);
    assert_non_null(g);
    assert_int_equal(kal_graph_count(g), 1000);
    assert_true(kal_graph_reaches(g, 0, 999));
    assert_true(kal_graph_reaches(g, 500, 501));
    assert_false(kal_graph_reaches(g, 501, 500));
    assert_int_equal(kal_graph_at(g, 0)->n_edges, 6);
    kal_graph_free(g);
    json_decref(graph);
}

static void a_larger_one_is_refused(void **state)
{
    json_t *graph = large_graph(1001, 5001);
    assert_problems(*state, graph, "graph has more than 1000 nodes",
                    "graph has more than 5000 edges", NULL);
    json_decref(graph);
}

static void a_long_cycle_costs_no_stack(void **state)
{
    json_t *graph = large_graph(1000, 4999);
    json_array_append_new(json_object_get(graph, "edges"), edge_json(999, 0));
    json_t *problems = problems_of(*state, graph);
    assert_int_equal(json_array_size(problems), 1);
    const char *text = json_string_value(json_array_get(problems, 0));
    assert_int_equal(strncmp(text, "graph contains a cycle: n0 -> n1 -> ", 36), 0);
    assert_string_equal(text + strlen(text) - strlen("n999 -> n0"), "n999 -> n0");
    json_decref(problems);
    json_decref(graph);
}

static void problems_are_bounded(void **state)
{
    json_t *graph = large_graph(1000, 1);
    json_t *edges = json_object_get(graph, "edges");
    for (uint32_t i = 0; i < 3000; i++)
        json_array_append_new(edges, edge_json(2000 + i, 7000 + i));
    json_t *problems = problems_of(*state, graph);
    assert_int_equal(json_array_size(problems), 1000);
    assert_null(kal_graph_new(*state, graph, NULL, NULL));
    json_decref(problems);
    json_decref(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welcome_is_compiled_as_drawn),
        cmocka_unit_test(reach_follows_edges_forward_only),
        cmocka_unit_test(exit_and_cap_are_the_graphs_own),
        cmocka_unit_test(every_type_used_has_its_version),
        cmocka_unit_test(waits_and_joins_keep_what_resumes_them),
        cmocka_unit_test(what_a_burst_needs_ends_at_a_wait),
        cmocka_unit_test(segments_are_needed_up_to_the_wait_before),
        cmocka_unit_test(a_left_out_config_is_an_empty_one),
        cmocka_unit_test(a_graph_outlives_the_rules_of_its_publication),
        cmocka_unit_test(the_largest_graph_works),
        cmocka_unit_test(a_larger_one_is_refused),
        cmocka_unit_test(a_long_cycle_costs_no_stack),
        cmocka_unit_test(problems_are_bounded),
    };
    return cmocka_run_group_tests(tests, open_lua, close_lua);
}
