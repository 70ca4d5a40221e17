"""Section 5 (and 2): operators pause, resume, end and retry one instance."""
import uuid

import pytest

import times
from support.client import Tenant, wait_until
from support.graphs import chain, graph, node, start

WAIT = graph([start("in"), node("w", "wait_for_event", event_type="go", timeout="2h"),
              node("yes", "add_tag", tag="yes"), node("no", "add_tag", tag="no")],
             ["start -> w", "w -event_received-> yes", "w -timed_out-> no"])


def enter(tenant, flow, customer="ann"):
    assert tenant.event(customer, "in")["started"] == 1
    return tenant.instance_of(flow, customer)["id"]


def move(tenant, instance, action, body=None):
    return tenant.ok("POST", f"/instances/{instance}/{action}", body)["data"]


def refused(tenant, instance, action, error, status=409):
    answer = tenant.post(f"/instances/{instance}/{action}")
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_pause_keeps_the_remaining_time(tenant):
    instance = enter(tenant, tenant.new_flow(WAIT))
    tenant.advance("30m")
    paused = move(tenant, instance, "pause")
    assert paused["status"] == "paused" and paused["current_nodes"] == ["w"]
    assert paused["waiting"][0]["remaining_ms"] == 90 * 60 * 1000
    tenant.advance("5d")
    assert tenant.instance(instance)["waiting"][0]["remaining_ms"] == 90 * 60 * 1000
    resumed = move(tenant, instance, "resume")
    assert resumed["status"] == "waiting"
    assert resumed["waiting"][0]["until"] == times.later(tenant.now(), minutes=90)
    tenant.advance("89m")
    assert tenant.instance(instance)["status"] == "waiting"
    tenant.advance("1m")
    assert tenant.path(instance) == ["start", "w", "no"]


def test_a_date_stays_and_is_made_up_for(tenant):
    at = times.later(tenant.now(), hours=2)
    flow = tenant.new_flow(graph([start("in"), node("w", "wait_until", datetime=at)],
                                 ["start -> w"]))
    instance = enter(tenant, flow)
    shown = move(tenant, instance, "pause")["waiting"][0]
    assert shown["until"] == at and shown["remaining_ms"] == 2 * 3600 * 1000
    tenant.advance("3h")
    shown = tenant.instance(instance)
    assert shown["status"] == "paused" and shown["waiting"][0]["remaining_ms"] == 0
    move(tenant, instance, "resume")
    tenant.advance("0s")
    assert tenant.instance(instance)["status"] == "completed"


def test_held_events_are_replayed_in_order(tenant):
    flow = tenant.new_flow(graph(
        [start("in"), node("a", "wait_for_event", event_type="go"),
         node("b", "wait_for_event", event_type="go"), node("end", "exit")],
        ["start -> a", "a -event_received-> b", "b -event_received-> end"]))
    ann, bob = enter(tenant, flow, "ann"), enter(tenant, flow, "bob")
    move(tenant, ann, "pause")
    for n in (1, 2, 3):
        assert tenant.event("ann", "go", {"n": n}) == {"routed": 0, "started": 0, "held": 1}
    assert tenant.event("ann", "unheard")["held"] == 0
    assert tenant.event("bob", "go")["routed"] == 1  # the flow runs for others
    tenant.advance("1h")
    move(tenant, ann, "resume")
    tenant.advance("0s")
    assert tenant.instance(ann)["status"] == "completed"
    assert [tenant.step(ann, node)["output"]["event"]["n"] for node in ("a", "b")] == [1, 2]
    assert tenant.instance(bob)["current_nodes"] == ["b"]


def test_an_event_behind_the_resume_does_not_overtake(tenant):
    flow = tenant.new_flow(WAIT)
    instance = enter(tenant, flow)
    move(tenant, instance, "pause")
    tenant.event("ann", "go", {"n": 1})
    move(tenant, instance, "resume")
    tenant.event("ann", "go", {"n": 2})
    tenant.advance("0s")
    assert tenant.step(instance, "w")["output"]["event"] == {"n": 1}


@pytest.mark.parametrize("first", ["instance", "flow"])
def test_both_pauses_must_end(tenant, first):
    flow = tenant.new_flow(WAIT)
    instance = enter(tenant, flow)
    ends = {"instance": lambda: move(tenant, instance, "resume"),
            "flow": lambda: tenant.move(flow, "resume")}
    tenant.advance("1h")
    move(tenant, instance, "pause")
    tenant.advance("1h")
    tenant.move(flow, "pause")
    tenant.advance("1h")
    assert tenant.event("ann", "other")["held"] == 0
    assert tenant.event("ann", "go")["held"] == 1
    ends.pop(first)()
    tenant.advance("5h")
    assert tenant.instance(instance)["current_nodes"] == ["w"]
    assert tenant.instance(instance)["waiting"][0]["remaining_ms"] == 3600 * 1000
    assert tenant.instance(instance)["status"] == ("waiting" if first == "instance" else "paused")
    ends.popitem()[1]()
    tenant.advance("0s")
    assert tenant.path(instance) == ["start", "w", "yes"]


def test_the_states_that_an_instance_may_change(tenant):
    instance = enter(tenant, tenant.new_flow(WAIT))
    assert move(tenant, instance, "resume")["status"] == "waiting"  # the same again
    assert move(tenant, instance, "pause") == move(tenant, instance, "pause")
    refused(tenant, instance, "retry", "invalid_transition")
    assert move(tenant, instance, "exit", {"reason": "moved away"})["exit_reason"] == "moved away"
    for action in ("pause", "resume", "exit", "retry"):
        refused(tenant, instance, action, "invalid_transition")
    refused(tenant, instance, "cancel", "not_cancellable")


def test_exit_names_its_reason(tenant):
    flow = tenant.new_flow(WAIT)
    shown = move(tenant, enter(tenant, flow), "exit")
    assert (shown["status"], shown["exit_reason"]) == ("exited", "exited_by_operator")
    assert shown["exited_at"] == tenant.now() and shown["current_nodes"] == []
    instance = enter(tenant, flow)
    answer = tenant.post(f"/instances/{instance}/exit", {"reason": 5})
    assert answer.status_code == 422 and answer.json()["errors"] == {"reason": ["is invalid"]}
    assert tenant.instance(instance)["status"] == "waiting"


def test_what_was_held_goes_with_a_paused_instance(tenant, sql):
    instance = enter(tenant, tenant.new_flow(WAIT))
    move(tenant, instance, "pause")
    tenant.event("ann", "go")
    move(tenant, instance, "exit")
    tenant.advance("0s")
    assert sql("SELECT count(*) FROM held_event WHERE instance_id = %s", instance) == [(0,)]


@pytest.mark.parametrize("action", ["pause", "resume", "exit", "retry", "cancel"])
def test_others_do_not_reach_an_instance(tenant, other, nobody, action):
    instance = enter(tenant, tenant.new_flow(WAIT))
    assert other.post(f"/instances/{instance}/{action}").status_code == 404
    assert nobody.post(f"/instances/{instance}/{action}").status_code == 401
    for id in (str(uuid.uuid4()), "x"):
        assert tenant.post(f"/instances/{id}/{action}").status_code == 404
    assert tenant.instance(instance)["status"] == "waiting"


# Retry: who has a score of 0 makes the condition divide by it.
FLAKY = graph([start("in"), node("t", "wait", duration="2h"), node("late", "add_tag", tag="late"),
               node("h", "wait", duration="1h"),
               node("f", "condition", expression="10 / _customer.properties.score > 1"),
               node("hi", "add_tag", tag="hi"), node("lo", "add_tag", tag="lo")],
              ["start -> t", "t -> late", "start -> h", "h -> f", "f -true-> hi", "f -false-> lo"])


def failed(tenant, flow):
    tenant.ok("POST", "/customers", {"external_id": "ann", "properties": {"score": 0}}, 201)
    instance = enter(tenant, flow)
    tenant.advance("1h")
    assert tenant.instance(instance)["status"] == "failed", tenant.instance(instance)
    return instance


def test_a_retry_goes_on_from_the_failed_node(tenant):
    flow = tenant.new_flow(FLAKY)
    instance = failed(tenant, flow)
    tenant.advance("3d")
    tenant.ok("PUT", "/customers/external:ann", {"properties": {"score": 5}})
    shown = move(tenant, instance, "retry")
    assert shown["status"] == "waiting" and shown["current_nodes"] == ["t"]
    assert shown["exit_reason"] is None and shown["completed_at"] is None
    assert shown["waiting"][0]["remaining_ms"] == 3600 * 1000  # as over a pause
    assert tenant.path(instance) == ["start", "h", "f", "f", "hi"]
    steps = [s for s in tenant.steps(instance) if s["node_id"] == "f"]
    assert [s["status"] for s in steps] == ["failed", "completed"]
    assert steps[1]["trigger"] == "retry"
    tenant.advance("1h")
    assert tenant.customer("ann")["tags"] == ["hi", "late"]


def test_a_retry_that_fails_again_is_a_failed_instance(tenant):
    instance = failed(tenant, tenant.new_flow(FLAKY))
    for _ in range(2):
        assert move(tenant, instance, "retry")["status"] == "failed"
    assert [s["status"] for s in tenant.steps(instance) if s["node_id"] == "f"] == ["failed"] * 3


def test_a_customer_who_came_back_is_not_doubled(tenant):
    flow = tenant.new_flow(FLAKY)
    instance = failed(tenant, flow)
    enter(tenant, flow)
    refused(tenant, instance, "retry", "already_in_flow")


def test_a_paused_flow_takes_no_retry(tenant):
    flow = tenant.new_flow(FLAKY)
    instance = failed(tenant, flow)
    tenant.move(flow, "pause")
    refused(tenant, instance, "retry", "flow_not_active", 422)
    tenant.move(flow, "resume")
    assert move(tenant, instance, "retry")["status"] == "failed"


def test_kill_nine_forgets_no_pause(own):
    """On the real clock: what is paused, held and failed is so after a crash too."""
    tenant = Tenant(own.base)
    flow = tenant.new_flow(WAIT)
    short = tenant.new_flow(chain(node("w", "wait", duration="1s")))
    instance = enter(tenant, flow)
    tenant.event("ann", "start")
    waiting = tenant.instance_of(short, "ann")["id"]
    for id in (instance, waiting):
        move(tenant, id, "pause")
    assert tenant.event("ann", "go", {"n": 1})["held"] == 1
    left = tenant.instance(waiting)["waiting"][0]["remaining_ms"]
    own.kill()
    own.start()
    assert tenant.event("ann", "go", {"n": 2})["held"] == 1
    assert tenant.instance(waiting)["status"] == "paused"
    assert tenant.instance(waiting)["waiting"][0]["remaining_ms"] == left
    for id in (instance, waiting):
        move(tenant, id, "resume")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", what="the replay")
    assert tenant.step(instance, "w")["output"]["event"] == {"n": 1}
    wait_until(lambda: tenant.instance(waiting)["status"] == "completed", what="the timer")
