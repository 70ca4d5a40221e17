"""A wait that looks back finds the event that came before it, whatever else has come."""
from support.graphs import edge, graph, node, start


def looking_back(n=None):
    """A pause of ten minutes, then a purchase within the last hour."""
    filter = {} if n is None else {"filter": {"n": n}}
    return graph([start(), node("pause", "wait", duration="10m"),
                  node("w", "wait_for_event", event_type="bought", lookback="1h", **filter),
                  node("end", "exit")],
                 ["start -> pause", "pause -> w", "w -event_received-> end"])


def test_a_purchase_is_found_behind_many_other_events(tenant):
    instance = tenant.trigger(tenant.new_flow(looking_back()), "c")
    tenant.event("c", "bought")
    tenant.ok("POST", "/events/batch", {"events": [
        {"customer_id": "c", "event_type": "page_view"} for _ in range(150)]}, 202)
    tenant.advance("10m")
    assert tenant.path(instance) == ["start", "pause", "w", "end"]


def test_two_waits_for_one_type_look_back_each_its_own_time(tenant):
    made = looking_back()
    made["nodes"][3] = node("end", "add_tag", tag="bought")
    made["nodes"].append(node("v", "wait_for_event", event_type="bought", lookback="1m"))
    made["edges"] += [edge("pause -> v"), edge("v -event_received-> end")]
    instance = tenant.trigger(tenant.new_flow(made), "c")
    tenant.event("c", "bought")
    tenant.advance("10m")
    assert tenant.path(instance) == ["start", "pause", "w", "end"]
    assert tenant.instance(instance)["current_nodes"] == ["v"]


def test_what_is_looked_at_is_bounded_and_everybodys_newest_comes_first(tenant):
    """A turn loads 8 MiB of events at most: else a few customers' fill the shard's memory."""
    small = [f"small {n}" for n in range(40)]
    newest, oldest = (tenant.new_flow(looking_back(n)) for n in (10, 0))
    found = [tenant.trigger(newest, customer) for customer in ["big", *small]]
    lost = tenant.trigger(oldest, "big")
    for customer in small:
        tenant.event(customer, "bought", {"n": 10})
    for n in range(11):
        text = "x" * 1000000 if 0 < n < 10 else ""
        tenant.event("big", "bought", {"n": n, "text": text})
    tenant.advance("10m")
    for instance in found:
        assert tenant.path(instance) == ["start", "pause", "w", "end"]
    assert tenant.instance(lost)["current_nodes"] == ["w"]
