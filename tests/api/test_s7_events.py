"""Section 7: what becomes of events."""
import json

import pytest

from support.graphs import chain, graph, node, start

WAIT = graph([start(), node("wait", "wait_for_event", event_type="go"), node("end", "exit")],
             ["start -> wait", "wait -event_received-> end"])


def ndjson(tenant, lines):
    return tenant.session.post(tenant.url("/events/batch"), data="\n".join(lines).encode(),
                               headers={"Content-Type": "application/x-ndjson"}, timeout=60)


def test_an_event_that_nobody_waits_for_is_taken(tenant):
    assert tenant.event("stranger", "anything") == {"routed": 0, "started": 0, "held": 0}


@pytest.mark.parametrize("body,status,error", [
    ({}, 400, "customer_id_required"), ({"customer_id": ""}, 400, "customer_id_required"),
    ({"customer_id": None, "event_type": "x"}, 400, "customer_id_required"),
    ({"customer_id": "c"}, 400, "event_type_required"),
    ({"customer_id": "c", "event_type": ""}, 400, "event_type_required"),
    ({"customer_id": 5, "event_type": "x"}, 422, "validation_failed"),
    ({"customer_id": "c", "event_type": []}, 422, "validation_failed"),
    ({"customer_id": "c", "event_type": "x", "id": 5}, 422, "validation_failed"),
    ({"customer_id": "c", "event_type": "x", "data": []}, 422, "validation_failed"),
    ({"customer_id": "c", "event_type": "x", "data": "text"}, 422, "validation_failed"),
    ({"customer_id": "c", "event_type": "x", "occurred_at": "yesterday"}, 422, "validation_failed"),
    ({"customer_id": "c", "event_type": "x", "occurred_at": 5}, 422, "validation_failed")])
def test_a_wrong_event_is_told_why(tenant, body, status, error):
    answer = tenant.post("/events", body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_events_start_and_resume(tenant):
    flows = [tenant.new_flow(WAIT), tenant.new_flow(WAIT)]
    assert tenant.event("c", "start") == {"routed": 0, "started": 2, "held": 0}
    assert tenant.event("other", "go")["routed"] == 0
    assert tenant.event("c", "go", {"n": 1}) == {"routed": 2, "started": 0, "held": 0}
    for flow in flows:
        instance = tenant.instance_of(flow, "c")
        assert instance["status"] == "completed"
        assert tenant.step(instance["id"], "wait")["output"] == {"trigger": "event",
                                                                 "event": {"n": 1}}
    assert tenant.event("c", "go")["routed"] == 0


def test_an_event_starts_only_where_its_filter_fits(tenant):
    made = chain(node("end", "exit"))
    made["nodes"][0]["config"]["filter"] = {"plan": "pro", "address.country": ["DE", "AT"]}
    tenant.new_flow(made)
    fitting = {"plan": "pro", "address": {"country": "AT"}, "more": 1}
    for data in ({}, {"plan": "pro"}, {**fitting, "plan": "free"},
                 {**fitting, "address": {"country": "CH"}}, {**fitting, "address": "AT"}):
        assert tenant.event("c", "start", data)["started"] == 0, data
    assert tenant.event("c", "start", fitting)["started"] == 1


def test_a_wait_takes_only_what_its_filter_lets_through(tenant):
    made = graph([start(), node("wait", "wait_for_event", event_type="paid",
                                filter={"total": 49.99, "items.0.id": 7}), node("end", "exit")],
                 ["start -> wait", "wait -event_received-> end"])
    tenant.new_flow(made)
    tenant.event("c", "start")
    assert tenant.event("c", "paid", {"total": 49.98, "items": [{"id": 7}]})["routed"] == 0
    assert tenant.event("c", "paid", {"total": 49.99, "items": [{"id": 8}]})["routed"] == 0
    assert tenant.event("c", "paid", {"total": 49.99, "items": [{"id": 7}]})["routed"] == 1


def test_an_event_that_starts_a_flow_does_not_resume_its_first_wait(tenant):
    made = graph([start(), node("again", "wait_for_event", event_type="start", lookback="1h"),
                  node("end", "exit")], ["start -> again", "again -event_received-> end"])
    flow = tenant.new_flow(made)
    assert tenant.event("c", "start") == {"routed": 0, "started": 1, "held": 0}
    assert tenant.instance_of(flow, "c")["current_nodes"] == ["again"]
    assert tenant.event("c", "start")["routed"] == 1


def test_a_duplicate_gets_the_first_answer_and_does_nothing(tenant):
    flow = tenant.new_flow(WAIT)
    first = tenant.event("c", "start", id="e1")
    assert first["started"] == 1
    assert tenant.event("c", "start", id="e1") == first
    assert tenant.event("c", "go", id="e2")["routed"] == 1
    tenant.event("c", "start", id="e3")
    assert tenant.event("c", "go", id="e2")["routed"] == 1  # the first answer
    assert tenant.instance_of(flow, "c")["status"] == "waiting"  # and no more than that
    assert tenant.event("c", "other type", {"x": 1}, id="e1") == first
    assert tenant.event("d", "start", id="e1")["started"] == 1  # another customer's is another


def test_an_id_is_remembered_for_seven_days(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    tenant.event("c", "start", id="e1")
    tenant.advance("6d")
    tenant.event("c", "start", id="e1")
    assert len(tenant.instances(flow)) == 1
    tenant.advance("2d")
    tenant.event("c", "start", id="e1")
    assert len(tenant.instances(flow)) == 2


def test_events_of_a_customer_keep_their_order(tenant):
    flow = tenant.new_flow(graph(
        [start(), node("first", "wait_for_event", event_type="a"),
         node("second", "wait_for_event", event_type="b"), node("end", "exit")],
        ["start -> first", "first -event_received-> second", "second -event_received-> end"]))
    events = []
    for i in range(50):
        for event_type in ("start", "b", "a", "b") if i % 2 else ("start", "a", "b", "b"):
            events.append({"customer_id": f"c{i}", "event_type": event_type})
    results = tenant.ok("POST", "/events/batch", {"events": events}, 202)["results"]
    for i in range(50):
        answers = [(r["routed"], r["started"]) for r in results[4 * i:4 * i + 4]]
        assert answers == ([(0, 1), (0, 0), (1, 0), (1, 0)] if i % 2
                           else [(0, 1), (1, 0), (1, 0), (0, 0)]), i
    assert {x["status"] for x in tenant.instances(flow, limit=500)} == {"completed"}


def test_one_bad_item_spoils_none_of_the_others(tenant):
    tenant.new_flow(WAIT)
    good = {"customer_id": "c", "event_type": "start"}
    items = [good, {"event_type": "x"}, 7, {"customer_id": "c"}, {**good, "data": []},
             {"customer_id": "c", "event_type": "go"}, None, {**good, "customer_id": "d"}]
    answer = tenant.ok("POST", "/events/batch", {"events": items}, 202)
    assert (answer["accepted"], answer["rejected"]) == (3, 5)
    results = answer["results"]
    assert [r["index"] for r in results] == list(range(8))
    assert [r.get("error") for r in results[1:5]] == [
        "customer_id_required", results[2]["error"], "event_type_required", "validation_failed"]
    assert results[2]["error"] and results[6]["error"]
    assert [(results[i]["routed"], results[i]["started"]) for i in (0, 5, 7)] == [
        (0, 1), (1, 0), (0, 1)]


def test_ndjson_is_answered_line_by_line(tenant):
    tenant.new_flow(WAIT)
    good = json.dumps({"customer_id": "c", "event_type": "start"})
    answer = ndjson(tenant, [good, "{broken", "", '{"customer_id":"a\\u0000","event_type":"x"}',
                             json.dumps({"customer_id": "c", "event_type": "go"}) + "\r"])
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (2, 2)
    assert [r.get("error") for r in body["results"]] == [None, "malformed_json", "malformed_json",
                                                         None]
    assert body["results"][3]["routed"] == 1


def test_a_duplicate_within_a_batch(tenant):
    tenant.new_flow(chain(node("end", "exit")))
    event = {"id": "same", "customer_id": "c", "event_type": "start"}
    answer = tenant.ok("POST", "/events/batch", {"events": [event, event, event]}, 202)
    assert [r["started"] for r in answer["results"]] == [1, 1, 1]
    assert tenant.event("c", "probe")["started"] == 0
    flows = tenant.ok("GET", "/flows")["data"]
    assert len(tenant.instances(flows[0]["id"])) == 1


def test_a_batch_needs_its_events(tenant):
    for body, message in (({}, "can't be blank"), ({"events": {}}, "is invalid")):
        answer = tenant.post("/events/batch", body)
        assert answer.status_code == 422 and answer.json()["errors"] == {"events": [message]}
    assert tenant.ok("POST", "/events/batch", {"events": []}, 202) == {
        "accepted": 0, "rejected": 0, "results": []}


def test_a_batch_has_at_most_10_000_items_and_2_mib(tenant):
    line = '{"customer_id":"c","event_type":"x"}'
    assert ndjson(tenant, [line] * 10_000).json()["accepted"] == 10_000
    assert ndjson(tenant, [line] * 10_001).status_code == 413
    large = {"customer_id": "c", "event_type": "x", "data": {"t": "x" * 1000}}
    assert tenant.post("/events/batch", {"events": [large] * 1900}).status_code == 202
    # A body over 2 MiB is refused by its announced length, before it is sent.
    assert tenant.announce("/events/batch", 2 * 1024 * 1024 + 1) == 413


def test_what_an_event_brings_is_kept_as_it_is(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    data = {"total": 49.99, "big": 9007199254740993, "list": [], "none": None,
            "deep": {"a": [{"b": [1, "x", False]}]}, "text": "Grüße 😀"}
    tenant.event("c", "start", data, occurred_at="2025-12-31T23:59:59+01:00")
    instance = tenant.instance_of(flow, "c")
    assert instance["context"]["accumulated"]["start"] == {"event_type": "start", "data": data}
    assert tenant.step(instance["id"], "start")["output"] == {"event_type": "start", "data": data}
