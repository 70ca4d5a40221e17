"""Sections 5 and 13: why an instance is where it is, for the people who are asked."""
import uuid

import times
from support.graphs import chain, graph, node, start


def explain(tenant, instance):
    return tenant.ok("GET", f"/instances/{instance}/explain")["data"]


def reasons(tenant, instance):
    return {e["id"]: e["reason"] for e in explain(tenant, instance)["ignored_events"]}


def waiting(tenant, **config):
    """An instance of ann that waits in w."""
    flow = tenant.new_flow(graph(
        [start(), node("w", "wait_for_event", **{"event_type": "paid", **config}),
         node("e", "exit"), node("t", "exit")],
        ["start -> w", "w -event_received-> e", "w -timed_out-> t"]))
    tenant.event("ann", "start")
    return tenant.instance_of(flow, "ann")["id"]


def test_decisions_show_the_values_of_their_moment(tenant):
    flow = tenant.new_flow(graph(
        [start(), node("plan", "condition", field="_customer.properties.plan", value="pro"),
         node("rich", "condition", expression="_customer.properties.score * 2 > 10"),
         node("split", "ab_split", variants=[{"key": key, "weight": 50} for key in "ab"]),
         node("gate", "preference_gate", channel="email"), node("w", "wait", duration="1d"),
         node("x", "exit")],
        ["start -> plan", "plan -true-> rich", "plan -false-> x", "rich -true-> split",
         "rich -false-> x", "split -a-> gate", "split -b-> gate", "gate -true-> w",
         "gate -false-> x"]))
    tenant.ok("POST", "/customers", {"external_id": "ann",
                                     "properties": {"plan": "pro", "score": 6}}, 201)
    tenant.event("ann", "start")
    tenant.ok("PUT", "/customers/external:ann", {"properties": {"plan": "free", "score": 0}})
    shown = explain(tenant, tenant.instance_of(flow, "ann")["id"])
    decisions = {d["node_id"]: d for d in shown["decisions"]}
    assert list(decisions) == ["plan", "rich", "split", "gate"]
    assert decisions["plan"]["outcome"] == "true" and decisions["plan"]["at"] == tenant.now()
    assert decisions["plan"]["values"] == {"matched": True, "field": "_customer.properties.plan",
                                           "expected": "pro", "actual": "pro"}
    assert decisions["rich"]["values"]["values"] == {"_customer.properties.score": 6}
    assert decisions["split"]["outcome"] == decisions["split"]["values"]["selected_variant"]
    assert decisions["gate"]["values"] == {"opted_in": True, "channel": "email"}
    assert shown["status"] == "waiting" and shown["ignored_events"] == []
    assert shown["summary"] == ("The customer waits in w until "
                                f"{times.later(tenant.now(), days=1)}.")


def test_what_it_waits_for(tenant):
    instance = waiting(tenant, timeout="2h", filter={"total": 10})
    tenant.advance("30m")
    shown = explain(tenant, instance)
    until = times.later(tenant.now(), minutes=90)
    assert shown["waiting_for"] == [{
        "node_id": "w", "type": "wait_for_event", "until": until, "remaining_ms": 90 * 60 * 1000,
        "since": times.later(tenant.now(), minutes=-30), "event_types": ["paid"],
        "filter": {"total": 10}}]
    assert shown["summary"] == f"The customer waits in w for paid, at most until {until}."


def test_what_has_come_of_all_of(tenant):
    instance = waiting(tenant, event_type=None, all_of=["one", "two"], timeout="2h")
    tenant.event("ann", "two")
    shown = explain(tenant, instance)
    assert shown["waiting_for"][0]["event_types"] == ["one", "two"]
    assert shown["waiting_for"][0]["arrived"] == ["two"]
    assert shown["ignored_events"] == []  # it did its part


def test_a_filter_that_did_not_match_says_which_path(tenant):
    instance = waiting(tenant, timeout="2h", filter={"cart.total": 10, "kind": ["a", "b"]})
    tenant.event("ann", "paid", {"cart": {"total": 5}, "kind": "a"}, id="e1")
    tenant.event("ann", "paid", {"cart": {"total": 10}, "kind": "c"}, id="e2")
    tenant.event("ann", "paid", {"cart": 1}, id="e3")
    tenant.event("ann", "unheard", id="e4")
    tenant.event("bob", "paid", id="e5")
    found = explain(tenant, instance)["ignored_events"]
    assert [e["id"] for e in found] == ["e3", "e2", "e1"]  # newest first
    assert found[2] == {"id": "e1", "event_type": "paid", "at": tenant.now(), "reason":
                        "the filter of w did not match: cart.total is 5, not 10"}
    assert found[1]["reason"] == 'the filter of w did not match: kind is "c", none of ["a","b"]'
    assert found[0]["reason"] == "the filter of w did not match: cart.total is null, not 10"


def test_an_event_that_came_too_early(tenant):
    tenant.event("ann", "paid", id="early")
    tenant.advance("10m")
    instance = waiting(tenant, timeout="2h", lookback="5m")
    assert reasons(tenant, instance) == {
        "early": "it came before the wait in w began, by more than its lookback of 5m"}


def test_an_event_for_a_node_that_is_not_reached(tenant):
    flow = tenant.new_flow(chain(node("d", "wait", duration="1d"),
                                 node("w", "wait_for_event", event_type="paid", timeout="1h"),
                                 node("x", "exit")) | {"edges": [
                                     {"source": "start", "target": "d"},
                                     {"source": "d", "target": "w"},
                                     {"source": "w", "target": "x", "branch": "event_received"},
                                     {"source": "w", "target": "x", "branch": "timed_out"}]})
    tenant.event("ann", "start", id="s1")
    instance = tenant.instance_of(flow, "ann")["id"]
    tenant.advance("1m")
    tenant.event("ann", "paid", id="p1")
    tenant.event("ann", "start", id="s2")
    assert reasons(tenant, instance) == {"p1": "the walk had not reached w",
                                         "s2": "the customer was in the flow already"}
    tenant.advance("1d")
    assert reasons(tenant, instance)["p1"] == "it came before the wait in w began"
    tenant.event("ann", "paid", id="p2")
    shown = explain(tenant, instance)
    assert "p2" not in {e["id"] for e in shown["ignored_events"]}  # consumed
    assert shown["summary"] == f"The customer completed the flow at {tenant.now()} after x."
    tenant.advance("1m")
    tenant.event("ann", "paid", id="p3")
    assert reasons(tenant, instance)["p3"] == "the instance had ended"


def test_events_that_a_pause_holds(tenant):
    instance = waiting(tenant, timeout="2h")
    flow = tenant.instance(instance)["flow_id"]
    tenant.ok("POST", f"/instances/{instance}/pause")
    tenant.event("ann", "paid", {"n": 1}, id="h1")
    assert reasons(tenant, instance) == {"h1": "it is held until the instance is resumed"}
    summary = explain(tenant, instance)["summary"]
    assert summary.startswith("The customer is paused and waits in w for paid")
    tenant.move(flow, "pause")
    assert reasons(tenant, instance)["h1"].endswith("the instance and the flow are resumed")
    tenant.ok("POST", f"/instances/{instance}/resume")
    shown = explain(tenant, instance)
    assert shown["ignored_events"][0]["reason"] == "it is held until the flow is resumed"
    assert shown["summary"].endswith("; nothing moves while the flow is paused.")
    tenant.advance("1m")
    tenant.move(flow, "resume")
    tenant.advance("0s")
    assert reasons(tenant, instance) == {}  # it was replayed


def test_a_failure_is_named(tenant):
    flow = tenant.new_flow(graph([start(), node("c", "condition", expression="1 / n > 1"),
                                  node("x", "exit")],
                                 ["start -> c", "c -true-> x", "c -false-> x"]))
    instance = tenant.trigger(flow, "ann", {"n": 0})
    shown = explain(tenant, instance)
    assert shown["decisions"] == [{"node_id": "c", "at": tenant.now(), "outcome": "failed",
                                   "values": {"error": "expression: division by zero"}}]
    assert shown["summary"] == (f"The customer failed at {tenant.now()} in c: "
                                "expression: division by zero.")


def test_exit_criteria_are_looked_at_too(tenant):
    flow = tenant.new_flow(chain(node("d", "wait", duration="1d"), exit_criteria={
        "event_type": "left", "filter": {"for": "good"}}))
    tenant.event("ann", "start")
    instance = tenant.instance_of(flow, "ann")["id"]
    tenant.advance("1m")
    tenant.event("ann", "left", {"for": "now"}, id="l1")
    assert reasons(tenant, instance) == {
        "l1": 'the exit criteria did not match: for is "now", not "good"'}
    tenant.event("ann", "left", {"for": "good"}, id="l2")
    shown = explain(tenant, instance)
    assert [e["id"] for e in shown["ignored_events"]] == ["l1"]
    assert shown["summary"].startswith("The customer left the flow at ")


def test_a_hundred_events_are_looked_at(tenant):
    instance = waiting(tenant, timeout="2h", filter={"n": -1})
    events = [{"customer_id": "ann", "event_type": "paid", "data": {"n": n}, "id": f"e{n}"}
              for n in range(120)]
    tenant.ok("POST", "/events/batch", {"events": events}, 202)
    found = explain(tenant, instance)["ignored_events"]
    assert [e["id"] for e in found] == [f"e{n}" for n in range(119, 19, -1)]


def test_deep_and_large_events_are_explained(tenant):
    value = {}
    for _ in range(97):
        value = {"d": value}
    instance = waiting(tenant, timeout="2h", filter={"n": 1})
    tenant.event("ann", "paid", {"d": value}, id="deep")
    tenant.event("ann", "paid", {"text": "x" * 20000}, id="large")
    assert reasons(tenant, instance) == {
        "deep": "the filter of w did not match: n is null, not 1",
        "large": "the filter of w did not match: its data is over 16 KB and not looked at again"}


def test_a_step_shows_what_its_node_was_given(tenant):
    flow = tenant.new_flow(chain(node("tag", "add_tag", tag="vip")))
    tenant.event("ann", "start")
    instance = tenant.instance_of(flow, "ann")["id"]
    for steps in (tenant.steps(instance), tenant.timeline(instance)):
        assert [s["input"] for s in steps] == [{"event_type": "start"}, {"tag": "vip"}]
        assert set(steps[0]) == {"id", "instance_id", "node_id", "node_type", "version", "status",
                                 "branch", "input", "output", "error", "trigger", "started_at",
                                 "completed_at"}


def test_others_get_no_explanation(tenant, other, nobody):
    instance = waiting(tenant, timeout="2h")
    path = f"/instances/{instance}/explain"
    assert other.get(path).status_code == 404 and nobody.get(path).status_code == 401
    assert tenant.get(f"/instances/{uuid.uuid4()}/explain").status_code == 404
    assert tenant.get("/instances/x/explain").status_code == 404
