"""What the API shows of instances: the caller's own words, and a customer's without a search."""
import json

from support.graphs import chain, node
from support.server import ROOT

WAIT = chain(node("w", "wait", duration="1h"), node("end", "exit"))
STATEMENT = ROOT / "engine/store/queries/api_instance_of_customer.sql"


def test_a_context_is_shown_as_it_was_given(tenant):
    flow = tenant.new_flow(WAIT)
    context = '{"z":1e22,"a":{"y":49.99,"b":[]},"accumulated":"mine","m":null}'
    instance = tenant.session.post(
        tenant.url(f"/flows/{flow}/trigger"), timeout=60,
        data=f'{{"customer_id":"c","context":{context}}}').json()["instance_id"]
    shown = tenant.instance(instance)["context"]
    accumulated = shown.pop("accumulated")
    given = json.loads(context)
    del given["accumulated"]
    assert json.dumps(shown) == json.dumps(given)
    assert isinstance(accumulated, dict)


def test_a_customers_instances_come_by_pages_and_filters(tenant):
    flow, other = tenant.new_flow(WAIT), tenant.new_flow(WAIT)
    made = []
    for _ in range(3):
        made.insert(0, tenant.trigger(flow, "c"))
        tenant.post(f"/instances/{made[0]}/cancel")
    made.insert(0, tenant.trigger(flow, "c"))
    tenant.trigger(flow, "d")
    tenant.trigger(other, "c")

    def page(**parameters):
        answer = tenant.ok("GET", f"/flows/{flow}/instances",
                           params={"customer_id": "c", **parameters})
        return [i["id"] for i in answer["data"]], answer["next_cursor"]

    assert page() == (made, None)
    first, cursor = page(limit=3)
    assert (first, page(limit=3, cursor=cursor)) == (made[:3], (made[3:], None))
    assert page(status="waiting") == (made[:1], None)
    assert page(version=1) == (made, None) and page(version=2) == ([], None)
    assert page(customer_id="nobody") == ([], None) and page(customer_id="") == ([], None)
    assert tenant.get(f"/flows/{made[0]}/instances",
                      params={"customer_id": "c"}).status_code == 404


def test_a_customers_instances_are_found_without_reading_the_flows(tenant, server):
    flow = tenant.new_flow(WAIT)
    events = [{"customer_id": f"c{n}", "event_type": "start"} for n in range(2000)]
    tenant.ok("POST", "/events/batch", {"events": events}, 202)
    with server.database() as connection, connection.cursor() as cursor:
        cursor.execute("ANALYZE instance")
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        cursor.execute("PREPARE listing AS " + STATEMENT.read_text())
        cursor.execute("EXPLAIN EXECUTE listing(%s, NULL, 51, NULL, NULL, now(), 'c5', 7)", (flow,))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "instance_customer" in plan, plan
