"""Customers: what is known of them, and who may change it."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import Client

ADA = {"external_id": "ada", "email": "ada@example.com", "phone": "+441", "name": "Ada",
       "timezone": "Europe/London", "properties": {"plan": "pro", "n": 1}, "tags": ["vip", "new"],
       "preferences": {"email": True}}


def test_a_customer_is_created_and_found_by_both_ids(tenant):
    made = tenant.ok("POST", "/customers", ADA, 201)["data"]
    assert {key: made[key] for key in ADA} == ADA
    assert made["created_at"] == tenant.now()
    by_id = tenant.ok("GET", f"/customers/{made['id']}")["data"]
    assert by_id == tenant.customer("ada")
    assert {key: by_id[key] for key in ADA} == ADA and by_id["id"] == made["id"]


def test_external_ids_may_be_anything_printable(tenant):
    for name in ("a b", "a/b", "grün", "😀", "external:x", "%41", "a+b"):
        tenant.ok("POST", "/customers", {"external_id": name}, 201)
        quoted = "".join(f"%{byte:02X}" for byte in name.encode())
        assert tenant.ok("GET", f"/customers/external:{quoted}")["data"]["external_id"] == name


def test_a_customer_is_there_once(tenant):
    tenant.ok("POST", "/customers", ADA, 201)
    answer = tenant.post("/customers", {"external_id": "ada", "name": "Other"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"external_id": ["has already been taken"]}
    assert tenant.customer("ada")["name"] == "Ada"


def test_many_at_once_make_one_customer(server, tenant):
    clients = [Client(server.base, tenant.key) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda c: c.post("/customers", {"external_id": "x"}), clients))
    assert sorted(a.status_code for a in answers) == [201] + [422] * 7


def test_upsert_updates_what_is_given(tenant):
    first = tenant.post("/customers?upsert=true", ADA)
    assert first.status_code in (200, 201)
    again = tenant.ok("POST", "/customers?upsert=true",
                      {"external_id": "ada", "name": "Countess", "properties": {"n": 2}})["data"]
    assert again["id"] == first.json()["data"]["id"]
    assert again["name"] == "Countess" and again["email"] == "ada@example.com"
    assert again["properties"]["n"] == 2 and again["tags"] == ["vip", "new"]


@pytest.mark.parametrize("body,field", [
    ({}, "external_id"), ({"external_id": ""}, "external_id"), ({"external_id": 5}, "external_id"),
    ({"external_id": "x" * 256}, "external_id"), ({"external_id": "x", "email": 5}, "email"),
    ({"external_id": "x", "timezone": "Mars/Olympus"}, "timezone"),
    ({"external_id": "x", "properties": []}, "properties"),
    ({"external_id": "x", "tags": "vip"}, "tags"), ({"external_id": "x", "tags": [5]}, "tags"),
    ({"external_id": "x", "preferences": 1}, "preferences")])
def test_wrong_fields_are_named(tenant, body, field):
    answer = tenant.post("/customers", body)
    assert answer.status_code == 422 and list(answer.json()["errors"]) == [field]
    assert tenant.ok("GET", "/customers")["data"] == []


def test_put_changes_by_either_id_and_keeps_the_external_id(tenant):
    made = tenant.ok("POST", "/customers", ADA, 201)["data"]
    tenant.ok("PUT", f"/customers/{made['id']}", {"name": "Countess", "external_id": "other"})
    tenant.ok("PUT", "/customers/external:ada", {"email": None})
    shown = tenant.customer("ada")
    assert shown["name"] == "Countess" and shown["email"] is None and shown["id"] == made["id"]
    assert tenant.get("/customers/external:other").status_code == 404
    assert tenant.put("/customers/external:nobody", {"name": "x"}).status_code == 404
    assert tenant.get("/customers/external:nobody").status_code == 404


def test_tags_are_added_and_removed_as_a_set(tenant):
    tenant.ok("POST", "/customers", ADA, 201)
    tenant.ok("POST", "/customers/external:ada/tags", {"tags": ["vip", "x", "x"]})
    assert tenant.customer("ada")["tags"] == ["vip", "new", "x"]
    tenant.ok("DELETE", "/customers/external:ada/tags", {"tags": ["new", "unknown"]})
    assert tenant.customer("ada")["tags"] == ["vip", "x"]
    for body in ({}, {"tags": "x"}, {"tags": [1]}):
        answer = tenant.post("/customers/external:ada/tags", body)
        assert answer.status_code == 422 and list(answer.json()["errors"]) == ["tags"]
    assert tenant.post("/customers/external:nobody/tags", {"tags": ["x"]}).status_code == 404


def test_preferences_are_merged_shallowly(tenant):
    tenant.ok("POST", "/customers", ADA, 201)
    path = "/customers/external:ada/preferences"
    tenant.ok("PUT", path, {"preferences": {"sms": False, "quiet": {"from": "22:00"}}})
    tenant.ok("PUT", path, {"preferences": {"quiet": {"to": "07:00"}}})
    assert tenant.customer("ada")["preferences"] == {"email": True, "sms": False,
                                                     "quiet": {"to": "07:00"}}
    assert tenant.put(path, {}).status_code == 422
    assert tenant.put(path, {"preferences": []}).status_code == 422


def test_changes_of_many_at_once_are_all_kept(server, tenant):
    tenant.ok("POST", "/customers", {"external_id": "c"}, 201)
    clients = [Client(server.base, tenant.key) for _ in range(4)]

    def add(i):
        body = {"tags": [f"t{i}"]}
        return clients[i % 4].post("/customers/external:c/tags", body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(add, range(60))) == {200}
    assert sorted(tenant.customer("c")["tags"]) == sorted(f"t{i}" for i in range(60))


def test_customers_are_listed_newest_first_by_pages(tenant):
    for i in range(5):
        tenant.ok("POST", "/customers", {"external_id": f"c{i}"}, 201)
    page = tenant.ok("GET", "/customers", params={"limit": 3})
    rest = tenant.ok("GET", "/customers", params={"limit": 3, "cursor": page["next_cursor"]})
    seen = [c["external_id"] for c in page["data"] + rest["data"]]
    assert sorted(seen) == [f"c{i}" for i in range(5)] and rest["next_cursor"] is None
