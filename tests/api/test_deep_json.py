"""What a customer would lose to JSON that is taken but cannot be read again."""
import pytest

from support.graphs import chain, node

WAIT = chain(node("w", "wait_for_event", event_type="go"), node("end", "exit"))
WAIT["edges"][-1]["branch"] = "event_received"
DEEPEST = 99  # levels of a member of a body; the body itself is one more
PROFILE = 64  # levels of a customer's properties


def deep(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"d": value}
    return value


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("levels,status", [(DEEPEST - 1, "completed"), (DEEPEST, "failed")])
def test_a_deep_event_does_the_same_when_it_was_held(tenant, levels, status, paused):
    flow = tenant.new_flow(WAIT)
    tenant.event("c", "start")
    if paused:
        tenant.move(flow, "pause")
    assert tenant.event("c", "go", deep(levels))["held"] == int(paused)
    if paused:
        tenant.move(flow, "resume")
    tenant.advance("1s")
    instance = tenant.instance_of(flow, "c")
    assert instance["status"] == status
    assert (status == "completed") or "nested deeper" in instance["exit_reason"]


def test_a_deep_context_is_read_again_after_a_wait(tenant):
    flow = tenant.new_flow(chain(node("w", "wait", duration="1h"), node("end", "exit")))
    tenant.trigger(flow, "c", deep(DEEPEST))
    tenant.advance("2h")
    assert tenant.instance_of(flow, "c")["status"] == "completed"


def test_a_deep_profile_is_read_again(tenant):
    tenant.ok("POST", "/customers", {"external_id": "c", "properties": deep(PROFILE)}, 201)
    flow = tenant.new_flow(chain(node("t", "add_tag", tag="t"), node("w", "wait", duration="1h"),
                                 node("u", "update_profile", fields={"e": 1})))
    tenant.trigger(flow, "c")
    tenant.advance("2h")
    assert tenant.instance_of(flow, "c")["status"] == "completed"
    shown = tenant.customer("c")
    assert shown["properties"] == {**deep(PROFILE), "e": 1}
    assert shown["tags"] == ["t"]
    answer = tenant.put("/customers/external:c", {"properties": deep(PROFILE + 1)})
    assert answer.status_code == 422
    assert "deeper than 64 levels" in answer.json()["errors"]["properties"][0]
    assert tenant.customer("c") == shown
