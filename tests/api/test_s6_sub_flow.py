"""Section 6: a flow starts another one for its customer."""
import pytest

from support.client import wait_until
from support.graphs import chain, graph, node, start

UNKNOWN = "00000000-0000-7000-8000-000000000000"


def tag(id):
    return node(id, "add_tag", tag=id)


def sub(flow, **config):
    return node("sub", "sub_flow", flow_id=flow, **config)


def listens(end):
    """A flow that waits for `go`."""
    return graph([start(), node("w", "wait_for_event", event_type="go"), end],
                 ["start -> w", f"w -event_received-> {end['id']}"])


def test_a_sub_flow_starts_and_the_parent_goes_on(tenant):
    child = tenant.new_flow(listens(tag("t")))
    parent = tenant.trigger(tenant.new_flow(chain(sub(child), tag("after"))), "c", {"n": 7})
    started = tenant.instance_of(child, "c")
    assert tenant.path(parent) == ["start", "sub", "after"]
    assert tenant.step(parent, "sub")["output"] == {"instance_id": started["id"]}
    assert tenant.instance(parent)["status"] == "completed"
    assert started["status"] == "waiting" and started["context"]["n"] == 7


@pytest.mark.parametrize("end,status,reason", [
    (node("out", "exit", reason="enough"), "completed", "enough"),
    (tag("leaf"), "completed", None),
    (node("bad", "wait_until", datetime="{{ missing }}"), "failed", None)])
def test_a_parent_learns_how_its_child_ended(tenant, end, status, reason):
    child = tenant.new_flow(listens(end))
    parent = tenant.trigger(tenant.new_flow(chain(sub(child, wait=True), tag("after"))), "c")
    assert tenant.instance(parent)["current_nodes"] == ["sub"]
    tenant.event("c", "go")
    wait_until(lambda: tenant.instance(parent)["status"] == "completed", what="the parent's end")
    told = tenant.step(parent, "sub")["output"]
    ended = tenant.instance_of(child, "c")
    assert told == {"instance_id": ended["id"], "status": ended["status"],
                    "exit_reason": ended["exit_reason"]}
    assert told["status"] == status and (reason is None or told["exit_reason"] == reason)
    assert tenant.path(parent) == ["start", "sub", "after"]


def test_a_child_that_ends_at_once_answers_in_the_same_breath(tenant):
    child = tenant.new_flow(chain(tag("t")))
    parent = tenant.trigger(tenant.new_flow(chain(sub(child, wait=True), tag("after"))), "c")
    assert tenant.path(parent) == ["start", "sub", "after"]
    assert tenant.customer("c")["tags"] == ["t", "after"]


def test_a_timer_of_the_child_wakes_the_parent(tenant):
    child = tenant.new_flow(chain(node("w", "wait", duration="3d")))
    parent = tenant.trigger(tenant.new_flow(chain(sub(child, wait=True), tag("after"))), "c")
    tenant.advance("2d")
    assert tenant.instance(parent)["status"] == "waiting"
    tenant.advance("1d")
    assert tenant.path(parent) == ["start", "sub", "after"]


def test_a_cancelled_child_is_an_end_too(tenant):
    child = tenant.new_flow(listens(tag("t")))
    parent = tenant.trigger(tenant.new_flow(chain(sub(child, wait=True), tag("after"))), "c")
    tenant.ok("POST", f"/instances/{tenant.instance_of(child, 'c')['id']}/cancel")
    wait_until(lambda: tenant.instance(parent)["status"] == "completed", what="the parent's end")
    told = tenant.step(parent, "sub")["output"]
    assert (told["status"], told["exit_reason"]) == ("exited", "cancelled_by_operator")


def test_a_child_outlives_its_parent(tenant, sql):
    child = tenant.new_flow(listens(tag("t")))
    parent = tenant.trigger(tenant.new_flow(chain(sub(child, wait=True), tag("after"))), "c")
    tenant.ok("POST", f"/instances/{parent}/cancel")
    assert tenant.event("c", "go")["routed"] == 1
    assert tenant.instance_of(child, "c")["status"] == "completed"
    tenant.now()
    assert tenant.path(parent) == ["start"]
    assert sql("SELECT count(*) FROM held_event WHERE instance_id = %s", parent) == [(0,)]


def test_a_paused_parent_is_told_when_it_runs_again(tenant):
    child = tenant.new_flow(listens(tag("t")))
    flow = tenant.new_flow(chain(sub(child, wait=True), tag("after")))
    parent = tenant.trigger(flow, "c")
    tenant.move(flow, "pause")
    tenant.event("c", "go")
    assert tenant.instance_of(child, "c")["status"] == "completed"
    tenant.advance("1d")
    assert tenant.path(parent) == ["start"]
    tenant.move(flow, "resume")
    wait_until(lambda: tenant.instance(parent)["status"] == "completed", what="the parent's end")
    assert tenant.path(parent) == ["start", "sub", "after"]


# Refusals


def refusals(tenant, flow):
    """What the parent's two kinds of graph do with a refusal: the branch's output, the failure."""
    with_branch = graph([start(), sub(flow), tag("no"), tag("yes")],
                        ["start -> sub", "sub -> yes", "sub -refused-> no"])
    branched = tenant.trigger(tenant.new_flow(with_branch), "c")
    failed = tenant.trigger(tenant.new_flow(chain(sub(flow), tag("yes"))), "c")
    assert tenant.path(branched) == ["start", "sub", "no"]
    step = tenant.step(branched, "sub")
    assert step["status"] == "completed" and step["branch"] == "refused"
    shown = tenant.instance(failed)
    assert shown["status"] == "failed" and "sub" not in shown["context"]["accumulated"]
    assert tenant.step(failed, "sub")["status"] == "failed"
    return step["output"]["refused"], shown["exit_reason"]


def test_a_draft_refuses(tenant):
    assert refusals(tenant, tenant.draft(chain(tag("t")))) == (
        "flow_not_active", "sub_flow flow_not_active")


def test_a_paused_flow_refuses(tenant):
    flow = tenant.new_flow(chain(tag("t")))
    tenant.move(flow, "pause")
    assert refusals(tenant, flow)[0] == "flow_not_active"


def test_a_flow_that_the_customer_is_in_refuses(tenant):
    flow = tenant.new_flow(listens(tag("t")))
    tenant.trigger(flow, "c")
    assert refusals(tenant, flow)[0] == "already_in_flow"


def test_a_flow_that_may_not_be_entered_again_refuses(tenant):
    flow = tenant.new_flow(chain(tag("t")), entry_config={"reentry": "never"})
    tenant.trigger(flow, "c")
    assert refusals(tenant, flow)[0] == "reentry_not_allowed"


def test_events_that_come_together_know_what_the_later_one_needs(tenant):
    """The second carries the walk to a flow that its customer may not enter again."""
    once = tenant.new_flow(chain(tag("t")), entry_config={"reentry": "never"})
    tenant.trigger(once, "c")
    flow = tenant.new_flow(graph(
        [start("begin"), node("w", "wait_for_event", event_type="go"), sub(once), tag("no")],
        ["start -> w", "w -event_received-> sub", "sub -refused-> no"]))
    events = [{"customer_id": "c", "event_type": e} for e in ("begin", "go")]
    tenant.ok("POST", "/events/batch", {"events": events}, 202)
    assert tenant.path(tenant.instance_of(flow, "c")["id"]) == ["start", "w", "sub", "no"]
    assert len(tenant.instances(once)) == 1


def test_a_flow_whose_cap_is_reached_refuses(tenant):
    flow = tenant.new_flow(chain(tag("t")),
                           frequency_cap={"max_messages": 1, "time_window": "1d"})
    tenant.trigger(tenant.new_flow(chain(node("m", "send_email", template_id="t"))), "c")
    assert refusals(tenant, flow)[0] == "frequency_cap_exceeded"


def test_another_tenants_flow_is_not_there(tenant, other):
    assert refusals(tenant, other.new_flow(chain(tag("t"))))[0] == "not_found"
    assert refusals(tenant, UNKNOWN)[0] == "not_found"


@pytest.mark.parametrize("on_error,path", [
    ("continue", ["start", "sub", "yes"]), ("mend", ["start", "sub", "mended"])])
def test_a_refusal_without_its_branch_is_a_failure_for_on_error(tenant, on_error, path):
    made = graph([start(), sub(UNKNOWN, on_error=on_error), tag("yes"), tag("mended")],
                 ["start -> sub", "sub -> yes"]
                 + (["sub -mend-> mended"] if on_error == "mend" else ["start -> mended"]))
    instance = tenant.trigger(tenant.new_flow(made), "c")
    assert [n for n in tenant.path(instance) if on_error == "mend" or n != "mended"] == path


def test_what_is_no_id_is_not_published(tenant):
    assert tenant.problems(chain(sub("welcome"))) == [
        "node sub: /flow_id: must be a flow's id"]
    made = graph([start(), sub(UNKNOWN), tag("a")], ["start -> sub", "sub -other-> a"])
    assert tenant.problems(made) == ['edge sub -> a: node sub has no branch "other"']


# Depth


def tower(tenant, height, wait):
    """Flows each of which starts the one before; their ids, the lowest first."""
    flows = [tenant.new_flow(chain(tag("top")))]
    for _ in range(height):
        flows.append(tenant.new_flow(chain(sub(flows[-1], wait=wait), tag("after"))))
    return flows


@pytest.mark.parametrize("wait", [False, True])
def test_eight_deep_and_no_deeper(tenant, wait):
    flows = tower(tenant, 9, wait)
    right = tenant.trigger(flows[8], "right")
    tenant.now()
    assert tenant.instance(right)["status"] == "completed"
    assert "top" in tenant.customer("right")["tags"]
    tenant.trigger(flows[9], "deep")
    tenant.now()
    assert tenant.instance_of(flows[1], "deep")["exit_reason"] == "sub_flow sub_flow_too_deep"
    assert tenant.instances(flows[0], customer_id="deep") == []
    assert "top" not in tenant.customer("deep")["tags"]


def test_a_depth_is_remembered_over_waits(tenant):
    flows = [tenant.new_flow(chain(tag("top")))]
    for _ in range(9):
        flows.append(tenant.new_flow(chain(node("w", "wait", duration="1h"), sub(flows[-1]))))
    tenant.trigger(flows[9], "c")
    tenant.advance("10h")
    assert tenant.instance_of(flows[1], "c")["exit_reason"] == "sub_flow sub_flow_too_deep"


def test_flows_that_start_each_other_come_to_an_end(tenant):
    """A starts B, which A's customer cannot leave for A again."""
    a = tenant.draft(chain(tag("draft")))
    b = tenant.new_flow(graph([start(), sub(a, wait=True), tag("refused")],
                              ["start -> sub", "sub -refused-> refused"]))
    tenant.ok("POST", f"/flows/{a}/versions", {"graph": chain(sub(b, wait=True), tag("end"))}, 201)
    tenant.ok("POST", f"/flows/{a}/activate")
    instance = tenant.trigger(a, "c")
    assert tenant.path(instance) == ["start", "sub", "end"]
    assert tenant.path(tenant.instance_of(b, "c")["id"]) == ["start", "sub", "refused"]


def test_many_children_of_one_walk_each_run_once(tenant):
    """More than one burst may run: none is lost, none is doubled."""
    child = tenant.new_flow(chain(*(tag(f"t{i}") for i in range(30))))
    n = 40
    nodes = [start()] + [node(f"s{i}", "sub_flow", flow_id=child, wait=True) for i in range(n)]
    made = graph(nodes, [{"source": a["id"], "target": b["id"]} for a, b in zip(nodes, nodes[1:])])
    parent = tenant.trigger(tenant.new_flow(made), "c")
    tenant.now()
    assert tenant.instance(parent)["status"] == "completed"
    ended = tenant.instances(child, limit=500)
    assert len(ended) == n and {i["status"] for i in ended} == {"completed"}


def answered(tenant, parent):
    return [s for s in tenant.steps(parent) if s["node_id"] == "sub" and s["status"] == "completed"]


@pytest.mark.parametrize("action", ["pause", "fail"])
def test_a_parent_that_cannot_hear_now_is_told_later(tenant, action):
    """Its child ends while it is paused, or has failed in another branch: the answer waits."""
    child = tenant.new_flow(listens(tag("t")))
    flow = tenant.new_flow(graph(
        [start(), sub(child, wait=True), tag("after"),
         node("w", "wait_for_event", event_type="break"),
         node("bad", "wait_until", datetime="{{ _customer.properties.when }}")],
        ["start -> sub", "sub -> after", "start -> w", "w -event_received-> bad"]))
    parent = tenant.trigger(flow, "c")
    if action == "pause":
        tenant.ok("POST", f"/instances/{parent}/pause")
    else:
        tenant.event("c", "break")
        assert tenant.instance(parent)["status"] == "failed"
    tenant.event("c", "go")
    wait_until(lambda: tenant.instance_of(child, "c")["status"] == "completed", what="its end")
    assert answered(tenant, parent) == []
    tenant.ok("PUT", "/customers/external:c", {"properties": {"when": "2020-01-01"}})
    tenant.ok("POST", f"/instances/{parent}/" + ("resume" if action == "pause" else "retry"))
    wait_until(lambda: answered(tenant, parent), what="the answer")
    if action == "pause":
        tenant.event("c", "break")
    wait_until(lambda: tenant.instance(parent)["status"] == "completed", what="the end")
    assert len(answered(tenant, parent)) == 1
