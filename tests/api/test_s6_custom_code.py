"""Section 6, custom_code: a tenant's Lua, run in the tenant's cell."""
import pathlib
import time

import pytest

from conftest import UNLIMITED
from support.client import Tenant
from support.graphs import chain, graph, node, start
from support.server import ROOT, Server, until

HOSTILE = (ROOT / "tests/fixtures/hostile.txt").read_text().splitlines()


def children(pid):
    """The process and all below it, by process id: its name."""
    found = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[int(fields["Pid"])] = (int(fields["PPid"]), fields["Name"])
    below, before = {pid}, 0
    while len(below) > before:
        before = len(below)
        below |= {p for p, (parent, _) in found.items() if parent in below}
    return {p: found[p][1] for p in below if p in found}


def rows(server, statement, *parameters):
    connection = server.database()
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()
    finally:
        connection.close()


@pytest.fixture
def ann(tenant):
    return tenant


def code(source, id="code", **config):
    return node(id, "custom_code", code=source, **config)


def settled(tenant):
    """All that is due has been done, the calls of code among it."""
    tenant.ok("POST", "/clock/advance", {"by": "0s"})


def run(tenant, *nodes, customer="c", data=None, **more):
    """The instance of a chain behind the event `start`, and its steps by node, when all is done."""
    flow = tenant.new_flow(chain(*nodes, **more))
    tenant.event(customer, "start", data)
    settled(tenant)
    made = tenant.instance_of(flow, customer)
    return made, {step["node_id"]: step for step in tenant.steps(made["id"])}


def test_it_is_off_unless_the_deployment_says_otherwise(own):
    assert Tenant(own.base).problems(chain(code("return 1"))) == [
        "node code: /code: needs tenants' code, which is switched off in this "
        "deployment (ENABLE_CUSTOM_CODE)"]


@pytest.mark.parametrize("source, mistake", [
    ("local x = 1\nlocal y = = 2", "line 2, column 11: unexpected symbol near '='"),
    ("return (1", "line 1, column 10: ')' expected near '<eof>'"),
    ("if true then\n  x(\nend", "line 3, column 1: unexpected symbol near 'end'"),
    ("goto nowhere", "line 1, column 1: undefined label 'nowhere'"),
])
def test_its_syntax_is_checked_at_publish(ann, source, mistake):
    assert ann.problems(chain(code(source))) == [f"node code: /code: {mistake}"]


def test_its_branches_need_edges(ann):
    problems = ann.problems(chain(code("return 1", branches=["yes", "no"])))
    assert problems == ["node code (custom_code) missing branch edges: no, yes"] or \
        problems == ["node code (custom_code) missing branch edges: yes, no"]


def test_it_sees_its_customer_and_event_and_gives_a_result(ann):
    ann.ok("POST", "/customers", {"external_id": "c", "properties": {"plan": "gold"}}, 201)
    made, steps = run(ann, node("tag", "add_tag", tag="t"), code("""
        local c = ctx.customer
        return { id = c.external_id, plan = c.properties.plan, twice = ctx.event.data.n * 2,
                 tagged = ctx.accumulated.tag.tagged, flow = ctx.context._flow_id ~= nil,
                 now = ctx.now, big = ctx.event.data.big, none = ctx.event.data.none == kal.null }
        """), data={"n": 21, "big": 9007199254740993, "none": None})
    assert made["status"] == "completed"
    given = steps["code"]["output"]
    assert (given["id"], given["plan"], given["twice"]) == ("c", "gold", 42)
    assert (given["tagged"], given["flow"], given["none"]) == (True, True, True)
    assert given["big"] == 9007199254740993
    assert steps["code"]["trigger"] == "answer"


def test_chance_is_the_instances_own_and_the_same_at_each_replay(ann):
    source = "return { a = ctx.random(), b = math.random(1000) }"
    _, first = run(ann, code(source, "one"), code(source, "two"), customer="x")
    assert first["one"]["output"] != first["two"]["output"]


def test_it_takes_a_branch(ann):
    made = graph([start(), code("return kal.branch(ctx.event.data.to, {x = 1})",
                                branches=["left", "right"]),
                  node("l", "add_tag", tag="left"), node("r", "add_tag", tag="right")],
                 ["start -> code", "code -left-> l", "code -right-> r"])
    flow = ann.new_flow(made)
    for to in ("left", "right"):
        ann.event(to, "start", {"to": to})
    ann.event("lost", "start", {"to": "nowhere"})
    settled(ann)
    assert [ann.customer(c)["tags"] for c in ("left", "right", "lost")] == [["left"], ["right"], []]
    assert "undeclared branch nowhere" in ann.instance_of(flow, "lost")["exit_reason"]


def test_it_waits_and_goes_on_with_what_it_kept(ann):
    source = """
        if not ctx.state then return kal.wait{duration = '2h', state = {n = 1}} end
        return { n = ctx.state.n, trigger = ctx.trigger, now = ctx.now }"""
    made, steps = run(ann, code(source))
    assert made["status"] == "waiting" and "code" not in steps
    ann.ok("POST", "/clock/advance", {"by": "2h"})
    given = ann.step(made["id"], "code")["output"]
    assert (given["n"], given["trigger"]) == (1, "timeout")
    assert ann.instance(made["id"])["status"] == "completed"


@pytest.mark.parametrize("source, reason", [
    ("local x = nil\nreturn x.y", "code:2: attempt to index local 'x' (a nil value)"),
    ("return kal.fail('not today')", "not today"),
    ("while true do end", "took longer than 100 ms"),
    ("return kal.wait{}", "kal.wait needs a duration or until"),
    ("return kal.wait{duration = 'soon'}", "kal.wait: the duration "),
    ("kal.effect.send{channel = 'pigeon', body = 'x'}", "send needs a channel: email, sms, push"),
    ("kal.effect.send{channel = 'sms', body = 'x', provider = 'none'}", "is not installed"),
    ("kal.effect.convert{event_name = 'x', revenue = 'much'}", "convert's revenue is no number"),
    ("kal.effect.update_profile{ name = ('x'):rep(300) }", "longer than 255 bytes"),
    ("return string.rep('x', 70000)", "what the code gave is over 64 KB"),
])
def test_a_failure_says_why(ann, source, reason):
    made, steps = run(ann, code(source), node("after", "add_tag", tag="after"))
    assert made["status"] == "failed"
    assert reason in made["exit_reason"] and reason in steps["code"]["error"]
    assert "/" not in made["exit_reason"].replace("email/", "")
    assert "after" not in steps


def test_on_error_holds_for_it(ann):
    made, steps = run(ann, code("error('x')", on_error="continue"),
                      node("after", "add_tag", tag="t"))
    assert made["status"] == "completed"
    assert (steps["code"]["status"], steps["after"]["status"]) == ("failed", "completed")


def test_a_longer_timeout_may_be_given(ann):
    busy = "local n = 0 for i = 1, {} do n = n + i end return n"
    made, _ = run(ann, code("local t = 0 while true do t = t + 1 end", timeout_ms=30))
    assert made["exit_reason"] == "took longer than 30 ms"
    assert run(ann, code(busy.replace("{}", "1000")), customer="d")[0]["status"] == "completed"


def test_its_effects_happen_once_with_its_result(ann, sql):
    made, steps = run(ann, code("""
        kal.effect.update_profile{ plan = 'gold', name = 'Ann {{1 + 1}}' }
        kal.effect.add_tag 'vip' kal.effect.add_tag 'gone' kal.effect.remove_tag 'gone'
        kal.effect.convert{ event_name = 'sale', revenue = 9.5, metadata = { sku = 'a' } }
        kal.effect.send{ channel = 'email', subject = 'Hello', body = 'to {{you}}' }
        return { done = true }"""))
    assert made["status"] == "completed" and steps["code"]["output"]["done"]
    customer = ann.customer("c")
    assert customer["properties"] == {"plan": "gold"} and customer["tags"] == ["vip"]
    assert customer["name"] == "Ann {{1 + 1}}"
    sent = sql("SELECT channel, status, message FROM delivery WHERE instance_id = %s",
                  made["id"])
    assert len(sent) == 1 and sent[0][:2] == ("email", "sent")
    assert sent[0][2]["body"] == "to {{you}}"
    assert sql("SELECT conversion_type, value FROM conversion WHERE instance_id = %s",
                  made["id"]) == [("sale", 9.5)]


def test_its_messages_keep_to_the_flows_cap(ann, sql):
    flow = ann.new_flow(chain(code("""
        for _ = 1, 3 do kal.effect.send{ channel = 'sms', body = 'x' } end""")),
        frequency_cap={"sms": {"max": 2, "window": "1d"}})
    ann.event("c", "start")
    settled(ann)
    assert sorted(row[0] for row in sql("SELECT status FROM delivery WHERE flow_id = %s", flow)) \
        == ["failed", "sent", "sent"]


def test_what_it_emits_is_an_event_of_its_customer(ann):
    heard = ann.new_flow(graph([node("in", "event_entry", event_type="ping"),
                                node("tag", "add_tag", tag="heard")], ["in -> tag"]))
    made, _ = run(ann, code("""
        kal.effect.emit{ event_type = 'ping', data = { n = 1 } }
        kal.effect.emit{ event_type = 'ping', data = { n = 2 } }"""))
    assert made["status"] == "completed"
    begun = ann.instances(heard, customer_id="c")
    assert len(begun) == 2
    data = [ann.step(i["id"], "in")["output"]["data"]["n"] for i in reversed(begun)]
    assert data == [1, 2]
    assert "heard" in ann.customer("c")["tags"]


def test_events_that_emit_events_come_to_an_end(ann):
    flow = ann.new_flow(chain(code("kal.effect.emit{ event_type = 'start' }")))
    ann.event("c", "start")
    settled(ann)
    ends = [i["status"] for i in ann.instances(flow, customer_id="c")]
    assert len(ends) == 9 and ends.count("failed") == 1
    assert "nested deeper" in ann.instances(flow, customer_id="c")[0]["exit_reason"]


@pytest.mark.parametrize("what", ["flow", "instance"])
def test_a_pause_while_it_runs_loses_nothing(ann, what):
    """It is asked again at resume, for the same; what it gave meanwhile is not taken."""
    flow = ann.new_flow(chain(code("local n = 0 for i = 1, 3e6 do n = n + i end "
                                   "kal.effect.convert{ event_name = 'once' }", timeout_ms=1000),
                              node("after", "add_tag", tag="after")))
    ann.event("c", "start")
    made = ann.instance_of(flow, "c")
    path = f"/flows/{flow}" if what == "flow" else f"/instances/{made['id']}"
    paused = ann.post(f"{path}/pause")
    settled(ann)
    if paused.status_code == 200:
        assert "after" not in ann.path(made["id"]) or ann.instance(made["id"])["status"] == \
            "completed"
        ann.post(f"{path}/resume")
        settled(ann)
    assert ann.instance(made["id"])["status"] == "completed"
    assert ann.path(made["id"]).count("after") == 1


def test_hostile_code_harms_nobody(server):
    """Every program ends with a reason, and another tenant's customers go on."""
    neighbour = Tenant(server.base)
    fine = neighbour.new_flow(chain(code("return ctx.event.data.n + 1"),
                                    node("tag", "add_tag", tag="through")))
    flows = []
    for n, source in enumerate(HOSTILE):
        if n % 4 == 0:  # before five kills switch its code off
            tenant = Tenant(server.base)
        made = chain(code(source))
        made["nodes"][0]["config"]["event_type"] = f"start{n}"
        if tenant.problems(made):
            continue  # it does not even parse
        flows.append((tenant, tenant.new_flow(made), source))
        tenant.event("c", f"start{n}")
        neighbour.event(f"c{n}", "start", {"n": n})
    settled(neighbour)
    assert len(flows) >= 60
    for tenant, flow, source in flows:
        ended = tenant.instance_of(flow, "c")
        assert ended["status"] in ("completed", "failed"), source
        assert ended["status"] == "completed" or ended["exit_reason"], source
        assert "/etc" not in (ended["exit_reason"] or ""), source
    for n in range(len(HOSTILE)):
        made = neighbour.instances(fine, customer_id=f"c{n}")
        assert [i["status"] for i in made] == ["completed"] * len(made)


def test_no_worker_is_left_when_the_engine_stops():
    made = Server(environment={**UNLIMITED, "ENABLE_CUSTOM_CODE": "true"})
    try:
        made.start()
        tenant = Tenant(made.base)
        flow = tenant.new_flow(chain(code("return 1")))
        tenant.event("c", "start")
        until(lambda: tenant.instance_of(flow, "c")["status"] == "completed", 10, "the end")
        there = children(made.process.pid)
        assert made.stop() == 0
        gone = [pid for pid in there if pathlib.Path(f"/proc/{pid}").exists()]
        until(lambda: not [p for p in gone if pathlib.Path(f"/proc/{p}").exists()], 5,
              "the end of what the engine had started")
    finally:
        made.remove()


def test_a_killed_engine_asks_again_and_does_it_once():
    """Calls are under way when it dies: each has its effect once, whatever had been answered."""
    made = Server(environment={**UNLIMITED, "ENABLE_CUSTOM_CODE": "true"})
    slow = ("local n = 0 for i = 1, 2e6 do n = n + i end "
            "kal.effect.convert{ event_name = 'once' } kal.effect.emit{ event_type = 'told' }")
    try:
        made.start()
        tenant = Tenant(made.base)
        flow = tenant.new_flow(chain(code(slow, timeout_ms=1000)))
        told = tenant.new_flow(graph([node("in", "event_entry", event_type="told"),
                                      node("tag", "add_tag", tag="told")], ["in -> tag"]))
        for kill in range(3):
            for n in range(20):
                tenant.event(f"c{kill}-{n}", "start")
            time.sleep(0.1 * kill)
            made.kill()
            made.start()
        until(lambda: not tenant.instances(flow, status="waiting", limit=1), 60, "all ends")
        assert rows(made, "SELECT count(*), count(DISTINCT customer_uuid) FROM conversion") == \
            [(60, 60)]
        until(lambda: len(tenant.instances(told, limit=100)) == 60, 20, "all told")
        time.sleep(1)
        assert len(tenant.instances(told, limit=100)) == 60
        assert rows(made, "SELECT count(*) FROM held_event") == [(0,)]
    finally:
        made.remove()


# ---- what it may take, and takes ----

def use(tenant):
    return tenant.ok("GET", "/usage")["data"]


def samples(server, name):
    text = Tenant(server.base).get("//metrics").text
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
            if line.startswith(name + "{")}


def test_its_use_is_metered_by_tenant(ann, server):
    nothing = use(ann)["code"]
    assert nothing == {"calls": 0, "failures": 0, "kills": 0, "cpu_seconds": 0, "memory_bytes": 0,
                       "switched_off": False}
    run(ann, code("local n = 0 for i = 1, 1e5 do n = n + i end return n"))
    run(ann, code("error('x')"), customer="d")
    used = use(ann)["code"]
    assert (used["calls"], used["failures"], used["kills"]) == (3, 1, 0)  # d's first flow is c's
    assert 0 < used["cpu_seconds"] < 5 and used["memory_bytes"] > 10000
    assert samples(server, "kalcifer_code_calls_total")[ann.id] == 3
    assert samples(server, "kalcifer_code_cpu_seconds_total")[ann.id] > 0


@pytest.mark.parametrize("limits, source, reason", [
    ({"timeout_ms": 20}, "while true do end", "took longer than 20 ms"),
    ({"memory_mb": 2}, "local t = {} for i = 1, 1e6 do t[i] = {} end", "not enough memory"),
    ({"output_kb": 1}, "return ('x'):rep(2000)", "what the code gave is over 1 KB"),
    ({"source_kb": 1}, "return 1 --" + "x" * 1100, "the code is longer than its limit"),
    ({"input_kb": 1}, "return 1", "what the code is to see is larger than its limit"),
])
def test_its_limits_can_be_set_for_a_tenant(ann, limits, source, reason):
    ann.settings(code=limits)
    made, _ = run(ann, code(source), data={"pad": "x" * 1200})
    assert made["exit_reason"] == reason
    ann.settings(code=None)
    if "timeout_ms" not in limits and "memory_mb" not in limits:
        assert run(ann, code(source), customer="d", data={"pad": "x" * 1200})[0]["status"] == \
            "completed"


@pytest.mark.parametrize("bad", [{"timeout_ms": 1001}, {"memory_mb": 65}, {"at_once": 0},
                                 {"unknown": 1}, {"output_kb": "1"}, 5])
def test_limits_over_the_most_are_refused(ann, bad):
    answer = ann.operator.request("PUT", f"/admin/tenants/{ann.id}", {"settings": {"code": bad}})
    assert answer.status_code == 422 and "code" in answer.json()["errors"]


def test_code_that_keeps_being_killed_is_switched_off_and_that_is_audited(ann, server):
    flow = ann.new_flow(chain(code("return ('a'):rep(30000):match('.-.-.-.-b')")))
    for n in range(7):
        ann.event(f"c{n}", "start")
        settled(ann)
    reasons = [ann.instance_of(flow, f"c{n}")["exit_reason"] for n in range(7)]
    assert reasons[:5] == ["took longer than its deadline and was stopped"] * 5
    assert all("switched off for five minutes" in reason for reason in reasons[5:])
    assert use(ann)["code"]["switched_off"]
    assert samples(server, "kalcifer_code_switched_off")[ann.id] == 1
    until(lambda: ann.ok("GET", "/audit-log", params={"object_type": "code_switch"})["data"], 10,
          "the entry of the audit log")
    other = Tenant(server.base)
    assert run(other, code("return 1"))[0]["status"] == "completed"


def test_quotas_are_shown_with_their_use(ann):
    ann.settings(quotas={"events_per_day": 10})
    ann.event("c", "any")
    assert use(ann)["quotas"] == {"events_per_day": {"limit": 10, "used": 1}}
