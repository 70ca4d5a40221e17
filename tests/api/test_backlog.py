"""What a pause or an archived flow leaves to do is done to its end, however much it is."""
from support.client import wait_until
from support.graphs import chain, graph, node, start

QUEUED = 2000  # what a shard takes of a flow's backlog at a time (KAL_BACKLOG_ROWS)


def send(tenant, events):
    for first in range(0, len(events), 500):
        tenant.ok("POST", "/events/batch", {"events": events[first:first + 500]}, 202)


def test_all_that_a_pause_has_held_is_replayed_in_order(tenant):
    flow = tenant.new_flow(graph(
        [start(), node("a", "wait_for_event", event_type="go", filter={"n": 2 * QUEUED}),
         node("b", "wait_for_event", event_type="go", filter={"n": 2 * QUEUED + 1}),
         node("end", "exit")],
        ["start -> a", "a -event_received-> b", "b -event_received-> end"]))
    instance = tenant.trigger(flow, "c")
    tenant.move(flow, "pause")
    send(tenant, [{"customer_id": "c", "event_type": "go", "data": {"n": n}}
                  for n in range(2 * QUEUED + 2)])
    tenant.move(flow, "resume")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", 30)
    assert tenant.path(instance) == ["start", "a", "b", "end"]


def test_everybody_leaves_an_archived_flow(tenant, sql):
    flow = tenant.new_flow(chain(node("w", "wait", duration="1h"), node("end", "exit")))
    send(tenant, [{"customer_id": f"c{n}", "event_type": "start"} for n in range(5 * QUEUED)])
    counts = sql("SELECT count(*) FROM instance WHERE flow_id = %s GROUP BY shard", flow)
    assert max(counts) > (QUEUED,)
    tenant.move(flow, "archive")
    wait_until(lambda: sql("SELECT status, exit_reason, count(*) FROM instance WHERE flow_id = %s "
                           "GROUP BY 1, 2", flow) == [("exited", "flow_archived", 5 * QUEUED)], 60)
