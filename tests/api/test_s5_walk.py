"""Section 5: how tokens walk, wait, meet and end."""
import pytest

import times
from support.client import wait_until
from support.graphs import chain, graph, node, start


def tag(id):
    return node(id, "add_tag", tag=id)


def wait(id, duration):
    return node(id, "wait", duration=duration)


def walked(tenant, made, context=None):
    """An instance of the customer c in a new flow with the graph."""
    return tenant.trigger(tenant.new_flow(made), "c", context)


def status(tenant, instance):
    shown = tenant.instance(instance)
    return shown["status"], shown["exit_reason"]


BREAKS = {"fields": {"x": "{{ 1 / zero }}"}}


# Ends


def test_with_no_branch_left_the_walk_is_completed(tenant):
    instance = walked(tenant, chain(tag("a"), tag("b")))
    assert status(tenant, instance) == ("completed", None)
    assert tenant.path(instance) == ["start", "a", "b"]
    assert tenant.instance(instance)["completed_at"] == tenant.now()


def test_an_exit_drops_what_was_queued(tenant):
    made = graph([start(), node("out", "exit", reason="enough"), tag("never"), wait("long", "1d")],
                 ["start -> long", "start -> out", "start -> never"])
    instance = walked(tenant, made)
    assert tenant.path(instance) == ["start", "out"]
    assert status(tenant, instance) == ("completed", "enough")
    tenant.advance("1d")
    assert tenant.path(instance) == ["start", "out"]


def test_a_goal_that_does_not_end_ends_its_branch_only(tenant, sql):
    made = graph([start(), node("goal", "goal_reached", goal_name="seen", exit_after_goal=False,
                                value=3), wait("long", "1d"), tag("after")],
                 ["start -> goal", "start -> long", "long -> after"])
    instance = walked(tenant, made)
    assert tenant.instance(instance)["status"] == "waiting"
    assert sql("SELECT conversion_type, value FROM conversion WHERE instance_id = %s",
               instance) == [("goal:seen", 3)]
    tenant.advance("1d")
    assert tenant.path(instance) == ["start", "goal", "long", "after"]


# Waits


def test_a_wait_is_shown_and_ends_at_its_instant(tenant):
    began = tenant.now()
    instance = walked(tenant, chain(wait("three", "3d"), wait("two", "2d"), tag("done")))
    shown = tenant.instance(instance)
    assert shown["waiting"] == [{"node_id": "three", "type": "wait", "event_type": None,
                                 "until": times.later(began, days=3),
                                 "remaining_ms": 3 * 86_400_000}]
    assert tenant.path(instance) == ["start"]
    tenant.advance("30d")
    steps = {s["node_id"]: (s["started_at"], s["completed_at"]) for s in tenant.steps(instance)}
    assert steps["three"] == (began, times.later(began, days=3))
    assert steps["two"] == (times.later(began, days=3), times.later(began, days=5))
    assert tenant.instance(instance)["completed_at"] == times.later(began, days=5)


def test_a_wait_of_no_time(tenant):
    instance = walked(tenant, chain(wait("w", "0s"), tag("done")))
    tenant.advance("0s")
    wait_until(lambda: tenant.path(instance) == ["start", "w", "done"])


def test_event_and_timer_the_first_wins(tenant):
    made = graph([start(), node("w", "wait_for_event", event_type="go", timeout="1h"),
                  tag("came"), tag("late"), wait("rest", "1d")],
                 ["start -> w", "w -event_received-> came", "w -timed_out-> late", "came -> rest",
                  "late -> rest"])
    flow = tenant.new_flow(made)
    fast, slow = tenant.trigger(flow, "fast"), tenant.trigger(flow, "slow")
    assert tenant.event("fast", "go")["routed"] == 1
    tenant.advance("1h")
    assert tenant.event("slow", "go")["routed"] == 0
    assert tenant.event("fast", "go")["routed"] == 0
    tenant.advance("1h")
    assert tenant.path(fast) == ["start", "w", "came"]
    assert tenant.path(slow) == ["start", "w", "late"]


def test_a_wait_without_timeout_keeps_waiting(tenant):
    made = graph([start(), node("w", "wait_for_event", event_type="go"), tag("end")],
                 ["start -> w", "w -event_received-> end"])
    instance = walked(tenant, made)
    tenant.advance("400d")
    assert tenant.instance(instance)["waiting"][0]["until"] is None
    assert tenant.event("c", "go")["routed"] == 1
    assert tenant.path(instance) == ["start", "w", "end"]


def test_one_event_resumes_every_wait_for_it_once(tenant):
    made = graph([start(), *(node(f"w{i}", "wait_for_event", event_type="go") for i in (1, 2)),
                  node("w3", "wait_for_event", event_type="other"), tag("a"), tag("b"), tag("x")],
                 ["start -> w1", "start -> w2", "start -> w3", "w1 -event_received-> a",
                  "w2 -event_received-> b", "w3 -event_received-> x"])
    instance = walked(tenant, made)
    assert tenant.event("c", "go")["routed"] == 2
    assert tenant.path(instance) == ["start", "w1", "w2", "a", "b"]
    assert tenant.event("c", "other")["routed"] == 1
    assert tenant.instance(instance)["status"] == "completed"


def test_an_event_goes_to_one_wait_after_the_other_once_each(tenant):
    made = graph([start(), node("w1", "wait_for_event", event_type="go"),
                  node("w2", "wait_for_event", event_type="go", lookback="1h"), tag("end")],
                 ["start -> w1", "w1 -event_received-> w2", "w2 -event_received-> end"])
    instance = walked(tenant, made)
    tenant.event("c", "go")
    assert tenant.instance(instance)["current_nodes"] == ["w2"]  # consumed by w1 already
    tenant.event("c", "go")
    assert tenant.path(instance) == ["start", "w1", "w2", "end"]


def test_lookback_finds_the_fast_event_within_its_time_and_filter(tenant):
    made = graph([start(), wait("pause", "10m"),
                  node("w", "wait_for_event", event_type="paid", timeout="1d", lookback="5m",
                       filter={"ok": True}), tag("paid"), tag("not")],
                 ["start -> pause", "pause -> w", "w -event_received-> paid",
                  "w -timed_out-> not"])
    flow = tenant.new_flow(made)
    in_time, early, wrong = (tenant.trigger(flow, c) for c in ("in_time", "early", "wrong"))
    tenant.advance("4m")
    tenant.event("early", "paid", {"ok": True})
    tenant.advance("2m")
    tenant.event("in_time", "paid", {"ok": True, "n": 7})
    tenant.event("wrong", "paid", {"ok": False})
    tenant.advance("4m")
    assert tenant.path(in_time) == ["start", "pause", "w", "paid"]
    assert tenant.step(in_time, "w")["output"] == {"trigger": "event",
                                                   "event": {"ok": True, "n": 7}}
    for instance in (early, wrong):
        assert tenant.instance(instance)["current_nodes"] == ["w"]
    tenant.advance("1d")
    for instance in (early, wrong):
        assert tenant.path(instance) == ["start", "pause", "w", "not"]


def test_what_follows_a_fast_event_knows_the_customer(tenant):
    """A wait that looks back is left in the burst that reached it."""
    made = graph([start(), node("first", "wait_for_event", event_type="x", timeout="1h"),
                  node("w", "wait_for_event", event_type="paid", lookback="1d"), tag("done"),
                  node("never", "exit")],
                 ["start -> first", "first -timed_out-> w", "first -event_received-> never",
                  "w -event_received-> done"])
    instance = walked(tenant, made)
    tenant.event("c", "paid")
    tenant.advance("1h")
    assert tenant.path(instance) == ["start", "first", "w", "done"]
    assert status(tenant, instance) == ("completed", None)
    assert tenant.customer("c")["tags"] == ["done"]


# Branches and joins


def test_branches_walk_side_by_side_first_in_first_out(tenant):
    made = graph([start(), *map(tag, ("a1", "a2", "a3", "b1", "b2"))],
                 ["start -> a1", "start -> b1", "a1 -> a2", "a2 -> a3", "b1 -> b2"])
    assert tenant.path(walked(tenant, made)) == ["start", "a1", "b1", "a2", "b2", "a3"]


def test_a_node_that_several_tokens_reach_runs_once_per_arrival(tenant):
    made = graph([start(), tag("a"), tag("b"), wait("w", "1h"), tag("end")],
                 ["start -> a", "start -> b", "a -> w", "b -> w", "w -> end"])
    instance = walked(tenant, made)
    shown = tenant.instance(instance)
    assert shown["current_nodes"] == ["w"] and len(shown["waiting"]) == 2
    tenant.advance("1h")
    assert sorted(tenant.path(instance)) == ["a", "b", "end", "end", "start", "w", "w"]


def join(mode=None):
    return node("join", "join", **({"mode": mode} if mode else {}))


@pytest.mark.parametrize("mode", [None, "all"])
def test_a_join_of_all_waits_for_the_slowest_and_fires_once(tenant, mode):
    made = graph([start(), wait("one", "1h"), wait("two", "2h"), join(mode), tag("end")],
                 ["start -> one", "start -> two", "start -> join", "one -> join", "two -> join",
                  "join -> end"])
    instance = walked(tenant, made)
    tenant.advance("1h")
    assert tenant.path(instance) == ["start", "one"]
    tenant.advance("1h")
    assert tenant.path(instance) == ["start", "one", "two", "join", "end"]
    assert tenant.instance(instance)["status"] == "completed"


def test_a_join_of_any_fires_at_the_first_and_absorbs_the_others(tenant):
    made = graph([start(), wait("one", "1h"), wait("two", "2h"), join("any"), tag("end")],
                 ["start -> one", "start -> two", "one -> join", "two -> join", "join -> end"])
    instance = walked(tenant, made)
    tenant.advance("1h")
    assert tenant.path(instance) == ["start", "one", "join", "end"]
    assert tenant.instance(instance)["status"] == "waiting"
    tenant.advance("1h")
    assert tenant.path(instance) == ["start", "one", "join", "end", "two"]
    assert tenant.instance(instance)["status"] == "completed"


@pytest.mark.parametrize("goes", ["true", "false"])
def test_a_condition_that_goes_elsewhere_does_not_hang_a_join(tenant, goes):
    made = graph([start(), wait("slow", "1h"), node("c", "condition", field="go", value="true"),
                  tag("bypass"), join(), tag("end")],
                 ["start -> join", "start -> slow", "slow -> c", "c -true-> join",
                  "c -false-> bypass", "join -> end"])
    instance = walked(tenant, made, {"go": goes})
    tenant.advance("1h")
    path = tenant.path(instance)
    assert sorted(path) == sorted(["start", "slow", "c", "join", "end"]
                                  + (["bypass"] if goes == "false" else []))
    assert path[-1] == "end" and tenant.instance(instance)["status"] == "completed"


def test_joins_behind_joins(tenant):
    made = graph([start(), wait("a", "1h"), wait("b", "2h"), wait("c", "3h"), node("j1", "join"),
                  node("j2", "join"), tag("end")],
                 ["start -> a", "start -> b", "start -> c", "a -> j1", "b -> j1", "j1 -> j2",
                  "c -> j2", "start -> j2", "j2 -> end"])
    instance = walked(tenant, made)
    tenant.advance("5h")
    assert tenant.path(instance) == ["start", "a", "b", "j1", "c", "j2", "end"]


def test_a_join_that_nothing_reaches_does_not_fire(tenant):
    made = graph([start(), node("c", "condition", field="go", value=True), tag("out"), join(),
                  tag("end")],
                 ["start -> c", "c -true-> join", "c -false-> out", "join -> end"])
    assert tenant.path(walked(tenant, made, {"go": False})) == ["start", "c", "out"]


# Errors


def test_an_error_fails_the_instance(tenant):
    made = chain(node("bad", "update_profile", **BREAKS), tag("never"))
    instance = walked(tenant, made, {"zero": 0})
    shown = tenant.instance(instance)
    assert shown["status"] == "failed" and shown["exit_reason"]
    step = tenant.step(instance, "bad")
    assert step["status"] == "failed" and step["error"]
    assert tenant.path(instance) == ["start", "bad"]
    tenant.trigger(shown["flow_id"], "c", {"zero": 1})  # a failed one may enter again


def test_on_error_continue(tenant):
    made = chain(node("bad", "update_profile", on_error="continue", **BREAKS), tag("after"))
    instance = walked(tenant, made, {"zero": 0})
    assert [(s["node_id"], s["status"]) for s in tenant.timeline(instance)] == [
        ("start", "completed"), ("bad", "failed"), ("after", "completed")]
    assert tenant.instance(instance)["status"] == "completed"


@pytest.mark.parametrize("zero,path", [
    (0, ["start", "bad", "repair"]), (1, ["start", "bad", "fine"])])
def test_on_error_branch(tenant, zero, path):
    made = graph([start(), node("bad", "update_profile", on_error="oops", **BREAKS),
                  tag("fine"), tag("repair")],
                 ["start -> bad", "bad -> fine", "bad -oops-> repair"])
    instance = walked(tenant, made, {"zero": zero})
    assert tenant.path(instance) == path
    assert tenant.instance(instance)["status"] == "completed"


def test_a_branch_for_errors_needs_its_edge(tenant):
    problems = tenant.problems(chain(node("bad", "update_profile", on_error="oops", **BREAKS)))
    assert "node bad (update_profile) missing branch edges: oops" in problems


def test_an_error_ends_the_other_branches_too(tenant):
    made = graph([start(), wait("long", "1d"), node("bad", "update_profile", **BREAKS), tag("t")],
                 ["start -> long", "start -> bad", "start -> t"])
    instance = walked(tenant, made, {"zero": 0})
    assert tenant.path(instance) == ["start", "bad"]
    tenant.advance("1d")
    assert tenant.path(instance) == ["start", "bad"]


# Exit criteria


def criteria_on(tenant, where, criteria, made):
    if where == "graph":
        return tenant.new_flow({**made, "exit_criteria": criteria})
    return tenant.new_flow(made, exit_criteria=criteria)


@pytest.mark.parametrize("where", ["flow", "graph"])
def test_an_event_meets_the_exit_criteria(tenant, where):
    flow = criteria_on(tenant, where, {"event_type": "bye", "filter": {"sure": True}},
                       chain(wait("w", "1d"), tag("end")))
    instance = tenant.trigger(flow, "c")
    tenant.event("c", "bye", {"sure": False})
    assert tenant.instance(instance)["status"] == "waiting"
    tenant.event("d", "bye", {"sure": True})
    assert tenant.instance(instance)["status"] == "waiting"
    tenant.event("c", "bye", {"sure": True})
    shown = tenant.instance(instance)
    assert (shown["status"], shown["exit_reason"]) == ("exited", "exit_criteria")
    assert shown["exited_at"] == tenant.now()


@pytest.mark.parametrize("where", ["flow", "graph"])
def test_a_condition_meets_the_exit_criteria_at_a_step(tenant, where):
    flow = criteria_on(tenant, where, {"condition": "'stop' in _customer.tags"},
                       chain(tag("go"), tag("stop"), tag("never")))
    instance = tenant.trigger(flow, "c")
    assert tenant.path(instance) == ["start", "go", "stop"]
    assert status(tenant, instance) == ("exited", "exit_criteria")


def test_a_condition_meets_the_exit_criteria_at_an_event_or_a_timer(tenant):
    flow = criteria_on(tenant, "flow", {"condition": "_customer.properties.gone == true"},
                       chain(wait("w", "1d"), tag("end")))
    by_event, by_timer = tenant.trigger(flow, "c"), tenant.trigger(flow, "d")
    for customer in ("c", "d"):
        tenant.ok("PUT", f"/customers/external:{customer}", {"properties": {"gone": True}})
    tenant.event("c", "whatever")
    assert status(tenant, by_event) == ("exited", "exit_criteria")
    assert tenant.instance(by_timer)["status"] == "waiting"
    tenant.advance("1d")
    assert status(tenant, by_timer) == ("exited", "exit_criteria")
    assert "end" not in tenant.path(by_timer)


# Context


def test_nodes_see_the_context_and_what_came_before(tenant):
    flow = tenant.new_flow(graph(
        [start(), node("n", "update_profile", fields={"name": "{{ who }}", "n": 5}),
         node("c", "condition", expression="_customer.name == who && accumulated.n.updated "
              "&& accumulated.start.event_type == 'start' && _flow_id != null "
              "&& _instance_id != null && _tenant_id != null && _customer_id == 'c' "
              "&& _customer.properties.n == 5 && preferences.email == false"),
         tag("yes"), tag("no")],
        ["start -> n", "n -> c", "c -true-> yes", "c -false-> no"]))
    tenant.ok("POST", "/customers", {"external_id": "c", "preferences": {"email": False}}, 201)
    instance = tenant.trigger(flow, "c", {"who": "Ada"})
    assert tenant.path(instance) == ["start", "n", "c", "yes"]


def test_preferences_of_the_caller_come_first(tenant):
    tenant.ok("POST", "/customers", {"external_id": "c", "preferences": {"email": False}}, 201)
    made = graph([start(), node("gate", "preference_gate", channel="email"), tag("y"), tag("n")],
                 ["start -> gate", "gate -true-> y", "gate -false-> n"])
    instance = walked(tenant, made, {"preferences": {"email": True}})
    assert tenant.path(instance) == ["start", "gate", "y"]


def test_a_long_chain_is_walked_to_its_end(tenant):
    instance = walked(tenant, chain(*(tag(f"n{i:03}") for i in range(600))))
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", 20, "600 nodes")
    path = tenant.path(instance)
    assert path[:500] == ["start", *(f"n{i:03}" for i in range(499))]
    assert len(tenant.customer("c")["tags"]) == 600


# A paused flow


def test_pausing_keeps_the_remaining_time(tenant):
    flow = tenant.new_flow(chain(wait("w", "10h"), tag("end")))
    instance = tenant.trigger(flow, "c")
    tenant.advance("4h")
    tenant.move(flow, "pause")
    tenant.advance("100h")
    shown = tenant.instance(instance)
    assert shown["status"] == "waiting" and tenant.path(instance) == ["start"]
    assert shown["waiting"][0]["remaining_ms"] == 6 * 3_600_000
    tenant.move(flow, "resume")
    assert tenant.instance(instance)["waiting"][0]["until"] == times.later(tenant.now(), hours=6)
    tenant.advance("359m")
    assert tenant.path(instance) == ["start"]
    tenant.advance("1m")
    assert tenant.path(instance) == ["start", "w", "end"]


def test_waits_begun_after_a_pause_are_not_shifted_by_it(tenant):
    flow = tenant.new_flow(chain(wait("w", "10h"), wait("v", "1h"), tag("end")))
    old = tenant.trigger(flow, "old")
    tenant.move(flow, "pause")
    tenant.advance("7h")
    tenant.move(flow, "resume")
    new = tenant.trigger(flow, "new")
    tenant.advance("10h")
    assert tenant.path(old) == tenant.path(new) == ["start", "w"]
    tenant.move(flow, "pause")
    tenant.advance("5h")
    tenant.move(flow, "resume")
    tenant.advance("1h")
    assert tenant.path(old) == tenant.path(new) == ["start", "w", "v", "end"]


def test_a_date_is_kept_over_a_pause(tenant):
    at = times.later(tenant.now(), hours=10)
    flow = tenant.new_flow(chain(node("w", "wait_until", datetime=at), tag("end")))
    instance = tenant.trigger(flow, "c")
    tenant.move(flow, "pause")
    tenant.advance("4h")
    tenant.move(flow, "resume")
    assert tenant.instance(instance)["waiting"][0]["until"] == at
    tenant.move(flow, "pause")
    tenant.advance("20h")
    assert tenant.path(instance) == ["start"]
    tenant.move(flow, "resume")
    tenant.advance("0s")
    wait_until(lambda: tenant.path(instance) == ["start", "w", "end"])


def test_a_paused_flow_holds_its_events_in_order(tenant):
    made = graph([start(), node("a", "wait_for_event", event_type="one"),
                  node("b", "wait_for_event", event_type="two", timeout="1d"), tag("end"),
                  tag("late")],
                 ["start -> a", "a -event_received-> b", "b -event_received-> end",
                  "b -timed_out-> late"])
    flow = tenant.new_flow(made)
    instance, other = tenant.trigger(flow, "c"), tenant.trigger(flow, "d")
    tenant.event("d", "one")
    tenant.move(flow, "pause")
    assert tenant.event("c", "one") == {"routed": 0, "started": 0, "held": 1}
    assert tenant.event("d", "two")["held"] == 1
    tenant.event("d", "start")
    tenant.advance("3d")
    assert tenant.path(instance) == ["start"]
    tenant.move(flow, "resume")
    tenant.advance("0s")
    wait_until(lambda: tenant.instance(instance)["current_nodes"] == ["b"])
    wait_until(lambda: tenant.instance(other)["status"] == "completed")
    assert tenant.path(other) == ["start", "a", "b", "end"]
    assert len(tenant.instances(flow)) == 2
    tenant.event("c", "two")
    assert tenant.path(instance) == ["start", "a", "b", "end"]


def test_a_paused_flow_holds_what_the_events_before_it_will_wait_for(tenant):
    made = chain(node("a", "wait_for_event", event_type="one", event_branch="next"))
    made["nodes"] += [node("b", "wait_for_event", event_type="two", event_branch="next"),
                      tag("end")]
    made["edges"] = [{"source": "start", "target": "a"},
                     {"source": "a", "target": "b", "branch": "next"},
                     {"source": "b", "target": "end", "branch": "next"}]
    flow = tenant.new_flow(made)
    instance = tenant.trigger(flow, "c")
    tenant.move(flow, "pause")
    assert [tenant.event("c", type)["held"] for type in ("one", "two", "three")] == [1, 1, 0]
    tenant.move(flow, "resume")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed")
    assert tenant.path(instance) == ["start", "a", "b", "end"]


def test_a_paused_flow_takes_no_one_in_and_others_go_on(tenant):
    paused, other = (tenant.new_flow(chain(wait("w", "1h"), tag("end"))) for _ in range(2))
    tenant.event("c", "start")
    tenant.move(paused, "pause")
    assert tenant.event("d", "start")["started"] == 1
    assert tenant.post(f"/flows/{paused}/trigger", {"customer_id": "x"}).status_code == 422
    tenant.advance("1h")
    assert tenant.instance_of(other, "c")["status"] == "completed"
    assert tenant.instance_of(paused, "c")["status"] == "waiting"
    assert tenant.instances(paused, customer_id="d") == []
    tenant.post(f"/instances/{tenant.instance_of(paused, 'c')['id']}/cancel")
    assert tenant.instance_of(paused, "c")["exit_reason"] == "cancelled_by_operator"
