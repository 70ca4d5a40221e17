"""Sections 3 and 13: the entry webhook of a flow, with a key or signed."""
import base64
import hashlib
import hmac
import json
import time
import uuid

import pytest

from support.client import Client
from support.graphs import chain, graph, node, start

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
GRAPH = graph([start("other"), node("hook", "webhook_entry", webhook_path="crm"),
               node("w", "wait", duration="1h")],
              ["start -> w", "hook -> w"])


def sign(id, seconds, text, key=KEY):
    mac = hmac.new(key, f"{id}.{seconds}.{text}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(mac).decode()


def call(client, flow, body, id="msg_1", seconds=None, key=KEY, **headers):
    text = body if isinstance(body, str) else json.dumps(body)
    seconds = int(time.time()) if seconds is None else seconds
    signed = {"webhook-id": id, "webhook-timestamp": str(seconds),
              "webhook-signature": sign(id, seconds, text, key), **headers}
    return client.post(f"/webhooks/{flow}", data=text, headers={
        name: value for name, value in signed.items() if value is not None})


@pytest.fixture
def signed_flow(tenant):
    return tenant.new_flow(GRAPH, entry_config={"webhook_secret": SECRET})


def error(answer):
    return answer.status_code, answer.json()["error"]


def test_a_webhook_starts_its_entries_alone(tenant):
    flow = tenant.new_flow(GRAPH)
    body = {"customer_id": "ada", "data": {"plan": "pro"}}
    shown = tenant.ok("POST", f"/webhooks/{flow}", body, 202)["data"]
    assert shown["started"] == 1 and len(shown["instance_ids"]) == 1
    instance, = shown["instance_ids"]
    assert tenant.path(instance) == ["hook"]
    assert tenant.step(instance, "hook")["output"] == {"webhook_path": "crm",
                                                       "data": {"plan": "pro"}}
    assert tenant.customer("ada")["last_seen_at"] == tenant.now()
    again = tenant.ok("POST", f"/webhooks/{flow}", body, 202)  # in the flow already
    assert again == {"data": {"started": 0, "instance_ids": []}}


def test_without_a_secret_it_takes_a_key(tenant, other, nobody):
    flow = tenant.new_flow(GRAPH)
    body = {"customer_id": "ada"}
    assert error(nobody.post(f"/webhooks/{flow}", body)) == (401, "invalid_api_key")
    assert error(other.post(f"/webhooks/{flow}", body)) == (404, "not_found")
    for id in (str(uuid.uuid4()), "x"):
        assert error(tenant.post(f"/webhooks/{id}", body)) == (404, "not_found")
    assert error(nobody.post(f"/webhooks/{uuid.uuid4()}", body)) == (401, "invalid_api_key")
    assert tenant.instances(flow) == []


@pytest.mark.parametrize("body,want", [
    ({}, (400, "customer_id_required")), ({"customer_id": ""}, (400, "customer_id_required")),
    ({"customer_id": 5}, (422, "validation_failed")),
    ({"customer_id": "x" * 256}, (422, "validation_failed")),
    ({"customer_id": "ada", "data": 5}, (422, "validation_failed")),
    ("{", (400, "malformed_json")), ("[]", (400, "bad_request"))])
def test_bad_bodies_are_refused(tenant, nobody, signed_flow, body, want):
    assert error(call(nobody, signed_flow, body)) == want
    assert tenant.instances(signed_flow) == []


def test_flows_that_take_nobody_in(tenant):
    draft = tenant.draft(GRAPH)
    body = {"customer_id": "ada"}
    assert error(tenant.post(f"/webhooks/{draft}", body)) == (422, "flow_not_active")
    without = tenant.new_flow(chain(node("w", "wait", duration="1h")))
    assert error(tenant.post(f"/webhooks/{without}", body)) == (404, "not_found")
    paused = tenant.new_flow(GRAPH)
    tenant.move(paused, "pause")
    assert error(tenant.post(f"/webhooks/{paused}", body)) == (422, "flow_not_active")


def test_a_signed_webhook_needs_no_key(tenant, nobody, signed_flow):
    answer = call(nobody, signed_flow, {"customer_id": "ada", "data": {"n": 1.50}})
    assert answer.status_code == 202 and answer.json()["data"]["started"] == 1
    instance, = answer.json()["data"]["instance_ids"]
    assert tenant.instance(instance)["customer_id"] == "ada"


@pytest.mark.parametrize("change", [
    {"key": b"wrong"}, {"seconds": int(time.time()) - 7200}, {"seconds": int(time.time()) + 7200},
    {"webhook-signature": None}, {"webhook-id": None}, {"webhook-timestamp": None},
    {"webhook-id": "msg_2"}, {"webhook-signature": "v1,"}, {"webhook-timestamp": "soon"}])
def test_a_wrong_signature_is_refused(tenant, nobody, signed_flow, change):
    answer = call(nobody, signed_flow, {"customer_id": "ada"}, **change)
    assert error(answer) == (401, "invalid_signature")
    assert error(call(tenant, signed_flow, {"customer_id": "ada"}, **change)) == (
        401, "invalid_signature")  # a key is no signature
    assert tenant.instances(signed_flow) == []


def test_a_repeated_message_gets_its_first_answer(tenant, nobody, signed_flow):
    body = {"customer_id": "ada"}
    first = call(nobody, signed_flow, body).json()
    assert first["data"]["started"] == 1
    assert call(nobody, signed_flow, body).json() == first
    tenant.ok("POST", f"/instances/{first['data']['instance_ids'][0]}/exit")
    assert call(nobody, signed_flow, body).json() == first
    assert len(tenant.instances(signed_flow)) == 1
    assert call(nobody, signed_flow, body, id="msg_2").json()["data"]["started"] == 1
    twin = tenant.new_flow(GRAPH, entry_config={"webhook_secret": SECRET})
    assert call(nobody, twin, body).json()["data"]["started"] == 1  # ids are an endpoint's own


def test_a_journeys_id_stands_for_its_flow(tenant, other, nobody):
    body = {"customer_id": "ada"}
    flow = tenant.draft(GRAPH, entry_config={"webhook_secret": SECRET})
    journey = tenant.ok("POST", "/journeys", {"name": "j", "flow_id": flow}, 201)["data"]["id"]
    assert error(call(nobody, journey, body)) == (422, "flow_not_active")
    tenant.ok("POST", f"/journeys/{journey}/launch")
    first = call(nobody, journey, body).json()
    assert first["data"]["started"] == 1
    assert tenant.instance(first["data"]["instance_ids"][0])["flow_id"] == flow
    assert call(nobody, flow, body).json() == first  # the same endpoint, the same message
    keyed = tenant.draft(GRAPH)
    journey = tenant.ok("POST", "/journeys", {"name": "k", "flow_id": keyed}, 201)["data"]["id"]
    tenant.ok("POST", f"/journeys/{journey}/launch")
    assert tenant.ok("POST", f"/webhooks/{journey}", body, 202)["data"]["started"] == 1
    assert other.post(f"/webhooks/{journey}", body).status_code == 404


def test_a_key_brings_message_ids_too(tenant):
    flow = tenant.new_flow(GRAPH)
    body = {"customer_id": "ada"}
    answers = [tenant.post(f"/webhooks/{flow}", body, headers={"webhook-id": "m"}).json()
               for _ in range(2)]
    assert answers[0] == answers[1] and answers[0]["data"]["started"] == 1
    answer = tenant.post(f"/webhooks/{flow}", body, headers={"webhook-id": "m" * 201})
    assert error(answer) == (400, "bad_request")


def test_webhooks_have_the_rate_of_triggers(server, tenant, nobody, signed_flow):
    tenant.settings(rate_limits={"trigger": {"max_requests": 2, "window_seconds": 60}})
    codes = [call(nobody, signed_flow, {"customer_id": f"c{n}"}, id=f"m{n}").status_code
             for n in range(3)]
    assert codes == [202, 202, 429]
    assert Client(server.base, tenant.key).post(f"/webhooks/{uuid.uuid4()}", {}).status_code == 429


def test_the_secret_is_never_shown(tenant):
    """Whoever may only read could sign calls with it, and the audit log keeps what it is told."""
    flow = tenant.draft(GRAPH, entry_config={"webhook_secret": SECRET, "reentry": "1h"})
    shown = tenant.ok("GET", f"/flows/{flow}")["data"]["entry_config"]
    assert shown == {"webhook_secret": "***", "reentry": "1h"}
    tenant.ok("PUT", f"/flows/{flow}", {"entry_config": {**shown, "reentry": "2h"}})
    tenant.move(flow, "activate")
    assert call(Client(tenant.base), flow, {"customer_id": "ada", "data": {}}).status_code == 202
    for path in (f"/flows/{flow}", "/flows", "/audit-log"):
        assert SECRET not in tenant.get(path).text, path
