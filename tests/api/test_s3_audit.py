"""Section 3, audit: who changed what, kept so that nobody can change it unnoticed."""
import json

import psycopg2
import pytest

from support.client import Client
from support.graphs import chain, node


def log(tenant, **filters):
    return tenant.ok("GET", "/audit-log", params=filters)["data"]


def test_every_change_of_a_flow_is_told_with_what_it_changed(tenant):
    flow = tenant.new_flow(chain(node("hold", "wait", duration="1d")), description="first")
    tenant.move(flow, "pause")
    tenant.move(flow, "resume")
    tenant.move(flow, "archive")
    rows = log(tenant, object_type="flow", object_id=flow)
    assert [row["action"] for row in rows] == ["flow.archive", "flow.resume", "flow.pause",
                                               "flow.activate", "flow.create"]
    assert rows[-1]["before"] is None and rows[-1]["after"]["description"] == "first"
    pause = rows[2]
    assert pause["before"]["status"] == "active" and pause["after"]["status"] == "paused"
    assert "name" not in pause["after"]
    version = log(tenant, object_type="version", object_id=f"{flow}/1")
    assert [row["action"] for row in version] == ["version.activate", "version.create"]
    assert version[0]["after"]["status"] == "published"
    first = tenant.ok("GET", "/api-keys")["data"][-1]["id"]
    assert {row["actor"] for row in rows + version} == {f"key:{first}"}


def test_a_journey_is_told_with_its_flow(tenant):
    flow = tenant.draft(chain())
    made = tenant.ok("POST", "/journeys", {"name": "j", "flow_id": flow}, 201)["data"]
    tenant.ok("PUT", f"/journeys/{made['id']}", {"tags": ["x"]})
    tenant.ok("POST", f"/journeys/{made['id']}/launch")
    rows = log(tenant, object_type="journey", object_id=made["id"])
    assert [row["action"] for row in rows[-2:]] == ["journey.update", "journey.create"]
    assert rows[-2]["after"] == {"tags": ["x"]} and rows[-2]["before"] == {"tags": []}
    assert log(tenant, object_type="flow", object_id=flow)[0]["action"] == "flow.launch"


def test_what_files_bring_is_told(server, tenant, other, tmp_path):
    tenant.draft(chain())
    for command, t in (("export", tenant), ("apply", other)):
        made = server.command(command, "--tenant", t.id, str(tmp_path))
        assert made.returncode == 0, made.stderr
    assert [row["actor"] for row in log(other, action="flow.create")] == ["cli"]


def test_a_change_carries_its_request_and_its_time(tenant):
    now = tenant.now()
    tenant.ok("POST", "/flows", {"name": "f"}, 201, headers={"X-Request-Id": "mine-1"})
    row = log(tenant, action="flow.create")[0]
    assert row["request_id"] == "mine-1" and row["at"] == now


def test_an_edit_and_a_deletion_keep_what_was(tenant):
    made = tenant.ok("POST", "/flows", {"name": "a", "entry_config": {"x": 1e22}}, 201)["data"]
    tenant.ok("PUT", f"/flows/{made['id']}", {"name": "b"})
    tenant.ok("PUT", f"/flows/{made['id']}", {"name": "b"})  # nothing changes
    tenant.ok("DELETE", f"/flows/{made['id']}", status=204)
    delete, edit, create = log(tenant, object_id=made["id"])
    assert (edit["before"], edit["after"]) == ({"name": "a"}, {"name": "b"})
    assert delete["action"] == "flow.delete" and delete["after"] is None
    assert delete["before"]["name"] == "b" and create["after"]["entry_config"] == {"x": 1e22}


def test_keys_and_settings_are_told_without_secrets(tenant):
    made = tenant.ok("POST", "/api-keys", {"name": "k", "role": "viewer"}, 201)["data"]
    tenant.ok("PUT", f"/api-keys/{made['id']}", {"role": "editor"})
    tenant.ok("DELETE", f"/api-keys/{made['id']}", status=204)
    tenant.settings(quotas={"customers": 5})
    tenant.ok("PUT", "/tenant", {"jwt_secret": "x" * 40})
    actions = [(row["action"], row["actor"].partition(":")[0]) for row in log(tenant)]
    assert actions == [("tenant.update", "key"), ("tenant.update", "operator"),
                       ("api_key.delete", "key"), ("api_key.update", "key"),
                       ("api_key.create", "key"), ("api_key.create", "operator"),
                       ("tenant.create", "operator")]
    text = json.dumps(log(tenant))
    assert made["key"] not in text
    assert "hash" not in log(tenant, action="api_key.create")[0]["after"]
    assert log(tenant, action="tenant.update")[0]["after"] == {"jwt_secret": "***"}
    assert log(tenant, action="tenant.update")[1]["after"] == {"settings": {"quotas":
                                                                            {"customers": 5}}}


def test_a_use_of_a_key_is_no_change(tenant):
    before = len(log(tenant))
    tenant.get("/flows")
    tenant.event("c", "x")
    tenant.ok("POST", "/customers", {"external_id": "d"}, 201)
    assert len(log(tenant)) == before


def test_what_was_refused_is_not_told(tenant):
    flow = tenant.draft(chain())
    before = len(log(tenant))
    assert tenant.post(f"/flows/{flow}/pause").status_code == 409
    assert tenant.post("/flows", {"name": ""}).status_code == 422
    assert len(log(tenant)) == before


def test_a_large_graph_is_told_by_its_size_and_hash(tenant):
    flow = tenant.draft(chain(node("w", "wait", duration="1d", note="x" * 20000)))
    row = log(tenant, object_id=f"{flow}/1")[0]
    assert row["after"]["graph"]["bytes"] > 20000 and len(row["after"]["graph"]["sha256"]) == 64


# Reading it


def test_filters_and_pages(tenant):
    flows = [tenant.ok("POST", "/flows", {"name": f"f{i}"}, 201)["data"]["id"] for i in range(5)]
    tenant.advance("1h")
    then = tenant.now()
    tenant.ok("DELETE", f"/flows/{flows[0]}", status=204)
    assert [row["object_id"] for row in log(tenant, action="flow.delete")] == [flows[0]]
    assert [row["action"] for row in log(tenant, **{"from": then})] == ["flow.delete"]
    assert len(log(tenant, to=then, object_type="flow")) == 5
    assert log(tenant, actor="operator", object_type="flow") == []
    page = tenant.ok("GET", "/audit-log", params={"limit": 3, "object_type": "flow"})
    rest = tenant.ok("GET", "/audit-log", params={"cursor": page["next_cursor"],
                                                  "object_type": "flow"})
    ids = [row["id"] for row in page["data"] + rest["data"]]
    assert len(ids) == 6 and ids == sorted(ids, reverse=True) and rest["next_cursor"] is None
    for query in ("from=yesterday", "to=", "cursor=x", "limit=0"):
        answer = tenant.get(f"/audit-log?{query}")
        assert answer.status_code == 422 and list(answer.json()["errors"]) == [query.split("=")[0]]


def test_nobody_sees_anothers_log(tenant, other):
    flow = tenant.draft(chain())
    assert log(other, object_id=flow) == []
    assert {row["object_id"] for row in log(other)}.isdisjoint(
        {row["object_id"] for row in log(tenant)})


# That nobody changes it


def test_the_log_takes_no_change(server, tenant, sql):
    for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log",
                      "TRUNCATE audit_log"):
        with pytest.raises(psycopg2.Error, match="append-only"):
            sql(statement)
    for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log",
                      "INSERT INTO audit_log SELECT * FROM audit_log",
                      "UPDATE audit_head SET number = 0"):
        with pytest.raises(psycopg2.Error, match="permission denied"):
            sql(f"SET ROLE kalcifer_api; {statement}")


@pytest.fixture
def tamper(server, tenant):
    """Changes the log as a superuser would who wants to hide something; heals it afterwards."""
    connection = server.database()
    for i in range(4):
        tenant.ok("POST", "/flows", {"name": f"f{i}"}, 201)

    def run(statement):
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, {"tenant": tenant.id})

    run("CREATE TABLE kept AS SELECT * FROM audit_log WHERE tenant_id = %(tenant)s")
    yield run
    run("DELETE FROM audit_log WHERE tenant_id = %(tenant)s")
    run("INSERT INTO audit_log SELECT * FROM kept")
    run("DROP TABLE kept")
    connection.close()


def verify(server, *arguments):
    made = server.command("audit", "verify", "--json", *arguments)
    return made.returncode, json.loads(made.stdout)


@pytest.mark.parametrize("statement, number, problem", [
    ("UPDATE audit_log SET actor = 'nobody' WHERE number = 3 AND tenant_id = %(tenant)s", 3,
     "it has been changed"),
    ("UPDATE audit_log SET after = '{}' WHERE number = 4 AND tenant_id = %(tenant)s", 4,
     "it has been changed"),
    ("UPDATE audit_log SET actor = 'x', hash = kal_audit_hash(audit_log) WHERE number = 3"
     " AND tenant_id = %(tenant)s", 3, "it has been changed"),
    ("DELETE FROM audit_log WHERE number = 3 AND tenant_id = %(tenant)s", 4,
     "rows before it are missing"),
    ("DELETE FROM audit_log WHERE number = 6 AND tenant_id = %(tenant)s", 6,
     "the log does not end with it")])
def test_verify_says_where_the_chain_breaks(server, tenant, tamper, statement, number, problem):
    assert verify(server)[0] == 0
    tamper(statement)
    status, told = verify(server)
    assert status == 1 and told["whole"] is False
    assert told["broken"] == [{"tenant_id": tenant.id, "number": number, "problem": problem}]
    assert verify(server, "--tenant", tenant.id)[0] == 1


def test_a_row_changed_with_its_hash_breaks_the_next(server, tenant, tamper):
    tamper("UPDATE audit_log SET actor = 'x' WHERE number = 3 AND tenant_id = %(tenant)s")
    tamper("UPDATE audit_log SET hash = kal_audit_hash(audit_log)"
           " WHERE number = 3 AND tenant_id = %(tenant)s")
    assert verify(server)[1]["broken"] == [{"tenant_id": tenant.id, "number": 4, "problem":
                                            "it does not follow the row before it"}]


def test_a_whole_log_is_told_so(server, tenant):
    made = server.command("audit", "verify", "--tenant", tenant.name)
    assert made.returncode == 0 and "every chain is whole" in made.stdout
    assert server.command("audit", "verify", "--tenant", "nobody at all").returncode == 1


def test_two_changes_at_once_keep_one_chain(server, tenant):
    from concurrent.futures import ThreadPoolExecutor
    clients = [Client(server.base, tenant.key) for _ in range(8)]
    flows = [tenant.draft(chain()) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for action in ("activate", "pause", "resume", "archive"):
            answers = list(pool.map(lambda c, f: c.post(f"/flows/{f}/{action}"), clients, flows))
            assert [a.status_code for a in answers] == [200] * 8
    assert verify(server, "--tenant", tenant.id) == (0, {"whole": True, "rows": 2 + 16 + 16 + 24,
                                                         "broken": []})
