"""What an operator or a customer would lose to two things that happen at nearly the same time."""
import random
import threading

import pytest

from support.client import Client, Tenant
from support.graphs import graph, node
from support.server import Server, until

AGAIN = graph([node("go", "event_entry", event_type="go"),
               node("hear", "wait_for_event", event_type="done"), node("end", "exit")],
              ["go -> hear", "hear -event_received-> end"])


def listener(length):
    """An entry, then waits for the event `e` one after the other."""
    waits = [node(f"w{i}", "wait_for_event", event_type="e") for i in range(length)]
    nodes = [node("start", "event_entry", event_type="start"), *waits, node("end", "exit")]
    pairs = [f"{a['id']} -event_received-> {b['id']}" for a, b in zip(waits, nodes[2:])]
    return graph(nodes, ["start -> w0", *pairs])


def together(*jobs):
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_one_batch_may_end_an_instance_and_start_the_next(tenant):
    flow = tenant.new_flow(AGAIN)
    tenant.event("c", "go")
    events = [{"customer_id": "c", "event_type": kind} for kind in ("done", "go")]
    answer = tenant.ok("POST", "/events/batch", {"events": events}, 202)
    assert answer["rejected"] == 0, answer
    assert sorted(i["status"] for i in tenant.instances(flow)) == ["completed", "waiting"]


def sends(*config):
    return node(config[0], "send_email", template_id="t")


def test_archiving_a_paused_flow_sends_nothing(tenant, sql):
    flow = tenant.new_flow(graph(
        [node("start", "event_entry", event_type="start"), node("w", "wait", duration="1h"),
         sends("m"), node("v", "wait_for_event", event_type="e"), sends("n")],
        ["start -> w", "start -> v", "w -> m", "v -event_received-> n"]))
    tenant.trigger(flow, "timer")
    tenant.trigger(flow, "held")
    tenant.move(flow, "pause")
    assert tenant.event("held", "e")["held"] == 1
    tenant.advance("10h")
    tenant.move(flow, "archive")
    tenant.advance("1s")
    for customer in ("timer", "held"):
        instance = tenant.instance_of(flow, customer)
        assert (instance["status"], instance["exit_reason"]) == ("exited", "flow_archived")
    assert sql("SELECT count(*) FROM delivery WHERE tenant_id = %s", tenant.id) == [(0,)]


def test_events_around_a_resume_arrive_all_and_in_order(tenant, sql):
    customers, length = 80, 40
    flow = tenant.new_flow(listener(length))
    names = [f"c{n}" for n in range(customers)]
    tenant.ok("POST", f"/flows/{flow}/trigger", {"customer_ids": names}, 201)
    poured, routed, held = [], [], []

    def pour(mine):
        client = Client(tenant.base, tenant.key)
        for number in range(length - 1):
            for name in mine:
                body = {"customer_id": name, "event_type": "e", "data": {"n": number}}
                answer = client.ok("POST", "/events", body, 202)
                assert answer["routed"] + answer["held"] == 1
                (held if answer["held"] else routed).append(name)
        poured.append(mine)

    def flip():
        client = Client(tenant.base, tenant.key)
        while len(poured) < 8:
            for move, heard in (("pause", held), ("resume", routed)):
                client.ok("POST", f"/flows/{flow}/{move}")
                enough = len(heard) + random.randrange(1, 20)
                until(lambda: len(heard) >= enough or len(poured) == 8, 60, f"events after {move}")

    together(*[lambda part=part: pour(names[part::8]) for part in range(8)], flip)
    tenant.advance("0s")
    assert sql("SELECT count(*) FROM held_event WHERE flow_id = %s", flow) == [(0,)]
    for name in names:
        results = tenant.instance_of(flow, name)["context"]["accumulated"]
        heard = [results[f"w{i}"]["event"]["n"] for i in range(length) if f"w{i}" in results]
        assert heard == list(range(length - 1)), name


@pytest.mark.parametrize("_", range(4))
def test_sigterm_under_load_ends_well(_):
    server = Server(environment={"RATE_LIMIT_EVENTS_PER_SECOND": "0"})
    over, answered = threading.Event(), []
    try:
        server.start()
        tenant = Tenant(server.base)
        flow = tenant.new_flow(graph([node("go", "event_entry", event_type="go"),
                                      node("w", "wait", duration="200ms")], ["go -> w"]))

        def pour():
            client = Client(server.base, tenant.key)
            while not over.is_set():
                try:
                    client.post("/events", {"customer_id": f"c{random.randrange(3000)}",
                                            "event_type": "go"})
                    answered.append(client)
                except OSError:
                    return

        threads = [threading.Thread(target=pour) for _ in range(48)]
        for thread in threads:
            thread.start()
        until(lambda: len(answered) > 2000, 60, "load")
        until(lambda: tenant.instances(flow, status="completed", limit=1), 60, "a wait's end", 0.5)
        status = server.stop()
        over.set()
        for thread in threads:
            thread.join()
        assert status == 0, server.log_tail()
        assert not server.sanitizer_reports()
    finally:
        over.set()
        server.remove()
