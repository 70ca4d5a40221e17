"""What a customer would lose while a long walk makes way for others."""
import pytest

from support.graphs import chain, node


def passing(kind, id):
    """A node that passes at once: one that needs the customer, or one that does not."""
    if kind == "tag":
        return node(id, "add_tag", tag="passed")
    return node(id, "condition", expression="true")


def long_walk(kind, length):
    """So many nodes that pass, a wait for the event `go`, a tag."""
    made = chain(*[passing(kind, f"p{n}") for n in range(length)],
                 node("w", "wait_for_event", event_type="go"), node("last", "add_tag", tag="went"))
    made["edges"][-1]["branch"] = "event_received"
    if kind == "condition":
        told = [e for e in made["edges"] if e["source"].startswith("p")]
        made["edges"] += [{**e, "branch": "false"} for e in told]
        for edge in told:
            edge["branch"] = "true"
    return made


@pytest.mark.parametrize("kind", ["tag", "condition"])
def test_an_event_finds_the_wait_behind_a_long_walk(tenant, kind):
    flow = tenant.new_flow(long_walk(kind, 900))
    events = [{"customer_id": "c", "event_type": what} for what in ("start", "go", "go")]
    results = tenant.ok("POST", "/events/batch", {"events": events}, 202)["results"]
    assert [(r["started"], r["routed"]) for r in results] == [(1, 0), (0, 1), (0, 0)]
    assert tenant.instance_of(flow, "c")["status"] == "completed"
    assert "went" in tenant.customer("c")["tags"]
