"""Section 1: what every request may rely on."""
import socket
import uuid

import pytest

from support.client import Client, Tenant
from support.graphs import chain, node

NOT_A_KEY = "kal_" + "a" * 43
MEBIBYTE = 1 << 20


def raw(server, data):
    """What a server answers to bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
        s.sendall(data)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
        return answer


def post_bytes(tenant, path, body, content_type="application/json"):
    return tenant.session.post(tenant.url(path), data=body, timeout=60,
                               headers={"Content-Type": content_type})


# Keys


@pytest.mark.parametrize("header", [
    None, "", "Bearer", "Bearer ", f"Bearer {NOT_A_KEY}", "Bearer kal_short", "Basic YTpi",
    f"Bearer {NOT_A_KEY}é"])
def test_without_a_right_key_nothing_is_shown(nobody, header):
    headers = {} if header is None else {"Authorization": header.encode("utf-8")}
    answer = nobody.get("/flows", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_api_key"


def test_the_auth_scheme_is_case_insensitive(nobody, tenant):
    for scheme in ("bearer", "BEARER", "Bearer"):
        answer = nobody.get("/flows", headers={"Authorization": f"{scheme} {tenant.key}"})
        assert answer.status_code == 200


def test_a_key_has_the_promised_form(tenant):
    assert tenant.key.startswith("kal_")
    assert tenant.key[4:].isalnum() and len(tenant.key) >= 40


@pytest.mark.parametrize("path", ["//health", "//health/ready", "//info", "//metrics"])
def test_operations_need_no_key(nobody, path):
    assert nobody.get(path).status_code == 200


def test_metrics_are_prometheus_text(tenant, nobody):
    tenant.event("c", "seen")
    text = nobody.get("//metrics").text
    assert "# TYPE kalcifer_event_dispatch_total counter" in text
    names = [line.split("{")[0].split(" ")[0] for line in text.splitlines()
             if line and not line.startswith("#")]
    assert names and all(name.startswith("kalcifer_") for name in names)


# The operator


def test_only_the_operator_makes_tenants(nobody, tenant):
    for client in (nobody, tenant):
        answer = client.post("/admin/tenants", {"name": "stolen"})
        assert answer.status_code == 401


def test_a_tenants_name_is_needed_and_unique(operator, tenant):
    blank = operator.post("/admin/tenants", {})
    assert blank.status_code == 422
    assert blank.json() == {"error": "validation_failed", "errors": {"name": ["can't be blank"]}}
    wrong = operator.post("/admin/tenants", {"name": 7})
    assert wrong.json()["errors"] == {"name": ["is invalid"]}
    taken = operator.post("/admin/tenants", {"name": tenant.name})
    assert taken.status_code == 422
    assert taken.json()["errors"] == {"name": ["has already been taken"]}


def test_bad_settings_of_a_tenant_change_nothing(operator, tenant):
    for bad in ({"rate_limits": 7}, {"rate_limits": {"api": {"max_requests": -1}}},
                {"timezone": "Mars/Olympus"}, {"outbound_allow": ["no address"]}):
        answer = operator.put(f"/admin/tenants/{tenant.id}", {"settings": bad})
        assert answer.status_code == 422, bad
    assert operator.put(f"/admin/tenants/{uuid.uuid4()}", {"settings": {}}).status_code == 404


# Routes


def test_unknown_routes_and_methods(tenant, nobody):
    assert tenant.get("/nothing").json()["error"] == "not_found"
    assert tenant.get("//api/v2/flows").status_code == 404
    answer = tenant.delete("/events")
    assert answer.status_code == 405
    assert answer.json()["error"] == "method_not_allowed"
    assert "POST" in answer.headers["Allow"]
    assert nobody.post("//health").status_code == 405


@pytest.mark.parametrize("path", [
    "/flows/1", "/flows/not-a-uuid", "/instances/x", "/instances/x/timeline", "/customers/7",
    "/flows/%00", "/flows/%ff", "/flows/%zz"])
def test_an_id_that_is_no_uuid_is_not_found(tenant, path):
    answer = tenant.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"


def test_every_answer_carries_a_request_id(tenant, nobody):
    for answer in (tenant.get("/flows"), tenant.get("/nothing"), nobody.get("/flows"),
                   nobody.get("//health"), tenant.delete("/events")):
        assert answer.headers["X-Request-Id"]
    answer = tenant.get("/flows", headers={"X-Request-Id": "trace-42.a"})
    assert answer.headers["X-Request-Id"] == "trace-42.a"
    ids = {tenant.get("/flows").headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5


# Bodies


@pytest.mark.parametrize("body", [
    b"{", b"{'a':1}", b'{"a":1}x', b"nul", b"\xef\xbb\xbf{}x", b'{"a":1,}',
    b'{"customer_id":"a\\u0000b","event_type":"x"}', b'{"customer_id":"\xff","event_type":"x"}',
    b'{"customer_id":"\\ud800","event_type":"x"}', b'{"customer_id":"a\x00b","event_type":"x"}',
    b"[" * 10_000, b'{"data":' * 10_000 + b"1" + b"}" * 10_000,
    b'{"customer_id":"c","event_type":"x","data":{"n":1e999}}',
    b'{"customer_id":"c","event_type":"x","data":{"n":123456789012345678901234567890}}',
    b'{"customer_id":"c","event_type":"x","data":{"n":NaN}}'])
def test_what_is_no_json_is_malformed(tenant, body):
    answer = post_bytes(tenant, "/events", body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "malformed_json"


@pytest.mark.parametrize("body", [b"[]", b"7", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_refused(tenant, body):
    answer = post_bytes(tenant, "/flows", body)
    assert 400 <= answer.status_code < 500
    assert "error" in answer.json()


def test_numbers_come_back_as_they_were_sent(tenant):
    properties = {"price": 49.99, "big": 9007199254740993, "most": 9223372036854775807,
                  "least": -9223372036854775808, "small": 1e-7, "list": [], "map": {},
                  "none": None, "text": "Größe 😀 \" \\ \n"}
    tenant.ok("POST", "/customers", {"external_id": "n", "properties": properties}, 201)
    assert tenant.customer("n")["properties"] == properties


def test_a_body_over_the_limit_is_too_large(tenant):
    text = "x" * MEBIBYTE
    answer = tenant.post("/events", {"customer_id": "c", "event_type": "x", "data": {"t": text}})
    assert answer.status_code == 413
    assert "error" in answer.json()


def test_a_body_over_every_limit_is_refused_before_it_is_sent(tenant):
    assert tenant.announce("/events/batch", 64 * MEBIBYTE) == 413
    assert tenant.get("/flows").status_code == 200


def test_unknown_keys_of_a_body_are_ignored(tenant):
    flow = tenant.ok("POST", "/flows", {"name": "f", "id": "mine", "status": "active", "x": 1}, 201)
    assert flow["data"]["status"] == "draft" and flow["data"]["id"] != "mine"


def test_ids_and_types_have_at_most_255_bytes(tenant):
    assert tenant.event("c" * 255, "t" * 255)["routed"] == 0
    for customer, event_type in (("c" * 256, "t"), ("c", "t" * 256), ("é" * 128, "t")):
        answer = tenant.post("/events", {"customer_id": customer, "event_type": event_type})
        assert answer.status_code == 422
        assert answer.json()["error"] == "validation_failed"


def test_a_garbled_request_does_not_hurt_the_server(server, tenant):
    for data in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        try:
            raw(server, data)
        except OSError:
            pass
    assert tenant.get("/flows").status_code == 200


def test_a_client_that_hangs_up_loses_nobody_elses_answer(server, tenant):
    flow = tenant.new_flow(chain(node("hold", "wait", duration="1d")))
    body = '{"customer_ids":[%s]}' % ",".join(f'"h{i}"' for i in range(200))
    head = (f"POST /api/v1/flows/{flow}/trigger HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {tenant.key}\r\nContent-Length: {len(body)}\r\n\r\n")
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.sendall((head + body).encode())
    assert tenant.event("someone", "x") == {"routed": 0, "started": 0, "held": 0}


# Lists


@pytest.mark.parametrize("query", [
    "limit=", "limit=0", "limit=-1", "limit=501", "limit=ten", "limit=1.5", "limit=1e2",
    "limit=99999999999999999999", "cursor=", "cursor=*", "cursor=AAAA",
    "cursor=" + "A" * 1000])
def test_a_bad_limit_or_cursor_is_named(tenant, query):
    answer = tenant.get(f"/flows?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == {query.split("=")[0]: ["is invalid"]}


@pytest.mark.parametrize("query", ["cursor=%00", "limit=%ff", "cursor=%", "&&=&?", "%00=1"])
def test_a_broken_query_is_never_the_servers_failure(tenant, query):
    assert tenant.get(f"/flows?{query}").status_code in (200, 400, 422)


def test_pages_show_everything_once_newest_first(tenant):
    made = [tenant.ok("POST", "/flows", {"name": f"f{i}"}, 201)["data"]["id"] for i in range(7)]
    seen, cursor = [], None
    for _ in range(4):
        more = {"cursor": cursor} if cursor else {}
        page = tenant.ok("GET", "/flows", params={"limit": 3, **more})
        seen += [flow["id"] for flow in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1] and cursor is None
    assert tenant.ok("GET", "/flows", params={"limit": 7})["next_cursor"] is None


# Tenants


def test_what_another_tenant_owns_does_not_exist(tenant, other):
    flow = tenant.new_flow(chain(node("hold", "wait", duration="1d")))
    instance = tenant.trigger(flow, "c")
    customer = tenant.customer("c")["id"]
    graph = {"graph": chain()}
    gone = other.get(f"/flows/{uuid.uuid4()}").json()
    assert gone["error"] == "not_found"
    for method, path, body in (
            ("GET", f"/flows/{flow}", None), ("PUT", f"/flows/{flow}", {"name": "x"}),
            ("DELETE", f"/flows/{flow}", None), ("POST", f"/flows/{flow}/activate", None),
            ("POST", f"/flows/{flow}/pause", None), ("POST", f"/flows/{flow}/resume", None),
            ("POST", f"/flows/{flow}/archive", None), ("GET", f"/flows/{flow}/versions", None),
            ("POST", f"/flows/{flow}/versions", graph), ("GET", f"/flows/{flow}/versions/1", None),
            ("GET", f"/flows/{flow}/instances", None),
            ("POST", f"/flows/{flow}/trigger", {"customer_id": "c"}),
            ("GET", f"/instances/{instance}", None),
            ("GET", f"/instances/{instance}/timeline", None),
            ("POST", f"/instances/{instance}/cancel", None),
            ("GET", f"/customers/{customer}", None), ("GET", "/customers/external:c", None),
            ("PUT", f"/customers/{customer}", {"name": "x"}),
            ("POST", f"/customers/{customer}/tags", {"tags": ["x"]}),
            ("PUT", f"/customers/{customer}/preferences", {"preferences": {"email": False}})):
        answer = other.request(method, path, body)
        assert answer.status_code == 404, f"{method} {path}: {answer.text}"
        assert answer.json() == gone, f"{method} {path}"
    assert other.ok("GET", "/flows")["data"] == [] and other.ok("GET", "/customers")["data"] == []
    assert tenant.instance(instance)["status"] == "waiting"
    assert tenant.customer("c")["name"] is None


def test_two_tenants_may_have_the_same_customers_and_events(tenant, other):
    graph = chain(node("hold", "wait_for_event", event_type="go"), node("end", "exit"))
    graph["edges"][1]["branch"] = "event_received"
    flows = [t.new_flow(graph) for t in (tenant, other)]
    instances = [t.trigger(flow, "same") for t, flow in zip((tenant, other), flows)]
    assert tenant.event("same", "go", id="e1")["routed"] == 1
    assert other.instance(instances[1])["status"] == "waiting"
    assert other.event("same", "go", id="e1")["routed"] == 1


# Limits


def test_over_the_rate_one_is_told_when_to_come_back(server):
    tenant = Tenant(server.base)
    tenant.settings(rate_limits={"api": {"max_requests": 3, "window_seconds": 600}})
    fresh = Client(server.base, tenant.key)
    for _ in range(3):
        assert fresh.get("/flows").status_code == 200
    answer = fresh.get("/flows")
    assert answer.status_code == 429
    assert answer.json()["error"] == "rate_limit_exceeded"
    assert answer.json()["retry_after"] >= 1
    assert int(answer.headers["Retry-After"]) == answer.json()["retry_after"]
    assert fresh.post("/events", {"customer_id": "c", "event_type": "x"}).status_code == 202


def test_a_batch_takes_its_items_from_the_bucket(server):
    tenant = Tenant(server.base)
    tenant.settings(rate_limits={"events": {"max_requests": 5, "window_seconds": 600}})
    fresh = Client(server.base, tenant.key)
    events = [{"customer_id": f"c{i}", "event_type": "x"} for i in range(20)]
    assert fresh.post("/events/batch", {"events": events}).json()["accepted"] == 20
    answer = fresh.post("/events", {"customer_id": "c", "event_type": "x"})
    assert answer.status_code == 429 and answer.json()["retry_after"] >= 1000


def test_a_rate_limit_is_one_tenants_own(server, other):
    tenant = Tenant(server.base)
    tenant.settings(rate_limits={"trigger": {"max_requests": 1, "window_seconds": 600}})
    flows = [t.new_flow(chain(node("end", "exit"))) for t in (tenant, other)]
    assert tenant.post(f"/flows/{flows[0]}/trigger", {"customer_id": "a"}).status_code == 201
    assert tenant.post(f"/flows/{flows[0]}/trigger", {"customer_id": "b"}).status_code == 429
    for i in range(3):
        other.trigger(flows[1], f"c{i}")
