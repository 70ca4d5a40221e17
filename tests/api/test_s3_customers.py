"""Sections 3 and 13: profiles, a customer's journeys, filters, and customers who go."""
import pytest

from support.client import wait_until
from support.graphs import chain, graph, node, start

ADA = {"external_id": "ada", "email": "ada@example.com", "name": "Ada", "tags": ["vip"],
       "properties": {"plan": "pro"}, "preferences": {"email": True}}
HOUR = chain(node("mail", "send_email", template_id="t"), node("w", "wait", duration="1h"))


def names(page):
    return [c["external_id"] for c in page["data"]]


def test_a_profile_is_shown_and_merged(tenant):
    made = tenant.ok("POST", "/customers", ADA, 201)["data"]
    want = {"email": "ada@example.com", "phone": None, "name": "Ada", "timezone": None,
            "properties": {"plan": "pro"}}
    for id in (made["id"], "external:ada"):
        assert tenant.ok("GET", f"/customers/{id}/profile")["data"] == want
    body = {"name": "Countess", "phone": None, "properties": {"n": 1}, "tags": ["x"],
            "external_id": "other"}
    want |= {"name": "Countess", "properties": {"plan": "pro", "n": 1}}
    assert tenant.ok("PATCH", "/customers/external:ada/profile", body)["data"] == want
    assert tenant.ok("GET", f"/customers/{made['id']}/profile")["data"] == want
    shown = tenant.customer("ada")
    assert shown["tags"] == ["vip"] and shown["preferences"] == {"email": True}


def test_a_wrong_profile_is_refused(tenant, other):
    tenant.ok("POST", "/customers", ADA, 201)
    answer = tenant.request("PATCH", "/customers/external:ada/profile",
                            {"name": 5, "properties": []})
    assert answer.status_code == 422 and sorted(answer.json()["errors"]) == ["name", "properties"]
    for who, id in ((tenant, "external:bob"), (other, "external:ada"), (tenant, "x")):
        assert who.get(f"/customers/{id}/profile").status_code == 404
        assert who.request("PATCH", f"/customers/{id}/profile", {}).status_code == 404


def test_a_customers_journeys(tenant, other):
    flows = [tenant.new_flow(HOUR) for _ in range(3)]
    for flow in flows:
        tenant.trigger(flow, "ada")
        tenant.advance("1ms")
    tenant.trigger(flows[0], "bob")
    id = tenant.customer("ada")["id"]
    path = f"/customers/{id}/journeys"
    page = tenant.ok("GET", path, params={"limit": 2})
    assert [i["flow_id"] for i in page["data"]] == flows[:0:-1]
    name = tenant.ok("GET", f"/flows/{flows[2]}")["data"]["name"]
    assert page["data"][0]["flow"] == {"id": flows[2], "status": "active", "name": name}
    shown = dict(page["data"][0])
    assert shown.pop("journey") is None and shown.pop("flow")
    assert shown == tenant.instance(shown["id"])
    rest = tenant.ok("GET", "/customers/external:ada/journeys",
                     params={"limit": 2, "cursor": page["next_cursor"]})
    assert [i["flow_id"] for i in rest["data"]] == flows[:1] and rest["next_cursor"] is None
    assert other.get(path).status_code == 404
    assert tenant.get("/customers/external:nobody/journeys").status_code == 404
    assert tenant.get("/customers/x/journeys").status_code == 404
    assert tenant.get(path, params={"limit": 0}).status_code == 422


def test_a_customers_journeys_are_named(tenant):
    journey = tenant.ok("POST", "/journeys", {"name": "Spring", "flow_id": tenant.draft(HOUR)},
                        201)["data"]["id"]
    tenant.ok("POST", f"/journeys/{journey}/launch")
    tenant.ok("POST", f"/journeys/{journey}/trigger", {"customer_id": "ada"}, 201)
    shown, = tenant.ok("GET", "/customers/external:ada/journeys")["data"]
    assert shown["journey"] == {"id": journey, "name": "Spring", "status": "active"}


def test_customers_are_found_by_what_is_known(tenant, other):
    for n in range(5):
        tenant.ok("POST", "/customers", {
            "external_id": f"c{n}", "email": f"{n % 2}@example.com",
            "tags": ["all", "odd" if n % 2 else "even"]}, 201)
        tenant.advance("1ms")
    other.ok("POST", "/customers", {"external_id": "c1", "email": "1@example.com",
                                    "tags": ["all"]}, 201)

    def found(**filters):
        return names(tenant.ok("GET", "/customers", params=filters))

    assert found(external_id="c1") == ["c1"] and found(external_id="c9") == []
    assert found(email="1@example.com") == ["c3", "c1"]
    assert found(tag="even") == ["c4", "c2", "c0"] and found(tag="none") == []
    assert found(tag="all", email="0@example.com", external_id="c2") == ["c2"]
    assert found(tag="odd", email="0@example.com") == []
    assert found(external_id="c1", tag="even") == []
    page = tenant.ok("GET", "/customers", params={"tag": "all", "limit": 3})
    rest = tenant.ok("GET", "/customers",
                     params={"tag": "all", "limit": 3, "cursor": page["next_cursor"]})
    assert names(page) + names(rest) == ["c4", "c3", "c2", "c1", "c0"]
    assert rest["next_cursor"] is None


def test_tags_are_found_as_they_are_now(tenant):
    tenant.ok("POST", "/customers", ADA, 201)
    flow = tenant.new_flow(chain(node("on", "add_tag", tag="new"),
                                 node("off", "remove_tag", tag="vip")))
    tenant.trigger(flow, "ada")

    def found(tag):
        return names(tenant.ok("GET", "/customers", params={"tag": tag}))

    assert found("new") == ["ada"] and found("vip") == []
    tenant.ok("PUT", "/customers/external:ada", {"tags": ["a", "b"]})
    assert found("new") == [] and found("a") == found("b") == ["ada"]
    tenant.ok("DELETE", "/customers/external:ada", status=204)
    assert found("a") == []


def test_a_customer_is_deleted_when_nothing_runs(tenant, other):
    tenant.ok("POST", "/customers", ADA, 201)
    id = tenant.customer("ada")["id"]
    assert other.delete(f"/customers/{id}").status_code == 404
    tenant.ok("DELETE", f"/customers/{id}", status=204)
    assert tenant.get("/customers/external:ada").status_code == 404
    for gone in (id, "external:ada", "x"):
        assert tenant.delete(f"/customers/{gone}").status_code == 404
    again = tenant.ok("POST", "/customers", ADA, 201)["data"]  # the name is free again
    assert again["id"] != id


@pytest.mark.parametrize("status", ["waiting", "paused"])
def test_a_customer_in_a_flow_stays(tenant, status):
    instance = tenant.trigger(tenant.new_flow(HOUR), "ada")
    if status == "paused":
        tenant.ok("POST", f"/instances/{instance}/pause")
    answer = tenant.delete("/customers/external:ada")
    assert (answer.status_code, answer.json()["error"]) == (409, "in_use")
    assert tenant.customer("ada")["external_id"] == "ada"
    tenant.ok("POST", f"/instances/{instance}/exit")
    tenant.ok("DELETE", "/customers/external:ada", status=204)
    assert tenant.instance(instance)["exit_reason"] == "exited_by_operator"  # the history stays


SECRET = "very.secret@example.com"


def test_an_erased_customer_leaves_no_trace_but_counts(tenant, sql):
    flow = tenant.new_flow(graph(
        [start(), node("mail", "send_email", template_id="t"),
         node("gold", "track_conversion", event_name="e", revenue=5,
              metadata={"by": "{{_customer_id}}"}),
         node("w", "wait_for_event", event_type="go", timeout="1d"), node("a", "exit"),
         node("b", "exit")],
        ["start -> mail", "mail -> gold", "gold -> w", "w -event_received-> a",
         "w -timed_out-> b"]))
    tenant.ok("POST", "/customers", {"external_id": SECRET, "email": SECRET, "tags": [SECRET]}, 201)
    first = tenant.trigger(flow, SECRET, {"note": SECRET})
    tenant.event(SECRET, "go", {"card": SECRET}, id=SECRET)
    second = tenant.trigger(flow, SECRET)
    tenant.ok("POST", f"/instances/{second}/pause")
    assert tenant.event(SECRET, "go", {"held": SECRET})["held"] == 1
    tenant.trigger(flow, "bob", {"note": "his"})
    id = tenant.customer(SECRET)["id"]
    tenant.ok("DELETE", f"/customers/{id}?erase=true", status=204)
    shown = tenant.instance(second)
    assert (shown["status"], shown["exit_reason"]) == ("exited", "customer_erased")
    assert shown["context"] == {"accumulated": {}}
    assert tenant.instance(first)["status"] == "completed"
    assert tenant.path(first) == ["start", "mail", "gold", "w", "a"]  # counts stay
    assert len(tenant.instances(flow)) == 3
    assert tenant.instances(flow, customer_id=SECRET) == []
    assert tenant.get(f"/customers/{id}").status_code == 404
    tables = [t for t, in sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND "
                              "relnamespace = 'public'::regnamespace")]
    found = [t for t in tables if sql(f'SELECT 1 FROM "{t}" x WHERE x::text LIKE %s',
                                      f"%{SECRET}%")]
    assert found == []
    assert sql("SELECT count(*) FROM delivery WHERE instance_id = %s", first) == [(1,)]
    assert sql("SELECT value FROM conversion WHERE instance_id = %s", first) == [(5.0,)]
    assert tenant.instance_of(flow, "bob")["context"]["note"] == "his"


def test_an_erased_customer_may_come_back_as_a_new_one(tenant):
    flow = tenant.new_flow(HOUR, entry_config={"reentry": "never"})
    first = tenant.trigger(flow, "ada")
    tenant.ok("DELETE", "/customers/external:ada?erase=true", status=204)
    second = tenant.trigger(flow, "ada")
    assert second != first and tenant.customer("ada")["tags"] == []
    tenant.advance("1h")
    assert tenant.instance(second)["status"] == "completed"
    wait_until(lambda: tenant.instance(first)["status"] == "exited", what="the end")
