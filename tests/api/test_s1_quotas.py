"""Section 13, quotas of a tenant: live instances, customers, events of a day; and section 1, the
rate limits that an operator sets."""
import pytest

from support.client import Client, Tenant
from support.graphs import chain, node
from support.server import Server

HOLD = chain(node("hold", "wait", duration="1d"))


def over(answer, name):
    return (answer.status_code == 429 and answer.json()["error"] == "quota_exceeded"
            and name in answer.json()["message"])


def trigger(tenant, flow, customer):
    return tenant.post(f"/flows/{flow}/trigger", {"customer_id": customer})


def event(tenant, customer="c", **fields):
    return tenant.post("/events", {"customer_id": customer, "event_type": "x", **fields})


def test_no_more_instances_live_than_the_quota_says(tenant):
    flow = tenant.new_flow(HOLD)
    first = tenant.trigger(flow, "before")
    tenant.settings(quotas={"instances": 3})
    for customer in ("a", "b"):
        assert trigger(tenant, flow, customer).status_code == 201
    assert over(trigger(tenant, flow, "c"), "instances")
    assert tenant.get("/customers/external:c").status_code == 404
    tenant.ok("POST", f"/instances/{first}/cancel")
    assert trigger(tenant, flow, "c").status_code == 201
    assert over(trigger(tenant, flow, "d"), "instances")
    tenant.advance("1d")  # all of them end
    assert [trigger(tenant, flow, c).status_code for c in "xyz"] == [201] * 3
    assert over(trigger(tenant, flow, "w"), "instances")


def test_an_event_over_the_quota_of_instances_is_kept_and_starts_nothing(tenant):
    tenant.new_flow(HOLD)
    tenant.settings(quotas={"instances": 1})
    assert tenant.event("a", "start")["started"] == 1
    assert tenant.event("b", "start") == {"routed": 0, "started": 0, "held": 0}


def test_instances_that_end_at_once_use_nothing_up(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    tenant.settings(quotas={"instances": 1})
    for i in range(5):
        assert trigger(tenant, flow, f"c{i}").status_code == 201


def test_no_more_customers_than_the_quota_says(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    tenant.ok("POST", "/customers", {"external_id": "a"}, 201)
    tenant.settings(quotas={"customers": 3})
    tenant.ok("POST", "/customers?upsert=true", {"external_id": "b"})
    assert trigger(tenant, flow, "c").status_code == 201
    for answer in (tenant.post("/customers", {"external_id": "d"}),
                   tenant.post("/customers?upsert=true", {"external_id": "d"}),
                   trigger(tenant, flow, "d")):
        assert over(answer, "customers"), answer.text
    # Who is there already goes on.
    tenant.ok("POST", "/customers?upsert=true", {"external_id": "a", "name": "Ann"})
    assert trigger(tenant, flow, "a").status_code == 201
    assert len(tenant.ok("GET", "/customers")["data"]) == 3


def test_a_day_has_so_many_events(tenant):
    tenant.settings(quotas={"events_per_day": 3})
    assert event(tenant, id="e1").status_code == 202
    assert event(tenant, id="e1").status_code == 202  # the same: it is no second one
    assert [event(tenant, f"c{i}").status_code for i in range(2)] == [202] * 2
    assert over(event(tenant), "events_per_day")
    assert event(tenant, id="e1").status_code == 202
    tenant.advance("1d")
    assert event(tenant).status_code == 202


def test_a_batch_is_answered_item_by_item(tenant):
    tenant.settings(quotas={"events_per_day": 4})
    events = [{"customer_id": f"c{i}", "event_type": "x"} for i in range(10)]
    answer = tenant.ok("POST", "/events/batch", {"events": events}, 202)
    assert (answer["accepted"], answer["rejected"]) == (4, 6)
    assert {r["error"] for r in answer["results"] if r["status"] == "error"} == {"quota_exceeded"}


def test_a_list_is_answered_customer_by_customer(tenant):
    flow = tenant.new_flow(HOLD)
    tenant.settings(quotas={"instances": 2})
    body = {"customer_ids": [f"c{i}" for i in range(5)]}
    answer = tenant.ok("POST", f"/flows/{flow}/trigger", body, 201)
    assert len(answer["instance_ids"]) == 2
    assert [e["error"] for e in answer["errors"]] == ["quota_exceeded"] * 3
    body = {"customer_ids": ["d1", "d2"]}
    assert tenant.post(f"/flows/{flow}/trigger", body).status_code == 429


def test_a_quota_of_nothing_a_changed_one_and_none(tenant):
    tenant.settings(quotas={"events_per_day": 0})
    assert over(event(tenant), "events_per_day")
    tenant.settings(quotas={"events_per_day": 2})
    assert [event(tenant).status_code for _ in range(3)] == [202, 202, 429]
    tenant.settings(quotas={"events_per_day": 3})
    assert [event(tenant).status_code for _ in range(2)] == [202, 429]
    tenant.settings(quotas={"events_per_day": None})
    assert [event(tenant).status_code for _ in range(5)] == [202] * 5


def test_a_quota_is_one_tenants_own(tenant, other):
    tenant.settings(quotas={"events_per_day": 1, "customers": 0, "instances": 0})
    assert event(tenant).status_code == 202 and event(tenant).status_code == 429
    assert [event(other).status_code for _ in range(3)] == [202] * 3


def test_what_was_used_survives_a_restart():
    server = Server(arguments=["--virtual-clock", "2026-01-01T00:00:00Z"])
    try:
        server.start()
        tenant = Tenant(server.base)
        flow = tenant.new_flow(HOLD)
        tenant.settings(quotas={"events_per_day": 3, "instances": 2, "customers": 2})
        assert [event(tenant).status_code for _ in range(2)] == [202] * 2
        assert trigger(tenant, flow, "a").status_code == 201
        server.kill()
        server.start()
        assert [event(tenant).status_code for _ in range(2)] == [202, 429]
        assert trigger(tenant, flow, "b").status_code == 201
        assert over(trigger(tenant, flow, "a2"), "customers")
        tenant.settings(quotas={"customers": None})
        assert over(trigger(tenant, flow, "a2"), "instances")
    finally:
        server.remove()


# Rate limits


@pytest.mark.parametrize("name, request_of", [
    ("trigger", lambda c: c.post("/flows/00000000-0000-0000-0000-000000000000/trigger", {})),
    ("events", lambda c: c.post("/events", {"customer_id": "c", "event_type": "x"})),
    ("api", lambda c: c.get("/flows"))])
def test_each_class_has_its_own_bucket(tenant, name, request_of):
    tenant.settings(rate_limits={name: {"max_requests": 2, "window_seconds": 100}})
    fresh = Client(tenant.base, tenant.key)
    assert [request_of(fresh).status_code == 429 for _ in range(3)] == [False, False, True]
    answer = request_of(fresh)
    assert 1 <= answer.json()["retry_after"] <= 50
    assert answer.headers["Retry-After"] == str(answer.json()["retry_after"])
    shown = tenant.ok("GET", "/tenant")["data"]["settings"] if name != "api" else None
    assert shown is None or shown["rate_limits"] == {
        name: {"max_requests": 2, "window_seconds": 100}}


def test_a_list_of_customers_takes_its_items_from_the_bucket(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    tenant.settings(rate_limits={"trigger": {"max_requests": 4, "window_seconds": 400}})
    body = {"customer_ids": [f"c{i}" for i in range(10)]}
    assert len(tenant.ok("POST", f"/flows/{flow}/trigger", body, 201)["instance_ids"]) == 10
    answer = trigger(tenant, flow, "d")
    # Six below zero, one token each 100 s.
    assert answer.status_code == 429 and 600 < answer.json()["retry_after"] <= 700
