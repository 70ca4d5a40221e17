"""Section 1, Idempotency: a POST that is sent twice under one key happens once."""
import threading
import uuid

import pytest

from support.client import Client, Tenant, wait_until
from support.graphs import chain, node
from support.server import Server

HOLD = chain(node("hold", "wait", duration="3d"))


def key():
    return f"key-{uuid.uuid4()}"


def send(client, path, body, key, **more):
    return client.post(path, body, headers={"Idempotency-Key": key}, **more)


def twice(client, path, body, status):
    """Both answers, which are the same."""
    name = key()
    first, second = (send(client, path, body, name) for _ in range(2))
    assert first.status_code == status, first.text
    assert (second.status_code, second.content) == (first.status_code, first.content)
    return first


def test_a_flow_is_made_once(tenant):
    made = twice(tenant, "/flows", {"name": "once"}, 201).json()["data"]
    assert [flow["id"] for flow in tenant.ok("GET", "/flows")["data"]] == [made["id"]]
    twice(tenant, f"/flows/{made['id']}/versions", {"graph": HOLD}, 201)
    assert len(tenant.ok("GET", f"/flows/{made['id']}/versions")["data"]) == 1


def test_a_flow_moves_once_and_what_was_answered_stays(tenant):
    flow, name = tenant.draft(HOLD), key()
    first = send(tenant, f"/flows/{flow}/activate", None, name)
    tenant.move(flow, "pause")
    again = send(tenant, f"/flows/{flow}/activate", None, name)
    assert again.status_code == 200 and again.text == first.text
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["status"] == "paused"
    assert tenant.trigger(tenant.new_flow(HOLD), "c")
    # What the engine knows is what the answer said.
    send(tenant, f"/flows/{flow}/resume", None, key())
    assert tenant.post(f"/flows/{flow}/trigger", {"customer_id": "a"}).status_code == 201
    send(tenant, f"/flows/{flow}/pause", None, key())
    assert tenant.post(f"/flows/{flow}/trigger", {"customer_id": "b"}).status_code == 422


def test_a_customer_enters_once(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    made = twice(tenant, f"/flows/{flow}/trigger", {"customer_id": "c"}, 201).json()
    assert [i["id"] for i in tenant.instances(flow)] == [made["instance_id"]]


def test_a_list_of_customers_enters_once(tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    body = {"customer_ids": ["a", "b", "", "c"]}
    answer = twice(tenant, f"/flows/{flow}/trigger", body, 201).json()
    assert len(answer["instance_ids"]) == 3 and len(answer["errors"]) == 1
    assert len(tenant.instances(flow)) == 3


def test_a_customer_is_made_and_tagged_once(tenant):
    made = twice(tenant, "/customers", {"external_id": "c", "name": "Ann"}, 201).json()["data"]
    twice(tenant, f"/customers/{made['id']}/tags", {"tags": ["x"]}, 200)
    twice(tenant, "/customers/external:c/tags", {"tags": ["y"]}, 200)
    assert tenant.customer("c")["tags"] == ["x", "y"]


def test_an_instance_is_cancelled_once(tenant):
    instance = tenant.trigger(tenant.new_flow(HOLD), "c")
    answer = twice(tenant, f"/instances/{instance}/cancel", None, 200).json()["data"]
    assert answer["exit_reason"] == "cancelled_by_operator"


def test_an_instance_is_paused_resumed_and_ended_once(tenant):
    flow = tenant.new_flow(HOLD)
    instance = tenant.trigger(flow, "c")
    for action, body, status in (("pause", None, "paused"), ("resume", None, "waiting"),
                                 ("exit", {"reason": "enough"}, "exited")):
        answer = twice(tenant, f"/instances/{instance}/{action}", body, 200)
        assert answer.json()["data"]["status"] == status


def test_a_journey_is_made_launched_and_copied_once(tenant):
    flow = tenant.ok("POST", "/flows", {"name": "f"}, 201)["data"]["id"]
    made = twice(tenant, "/journeys", {"name": "j", "flow_id": flow}, 201).json()["data"]
    twice(tenant, f"/journeys/{made['id']}/versions", {"graph": HOLD}, 201)
    assert len(tenant.ok("GET", f"/journeys/{made['id']}/versions")["data"]) == 1
    name = key()
    first = send(tenant, f"/journeys/{made['id']}/launch", None, name)
    twice(tenant, f"/journeys/{made['id']}/pause", None, 200)
    again = send(tenant, f"/journeys/{made['id']}/launch", None, name)
    assert first.status_code == 200 and again.text == first.text
    assert tenant.ok("GET", f"/journeys/{made['id']}")["data"]["status"] == "paused"
    twice(tenant, f"/journeys/{made['id']}/duplicate", None, 201)
    assert len(tenant.ok("GET", "/journeys")["data"]) == 2


def test_a_key_is_shown_again_and_is_not_readable_in_the_database(tenant, sql):
    made = twice(tenant, "/api-keys", {"name": "k", "role": "viewer"}, 201).json()["data"]
    assert Client(tenant.base, made["key"]).get("/flows").status_code == 200
    assert len(tenant.ok("GET", "/api-keys")["data"]) == 2
    stored = sql("SELECT answer FROM idempotency_answer WHERE tenant_id = %s", tenant.id)
    assert stored and all(made["key"].encode() not in bytes(row[0]) for row in stored)


def test_the_operators_tenant_is_made_once(operator):
    name = f"once {uuid.uuid4()}"
    made = twice(operator, "/admin/tenants", {"name": name}, 201).json()["data"]
    assert operator.get(f"/admin/tenants/{made['id']}").json()["data"]["name"] == name


# Keys


@pytest.mark.parametrize("name, status", [("", 400), ("k" * 15, 400), ("k" * 256, 400),
                                          ("k" * 16, 201), ("k" * 255, 201)])
def test_a_key_has_16_to_255_characters(tenant, name, status):
    answer = send(tenant, "/flows", {"name": "f"}, name)
    assert answer.status_code == status
    assert status == 201 or answer.json()["error"] == "invalid_idempotency_key"


def test_another_request_under_the_same_key_is_a_conflict(tenant):
    flow, name = tenant.draft(HOLD), key()
    assert send(tenant, "/flows", {"name": "a"}, name).status_code == 201
    for path, body in (("/flows", {"name": "b"}), ("/flows?x=1", {"name": "a"}), ("/flows", None),
                       (f"/flows/{flow}/activate", {"name": "a"})):
        answer = send(tenant, path, body, name)
        assert (answer.status_code, answer.json()["error"]) == (409, "idempotency_conflict"), path
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["status"] == "draft"


def test_a_key_is_one_tenants_own(tenant, other):
    name = key()
    made = [send(t, "/flows", {"name": "f"}, name).json()["data"]["id"] for t in (tenant, other)]
    assert made[0] != made[1]
    assert [f["id"] for f in other.ok("GET", "/flows")["data"]] == [made[1]]


def test_what_was_refused_may_be_mended_under_its_key(tenant):
    name = key()
    assert send(tenant, "/flows", {"name": ""}, name).status_code == 422
    assert send(tenant, "/flows", {"name": "f"}, name).status_code == 201
    flow, name = tenant.draft({"nodes": [], "edges": []}), key()
    assert send(tenant, f"/flows/{flow}/activate", None, name).status_code == 422
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": HOLD}, 201)
    assert send(tenant, f"/flows/{flow}/activate", None, name).status_code == 200
    name = key()
    missing = f"/flows/{uuid.uuid4()}/trigger"
    for _ in range(2):
        assert send(tenant, missing, {"customer_id": "c"}, name).status_code == 404


def test_a_key_holds_for_24_hours(tenant):
    name = key()
    first = send(tenant, "/flows", {"name": "f"}, name)
    tenant.advance("23h")
    assert send(tenant, "/flows", {"name": "f"}, name).text == first.text
    tenant.advance("61m")
    later = send(tenant, "/flows", {"name": "f"}, name)
    assert later.status_code == 201 and later.text != first.text
    assert send(tenant, "/flows", {"name": "f"}, name).text == later.text


def test_keys_are_dropped_when_they_are_old(tenant, sql):
    send(tenant, "/flows", {"name": "f"}, key())
    count = "SELECT count(*) FROM {} WHERE tenant_id = %s"
    tables = ("idempotency_claim", "idempotency_answer")
    assert [sql(count.format(t), tenant.id) for t in tables] == [[(1,)]] * 2
    tenant.advance("3d")
    wait_until(lambda: [sql(count.format(t), tenant.id) for t in tables] == [[(0,)]] * 2)


def test_events_carry_their_own_id(tenant):
    name = key()
    body = {"customer_id": "c", "event_type": "x"}
    assert send(tenant, "/events", body, name).status_code == 202
    assert send(tenant, "/events", {**body, "customer_id": "d"}, name).status_code == 202


# At once


def test_many_at_once_make_one(server, tenant):
    flow = tenant.new_flow(chain(node("end", "exit")))
    for path, body in (("/flows", {"name": "f"}), (f"/flows/{flow}/trigger", {"customer_id": "c"})):
        name, answers = key(), []

        def one():
            answers.append(send(Client(server.base, tenant.key), path, body, name))

        threads = [threading.Thread(target=one) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = {a.text for a in answers if a.status_code == 201}
        assert len(done) == 1
        assert all(a.json()["error"] == "in_progress" for a in answers if a.status_code != 201)
    assert len(tenant.ok("GET", "/flows")["data"]) == 2 and len(tenant.instances(flow)) == 1


def test_others_go_on_while_one_waits_for_a_lock(server, tenant, sql):
    """A claimed request that waits in the database is in progress; then it is done, once."""
    flow, name = tenant.draft(HOLD), key()
    connection = server.database()
    connection.autocommit = False
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM flow WHERE id = %s FOR UPDATE", (flow,))
        answers = []
        path = f"/flows/{flow}/activate"
        waiting = threading.Thread(target=lambda: answers.append(send(
            Client(server.base, tenant.key), path, None, name)))
        waiting.start()
        wait_until(lambda: sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        other = Client(server.base, tenant.key)
        assert send(other, path, None, name).json()["error"] == "in_progress"
        assert send(other, path, {"x": 1}, name).json()["error"] == "idempotency_conflict"
    connection.rollback()
    connection.close()
    waiting.join()
    assert answers[0].status_code == 200
    assert send(tenant, path, None, name).text == answers[0].text


# Death between claim and effect, and between effect and answer


def crashing(point, path_of, body, prepare=lambda tenant: None):
    """The repetition's answer after the process died at the point; the tenant then."""
    server = Server()
    try:
        server.start()
        tenant = Tenant(server.base)
        thing = prepare(tenant)
        server.stop()
        server.environment["KALCIFER_CRASH_POINT"] = point
        server.start()
        name = key()
        with pytest.raises(Exception, match="(?i)connection|reset|aborted"):
            send(tenant, path_of(thing), body, name)
        server.process.wait(30)
        del server.environment["KALCIFER_CRASH_POINT"]
        server.start()
        answer = send(tenant, path_of(thing), body, name)
        again = send(tenant, path_of(thing), body, name)
        assert again.text == answer.text
        return answer, tenant, thing, server
    except BaseException:
        server.remove()
        raise


@pytest.mark.parametrize("point", ["claim_taken:1", "claim_commit:1"])
def test_a_claim_whose_process_died_is_open_again(point):
    answer, tenant, _, server = crashing(point, lambda _: "/flows", {"name": "f"})
    try:
        assert answer.status_code == 201
        flows = tenant.ok("GET", "/flows")["data"]
        assert [f["id"] for f in flows] == [answer.json()["data"]["id"]]
    finally:
        server.remove()


@pytest.mark.parametrize("point", ["before_commit:1", "flush_sent:1", "after_commit:1"])
def test_an_entry_whose_process_died_happens_once(point):
    answer, tenant, flow, server = crashing(
        point, lambda flow: f"/flows/{flow}/trigger", {"customer_ids": ["a", "b", "c"]},
        lambda tenant: tenant.new_flow(chain(node("end", "exit"))))
    try:
        assert answer.status_code == 201 and answer.json()["errors"] == []
        entered = {i["id"] for i in tenant.instances(flow)}
        assert entered == set(answer.json()["instance_ids"]) and len(entered) == 3
    finally:
        server.remove()
