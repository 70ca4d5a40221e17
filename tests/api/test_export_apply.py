"""Flow files: what `export` writes, `apply` brings to any deployment, and git shows by lines."""
import json

import pytest

from support.client import Tenant, wait_until
from support.graphs import chain, graph, node, start

HOLD = chain(node("hold", "wait", duration="10d"), node("end", "exit", reason="done"))
OTHER = chain(node("end", "exit", reason="other"))


@pytest.fixture
def run(server):
    """A command on the server's deployment, which goes on meanwhile; its answer in JSON."""
    def command(name, tenant, folder, *more, status=0):
        done = server.command(name, "--tenant", tenant.name, "--json", *more, str(folder))
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)
    return command


def tree(folder):
    return {str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def actions(answer):
    return {change["file"]: change["action"] for change in answer["changes"]}


def flows(tenant):
    return {flow["name"]: flow for flow in tenant.ok("GET", "/flows")["data"]}


def journeys(tenant):
    return {journey["name"]: journey for journey in tenant.ok("GET", "/journeys")["data"]}


def segments(tenant):
    return {segment["name"]: segment for segment in tenant.ok("GET", "/segments")["data"]}


def versions(tenant, flow):
    return tenant.ok("GET", f"/flows/{flow['id']}/versions")["data"]


@pytest.fixture
def full(tenant):
    """A flow that runs, a draft that names it, and a journey around the draft."""
    running = tenant.new_flow(HOLD, name="Welcome!", description="Ä line\nand another",
                              entry_config={"reentry": "never"}, frequency_cap={"max": 49.99})
    calls = graph([start(), node("sub", "sub_flow", flow_id=running, wait=True),
                   node("end", "exit")], ["start -> sub", "sub -> end"])
    draft = tenant.draft(calls, name="Über uns", exit_criteria={"event_type": "bye"})
    tenant.ok("POST", "/journeys", {"name": "Spring", "flow_id": draft, "tags": ["b", "a"],
                                    "goal_config": {"z": 1, "a": [1, {"y": 2, "x": []}]}}, 201)
    return tenant


def test_files_hold_no_ids_and_sorted_keys(full, run, tmp_path):
    written = run("export", full, tmp_path)
    assert written == {"written": ["flows/welcome.json", "flows/Über-uns.json",
                                   "journeys/spring.json"], "removed": []}
    assert (tmp_path / "journeys/spring.json").read_text() == """{
  "audience_criteria": {},
  "flow_id": {
    "flow": "Über uns"
  },
  "goal_config": {
    "a": [
      1,
      {
        "x": [],
        "y": 2
      }
    ],
    "z": 1
  },
  "name": "Spring",
  "schedule": {},
  "tags": [
    "b",
    "a"
  ]
}
"""
    texts = tree(tmp_path)
    calls = json.loads(texts["flows/Über-uns.json"])["graph"]["nodes"][1]
    assert calls["config"] == {"flow_id": {"flow": "Welcome!"}, "wait": True}
    assert json.loads(texts["flows/welcome.json"]) == {
        "name": "Welcome!", "description": "Ä line\nand another", "exit_criteria": {},
        "entry_config": {"reentry": "never"}, "frequency_cap": {"max": 49.99}, "graph": HOLD}
    assert "49.99\n" in texts["flows/welcome.json"]
    for thing in [*flows(full).values(), *journeys(full).values()]:
        assert not any(thing["id"] in text for text in texts.values())


def test_a_second_export_writes_nothing_and_apply_finds_nothing_to_do(full, run, tmp_path):
    run("export", full, tmp_path)
    assert run("export", full, tmp_path) == {"written": [], "removed": []}
    answer = run("apply", full, tmp_path)
    assert set(actions(answer).values()) == {"unchanged"} and len(answer["changes"]) == 3
    assert len(versions(full, flows(full)["Welcome!"])) == 1


def test_another_deployment_gets_the_same(full, other, run, tmp_path):
    run("export", full, tmp_path / "a")
    planned = run("apply", other, tmp_path / "a", "--dry-run")
    assert planned["dry_run"] and set(actions(planned).values()) == {"create"}
    assert flows(other) == {} and journeys(other) == {}
    answer = run("apply", other, tmp_path / "a")
    assert actions(answer) == actions(planned)
    made, journey = flows(other), journeys(other)["Spring"]
    assert {flow["status"] for flow in made.values()} == {"draft"}
    assert (journey["status"], journey["flow_id"]) == ("draft", made["Über uns"]["id"])
    [version] = versions(other, made["Über uns"])
    assert version["graph"]["nodes"][1]["config"]["flow_id"] == made["Welcome!"]["id"]
    assert version["changelog"] == "kalcifer apply"
    other.move(made["Welcome!"]["id"], "activate")
    run("export", other, tmp_path / "b")
    assert tree(tmp_path / "b") == tree(tmp_path / "a")
    assert set(actions(run("apply", other, tmp_path / "a")).values()) == {"unchanged"}


def edit(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_draft_is_updated_and_a_graph_makes_a_draft_version(full, run, server, tmp_path):
    run("export", full, tmp_path)
    edit(tmp_path / "flows/welcome.json", graph=OTHER)
    edit(tmp_path / "flows/Über-uns.json", description="new", exit_criteria={})
    edit(tmp_path / "journeys/spring.json", tags=["c"], schedule={"x": 1})
    plan = server.command("apply", "--dry-run", "--tenant", full.name, str(tmp_path))
    ids = {name: flow["id"] for name, flow in flows(full).items()}
    assert plan.stdout.splitlines() == [
        'update    flows/welcome.json "Welcome!": graph; draft version 2 created; activate it by '
        f'POST /api/v1/flows/{ids["Welcome!"]}/activate',
        'update    flows/Über-uns.json "Über uns": description, exit_criteria',
        'update    journeys/spring.json "Spring": schedule, tags',
        "0 to create, 3 to update, 0 unchanged; a dry run changes nothing"]
    assert flows(full)["Über uns"]["description"] is None
    assert len(versions(full, flows(full)["Welcome!"])) == 1
    answer = run("apply", full, tmp_path)
    assert {c["file"]: c["changed"] for c in answer["changes"]} == {
        "flows/welcome.json": ["graph"], "flows/Über-uns.json": ["description", "exit_criteria"],
        "journeys/spring.json": ["schedule", "tags"]}
    after = flows(full)
    assert after["Über uns"]["description"] == "new" and after["Über uns"]["exit_criteria"] == {}
    assert journeys(full)["Spring"]["tags"] == ["c"]
    assert (after["Welcome!"]["status"], after["Welcome!"]["active_version"]) == ("active", 1)
    assert [(v["status"], v["graph"]) for v in versions(full, after["Welcome!"])] == [
        ("published", HOLD), ("draft", OTHER)]
    assert set(actions(run("apply", full, tmp_path)).values()) == {"unchanged"}
    full.move(after["Welcome!"]["id"], "activate")
    assert set(actions(run("apply", full, tmp_path)).values()) == {"unchanged"}


def test_a_member_left_out_is_its_default_but_a_graph_stays(full, run, tmp_path):
    run("export", full, tmp_path)
    (tmp_path / "flows/Über-uns.json").write_text('{"name": "Über uns"}')
    answer = run("apply", full, tmp_path)
    [change] = [c for c in answer["changes"] if c["action"] == "update"]
    assert change["changed"] == ["exit_criteria"]
    assert len(versions(full, flows(full)["Über uns"])) == 1


def test_what_has_no_file_is_left_alone(full, run, tmp_path):
    run("export", full, tmp_path)
    (tmp_path / "flows/welcome.json").unlink()
    (tmp_path / "journeys/spring.json").unlink()
    before = flows(full), journeys(full)
    assert actions(run("apply", full, tmp_path)) == {"flows/Über-uns.json": "unchanged"}
    assert (flows(full), journeys(full)) == before


def refused(run, tenant, folder):
    before = flows(tenant), journeys(tenant)
    answer = run("apply", tenant, folder, status=1)
    assert (flows(tenant), journeys(tenant)) == before
    return {(problem["file"], problem["problem"]) for problem in answer["problems"]}


def test_what_the_api_refuses_apply_refuses_with_all_problems(full, run, tmp_path):
    run("export", full, tmp_path)
    edit(tmp_path / "flows/welcome.json", description="of a flow that runs", graph=OTHER)
    edit(tmp_path / "flows/Über-uns.json", frequency_cap=7, exit_criteria={"condition": "1 +"},
         graph=[])
    edit(tmp_path / "journeys/spring.json", tags="x", flow_id={"flow": "Nobody"})
    (tmp_path / "flows/new.json").write_text('{"name": "New", "grpah": {}}')
    (tmp_path / "flows/broken.json").write_text('{"name": ')
    (tmp_path / "flows/list.json").write_text("[]")
    (tmp_path / "flows/empty.json").write_text("")
    (tmp_path / "flows/nameless.json").write_text('{"graph": {}}')
    (tmp_path / "flows/notes.txt").write_text("not read")
    problems = refused(run, full, tmp_path)
    condition = [text for _, text in problems if text.startswith("exit_criteria: /condition: ")]
    assert len(condition) == 1
    malformed = {text for file, text in problems if file in ("flows/broken.json",
                                                             "flows/empty.json")}
    assert len(malformed) == 2
    assert {(file, text) for file, text in problems
            if text not in malformed and text not in condition} == {
        ("flows/welcome.json", "description: cannot change, for the flow is no draft any more"),
        ("flows/Über-uns.json", "frequency_cap: is invalid"),
        ("flows/Über-uns.json", "graph: is invalid"),
        ("journeys/spring.json", 'flow_id: there is no flow {"flow":"Nobody"}'),
        ("journeys/spring.json", "tags: is invalid"),
        ("flows/new.json", "grpah: no member of a flow"),
        ("flows/list.json", "must hold a JSON object"),
        ("flows/nameless.json", "name: can't be blank")}


def test_a_flow_has_one_journey_in_files_too(full, run, tmp_path):
    run("export", full, tmp_path)
    named = {"flow_id": {"flow": "Über uns"}}
    (tmp_path / "journeys/twin.json").write_text(json.dumps({"name": "Twin", **named}))
    taken = ("journeys/twin.json", "flow_id: has already been taken")
    assert refused(run, full, tmp_path) == {taken}
    (tmp_path / "journeys/spring.json").unlink()
    assert refused(run, full, tmp_path) == {taken}
    (tmp_path / "journeys/twin.json").write_text('{"name": "Twin", "flow_id": "x"}')
    assert refused(run, full, tmp_path) == {
        ("journeys/twin.json", 'flow_id: must name its flow, as {"flow": "Welcome"}')}


def test_flows_that_share_a_name_are_told_apart(tenant, other, run, tmp_path):
    for name, reason in (("Same", "a"), ("same!", "b"), ("Same", "c")):
        flow = tenant.draft(chain(node("end", "exit", reason=reason)), name=name)
        tenant.ok("POST", "/journeys", {"name": f"J {reason}", "flow_id": flow}, 201)
    run("export", tenant, tmp_path)
    numbers = {name: json.loads(text).get("number") for name, text in tree(tmp_path).items()}
    assert numbers == {"flows/same.json": None, "flows/same-2.json": None, "flows/same-3.json": 2,
                       "journeys/j-a.json": None, "journeys/j-b.json": None,
                       "journeys/j-c.json": None}
    assert json.loads((tmp_path / "journeys/j-c.json").read_text())["flow_id"] == {
        "flow": "Same", "number": 2}
    for _ in range(2):
        run("apply", other, tmp_path)
    assert len(other.ok("GET", "/flows")["data"]) == 3
    flow = journeys(other)["J c"]["flow_id"]
    [version] = other.ok("GET", f"/flows/{flow}/versions")["data"]
    assert version["graph"]["nodes"][1]["config"]["reason"] == "c"
    edit(tmp_path / "flows/same-3.json", number=4)
    assert ("flows/same-3.json", "number: there is none before it") in refused(run, other, tmp_path)
    edit(tmp_path / "flows/same-3.json", number=1)
    assert ("flows/same.json", "another file has this name and number") in refused(
        run, other, tmp_path)


VIP = [{"field": "plan", "operator": "eq", "value": "vip"}]


def segment(tenant, name, **fields):
    return tenant.ok("POST", "/segments", {"name": name, **fields}, 201)["data"]["id"]


def fork(segment_id):
    return graph([start(), node("check", "check_segment", segment_id=segment_id),
                  node("yes", "exit"), node("no", "exit")],
                 ["start -> check", "check -true-> yes", "check -false-> no"])


@pytest.fixture
def parted(tenant):
    """A segment of each sort, and flows by them."""
    vip = segment(tenant, "VIPs", description="Pay more.", rules=VIP)
    named = segment(tenant, "Named", expression='name != ""')
    listed = segment(tenant, "By hand", type="static")
    tenant.ok("POST", "/customers", {"external_id": "c-1"}, 201)
    tenant.ok("POST", f"/segments/{listed}/members", {"customer_ids": ["c-1"]})
    tenant.new_flow(fork(vip), name="Fork")
    tenant.draft(graph([node("start", "segment_entry", segment_id=listed),
                        node("daily", "scheduled_entry", cron="0 9 * * *",
                             segment_id=named.upper()),
                        node("end", "exit")], ["start -> end", "daily -> end"]), name="Entries")
    return tenant


def configs(flow_file):
    return {n["id"]: n.get("config", {}) for n in json.loads(flow_file)["graph"]["nodes"]}


def test_segments_are_files_and_flows_name_them(parted, run, tmp_path):
    assert run("export", parted, tmp_path)["written"] == [
        "segments/vips.json", "segments/named.json", "segments/by-hand.json", "flows/fork.json",
        "flows/entries.json"]
    texts = tree(tmp_path)
    assert texts["segments/vips.json"] == """{
  "description": "Pay more.",
  "name": "VIPs",
  "rules": [
    {
      "field": "plan",
      "operator": "eq",
      "value": "vip"
    }
  ],
  "type": "dynamic"
}
"""
    assert json.loads(texts["segments/named.json"]) == {
        "name": "Named", "type": "dynamic", "rules": [], "expression": 'name != ""'}
    assert json.loads(texts["segments/by-hand.json"]) == {
        "name": "By hand", "type": "static", "rules": []}
    assert configs(texts["flows/fork.json"])["check"] == {"segment_id": {"segment": "VIPs"}}
    entries = configs(texts["flows/entries.json"])
    assert entries["start"] == {"segment_id": {"segment": "By hand"}}
    assert entries["daily"]["segment_id"] == {"segment": "Named"}
    for thing in segments(parted).values():
        assert not any(thing["id"] in text.lower() for text in texts.values())


def test_another_deployment_gets_the_segments_too(parted, other, run, tmp_path):
    run("export", parted, tmp_path / "a")
    planned = run("apply", other, tmp_path / "a", "--dry-run")
    assert planned["dry_run"] and set(actions(planned).values()) == {"create"}
    assert segments(other) == {} and flows(other) == {}
    answer = run("apply", other, tmp_path / "a")
    assert actions(answer) == actions(planned)
    made = segments(other)
    for name, there in segments(parted).items():
        for field in ("description", "type", "rules", "expression"):
            assert made[name][field] == there[field], (name, field)
    [version] = versions(other, flows(other)["Fork"])
    assert version["graph"]["nodes"][1]["config"]["segment_id"] == made["VIPs"]["id"]
    by_hand = other.ok("GET", f"/segments/{made['By hand']['id']}/members")["data"]
    assert by_hand == [], "who is in a static segment is data"
    run("export", other, tmp_path / "b")
    assert tree(tmp_path / "b") == tree(tmp_path / "a")
    for tenant in (parted, other):
        assert set(actions(run("apply", tenant, tmp_path / "a")).values()) == {"unchanged"}
    [entry] = other.ok("GET", "/audit-log", params={
        "object_type": "segment", "object_id": made["VIPs"]["id"]})["data"]
    assert (entry["action"], entry["actor"]) == ("segment.create", "cli")


def test_a_changed_segment_takes_effect_in_a_running_server(parted, run, server, tmp_path):
    flow, tried = flows(parted)["Fork"]["id"], []
    entered = parted.new_flow(graph(
        [node("start", "segment_entry", segment_id=segments(parted)["VIPs"]["id"]),
         node("end", "exit")], ["start -> end"]), name="Entered")

    def way():
        tried.append(f"try-{len(tried)}")
        return parted.step(parted.trigger(flow, tried[-1]), "check")["branch"]

    def enrolled():
        parted.advance("1m")
        return parted.instances(entered, customer_id="c-1")

    assert way() == "false" and not enrolled()
    run("export", parted, tmp_path)
    edit(tmp_path / "segments/vips.json", rules=[])
    plan = server.command("apply", "--dry-run", "--tenant", parted.name, str(tmp_path))
    assert 'update    segments/vips.json "VIPs": rules' in plan.stdout.splitlines()
    assert segments(parted)["VIPs"]["rules"] == VIP
    answer = run("apply", parted, tmp_path)
    assert {c["file"]: c["changed"] for c in answer["changes"] if c["changed"]} == {
        "segments/vips.json": ["rules"]}
    wait_until(lambda: way() == "true", 30, "the changed rules")
    wait_until(enrolled, 30, "those who are in the segment now")
    edit(tmp_path / "segments/vips.json", rules=None, expression='name == "nobody"')
    run("apply", parted, tmp_path)
    assert segments(parted)["VIPs"]["expression"] == 'name == "nobody"'
    assert set(actions(run("apply", parted, tmp_path)).values()) == {"unchanged"}
    wait_until(lambda: way() == "false", 30, "the expression")
    [changed] = parted.ok("GET", "/audit-log", params={
        "object_type": "segment", "action": "segment.apply", "limit": 1})["data"]
    assert changed["actor"] == "cli" and set(changed["after"]) == {"expression"}
    for running in (flow, entered):
        parted.move(running, "archive")


def test_what_the_api_refuses_of_segments_apply_refuses(parted, run, tmp_path):
    run("export", parted, tmp_path)
    edit(tmp_path / "segments/by-hand.json", type="dynamic", rules=VIP)
    edit(tmp_path / "segments/vips.json", rules=[{"field": "a..b", "operator": "eq", "value": 1}])
    edit(tmp_path / "segments/named.json", rules=VIP, members=["c-1"])
    (tmp_path / "segments/twin.json").write_text('{"name": "VIPs", "number": 2}')
    (tmp_path / "segments/odd.json").write_text('{"name": "Odd", "type": "odd", "rules": {}}')
    edit(tmp_path / "flows/fork.json", graph=fork({"segment": "Nobody"}), entry_config=7)
    edit(tmp_path / "flows/entries.json", graph=graph(
        [node("start", "segment_entry", segment_id={"segment": "By hand", "number": 2}),
         node("daily", "scheduled_entry", cron="0 9 * * *", segment_id={"segment": "None"}),
         node("end", "exit")], ["start -> end", "daily -> end"]))
    before = segments(parted)
    assert refused(run, parted, tmp_path) == {
        ("segments/by-hand.json", "type: can't be changed"),
        ("segments/by-hand.json", "rules: can't be given for a static segment"),
        ("segments/vips.json", "rules: /0/field: is invalid"),
        ("segments/named.json", "members: no member of a segment"),
        ("segments/twin.json", "name: has already been taken"),
        ("segments/odd.json", "type: is invalid"),
        ("segments/odd.json", "rules: is invalid"),
        ("flows/fork.json", 'node check: segment_id: there is no segment {"segment":"Nobody"}'),
        ("flows/fork.json", "entry_config: is invalid"),
        ("flows/fork.json",
         "entry_config: cannot change, for the flow is no draft any more"),
        ("flows/entries.json", 'node start: segment_id: there is no segment '
                               '{"segment":"By hand","number":2}'),
        ("flows/entries.json", 'node daily: segment_id: there is no segment {"segment":"None"}')}
    assert segments(parted) == before


def test_archived_ones_leave_the_files(full, run, tmp_path):
    run("export", full, tmp_path)
    (tmp_path / "flows/mine.json").write_text('{"mine": true}')
    full.ok("POST", f"/journeys/{journeys(full)['Spring']['id']}/archive")
    assert run("export", full, tmp_path) == {
        "written": [], "removed": ["flows/Über-uns.json", "journeys/spring.json"]}
    assert set(tree(tmp_path)) == {"flows/welcome.json", "flows/mine.json"}


def test_a_name_becomes_a_file_of_its_folder(tenant, run, tmp_path):
    for name in ("../../etc/passwd", "...", "A  b--C", "/", "x" * 255):
        tenant.draft(HOLD, name=name)
    run("export", tenant, tmp_path)
    assert set(tree(tmp_path)) == {f"flows/{name}.json" for name in
                                   ("etc-passwd", "unnamed", "a-b-c", "unnamed-2", "x" * 100)}


def test_one_tenant_does_not_see_anothers(full, other, run, tmp_path):
    assert run("export", other, tmp_path) == {"written": [], "removed": []}
    assert tree(tmp_path) == {}


def test_the_commands_do_without_a_server_and_with_one_tenant_alone(own, tmp_path):
    tenant = Tenant(own.base, "alone")
    tenant.draft(HOLD, name="Welcome")
    assert own.stop() == 0
    assert own.command("export", str(tmp_path / "new")).returncode == 0
    edit(tmp_path / "new/flows/welcome.json", description="offline")
    done = own.command("apply", str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 to create, 1 to update, 0 unchanged; done"
    own.start()
    assert flows(tenant)["Welcome"]["description"] == "offline"
    Tenant(own.base, "second")
    for command in ("export", "apply"):
        assert own.command(command, str(tmp_path / "new")).returncode == 2
    assert own.stop() == 0


def test_exit_statuses(server, tenant, tmp_path):
    assert server.command("apply").returncode == 2
    assert server.command("export", "--dry-run", str(tmp_path)).returncode == 2
    assert server.command("apply", "a", "b").returncode == 2
    for command, folder in (("apply", tmp_path), ("apply", tmp_path / "none"),
                            ("export", "/proc/none")):
        done = server.command(command, "--tenant", tenant.name, str(folder))
        assert done.returncode == 1 and done.stderr.startswith("kalcifer: "), command
    (tmp_path / "flows").mkdir()
    assert server.command("apply", "--tenant", "nobody", str(tmp_path)).returncode == 1


def test_a_predicate_goes_along_where_code_may_run(server, tenant, other, tmp_path):
    source = "-- 'äö' ]]\nreturn ctx.customer.name == \"x\""
    tenant.ok("POST", "/segments", {"name": "S", "predicate": source}, 201)
    assert server.command("export", "--tenant", tenant.name, str(tmp_path)).returncode == 0
    refused = server.command("apply", "--tenant", other.name, str(tmp_path),
                             environment={"ENABLE_CUSTOM_CODE": "false"})
    assert refused.returncode == 1 and "ENABLE_CUSTOM_CODE" in refused.stderr
    done = server.command("apply", "--tenant", other.name, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert segments(other)["S"]["predicate"] == source
