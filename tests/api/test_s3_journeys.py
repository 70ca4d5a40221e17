"""Sections 2 and 3: journeys, the wrapper around one flow, and copies of both."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import Client, wait_until
from support.graphs import chain, node

HOLD = chain(node("hold", "wait", duration="10d"), node("end", "exit", reason="done"))
NO_FLOW = {"flow_id": ["does not exist or is archived"]}


@pytest.fixture
def flow(tenant):
    return tenant.draft(HOLD)


def make(tenant, flow, **fields):
    body = {"name": "Spring", "flow_id": flow, **fields}
    return tenant.ok("POST", "/journeys", body, 201)["data"]


def status(tenant, journey):
    return tenant.ok("GET", f"/journeys/{journey['id']}")["data"]["status"]


def flow_status(tenant, flow):
    return tenant.ok("GET", f"/flows/{flow}")["data"]["status"]


def move(tenant, journey, action):
    return tenant.ok("POST", f"/journeys/{journey['id']}/{action}")["data"]


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text


def test_a_journey_is_created_read_changed_and_deleted(tenant, flow):
    fields = {"name": "Spring", "description": "Sale.", "flow_id": flow,
              "goal_config": {"event_type": "order", "value": 49.99}, "schedule": {"from": "1.3."},
              "audience_criteria": {"segment": "all"}, "tags": ["sale", "q1"]}
    made = tenant.ok("POST", "/journeys", fields, 201)["data"]
    assert {key: made[key] for key in fields} == fields
    assert made["status"] == "draft" and made["created_at"].endswith("Z")
    path = f"/journeys/{made['id']}"
    assert tenant.ok("GET", path)["data"] == made
    changed = tenant.ok("PUT", path, {"name": "Summer", "tags": []})["data"]
    assert (changed["name"], changed["description"], changed["tags"]) == ("Summer", "Sale.", [])
    assert tenant.ok("PUT", path, {"description": None})["data"]["description"] is None
    another = tenant.draft(HOLD)
    assert tenant.ok("PUT", path, {"flow_id": another})["data"]["flow_id"] == another
    assert tenant.delete(path).status_code == 204
    refused(tenant.get(path), 404, "not_found")
    refused(tenant.delete(path), 404, "not_found")
    refused(tenant.put(path, {"name": "x"}), 404, "not_found")
    assert flow_status(tenant, flow) == "draft"


@pytest.mark.parametrize("body,errors", [
    ({}, {"name": ["can't be blank"], "flow_id": ["can't be blank"]}),
    ({"name": "", "flow_id": None}, {"name": ["can't be blank"], "flow_id": ["can't be blank"]}),
    ({"name": 1, "flow_id": "x", "tags": "a", "schedule": []},
     {"name": ["is invalid"], "flow_id": ["is invalid"], "tags": ["is invalid"],
      "schedule": ["is invalid"]}),
    ({"name": "x", "flow_id": 7, "tags": ["a", 1], "goal_config": 1, "audience_criteria": "x",
      "description": {}},
     {"flow_id": ["is invalid"], "tags": ["is invalid"], "goal_config": ["is invalid"],
      "audience_criteria": ["is invalid"], "description": ["is invalid"]}),
    ({"name": "x", "flow_id": "01890000-0000-7000-8000-000000000000"}, NO_FLOW)])
def test_all_wrong_fields_are_named_at_once(tenant, body, errors):
    answer = tenant.post("/journeys", body)
    assert answer.status_code == 422
    assert answer.json() == {"error": "validation_failed", "errors": errors}
    assert tenant.ok("GET", "/journeys")["data"] == []


def test_a_flow_has_one_journey_and_an_archived_one_none(tenant, flow):
    first = make(tenant, flow)
    answer = tenant.post("/journeys", {"name": "two", "flow_id": flow})
    assert (answer.status_code, answer.json()["errors"]) == (
        422, {"flow_id": ["has already been taken"]})
    second = make(tenant, tenant.draft(HOLD))
    answer = tenant.put(f"/journeys/{second['id']}", {"flow_id": flow})
    assert answer.json()["errors"] == {"flow_id": ["has already been taken"]}
    gone = tenant.draft(HOLD)
    tenant.move(gone, "archive")
    for answer in (tenant.post("/journeys", {"name": "x", "flow_id": gone}),
                   tenant.put(f"/journeys/{first['id']}", {"flow_id": gone})):
        assert (answer.status_code, answer.json()["errors"]) == (422, NO_FLOW)
    assert tenant.ok("GET", f"/journeys/{first['id']}")["data"] == first


def test_a_flow_that_a_journey_uses_is_not_deleted(tenant, flow):
    journey = make(tenant, flow)
    refused(tenant.delete(f"/flows/{flow}"), 409, "in_use")
    assert flow_status(tenant, flow) == "draft"
    assert tenant.delete(f"/journeys/{journey['id']}").status_code == 204
    assert tenant.delete(f"/flows/{flow}").status_code == 204


def test_a_move_of_the_journey_moves_its_flow(tenant, flow):
    journey = make(tenant, flow)
    for action in ("pause", "resume"):
        refused(tenant.post(f"/journeys/{journey['id']}/{action}"), 409, "invalid_transition")
    launched = move(tenant, journey, "launch")
    assert launched["id"] == journey["id"] and launched["status"] == "active"
    assert launched["updated_at"] >= journey["updated_at"]
    assert flow_status(tenant, flow) == "active"
    refused(tenant.post(f"/journeys/{journey['id']}/launch"), 409, "no_draft_version")
    assert move(tenant, journey, "resume")["status"] == "active"  # the same state: no change
    for action, now in (("pause", "paused"), ("pause", "paused"), ("resume", "active"),
                        ("archive", "archived"), ("archive", "archived")):
        assert move(tenant, journey, action)["status"] == now
        assert flow_status(tenant, flow) == now and status(tenant, journey) == now
    for action in ("launch", "pause", "resume"):
        refused(tenant.post(f"/journeys/{journey['id']}/{action}"), 409, "invalid_transition")


def test_a_move_of_the_flow_moves_its_journey(tenant, flow):
    journey = make(tenant, flow)
    for action, now in (("activate", "active"), ("pause", "paused"), ("resume", "active"),
                        ("archive", "archived")):
        tenant.move(flow, action)
        assert status(tenant, journey) == now


def test_launch_checks_the_graph_and_changes_nothing_when_it_is_wrong(tenant):
    journey = make(tenant, tenant.draft(chain(node("x", "no_such_type"))))
    refused(tenant.post(f"/journeys/{journey['id']}/launch"), 422, "invalid_graph")
    assert status(tenant, journey) == "draft"
    empty = tenant.ok("POST", "/flows", {"name": "empty"}, 201)["data"]["id"]
    journey = make(tenant, empty)
    refused(tenant.post(f"/journeys/{journey['id']}/launch"), 409, "no_draft_version")


def test_every_thread_knows_a_move_before_the_caller_does(tenant, flow):
    journey = make(tenant, flow)
    for _ in range(5):
        move(tenant, journey, "launch") if status(tenant, journey) == "draft" else move(
            tenant, journey, "resume")
        assert tenant.event("c", "start")["started"] <= 1
        tenant.ok("POST", f"/journeys/{journey['id']}/trigger",
                  {"customer_ids": [f"c{n}" for n in range(8)]}, 201)
        move(tenant, journey, "pause")
        answer = tenant.post(f"/journeys/{journey['id']}/trigger", {"customer_id": "late"})
        refused(answer, 422, "flow_not_active")


def test_pausing_holds_and_archiving_exits_who_is_in_it(tenant, flow):
    journey = make(tenant, flow)
    move(tenant, journey, "launch")
    instance = tenant.trigger(flow, "c")
    move(tenant, journey, "pause")
    tenant.advance("11d")
    assert tenant.instance(instance)["status"] == "waiting"
    move(tenant, journey, "archive")
    wait_until(lambda: tenant.instance(instance)["status"] != "waiting")
    assert tenant.instance(instance)["exit_reason"] == "flow_archived"


def test_only_drafts_are_edited_or_deleted(tenant, flow):
    journey = make(tenant, flow)
    move(tenant, journey, "launch")
    for answer in (tenant.put(f"/journeys/{journey['id']}", {"name": "x"}),
                   tenant.delete(f"/journeys/{journey['id']}")):
        refused(answer, 409, "journey_not_draft")


@pytest.mark.parametrize("before", ["active", "paused"])
def test_a_journey_around_a_flow_that_runs_is_a_draft_until_its_launch(tenant, flow, before):
    tenant.move(flow, "activate")
    if before == "paused":
        tenant.move(flow, "pause")
    journey = make(tenant, flow)
    assert journey["status"] == "draft"
    for action in ("pause", "resume"):
        refused(tenant.post(f"/journeys/{journey['id']}/{action}"), 409, "invalid_transition")
    assert flow_status(tenant, flow) == before
    assert tenant.ok("PUT", f"/journeys/{journey['id']}", {"name": "New"})["data"]["name"] == "New"
    assert move(tenant, journey, "launch")["status"] == "active"
    assert flow_status(tenant, flow) == "active"
    tenant.trigger(flow, "c")
    assert move(tenant, journey, "pause")["status"] == "paused"


def test_a_launch_publishes_a_newer_draft_of_a_flow_that_runs(tenant, flow):
    tenant.move(flow, "activate")
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": HOLD}, 201)
    journey = make(tenant, flow)
    assert move(tenant, journey, "launch")["status"] == "active"
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["active_version"] == 2


def test_an_unlaunched_journey_is_archived_with_its_flow(tenant, flow):
    tenant.move(flow, "activate")
    journey = make(tenant, flow)
    assert move(tenant, journey, "archive")["status"] == "archived"
    assert flow_status(tenant, flow) == "archived"


def test_journeys_are_listed_by_status_and_tag(tenant):
    made = []
    for tags in (["a"], ["a", "b"], []):
        made.append(make(tenant, tenant.draft(HOLD), tags=tags)["id"])
        tenant.advance("1ms")  # of one instant, none is the newest
    move(tenant, {"id": made[1]}, "launch")

    def ids(**filters):
        return [j["id"] for j in tenant.ok("GET", "/journeys", params=filters)["data"]]

    assert ids() == made[::-1]
    assert ids(status="draft") == [made[2], made[0]] and ids(status="active") == [made[1]]
    assert ids(tag="a") == [made[1], made[0]] and ids(tag="b") == [made[1]] and ids(tag="c") == []
    assert ids(tag="a", status="draft") == [made[0]]
    seen, cursor = [], None
    while True:
        page = tenant.ok("GET", "/journeys", params={"limit": 2, "cursor": cursor})
        seen += [j["id"] for j in page["data"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize("path", ["/flows", "/journeys"])
@pytest.mark.parametrize("query", ["status=running", "status=", "limit=0", "limit=", "cursor=x"])
def test_filters_that_mean_nothing_are_refused(tenant, path, query):
    answer = tenant.get(f"{path}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"] == {query.partition("=")[0]: ["is invalid"]}


def test_a_journeys_path_answers_what_its_flows_does(tenant, flow):
    journey = make(tenant, flow)
    below = f"/journeys/{journey['id']}"
    version = tenant.ok("POST", f"{below}/versions", {"graph": HOLD, "changelog": "two"}, 201)
    assert version["data"]["number"] == 2 and version["data"]["flow_id"] == flow
    move(tenant, journey, "activate")
    instance = tenant.ok("POST", f"{below}/trigger", {"customer_id": "c"}, 201)["instance_id"]
    for path in ("/versions", "/versions/2", "/versions?limit=1", "/instances",
                 "/instances?customer_id=c", "/instances?status=completed"):
        answer = tenant.ok("GET", below + path)
        assert answer == tenant.ok("GET", f"/flows/{flow}{path}"), path
    assert [i["id"] for i in tenant.ok("GET", f"{below}/instances")["data"]] == [instance]
    refused(tenant.get(f"{below}/versions/x"), 422, "invalid_version_number")
    refused(tenant.get(f"{below}/versions/9"), 404, "not_found")
    upper = below.upper().replace("/JOURNEYS", "/journeys")
    assert tenant.ok("GET", f"{upper}/versions/1")["data"]["flow_id"] == flow


def test_what_a_journeys_path_does_not_know(tenant, flow, nobody):
    journey = make(tenant, flow)
    below = f"/journeys/{journey['id']}"
    refused(tenant.get(f"{below}/nothing"), 404, "not_found")
    refused(tenant.get(f"/journeys/{flow}/versions"), 404, "not_found")
    refused(tenant.get("/journeys/x/versions"), 404, "not_found")
    refused(tenant.get(f"/flows/{journey['id']}/versions"), 404, "not_found")
    refused(tenant.post(f"/flows/{flow}/launch"), 404, "not_found")
    refused(nobody.get(f"{below}/versions"), 401, "invalid_api_key")
    answer = tenant.get(f"{below}/trigger")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    answer = tenant.request("PATCH", below)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, PUT, DELETE")
    answer = tenant.delete(f"{below}/versions")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_another_tenants_journey_is_not_there(tenant, other, flow):
    journey = make(tenant, flow)
    below = f"/journeys/{journey['id']}"
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/launch"),
                         ("POST", "/pause"), ("POST", "/archive"), ("POST", "/duplicate"),
                         ("GET", "/versions"), ("GET", "/instances"), ("POST", "/trigger")):
        refused(other.request(method, below + path, {"name": "x", "customer_id": "c"}),
                404, "not_found")
    refused(other.post(f"/flows/{flow}/duplicate"), 404, "not_found")
    assert other.post("/journeys", {"name": "x", "flow_id": flow}).json()["errors"] == NO_FLOW
    assert other.ok("GET", "/journeys")["data"] == [] and other.ok("GET", "/flows")["data"] == []
    mine = make(other, other.draft(HOLD))
    answer = other.put(f"/journeys/{mine['id']}", {"flow_id": flow})
    assert answer.json()["errors"] == NO_FLOW
    assert status(tenant, journey) == "draft"


def test_a_flows_copy_is_a_draft_with_its_newest_graph(tenant):
    fields = {"name": "Welcome", "description": "Greets.", "entry_config": {"reentry": "never"},
              "exit_criteria": {"event_type": "bye"}, "frequency_cap": {"email": {"max": 1}}}
    flow = tenant.new_flow(HOLD, **fields)
    newer = chain(node("end", "exit", reason="other"))
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": newer}, 201)
    copy = tenant.ok("POST", f"/flows/{flow}/duplicate", status=201)["data"]
    assert copy["id"] != flow and copy["status"] == "draft" and copy["active_version"] is None
    assert {key: copy[key] for key in fields} == {**fields, "name": "Welcome (copy)"}
    [version] = tenant.ok("GET", f"/flows/{copy['id']}/versions")["data"]
    assert (version["number"], version["status"], version["graph"]) == (1, "draft", newer)
    assert tenant.move(copy["id"], "activate")["status"] == "active"
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["active_version"] == 1
    refused(tenant.post("/flows/x/duplicate"), 404, "not_found")


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127, "\U0001f331" * 63])
def test_a_copy_has_a_name_that_can_be_stored_again(tenant, name):
    empty = tenant.ok("POST", "/flows", {"name": name}, 201)["data"]["id"]
    copy = tenant.ok("POST", f"/flows/{empty}/duplicate", status=201)["data"]
    assert copy["name"].endswith(" (copy)")
    assert name.startswith(copy["name"].removesuffix(" (copy)"))
    tenant.ok("PUT", f"/flows/{copy['id']}", {"name": copy["name"]})
    assert tenant.ok("GET", f"/flows/{copy['id']}/versions")["data"] == []


def test_a_journeys_copy_has_a_copy_of_its_flow(tenant, flow):
    journey = make(tenant, flow, description="Sale.", tags=["a"], goal_config={"x": 1.5})
    move(tenant, journey, "launch")
    copy = tenant.ok("POST", f"/journeys/{journey['id']}/duplicate", status=201)["data"]
    same = ("description", "goal_config", "schedule", "audience_criteria", "tags")
    assert {key: copy[key] for key in same} == {key: journey[key] for key in same}
    assert copy["name"] == "Spring (copy)" and copy["status"] == "draft"
    assert copy["flow_id"] != flow and copy["id"] != journey["id"]
    original = tenant.ok("GET", f"/flows/{flow}")["data"]
    copied = tenant.ok("GET", f"/flows/{copy['flow_id']}")["data"]
    assert copied["name"] == original["name"] + " (copy)" and copied["status"] == "draft"
    assert move(tenant, copy, "launch")["status"] == "active"
    assert len(tenant.ok("GET", "/flows")["data"]) == 2


@pytest.mark.parametrize("rival", ["DELETE", "PUT"])
def test_a_launch_and_a_change_at_once_agree(tenant, rival):
    for _ in range(8):
        flow, another = tenant.draft(HOLD), tenant.draft(HOLD)
        path = f"/journeys/{make(tenant, flow)['id']}"
        with ThreadPoolExecutor(4) as pool:
            launches = [pool.submit(Client(tenant.base, tenant.key).post, path + "/launch")
                        for _ in range(2)]
            change = pool.submit(Client(tenant.base, tenant.key).request, rival, path,
                                 {"flow_id": another})
        changed = change.result().status_code in (200, 204)
        launched = [answer.result().status_code for answer in launches]
        assert set(launched) <= {200, 404, 409} and change.result().status_code in (
            200, 204, 409), change.result().text
        after = tenant.get(path)
        if rival == "DELETE":
            assert after.status_code == (404 if changed else 200)
        if changed and rival == "DELETE":
            assert flow_status(tenant, flow) == "draft" and 200 not in launched
        elif after.status_code == 200:
            shown = after.json()["data"]
            assert shown["flow_id"] == (another if changed else flow)
            assert shown["status"] == flow_status(tenant, shown["flow_id"])
            assert shown["status"] == ("active" if 200 in launched else "draft")
