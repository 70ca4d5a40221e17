"""Section 4: activation tells everything that is wrong with a graph, and then changes nothing."""
import json
import pathlib

import pytest

from support.graphs import chain, edge, graph, node, start

FLOWS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "flows"
END = node("end", "exit")


def test_all_problems_are_told_at_once(tenant):
    wrong = graph(
        [start(), node("start", "exit"), node("c", "condition", field="x", value=1),
         node("w", "wait", duration="soon"), node("odd", "teleport"), node("lost", "exit")],
        ["start -> c", "c -true-> w", "w -> odd", "odd -> nowhere", "ghost -> w"])
    problems = tenant.problems(wrong)
    for expected in ("duplicate node id: start", "node c (condition) missing branch edges: false",
                     "edge references unknown target node: nowhere",
                     "edge references unknown source node: ghost",
                     "orphan nodes not reachable from entry: lost"):
        assert expected in problems
    assert any(p.startswith("node w: /duration") for p in problems)
    assert any(p.startswith("node odd: unknown type teleport") for p in problems)


def test_a_flow_needs_an_entry(tenant):
    assert "graph must have at least one entry node" in tenant.problems({})
    assert "graph must have at least one entry node" in tenant.problems({"nodes": [], "edges": []})
    assert "graph must have at least one entry node" in tenant.problems(graph([END], []))


def test_a_cycle_is_named(tenant):
    nodes = [start(), *(node(n, "add_tag", tag="t") for n in "abc")]
    problems = tenant.problems(graph(nodes, ["start -> a", "a -> b", "b -> c", "c -> a"]))
    cycles = [p for p in problems if p.startswith("graph contains a cycle")]
    assert len(cycles) == 1 and all(n in cycles[0].split(":", 1)[1] for n in "abc")
    nodes = [start(), node("a", "add_tag", tag="t")]
    assert any("cycle" in p for p in tenant.problems(graph(nodes, ["start -> a", "a -> a"])))


@pytest.mark.parametrize("made,missing", [
    (node("n", "condition", field="x", value=1), "true, false"),
    (node("n", "preference_gate", channel="email"), "true, false"),
    (node("n", "wait_for_event", event_type="x"), "event_received"),
    (node("n", "wait_for_event", event_type="x", timeout="1d"), "event_received, timed_out"),
    (node("n", "wait_for_event", event_type="x", timeout="1d", event_branch="yes",
          timeout_branch="no"), "yes, no"),
    (node("n", "ab_split", variants=[{"key": "a", "weight": 1}, {"key": "b", "weight": 1}]),
     "a, b")])
def test_a_branching_node_needs_an_edge_for_each_branch(tenant, made, missing):
    problems = tenant.problems(chain(made))
    assert f"node n ({made['type']}) missing branch edges: {missing}" in problems
    branches = [{**edge("n -> end"), "branch": b} for b in missing.split(", ")]
    assert tenant.problems(graph([start(), made, END], [edge("start -> n"), *branches])) == []


@pytest.mark.parametrize("type,config,pointer", [
    ("event_entry", {}, "/event_type"), ("event_entry", {"event_type": 5}, "/event_type"),
    ("event_entry", {"event_type": "\u6f22" * 100}, "/event_type"),
    ("wait", {}, "/duration"), ("wait", {"duration": "1y"}, "/duration"),
    ("wait", {"duration": "-1d"}, "/duration"), ("wait", {"duration": "1.5h"}, "/duration"),
    ("wait", {"duration": "4000d"}, "/duration"), ("wait", {"duration": 60}, "/duration"),
    ("wait_until", {"datetime": "25:00"}, "/datetime"), ("wait_until", {}, "/datetime"),
    ("wait_until", {"datetime": "2026-02-30T00:00:00Z"}, "/datetime"),
    ("wait_for_event", {}, "/event_type"),
    ("wait_for_event", {"event_type": "x", "timeout": "x"}, "/timeout"),
    ("wait_for_event", {"event_type": "x", "lookback": "x"}, "/lookback"),
    ("condition", {}, "/field"), ("condition", {"field": "x", "operator": "like"}, "/operator"),
    ("condition", {"field": "accumulated", "operator": "exists"}, "/field"),
    ("condition", {"expression": "1 +"}, "/expression"),
    ("condition", {"expression": "1 / 0 == 1"}, "/expression"),
    ("condition", {"expression": "launch(1)"}, "/expression"),
    ("condition", {"expression": "(" * 100 + "1" + ")" * 100}, "/expression"),
    ("condition", {"expression": "1 == " + "1" * 5000}, "/expression"),
    ("ab_split", {"variants": [{"key": "a", "weight": 1}]}, "/variants"),
    ("ab_split", {"variants": [{"key": "a", "weight": 0}, {"key": "b", "weight": 1}]},
     "/variants/0"),
    ("ab_split", {"variants": [{"key": "a", "weight": 1}, {"key": "a", "weight": 1}]},
     "/variants/1"),
    ("ab_split", {"variants": [{"key": str(i), "weight": 1} for i in range(6)]}, "/variants"),
    ("send_email", {}, "/template_id"),
    ("send_email", {"template_id": "t", "provider": "pigeon"}, "/provider"),
    ("update_profile", {}, "/fields"), ("add_tag", {}, "/tag"),
    ("remove_tag", {"tag": []}, "/tag"), ("track_conversion", {}, "/event_name"),
    ("goal_reached", {}, "/goal_name"), ("join", {"mode": "some"}, "/mode"),
    ("preference_gate", {}, "/channel")])
def test_a_wrong_config_is_told_with_its_place(tenant, type, config, pointer):
    problems = tenant.problems(chain({"id": "n", "type": type, "config": config}))
    assert any(p.startswith(f"node n: {pointer}") for p in problems), problems


@pytest.mark.parametrize("duration", ["0s", "1ms", "59m", "24h", "10d", "2w", "3650d"])
def test_durations_that_are_legal(tenant, duration):
    assert tenant.problems(chain(node("w", "wait", duration=duration))) == []


@pytest.mark.parametrize("broken", [
    {"nodes": 7, "edges": []}, {"nodes": [7, None, []], "edges": [3, None]},
    {"nodes": [{"id": 5, "type": "exit"}], "edges": []}, {"nodes": [{"type": "exit"}]},
    {"nodes": [start(), {"id": "x"}], "edges": [{"source": "start"}, {"target": "x"}]},
    {"nodes": [start(), {"id": "x", "type": "wait", "config": []}], "edges": [edge("start -> x")]},
    {"nodes": [start(), END], "edges": [{"source": "start", "target": "end", "branch": 5}]},
    {"nodes": [start(), END], "edges": [edge("start -> end")], "exit_criteria": 5},
    {"nodes": [start(), END], "edges": [edge("start -> end")],
     "exit_criteria": {"condition": "1 +"}}])
def test_whatever_the_graph_is_it_is_refused_and_not_failed_on(tenant, broken):
    assert tenant.problems(broken) != []


def test_a_branch_that_its_node_never_takes_is_refused(tenant):
    problems = tenant.problems(graph([start(), END], ["start -sometimes-> end"]))
    assert len(problems) >= 1


def test_the_most_nodes_and_edges(tenant):
    def wide(n):
        nodes = [start(), *(node(f"n{i}", "add_tag", tag="t") for i in range(n - 1))]
        return graph(nodes, [edge(f"start -> n{i}") for i in range(n - 1)])

    assert tenant.problems(wide(1000)) == []
    assert tenant.problems(wide(1001)) != []
    nodes = [start(), *(node(f"n{i}", "add_tag", tag="t") for i in range(150))]
    pairs = [(i, j) for i in range(150) for j in range(i + 1, 150)][:4851]
    many = [edge(f"start -> n{i}") for i in range(150)] + [
        edge(f"n{i} -> n{j}") for i, j in pairs]
    assert tenant.problems(graph(nodes, many)) != []


def test_several_entries_and_what_a_flow_may_be(tenant):
    made = graph([start(), node("hook", "webhook_entry", webhook_path="crm"), END],
                 ["start -> end", "hook -> end"])
    assert tenant.problems(made) == []


def test_positions_and_unknown_keys_stay_and_do_no_harm(tenant):
    made = chain(END, note="mine")
    made["nodes"][0]["position"] = {"x": 1.5, "y": -2}
    made["edges"][0]["id"] = "e1"
    flow = tenant.new_flow(made)
    assert tenant.ok("GET", f"/flows/{flow}/versions/1")["data"]["graph"] == made


# The flow's own rules


def test_the_flows_stored_rules_are_checked_with_the_graph(tenant, sql):
    flow = tenant.draft(graph([END], [], exit_criteria={"condition": "1 +"}))
    sql("UPDATE flow SET entry_config = %s, exit_criteria = %s WHERE id = %s RETURNING id",
        '{"reentry": "soon"}', '{"event_type": "", "condition": "launch(1)"}', flow)
    answer = tenant.post(f"/flows/{flow}/activate")
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_graph")
    problems = answer.json()["errors"]["graph"]
    for begins in ("graph must have at least one entry node", "/exit_criteria/condition: ",
                   "flow: /entry_config/reentry: ", "flow: /exit_criteria/event_type: ",
                   "flow: /exit_criteria/condition: "):
        assert [p for p in problems if p.startswith(begins)], f"{begins} not in {problems}"
    assert len(problems) == 5
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["status"] == "draft"
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": chain(END)}, 201)
    assert tenant.post(f"/flows/{flow}/activate").status_code == 422
    tenant.ok("PUT", f"/flows/{flow}", {"entry_config": {}, "exit_criteria": {}})
    assert tenant.move(flow, "activate")["status"] == "active"


def test_rules_that_nobody_can_mend_do_not_hold_up_a_newer_version(tenant, sql):
    flow = tenant.new_flow(chain(END))
    sql("UPDATE flow SET entry_config = %s WHERE id = %s RETURNING id", '{"reentry": "soon"}', flow)
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": chain(END)}, 201)
    assert tenant.move(flow, "activate")["active_version"] == 2


@pytest.mark.parametrize("name", ["abandoned-cart", "trial", "welcome"])
def test_the_flows_that_operators_build_are_right(tenant, name):
    made = json.loads((FLOWS / f"{name}.json").read_text())
    assert tenant.problems(made) == []
    flow = tenant.draft(made, entry_config={"reentry": "30d"},
                        exit_criteria=made.get("exit_criteria", {}))
    assert tenant.move(flow, "activate")["status"] == "active"
