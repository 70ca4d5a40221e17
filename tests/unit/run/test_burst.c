/* What an operator draws is what happens: branches, joins, ends, failures, and the limits that keep
 * one customer's walk from taking everybody's time. */
#include "run_rig.h"

#include "base/clock.h"

/* Triggers the graph for customer "ann" and walks; answers the instance. */
static kal_instance *walk(rig *r, const char *graph)
{
    kal_work *work = rig_trigger(r, rig_flow(r, graph), "ann");
    rig_act(r);
    assert_int_equal(work->err, KAL_OK);
    return rig_instance(r, "ann");
}

static void assert_walk(void **state, const char *graph, kal_status status, const char *trail)
{
    rig r = rig_new(state);
    kal_instance *instance = walk(&r, graph);
    assert_ended(instance, status, NULL);
    assert_trail(&r, "ann", trail);
    rig_free(&r);
}

/* ---- order ---- */

static void branches_run_first_in_first_out(void **state)
{
    assert_walk(state,
                "in:start a:mark b:mark c:mark a1:mark a2:mark b1:mark c1:mark"
                " in>a in>b in>c a>a1>a2 b>b1 c>c1",
                KAL_STATUS_COMPLETED, "a b c a1 b1 c1 a2");
}

static void a_node_runs_once_per_arrival(void **state)
{
    assert_walk(state, "in:start a:mark b:mark x:mark y:mark in>a>x in>b>x x>y",
                KAL_STATUS_COMPLETED, "a b x x y y");
}

static void a_trigger_starts_every_entry(void **state)
{
    assert_walk(state, "one:start two:start a:mark b:mark one>a two>b", KAL_STATUS_COMPLETED, "a b");
}

static void a_branch_follows_its_own_edges_only(void **state)
{
    assert_walk(state,
                "in:start f:fork{'pick':'left'} a:mark b:mark c:mark"
                " in>f f>a@left f>c@left f>b@right",
                KAL_STATUS_COMPLETED, "a c");
}

/* ---- joins ---- */

static void a_join_of_all_waits_for_the_slower_branch(void **state)
{
    assert_walk(state,
                "in:start a:mark b1:mark b2:mark b3:mark j:join after:mark"
                " in>a>j in>b1>b2>b3>j j>after",
                KAL_STATUS_COMPLETED, "a b1 b2 b3 after");
}

static void a_join_of_any_fires_once(void **state)
{
    assert_walk(state,
                "in:start a:mark b1:mark b2:mark j:join{'mode':'any'} after:mark"
                " in>a>j in>b1>b2>j j>after",
                KAL_STATUS_COMPLETED, "a b1 after b2");
}

/* A customer whom a condition sends elsewhere must not hang at the join for ever. */
static void a_bypassed_join_fires_all_the_same(void **state)
{
    assert_walk(state,
                "in:start f:fork{'pick':'right'} a:mark b:mark other:mark j:join after:mark"
                " in>a>j in>f f>b@left f>other@right b>j j>after",
                KAL_STATUS_COMPLETED, "a other after");
}

static void a_join_that_nothing_reaches_never_fires(void **state)
{
    assert_walk(state,
                "in:start f:fork{'pick':'right'} other:mark j:join after:mark"
                " in>f f>j@left f>other@right j>after",
                KAL_STATUS_COMPLETED, "other");
}

static void nested_joins_fire_from_the_inner_to_the_outer(void **state)
{
    assert_walk(state,
                "in:start a:mark b:mark c:mark c2:mark inner:join outer:join i:mark o:mark"
                " in>a>inner in>b>inner in>c>c2>outer inner>i>outer outer>o",
                KAL_STATUS_COMPLETED, "a b c c2 i o");
    /* the outer join stands ahead of the inner one in the graph */
    assert_walk(state,
                "outer:join in:start a:mark b:mark inner:join o:mark"
                " in>a>inner in>b>inner inner>outer in>outer outer>o",
                KAL_STATUS_COMPLETED, "a b o");
}

static void a_join_waits_for_a_branch_that_waits(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance = walk(&r,
                                  "in:start a:mark w:wait{'duration':'1h'} b:mark j:join after:mark"
                                  " in>a>j in>w>b>j j>after");
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    assert_trail(&r, "ann", "a");
    assert_int_equal(rig_fire(&r, HOUR), 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a b after");
    rig_free(&r);
}

static void a_join_of_any_absorbs_what_arrives_days_later(void **state)
{
    rig r = rig_new(state);
    walk(&r, "in:start a:mark w:wait{'duration':'48h'} j:join{'mode':'any'} after:mark"
             " in>a>j in>w>j j>after");
    assert_trail(&r, "ann", "a after");
    assert_int_equal(rig_fire(&r, 48 * HOUR), 1);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_COMPLETED, NULL);
    assert_trail(&r, "ann", "a after");
    rig_free(&r);
}

/* ---- ends ---- */

static void an_exit_drops_what_was_queued(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance = walk(&r,
                                  "in:start a:mark w:wait{'duration':'1h'} out:exit{'reason':'left'}"
                                  " never:mark in>a in>w in>out in>never a>never");
    assert_ended(instance, KAL_STATUS_COMPLETED, "left");
    assert_trail(&r, "ann", "a");
    rig_free(&r);
}

static void a_goal_ends_everything_unless_told_otherwise(void **state)
{
    assert_walk(state, "in:start g:goal_reached{'goal_name':'x'} b:mark in>g in>b",
                KAL_STATUS_COMPLETED, "");
    assert_walk(state,
                "in:start g:goal_reached{'goal_name':'x','exit_after_goal':false} b:mark in>g in>b",
                KAL_STATUS_COMPLETED, "b");
}

static void another_leaf_ends_its_branch_only(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance = walk(&r, "in:start a:mark w:wait{'duration':'1h'} in>a in>w");
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    assert_int_equal(r.batch->counts.completions, 0);
    rig_free(&r);
}

/* ---- failures ---- */

static void assert_failure(void **state, const char *type, const char *reason)
{
    char graph[200];
    rig r = rig_new(state);
    snprintf(graph, sizeof graph, "in:start x:%s a:mark in>x>a", type);
    assert_ended(walk(&r, graph), KAL_STATUS_FAILED, reason);
    assert_trail(&r, "ann", "");
    assert_int_equal(r.batch->counts.failures, 1);
    rig_free(&r);
}

static void what_a_node_raises_fails_the_instance(void **state)
{
    assert_failure(state, "raise", "it broke");
    assert_failure(state, "refuse", "it would not");
    assert_failure(state, "teleport", "the effect teleport is not understood");
    assert_failure(state, "big{'kb':257}", "context_too_large");
}

static void on_error_continues_or_branches(void **state)
{
    assert_walk(state, "in:start x:raise{'on_error':'continue'} a:mark in>x>a",
                KAL_STATUS_COMPLETED, "a");
    assert_walk(state, "in:start x:raise{'on_error':'sorry'} a:mark b:mark in>x>a x>b@sorry",
                KAL_STATUS_COMPLETED, "b");
    assert_walk(state, "in:start x:teleport{'on_error':'sorry'} a:mark b:mark in>x>a x>b@sorry",
                KAL_STATUS_COMPLETED, "b");
    assert_walk(state, "in:start x:raise{'on_error':'fail'} a:mark in>x>a", KAL_STATUS_FAILED, "");
}

static void a_failure_drops_what_was_queued(void **state)
{
    assert_walk(state, "in:start w:wait{'duration':'1h'} x:raise a:mark in>w in>x in>a",
                KAL_STATUS_FAILED, "");
}

/* ---- 256 KB ---- */

/* Context and results count together. */
static void the_given_context_counts(void **state)
{
    rig r = rig_new(state);
    kal_work *work = rig_trigger(&r, rig_flow(&r, "in:start x:big{'kb':100} in>x"), "ann");
    char *text = kal_alloc(200 * 1024);
    memset(text, 'x', 200 * 1024);
    work->body = json_pack("{s:s#}", "given", text, 200 * 1024);
    kal_free(text);
    rig_act(&r);
    assert_int_equal(work->err, KAL_OK);
    assert_ended(rig_instance(&r, "ann"), KAL_STATUS_FAILED, "context_too_large");
    rig_free(&r);
}

/* A row of megabytes would be read and written at each of the customer's events. */
static void results_of_one_burst_count_together(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        walk(&r, "in:start x:big{'kb':100} y:big{'kb':100} z:big{'kb':100} in>x>y>z");
    assert_ended(instance, KAL_STATUS_FAILED, "context_too_large");
    rig_free(&r);
}

static void a_result_that_is_too_large_is_not_kept(void **state)
{
    rig r = rig_new(state);
    kal_instance *instance =
        walk(&r, "in:start x:big{'kb':300,'on_error':'continue'} w:wait{'duration':'1h'} in>x>w");
    assert_ended(instance, KAL_STATUS_WAITING, NULL);
    rig_next(&r, 0);
    assert_in_range(rig_instance(&r, "ann")->accumulated.n, 2, 256 * 1024);
    rig_free(&r);
}

/* ---- limits ---- */

/* in, then k diamonds s>l, s>r, l>t, r>t, t = the next s: each doubles the tokens. */
static json_t *diamonds(int k)
{
    kal_buf text = {0};
    kal_buf_puts(&text, "in:start s0:mark in>s0");
    for (int i = 0; i < k; i++)
        kal_buf_printf(&text, " l%d:start2 r%d:start2 s%d:start2 s%d>l%d>s%d s%d>r%d>s%d", i, i,
                       i + 1, i, i, i + 1, i, i, i + 1);
    char *at = text.data;
    while ((at = strstr(at, "start2")))
        memcpy(at, "joina ", 6); /* placeholders of equal length for the type below */
    json_t *graph = graph_of("in:start");
    kal_buf_deinit(&text);
    json_t *nodes = json_object_get(graph, "nodes");
    json_t *edges = json_object_get(graph, "edges");
    char a[16], b[16], c[16], d[16];
    json_array_append_new(nodes, json_pack("{s:s,s:s}", "id", "s0", "type", "track"));
    json_array_append_new(edges, json_pack("{s:s,s:s}", "source", "in", "target", "s0"));
    for (int i = 0; i < k; i++) {
        snprintf(a, sizeof a, "s%d", i);
        snprintf(b, sizeof b, "l%d", i);
        snprintf(c, sizeof c, "r%d", i);
        snprintf(d, sizeof d, "s%d", i + 1);
        json_array_append_new(nodes, json_pack("{s:s,s:s}", "id", b, "type", "track"));
    }
    return graph;
}

int main(void)
{
    return 0;
}
