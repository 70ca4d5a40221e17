"""Section 3, keys, and section 13: what a key may do, who sees it, when it ends."""
import datetime
import uuid

import pytest

from support.client import Client, wait_until
from support.graphs import chain, node


def key_of(tenant, role, **fields):
    return tenant.ok("POST", "/api-keys", {"name": role, "role": role, **fields}, 201)["data"]


def as_role(tenant, role):
    return Client(tenant.base, key_of(tenant, role)["key"])


def in_seconds(seconds):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (now + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def test_a_key_is_shown_once_and_works(tenant):
    tenant.advance("1s")
    made = key_of(tenant, "viewer")
    assert made["key"].startswith("kal_") and len(made["key"]) == 47
    assert Client(tenant.base, made["key"]).get("/flows").status_code == 200
    shown = tenant.ok("GET", f"/api-keys/{made['id']}")["data"]
    listed = tenant.ok("GET", "/api-keys")["data"]
    assert [key["name"] for key in listed] == ["viewer", "first"]
    for key in [shown, *listed]:
        assert set(key) == {"id", "name", "role", "created_at", "expires_at", "last_used_at",
                            "revoked"}
    answers = tenant.get("/api-keys").text + tenant.get(f"/api-keys/{made['id']}").text
    assert made["key"] not in answers and tenant.key not in answers


def test_a_key_of_the_command_line_is_like_any_other(server, tenant):
    tenant.advance("1s")
    made = server.command("key", "create", "--tenant", tenant.id, "--role", "viewer",
                          "--name", "ci")
    assert made.returncode == 0, made.stderr
    assert Client(tenant.base, made.stdout.strip()).get("/flows").status_code == 200
    key = tenant.ok("GET", "/api-keys")["data"][0]
    assert (key["name"], key["role"], key["expires_at"]) == ("ci", "viewer", None)


# Roles


def test_a_viewer_reads_and_changes_nothing(tenant):
    flow = tenant.new_flow(chain(node("hold", "wait", duration="1d")))
    viewer = as_role(tenant, "viewer")
    for path in ("/flows", f"/flows/{flow}", "/customers", "/api-keys", "/tenant", "/node-types"):
        assert viewer.get(path).status_code == 200, path
    for method, path in (("POST", "/flows"), ("PUT", f"/flows/{flow}"),
                         ("DELETE", f"/flows/{flow}"), ("POST", f"/flows/{flow}/pause"),
                         ("POST", f"/flows/{flow}/trigger"), ("POST", "/events"),
                         ("POST", "/customers"), ("POST", "/api-keys"), ("PUT", "/tenant")):
        answer = viewer.request(method, path, {})
        assert answer.status_code == 403, f"{method} {path}: {answer.text}"
        assert answer.json()["error"] == "forbidden"
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["status"] == "active"


def test_an_editor_does_all_but_keys_and_settings(tenant):
    editor = as_role(tenant, "editor")
    made = editor.ok("POST", "/flows", {"name": "f"}, 201)["data"]["id"]
    editor.ok("POST", "/events", {"customer_id": "c", "event_type": "x"}, 202)
    editor.ok("DELETE", f"/flows/{made}", status=204)
    first = editor.ok("GET", "/api-keys")["data"][-1]
    editor.ok("GET", "/tenant")
    for method, path in (("POST", "/api-keys"), ("PUT", f"/api-keys/{first['id']}"),
                         ("DELETE", f"/api-keys/{first['id']}"), ("PUT", "/tenant"),
                         ("GET", "/audit-log")):
        answer = editor.request(method, path, {})
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden"), path
    assert tenant.get("/flows").status_code == 200  # the first key was not revoked


def test_a_new_role_holds_at_once(tenant):
    made = key_of(tenant, "viewer")
    client = Client(tenant.base, made["key"])
    assert client.post("/flows", {"name": "f"}).status_code == 403
    changed = tenant.ok("PUT", f"/api-keys/{made['id']}", {"role": "editor", "name": "ed"})["data"]
    assert (changed["role"], changed["name"]) == ("editor", "ed")
    assert client.post("/flows", {"name": "f"}).status_code == 201


# The end of a key


def test_a_revoked_key_is_refused_at_once(tenant):
    made = key_of(tenant, "admin")
    client = Client(tenant.base, made["key"])
    assert client.get("/flows").status_code == 200
    tenant.ok("DELETE", f"/api-keys/{made['id']}", status=204)
    answer = client.get("/flows")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_api_key")
    assert tenant.ok("GET", f"/api-keys/{made['id']}")["data"]["revoked"] is True
    tenant.ok("DELETE", f"/api-keys/{made['id']}", status=204)
    assert tenant.put(f"/api-keys/{made['id']}", {"role": "viewer"}).status_code == 409


def test_a_key_revoked_by_another_process_is_refused_within_5_seconds(server, tenant, sql):
    made = key_of(tenant, "viewer")
    client = Client(tenant.base, made["key"])
    assert client.get("/flows").status_code == 200
    connection = server.database()  # another process's statement
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_key SET revoked_at = clock_timestamp(),"
                       " changed_at = clock_timestamp() WHERE id = %s", (made["id"],))
    connection.close()
    wait_until(lambda: client.get("/flows").status_code == 401, 5)


def test_a_key_ends_when_it_expires(tenant):
    made = key_of(tenant, "viewer", expires_at=in_seconds(1.5))
    client = Client(tenant.base, made["key"])
    assert client.get("/flows").status_code == 200
    wait_until(lambda: client.get("/flows").status_code == 401, 5)
    tenant.ok("PUT", f"/api-keys/{made['id']}", {"expires_at": None})
    assert client.get("/flows").status_code == 200


def test_the_last_use_is_told(tenant, sql):
    made = key_of(tenant, "viewer")
    show = f"/api-keys/{made['id']}"
    assert tenant.ok("GET", show)["data"]["last_used_at"] is None
    Client(tenant.base, made["key"]).get("/flows")
    used = wait_until(lambda: tenant.ok("GET", show)["data"]["last_used_at"])
    at = datetime.datetime.fromisoformat(used.replace("Z", "+00:00"))
    assert abs(at - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)


def test_uses_within_a_minute_are_one_write(tenant, sql):
    made = key_of(tenant, "viewer")
    client = Client(tenant.base, made["key"])
    client.get("/flows")
    wait_until(lambda: tenant.ok("GET", f"/api-keys/{made['id']}")["data"]["last_used_at"])
    version = "SELECT xmin::text FROM api_key WHERE id = %s"
    before = sql(version, made["id"])
    for _ in range(30):
        client.get("/flows")
    tenant.ok("GET", "/flows")
    assert sql(version, made["id"]) == before


# Bad bodies, others' keys


@pytest.mark.parametrize("body, field, problem", [
    ({"role": "viewer"}, "name", "can't be blank"), ({"name": "n"}, "role", "can't be blank"),
    ({"name": "n", "role": "owner"}, "role", "is invalid"),
    ({"name": "n", "role": 1}, "role", "is invalid"),
    ({"name": 1, "role": "viewer"}, "name", "is invalid"),
    ({"name": "n", "role": "viewer", "expires_at": "soon"}, "expires_at", "is invalid"),
    ({"name": "n", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at",
     "is invalid")])
def test_a_bad_key_is_named(tenant, body, field, problem):
    answer = tenant.post("/api-keys", body)
    assert answer.status_code == 422 and answer.json()["errors"] == {field: [problem]}


def test_keys_of_others_do_not_exist(tenant, other):
    made = key_of(other, "viewer")
    for method in ("GET", "PUT", "DELETE"):
        for id in (made["id"], uuid.uuid4(), "first"):
            assert tenant.request(method, f"/api-keys/{id}", {"name": "x"}).status_code == 404
    assert Client(other.base, made["key"]).get("/flows").status_code == 200
    assert [key["name"] for key in tenant.ok("GET", "/api-keys")["data"]] == ["first"]


# The tenant itself


def test_a_tenant_sees_its_settings_and_sets_its_own(tenant):
    tenant.settings(quotas={"customers": 7}, outbound_allow=["127.0.0.1"])
    changed = tenant.ok("PUT", "/tenant", {"settings": {"timezone": "Europe/Berlin"}})["data"]
    shown = as_role(tenant, "viewer").ok("GET", "/tenant")["data"]
    assert changed == shown and shown["id"] == tenant.id and shown["name"] == tenant.name
    assert shown["settings"] == {"quotas": {"customers": 7}, "outbound_allow": ["127.0.0.1"],
                                 "timezone": "Europe/Berlin"}


@pytest.mark.parametrize("settings", [
    {"quotas": {"customers": 10}}, {"rate_limits": {}}, {"outbound_allow": ["10.0.0.0/8"]},
    {"quotas": None}])
def test_what_bounds_a_tenant_the_operator_sets(tenant, settings):
    answer = tenant.put("/tenant", {"settings": {"timezone": "UTC", **settings}})
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert tenant.ok("GET", "/tenant")["data"]["settings"] == {}


def test_a_secret_is_never_shown(tenant):
    secret = "s" * 40
    body = {"jwt_secret": secret}
    assert tenant.ok("PUT", "/tenant", body)["data"]["has_jwt_secret"] is True
    for answer in (tenant.get("/tenant"), tenant.get("/audit-log"),
                   tenant.operator.get(f"/admin/tenants/{tenant.id}")):
        assert answer.status_code == 200 and secret not in answer.text
    assert tenant.ok("PUT", "/tenant", {"jwt_secret": None})["data"]["has_jwt_secret"] is False
    for bad in ("short", 1, ["x" * 40]):
        assert tenant.put("/tenant", {"jwt_secret": bad}).status_code == 422
