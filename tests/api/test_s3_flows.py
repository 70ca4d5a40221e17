"""Sections 2 and 3: flows, their versions and their states."""
import pytest

from support.client import wait_until
from support.graphs import chain, node

HOLD = chain(node("hold", "wait", duration="10d"), node("end", "exit", reason="done"))


def test_a_flow_is_created_read_changed_and_deleted(tenant):
    fields = {"name": "Welcome", "description": "Greets.", "entry_config": {"reentry": "never"},
              "exit_criteria": {"event_type": "bye"}, "frequency_cap": {"email": {"max": 1}}}
    made = tenant.ok("POST", "/flows", fields, 201)["data"]
    assert {key: made[key] for key in fields} == fields
    assert made["status"] == "draft" and made["active_version"] is None
    assert made["created_at"].endswith("Z")
    assert tenant.ok("GET", f"/flows/{made['id']}")["data"] == made
    changed = tenant.ok("PUT", f"/flows/{made['id']}", {"name": "Hello"})["data"]
    assert changed["name"] == "Hello" and changed["description"] == "Greets."
    assert tenant.delete(f"/flows/{made['id']}").status_code == 204
    assert tenant.get(f"/flows/{made['id']}").status_code == 404
    assert tenant.delete(f"/flows/{made['id']}").status_code == 404


@pytest.mark.parametrize("body,errors", [
    ({}, {"name": ["can't be blank"]}),
    ({"name": ""}, {"name": ["can't be blank"]}),
    ({"name": None}, {"name": ["can't be blank"]}),
    ({"name": 5}, {"name": ["is invalid"]}),
    ({"name": "x", "entry_config": []}, {"entry_config": ["is invalid"]}),
    ({"exit_criteria": 1, "frequency_cap": "x"},
     {"name": ["can't be blank"], "exit_criteria": ["is invalid"],
      "frequency_cap": ["is invalid"]})])
def test_all_wrong_fields_are_named_at_once(tenant, body, errors):
    answer = tenant.post("/flows", body)
    assert answer.status_code == 422
    assert answer.json() == {"error": "validation_failed", "errors": errors}


REENTRY = ('/reentry: must be "never" or a duration of at most 10 years such as 30d; without it a '
           "customer may enter again at once")


@pytest.mark.parametrize("field,value,problems", [
    ("entry_config", {"reentry": "sometimes"}, [REENTRY]),
    ("entry_config", {"reentry": 30}, [REENTRY]),
    ("entry_config", {"reentry": "4000d"}, [REENTRY]),
    ("entry_config", {"reentry": "1y", "existing_members": "no", "webhook_secret": ""},
     [REENTRY, "/existing_members: must be true or false",
      "/webhook_secret: must be text of 1 to 255 bytes"]),
    ("exit_criteria", {"event": "bye"}, ["needs an event_type or a condition"]),
    ("exit_criteria", {"event_type": 5, "filter": "x"},
     ["/event_type: must be the name of an event, text of 1 to 255 bytes",
      "/filter: must be a map from paths in the event's data to the values wanted there"]),
    ("exit_criteria", {"condition": "true", "filter": {"a": 1}},
     ["/filter: looks at an event only; name its event_type too, or put this into the condition"]),
    ("exit_criteria", {"condition": ["x"]}, ["/condition: must be an expression, as text"])])
def test_a_rule_that_cannot_hold_is_not_stored(tenant, field, value, problems):
    refused = {"error": "validation_failed", "errors": {field: problems}}
    answer = tenant.post("/flows", {"name": "x", field: value})
    assert (answer.status_code, answer.json()) == (422, refused)
    assert tenant.ok("GET", "/flows")["data"] == []
    kept = {"entry_config": {"reentry": "1d"}, "exit_criteria": {"event_type": "bye"}}
    made = tenant.ok("POST", "/flows", {"name": "x", **kept}, 201)["data"]
    answer = tenant.put(f"/flows/{made['id']}", {field: value})
    assert (answer.status_code, answer.json()) == (422, refused)
    assert tenant.ok("GET", f"/flows/{made['id']}")["data"] == made


@pytest.mark.parametrize("condition", ["", "1 +", "launch(1)", "1 / 0 == 1", "(" * 100 + ")"])
def test_an_exit_condition_compiles(tenant, condition):
    answer = tenant.post("/flows", {"name": "x", "exit_criteria": {"condition": condition}})
    assert (answer.status_code, answer.json()["error"]) == (422, "validation_failed")
    [problem] = answer.json()["errors"]["exit_criteria"]
    assert problem.startswith("/condition: ") and len(problem) > len("/condition: ")


def test_the_rules_of_all_fields_are_told_at_once(tenant):
    answer = tenant.post("/flows", {"entry_config": {"reentry": ""}, "exit_criteria": {"x": 1}})
    assert answer.json()["errors"] == {
        "name": ["can't be blank"], "entry_config": [REENTRY],
        "exit_criteria": ["needs an event_type or a condition"]}


@pytest.mark.parametrize("fields", [
    {}, {"entry_config": {}, "exit_criteria": {}},
    {"entry_config": {"reentry": "never", "existing_members": False, "webhook_secret": "***"}},
    {"entry_config": {"reentry": None, "note": "kept"}},
    {"exit_criteria": {"event_type": "bye", "filter": {"plan": ["a", "b"], "n.m": None}}},
    {"exit_criteria": {"event_type": "bye", "condition": "'stop' in _customer.tags"}}])
def test_rules_that_can_hold_are_stored_and_activated(tenant, fields):
    flow = tenant.new_flow(HOLD, **fields)
    shown = tenant.ok("GET", f"/flows/{flow}")["data"]
    assert shown["status"] == "active" and {key: shown[key] for key in fields} == fields


def test_flows_are_listed_by_status(tenant):
    active, draft = tenant.new_flow(HOLD), tenant.draft(HOLD)
    shown = tenant.ok("GET", "/flows", params={"status": "active"})["data"]
    assert [flow["id"] for flow in shown] == [active]
    assert [flow["id"] for flow in tenant.ok("GET", "/flows")["data"]] == [draft, active]


def test_versions_are_numbered_kept_and_listed_in_order(tenant):
    flow = tenant.draft(HOLD)
    graphs = [HOLD, chain(node("b", "exit"), x=1), {"nodes": "anything", "edges": 7}]
    for graph in graphs[1:]:
        tenant.ok("POST", f"/flows/{flow}/versions", {"graph": graph, "changelog": "why"}, 201)
    versions = tenant.ok("GET", f"/flows/{flow}/versions")["data"]
    assert [v["number"] for v in versions] == [1, 2, 3]
    assert [v["graph"] for v in versions] == graphs
    assert {v["status"] for v in versions} == {"draft"}
    assert tenant.ok("GET", f"/flows/{flow}/versions/2")["data"]["changelog"] == "why"


def test_version_numbers_that_are_none(tenant):
    flow = tenant.draft(HOLD)
    for text, status, code in (("x", 422, "invalid_version_number"),
                               ("1.5", 422, "invalid_version_number"), ("9", 404, "not_found"),
                               ("0", 404, "not_found")):
        answer = tenant.get(f"/flows/{flow}/versions/{text}")
        assert (answer.status_code, answer.json()["error"]) == (status, code), text


def test_a_version_needs_a_graph_that_is_a_map(tenant):
    flow = tenant.draft(HOLD)
    for body, message in (({}, "can't be blank"), ({"graph": None}, "can't be blank"),
                          ({"graph": []}, "is invalid"), ({"graph": "x"}, "is invalid")):
        answer = tenant.post(f"/flows/{flow}/versions", body)
        assert answer.status_code == 422
        assert answer.json() == {"error": "validation_failed", "errors": {"graph": [message]}}


def test_activation_publishes_the_highest_draft(tenant):
    flow = tenant.draft(HOLD)
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": HOLD}, 201)
    active = tenant.ok("POST", f"/flows/{flow}/activate")["data"]
    assert active["status"] == "active" and active["active_version"] == 2
    versions = tenant.ok("GET", f"/flows/{flow}/versions")["data"]
    assert [v["status"] for v in versions] == ["draft", "published"]
    assert versions[1]["published_at"] and set(versions[1]["node_types"]) == {
        "event_entry", "wait", "exit"}


def test_activation_without_a_draft_is_refused(tenant):
    empty = tenant.ok("POST", "/flows", {"name": "empty"}, 201)["data"]["id"]
    answer = tenant.post(f"/flows/{empty}/activate")
    assert (answer.status_code, answer.json()["error"]) == (409, "no_draft_version")
    assert tenant.ok("GET", f"/flows/{empty}")["data"]["status"] == "draft"


def test_a_newer_draft_of_an_active_flow_takes_the_new_entries_only(tenant):
    flow = tenant.new_flow(HOLD)
    old = tenant.trigger(flow, "old")
    tenant.ok("POST", f"/flows/{flow}/versions",
              {"graph": chain(node("other", "wait", duration="1d"), node("end", "exit"))}, 201)
    active = tenant.ok("POST", f"/flows/{flow}/activate")["data"]
    assert active["active_version"] == 2
    new = tenant.trigger(flow, "new")
    assert tenant.instance(old)["version"] == 1
    assert tenant.instance(old)["current_nodes"] == ["hold"]
    assert tenant.instance(new)["version"] == 2
    assert tenant.instance(new)["current_nodes"] == ["other"]
    statuses = [v["status"] for v in tenant.ok("GET", f"/flows/{flow}/versions")["data"]]
    assert statuses == ["deprecated", "published"]
    tenant.advance("10d")
    assert tenant.path(old) == ["start", "hold", "end"]
    assert tenant.path(new) == ["start", "other", "end"]


def test_only_drafts_are_edited_or_deleted(tenant):
    flow = tenant.new_flow(HOLD)
    for answer in (tenant.put(f"/flows/{flow}", {"name": "x"}), tenant.delete(f"/flows/{flow}")):
        assert (answer.status_code, answer.json()["error"]) == (409, "flow_not_draft")


def test_the_states_of_a_flow(tenant):
    flow = tenant.draft(HOLD)

    def refused(action):
        answer = tenant.post(f"/flows/{flow}/{action}")
        assert (answer.status_code, answer.json()["error"]) == (409, "invalid_transition"), action

    refused("pause"), refused("resume")
    tenant.move(flow, "activate")
    assert tenant.move(flow, "resume")["status"] == "active"  # the same state: no change
    assert tenant.move(flow, "pause")["status"] == "paused"
    assert tenant.move(flow, "pause")["status"] == "paused"
    assert tenant.move(flow, "resume")["status"] == "active"
    assert tenant.move(flow, "archive")["status"] == "archived"
    assert tenant.move(flow, "archive")["status"] == "archived"
    for action in ("activate", "pause", "resume"):
        refused(action)


def test_archiving_takes_no_entries_and_exits_who_is_in_it(tenant):
    flow = tenant.new_flow(HOLD)
    instance = tenant.trigger(flow, "c")
    tenant.move(flow, "archive")
    wait_until(lambda: tenant.instance(instance)["status"] != "waiting")
    ended = tenant.instance(instance)
    assert (ended["status"], ended["exit_reason"]) == ("exited", "flow_archived")
    assert ended["exited_at"] and ended["waiting"] == [] and ended["current_nodes"] == []
    answer = tenant.post(f"/flows/{flow}/trigger", {"customer_id": "d"})
    assert (answer.status_code, answer.json()["error"]) == (422, "flow_not_active")
    assert tenant.event("e", "start")["started"] == 0


def test_a_draft_that_was_refused_is_still_a_draft(tenant):
    flow = tenant.draft(chain(node("x", "no_such_type")))
    assert tenant.post(f"/flows/{flow}/activate").status_code == 422
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["status"] == "draft"
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": HOLD}, 201)
    assert tenant.move(flow, "activate")["active_version"] == 2


def test_instances_are_listed_by_status_customer_and_version(tenant):
    flow = tenant.new_flow(HOLD)
    ids = []
    for i in range(3):
        ids.append(tenant.trigger(flow, f"c{i}"))
        tenant.advance("1ms")  # of one instant, none is the newest
    tenant.ok("POST", f"/instances/{ids[0]}/cancel")
    assert [i["id"] for i in tenant.instances(flow)] == ids[::-1]
    assert [i["id"] for i in tenant.instances(flow, status="waiting")] == ids[:0:-1]
    assert [i["id"] for i in tenant.instances(flow, customer_id="c1")] == [ids[1]]
    assert len(tenant.instances(flow, version=1)) == 3 and tenant.instances(flow, version=2) == []
    assert tenant.get(f"/flows/{flow}/instances?version=x").status_code == 422


def test_cancelling_ends_a_walk_once(tenant):
    flow = tenant.new_flow(HOLD)
    instance = tenant.trigger(flow, "c")
    tenant.ok("POST", f"/instances/{instance}/cancel")
    ended = tenant.instance(instance)
    assert (ended["status"], ended["exit_reason"]) == ("exited", "cancelled_by_operator")
    again = tenant.post(f"/instances/{instance}/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "not_cancellable")
    tenant.advance("10d")
    assert tenant.path(instance) == ["start"]
    tenant.trigger(flow, "c")


def test_node_types_tell_what_they_are(tenant):
    types = {t["type"]: t for t in tenant.ok("GET", "/node-types")["data"]}
    for name, category in (("event_entry", "trigger"), ("condition", "condition"),
                           ("wait_for_event", "wait"), ("send_email", "action"),
                           ("goal_reached", "end"), ("join", "condition")):
        if name != "join":
            assert types[name]["category"] == category
        one = tenant.ok("GET", f"/node-types/{name}")["data"]
        assert one == types[name]
        assert one["config"]["type"] == "object" and one["hash"] and one["origin"]
    assert tenant.get("/node-types/none").status_code == 404
