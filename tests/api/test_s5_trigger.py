"""Section 5, trigger: who may enter a flow, and in which order reasons are told."""
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import Client
from support.graphs import chain, graph, node, start

HOLD = chain(node("hold", "wait", duration="1d"))
QUICK = chain(node("end", "exit"))


def refusal(tenant, flow, body):
    answer = tenant.post(f"/flows/{flow}/trigger", body)
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("body", [{}, {"customer_id": ""}, {"customer_id": None}])
def test_a_customer_is_needed_first(tenant, body):
    for flow in (tenant.draft(HOLD), str(uuid.uuid4())):
        assert refusal(tenant, flow, body) == (400, "customer_id_required")


def test_the_reasons_come_in_their_order(tenant):
    c = {"customer_id": "c"}
    assert refusal(tenant, str(uuid.uuid4()), c) == (404, "not_found")
    assert refusal(tenant, tenant.draft(HOLD), c) == (422, "flow_not_active")
    flow = tenant.new_flow(HOLD, entry_config={"reentry": "never"})
    first = tenant.trigger(flow, "c")
    assert refusal(tenant, flow, c) == (409, "already_in_flow")
    tenant.move(flow, "pause")
    assert refusal(tenant, flow, c) == (422, "flow_not_active")
    tenant.move(flow, "resume")
    assert refusal(tenant, flow, c) == (409, "already_in_flow")
    tenant.advance("1d")
    assert tenant.instance(first)["status"] == "completed"
    assert refusal(tenant, flow, c) == (409, "reentry_not_allowed")
    assert [i["id"] for i in tenant.instances(flow)] == [first]


def test_what_is_wrong_in_a_trigger_is_named(tenant):
    flow = tenant.new_flow(HOLD)
    for body, field in (({"customer_id": 5}, "customer_id"),
                        ({"customer_id": "x" * 256}, "customer_id"),
                        ({"customer_id": "c", "context": []}, "context"),
                        ({"customer_ids": "c"}, "customer_ids")):
        answer = tenant.post(f"/flows/{flow}/trigger", body)
        assert answer.status_code == 422 and list(answer.json()["errors"]) == [field], body


def test_a_trigger_makes_the_customer_known(tenant):
    tenant.new_flow(HOLD)
    flow = tenant.new_flow(HOLD)
    instance = tenant.trigger(flow, "ada", {"plan": "pro", "n": 49.99})
    customer = tenant.customer("ada")
    assert customer["external_id"] == "ada" and customer["last_seen_at"] == tenant.now()
    shown = tenant.instance(instance)
    assert shown["customer_id"] == "ada" and shown["status"] == "waiting"
    assert shown["context"]["plan"] == "pro" and shown["context"]["n"] == 49.99
    assert shown["flow_id"] == flow and shown["version"] == 1 and shown["entered_at"]


def test_a_trigger_starts_every_entry(tenant):
    made = graph([start(), node("second", "event_entry", event_type="other"),
                  node("a", "add_tag", tag="a"), node("b", "add_tag", tag="b")],
                 ["start -> a", "second -> b"])
    instance = tenant.trigger(tenant.new_flow(made), "c")
    assert sorted(tenant.path(instance)) == ["a", "b", "second", "start"]
    assert sorted(tenant.customer("c")["tags"]) == ["a", "b"]


def test_two_at_once_give_exactly_one_instance(server, tenant):
    flow = tenant.new_flow(HOLD)
    clients = [Client(server.base, tenant.key) for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        for i in range(10):
            body = {"customer_id": f"racer{i}"}
            answers = list(pool.map(lambda c: c.post(f"/flows/{flow}/trigger", body), clients))
            codes = sorted(a.status_code for a in answers)
            assert codes == [201] + [409] * 7
            assert len(tenant.instances(flow, customer_id=f"racer{i}")) == 1


def test_a_list_starts_everyone_who_may(tenant):
    flow = tenant.new_flow(HOLD)
    tenant.trigger(flow, "c1")
    answer = tenant.ok("POST", f"/flows/{flow}/trigger",
                       {"customer_ids": ["c0", "c1", "", 7, "c2", "c0"], "context": {"a": 1}}, 201)
    assert len(answer["instance_ids"]) == 2
    assert [e["error"] for e in answer["errors"]] == [
        "already_in_flow", "customer_id_required", "validation_failed", "already_in_flow"]
    assert [e["customer_id"] for e in answer["errors"]] == ["c1", "", 7, "c0"]
    assert {tenant.instance(i)["customer_id"] for i in answer["instance_ids"]} == {"c0", "c2"}
    assert tenant.instance(answer["instance_ids"][0])["context"]["a"] == 1


def test_a_list_of_a_thousand(tenant):
    flow = tenant.new_flow(HOLD)
    ids = [f"c{i}" for i in range(1000)]
    answer = tenant.ok("POST", f"/flows/{flow}/trigger", {"customer_ids": ids}, 201)
    assert len(set(answer["instance_ids"])) == 1000 and answer["errors"] == []
    assert len(tenant.instances(flow, limit=500)) == 500


def test_a_context_over_256_kb_is_refused(tenant):
    flow = tenant.new_flow(HOLD)
    body = {"customer_id": "c", "context": {"text": "x" * (257 * 1024)}}
    assert refusal(tenant, flow, body) == (422, "context_too_large")
    assert tenant.instances(flow) == []


def test_entering_again(tenant):
    free = tenant.new_flow(QUICK)
    for _ in range(3):
        tenant.trigger(free, "c")
    assert len(tenant.instances(free)) == 3
    monthly = tenant.new_flow(QUICK, entry_config={"reentry": "30d"})
    tenant.trigger(monthly, "c")
    tenant.advance("29d")
    assert refusal(tenant, monthly, {"customer_id": "c"}) == (409, "reentry_not_allowed")
    tenant.trigger(monthly, "d")
    tenant.advance("1d")
    tenant.trigger(monthly, "c")
    assert refusal(tenant, monthly, {"customer_id": "d"}) == (409, "reentry_not_allowed")


def test_an_event_does_not_bring_back_who_may_not_enter_again(tenant):
    tenant.new_flow(QUICK, entry_config={"reentry": "never"})
    assert tenant.event("c", "start")["started"] == 1
    assert tenant.event("c", "start")["started"] == 0
    assert tenant.event("d", "start")["started"] == 1
