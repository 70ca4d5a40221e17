"""Section 10: segments whose members a tenant's Lua decides, in the tenant's cell."""
import random

import pytest

from conftest import UNLIMITED
from support import segments
from support.client import Tenant, wait_until
from support.graphs import graph, node, start
from support.segments import members, new
from support.server import ROOT, Server, until
from times import parse

HOSTILE = (ROOT / "tests/fixtures/hostile.txt").read_text().splitlines()
VIP = [{"field": "plan", "operator": "eq", "value": "vip"}]
IS_VIP = "return ctx.customer.properties.plan == 'vip'"


@pytest.fixture(autouse=True)
def tidy(server, tenant):
    """Sweeps would keep the clock of all tests stepping from minute to minute."""
    yield
    for flow in tenant.ok("GET", "/flows", params={"status": "active"})["data"]:
        tenant.move(flow["id"], "archive")


def customer(tenant, external_id, **fields):
    tenant.ok("POST", "/customers?upsert=true", {"external_id": external_id, **fields})


def evaluate(tenant, segment, external_id):
    return tenant.post(f"/segments/{segment}/evaluate", {"customer_id": external_id})


def is_member(tenant, segment, external_id):
    answer = evaluate(tenant, segment, external_id)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["member"]


def refused(answer):
    assert answer.status_code == 422, answer.text
    return answer.json()["errors"]["predicate"][0]


def by_segment(segment):
    return graph([node("in", "segment_entry", segment_id=segment), node("end", "exit")],
                 ["in -> end"])


def asking(segment):
    nodes = [start(), node("in", "check_segment", segment_id=segment),
             node("yes", "add_tag", tag="yes"), node("no", "add_tag", tag="no")]
    return graph(nodes, ["start -> in", "in -true-> yes", "in -false-> no"])


def entered(tenant, flow):
    return sorted(i["customer_id"] for i in tenant.instances(flow, limit=500))


# ---- the object ----

def test_a_predicate_is_kept_changed_and_taken_away(tenant):
    segment = new(tenant, rules=VIP, predicate=IS_VIP)
    path = f"/segments/{segment}"
    made = tenant.ok("GET", path)["data"]
    assert (made["predicate"], made["rules"]) == (IS_VIP, VIP)
    named = tenant.ok("PUT", path, {"name": "named"})["data"]
    assert named["predicate"] == IS_VIP
    changed = tenant.ok("PUT", path, {"expression": "1 == 1", "predicate": "return true"})["data"]
    assert (changed["predicate"], changed["rules"]) == ("return true", [])
    assert tenant.ok("PUT", path, {"predicate": None})["data"]["predicate"] is None


@pytest.mark.parametrize("predicate, problem", [
    ("return (", "line 1, column 9: unexpected symbol near '<eof>'"),
    ("\x1bLJ\x02", "must be Lua text, not bytecode"),
    ("", "can't be blank"),
    (5, "is invalid"),
    ("-- " + "x" * 65536, "is longer than 64 KB"),
])
def test_what_is_wrong_with_one_is_told(tenant, predicate, problem):
    answer = tenant.post("/segments", {"name": "x", "predicate": predicate})
    assert refused(answer) == problem
    segment = new(tenant)
    assert refused(tenant.put(f"/segments/{segment}", {"predicate": predicate})) == problem


def test_a_list_has_none(tenant):
    answer = tenant.post("/segments", {"name": "x", "type": "static", "predicate": "return true"})
    assert refused(answer) == "can't be given for a static segment"


def test_without_code_no_segment_gets_one():
    made = Server(environment=UNLIMITED)
    try:
        made.start()
        tenant = Tenant(made.base)
        customer(tenant, "a")
        segment = new(tenant)
        problem = refused(tenant.put(f"/segments/{segment}", {"predicate": "return true"}))
        assert "ENABLE_CUSTOM_CODE" in problem
        connection = made.database()  # it was there before the operator switched code off
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE segment SET predicate = 'return true'")
        connection.close()
        assert "ENABLE_CUSTOM_CODE" in refused(evaluate(tenant, segment, "a"))
        assert "ENABLE_CUSTOM_CODE" in refused(tenant.get(f"/segments/{segment}/members"))
        flow = tenant.new_flow(asking(segment))
        tenant.event("a", "start")
        until(lambda: tenant.instance_of(flow, "a")["status"] == "failed", 10, "the end")
        assert "ENABLE_CUSTOM_CODE" in tenant.instance_of(flow, "a")["exit_reason"]
    finally:
        made.remove()


# ---- who is in ----

def test_it_decides_for_each_customer(tenant):
    customer(tenant, "a", properties={"plan": "vip", "age": 40}, tags=["x"])
    customer(tenant, "b", properties={"plan": "vip", "age": 17}, email="b@example.com")
    customer(tenant, "c", properties={"plan": None, "list": [1, 2]})
    segment = new(tenant, predicate=IS_VIP + " and ctx.customer.properties.age > 18")
    assert members(tenant, segment) == ["a"]
    assert [is_member(tenant, segment, c) for c in "abc"] == [True, False, False]
    assert members(tenant, new(tenant, predicate="return ctx.customer.email")) == ["b"]
    assert members(tenant, new(tenant, predicate="return ctx.customer.properties.plan")) \
        == ["a", "b"]
    assert members(tenant, new(tenant, predicate="return #(ctx.customer.properties.list or {}) > 1")
                   ) == ["c"]
    assert members(tenant, new(tenant, predicate="local unused = 1")) == []
    assert members(tenant, new(tenant, predicate="return ctx.now > 1e12")) == ["a", "b", "c"]


def test_rules_and_expressions_narrow_whom_it_is_asked_about(tenant):
    customer(tenant, "a", properties={"plan": "vip", "n": 1})
    customer(tenant, "b", properties={"plan": "free", "n": 2})
    customer(tenant, "c", properties={"plan": "vip", "n": 3})
    strict = "assert(ctx.customer.properties.plan == 'vip') return ctx.customer.properties.n > 1"
    for narrow in ({"rules": VIP}, {"expression": 'properties.plan == "vip"'}):
        segment = new(tenant, predicate=strict, **narrow)
        assert members(tenant, segment) == ["c"]
        assert [is_member(tenant, segment, c) for c in "abc"] == [False, False, True]


def test_it_says_what_rules_say(tenant):
    """Rules, as SQL and as Lua of ours, against the same said in a predicate."""
    dice = random.Random(7)
    names = [f"c{n:02}" for n in range(60)]
    for n, name in enumerate(names):
        made = segments.customer(dice, name)
        made["properties"]["n"] = dice.choice([n, n / 7, str(n), None, True])
        tenant.ok("POST", "/customers", made, 201)
    head = "local c = ctx.customer local p = c.properties "
    same = [("plan", "exists", None, "p.plan ~= nil and p.plan ~= kal.null"),
            ("plan", "eq", "a", "p.plan == 'a'"),
            ("email", "neq", "a", "c.email ~= 'a'"),
            ("n", "gt", 5, "type(p.n) == 'number' and p.n > 5"),
            ("n", "lte", "3", "type(p.n) == 'string' and p.n <= '3'"),
            ("tags", "contains", "a", "(' ' .. table.concat(c.tags, ' ') .. ' '):find ' a '")]
    for field, operator, value, source in same:
        rule = {"field": field, "operator": operator, "value": value}
        expected = members(tenant, new(tenant, rules=[rule]))
        predicate = new(tenant, predicate=f"{head}return {source}")
        assert expected and members(tenant, predicate) == expected, rule
        assert [name for name in names if is_member(tenant, predicate, name)] == expected


@pytest.mark.parametrize("narrow", [{}, {"expression": "properties.n >= 0"}])
def test_pages_go_on_where_they_ended(tenant, narrow):
    for n in range(530):
        customer(tenant, f"c{n:03}", properties={"n": n})
    segment = new(tenant, predicate="return ctx.customer.properties.n % 100 == 3", **narrow)
    expected = [f"c{n:03}" for n in (3, 103, 203, 303, 403, 503)]
    assert members(tenant, segment, limit=500) == expected
    assert members(tenant, segment, limit=40) == expected


def test_large_customers_come_some_at_a_time(tenant):
    """More than a call may hold."""
    for n in range(12):
        customer(tenant, f"c{n:02}", properties={"n": n, "text": "x" * 60000})
    segment = new(tenant, predicate="return #ctx.customer.properties.text == 60000")
    assert members(tenant, segment) == [f"c{n:02}" for n in range(12)]


def test_chance_is_the_customers_own(tenant):
    for n in range(200):
        customer(tenant, f"c{n:03}")
    tenth = new(tenant, predicate="return math.random() < 0.1 or ctx.random(1000) == 1")
    found = members(tenant, tenth)
    assert 5 <= len(found) <= 40
    assert members(tenant, tenth, limit=7) == found
    assert [f"c{n:03}" for n in range(200) if is_member(tenant, tenth, f"c{n:03}")] == found


def test_nothing_is_kept_from_one_customer_to_the_next(tenant):
    for n in range(5):
        customer(tenant, f"c{n}")
    segment = new(tenant, predicate="seen = (seen or 0) + 1 string.seen = nil return seen > 1")
    assert members(tenant, segment) == []
    counted = new(tenant, predicate="seen = (seen or 0) + 1 return seen > 1")
    assert members(tenant, counted) == []


# ---- where it fails ----

@pytest.mark.parametrize("predicate, reason", [
    ("local x = nil\nreturn x.y", "code:2: attempt to index local 'x' (a nil value)"),
    ("error('not today', 0)", "not today"),
    ("error({})", "an error that is no text"),
    ("while true do end", "took longer than 100 ms"),
    ("pcall(function() while true do end end) return true", "took longer than 100 ms"),
    ("kal.effect.add_tag 'x' return true", "a segment's predicate has no effects"),
    ("return kal.branch 'x'", "a segment's predicate returns true or false"),
    ("return ('x'):rep(1e9)", "not enough memory"),
])
def test_a_failure_says_why(tenant, predicate, reason):
    customer(tenant, "a")
    segment = new(tenant, predicate=predicate)
    assert reason in refused(evaluate(tenant, segment, "a"))
    flow = tenant.new_flow(asking(segment))
    tenant.event("a", "start")
    tenant.advance("0s")
    made = tenant.instance_of(flow, "a")
    assert made["status"] == "failed" and reason in made["exit_reason"]


def test_those_it_fails_for_are_not_in_and_the_others_are(tenant):
    for n in range(40):
        customer(tenant, f"c{n:02}", properties={"n": n})
    segment = new(tenant, predicate="""
        local n = ctx.customer.properties.n
        if n == 3 then error 'three' elseif n == 5 then while true do end end
        return n < 10""")
    assert members(tenant, segment) == ["c00", "c01", "c02", "c04", "c06", "c07", "c08", "c09"]
    assert "three" in refused(evaluate(tenant, segment, "c03"))


def test_one_that_never_ends_refuses_the_page(tenant):
    for n in range(40):
        customer(tenant, f"c{n:02}")
    answer = tenant.get(f"/segments/{new(tenant, predicate='while true do end')}/members")
    assert "took longer than 1000 ms" in refused(answer)


def deep(levels):
    """JSON of objects in one another."""
    value = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


def test_a_deep_or_large_customer_spoils_no_page(tenant):
    for n in range(20):
        customer(tenant, f"c{n:02}")
    customer(tenant, "deep", properties=deep(64))
    refused = tenant.post("/customers", {"external_id": "deeper", "properties": deep(65)})
    assert refused.status_code == 422
    assert "deeper than 64 levels" in refused.json()["errors"]["properties"][0]
    segment = new(tenant, predicate="return true")
    names = [f"c{n:02}" for n in range(20)] + ["deep"]
    assert members(tenant, segment) == names
    flow = tenant.new_flow(asking(segment))
    tenant.event("deep", "start")
    tenant.advance("0s")
    assert tenant.customer("deep")["tags"] == ["yes"]
    tenant.settings(code={"input_kb": 32})
    customer(tenant, "large", properties={"text": "x" * 65000})
    wait_until(lambda: evaluate(tenant, segment, "large").status_code == 422, what="the limit")
    assert "larger than its limit" in evaluate(tenant, segment, "large").text
    assert members(tenant, segment) == names
    flow = tenant.new_flow(by_segment(segment))
    tenant.advance("1m")
    assert entered(tenant, flow) == names


@pytest.mark.parametrize("write", [
    "table.insert(string, 1) return #string > 1",
    "table.insert(kal.effect, 1) return true",
    "table.sort(kal, function() return true end) string.x = 1 return true",
    "getmetatable('').__index.x = 1 return true"])
def test_nothing_is_written_past_the_seal(tenant, write):
    for n in range(3):
        customer(tenant, f"c{n}")
    segment = new(tenant, predicate=write)
    assert members(tenant, segment) == []
    assert evaluate(tenant, segment, "c0").status_code == 422


# ---- who enters by it ----

def test_members_enter_and_leave(tenant):
    for plan in ("vip", "free"):
        customer(tenant, plan, properties={"plan": plan})
    flow = tenant.new_flow(by_segment(new(tenant, predicate=IS_VIP)))
    tenant.advance("1m")
    assert entered(tenant, flow) == ["vip"]
    customer(tenant, "free", properties={"plan": "vip"})
    tenant.advance("1m")
    assert entered(tenant, flow) == ["free", "vip"]
    customer(tenant, "free", properties={"plan": "free"})
    tenant.advance("1m")
    customer(tenant, "free", properties={"plan": "vip"})
    tenant.advance("1m")
    assert entered(tenant, flow) == ["free", "free", "vip"]


def test_rules_let_nobody_else_be_asked(tenant):
    for n in range(20):
        customer(tenant, f"c{n}", properties={"plan": "vip" if n % 2 else "free", "n": n})
    flow = tenant.new_flow(by_segment(new(
        tenant, rules=VIP, predicate=f"assert({IS_VIP[7:]}) return ctx.customer.properties.n > 9")))
    tenant.advance("1m")
    assert entered(tenant, flow) == sorted(f"c{n}" for n in range(11, 20, 2))


def test_a_failure_moves_nobody(tenant):
    """Who cannot be told has neither come nor left."""
    customer(tenant, "a", properties={"plan": "vip"})
    segment = new(tenant, predicate=IS_VIP)
    flow = tenant.new_flow(by_segment(segment))
    tenant.advance("1m")
    for broken in ("error 'x'", "while true do end"):
        tenant.ok("PUT", f"/segments/{segment}", {"predicate": broken})
        customer(tenant, "b", properties={"plan": "vip"})
        tenant.advance("1m")
        tenant.ok("PUT", f"/segments/{segment}", {"predicate": IS_VIP})
        tenant.advance("2m")
        assert entered(tenant, flow) == ["a", "b"]


def test_the_time_alone_makes_members(tenant):
    moment = int(parse(tenant.now()).timestamp() * 1000) + 30 * 60000
    segment = new(tenant, predicate=f"return ctx.now >= {moment}")
    customer(tenant, "a")
    flow = tenant.new_flow(by_segment(segment))
    tenant.advance("20m")
    assert entered(tenant, flow) == []
    tenant.advance("11m")
    assert entered(tenant, flow) == ["a"]


def test_a_schedule_enrols_those_whom_it_takes_in(tenant):
    for plan in ("vip", "free"):
        customer(tenant, plan, properties={"plan": plan})
    entry = node("in", "scheduled_entry", cron="0 * * * *",
                 segment_id=new(tenant, predicate=IS_VIP))
    flow = tenant.new_flow(graph([entry, node("end", "exit")], ["in -> end"]))
    for hours in (1, 2):
        tenant.advance("1h")
        assert entered(tenant, flow) == ["vip"] * hours


def test_many_enter_page_by_page(tenant):
    seen = tenant.new_flow(graph([start(), node("end", "exit")], ["start -> end"]))
    for first in range(0, 4000, 500):  # a page has 200 of a shard's
        ids = [f"{n}" for n in range(first, first + 500)]
        tenant.ok("POST", f"/flows/{seen}/trigger", {"customer_ids": ids}, 201)
    flow = tenant.new_flow(by_segment(new(
        tenant, predicate="return ctx.customer.external_id % 11 == 0")))
    tenant.advance("1m")
    assert entered(tenant, flow) == sorted(f"{n}" for n in range(0, 4000, 11))


@pytest.fixture(scope="module")
def clocked():
    """A server whose clock is the real one."""
    made = Server(environment={**UNLIMITED, "ENABLE_CUSTOM_CODE": "true"})
    made.start()
    yield made
    made.remove()


def test_a_slow_predicate_keeps_no_other_tenant_waiting(clocked):
    """Each of the flows' sweeps takes a second, on every shard."""
    slow, other = Tenant(clocked.base), Tenant(clocked.base)
    for n in range(100):
        customer(slow, f"c{n}")
    for n in range(10):
        customer(other, f"c{n}")
    endless = new(slow, predicate="while true do end")
    for _ in range(20):
        slow.new_flow(by_segment(endless))
    flow = other.new_flow(by_segment(new(other)))
    until(lambda: len(entered(other, flow)) == 10, 10, "the entry of the other tenant's members")


def test_a_pause_in_a_sweep_loses_and_adds_nobody(clocked):
    tenant = Tenant(clocked.base)
    for n in range(100):
        customer(tenant, f"c{n:02}")
    slow = new(tenant, predicate="local n = 0 for i = 1, 2e5 do n = n + i end return true")
    shut = tenant.new_flow(by_segment(slow), entry_config={"existing_members": False})
    flow = tenant.new_flow(by_segment(slow))
    for _ in range(3):
        for paused in (shut, flow):
            tenant.move(paused, "pause")
            tenant.move(paused, "resume")
    until(lambda: len(entered(tenant, flow)) >= 100, 20, "the entry of all")
    assert entered(tenant, flow) == [f"c{n:02}" for n in range(100)]
    assert entered(tenant, shut) == []


# ---- nodes that ask it ----

def test_a_node_waits_for_it_and_goes_on(tenant):
    segment = new(tenant, rules=[{"field": "n", "operator": "exists"}],
                  predicate="return ctx.customer.properties.n > 1")
    flow = tenant.new_flow(asking(segment))
    for n, external_id in enumerate("abc"):
        customer(tenant, external_id, properties={"n": n})
    for external_id in "abcd":  # the last is new, and excluded by the rule
        tenant.event(external_id, "start")
    tenant.advance("0s")
    assert [tenant.customer(c)["tags"] for c in "abcd"] == [["no"], ["no"], ["yes"], ["no"]]
    step = tenant.step(tenant.instance_of(flow, "c")["id"], "in")
    assert step["output"] == {"in_segment": True, "segment_id": segment}


@pytest.mark.parametrize("what", ["flow", "instance"])
def test_a_pause_while_it_is_asked_loses_nothing(tenant, what):
    slow = "local n = 0 for i = 1, 2e6 do n = n + i end return true"
    segment = new(tenant, predicate=slow)
    flow = tenant.new_flow(asking(segment))
    tenant.event("a", "start")
    made = tenant.instance_of(flow, "a")
    path = f"/flows/{flow}" if what == "flow" else f"/instances/{made['id']}"
    if tenant.post(f"{path}/pause").status_code == 200:
        tenant.advance("0s")
        tenant.post(f"{path}/resume")
    tenant.advance("0s")
    assert tenant.path(made["id"]).count("yes") == 1


# ---- code that means harm ----

def test_hostile_predicates_harm_nobody(server):
    """Every program gets an answer for its customer, and another tenant's pages are right."""
    neighbour = Tenant(server.base)
    customer(neighbour, "a", properties={"plan": "vip"})
    fine = new(neighbour, predicate=IS_VIP)
    asked = 0
    for n, source in enumerate(HOSTILE):
        if n % 4 == 0:  # before five kills switch its code off
            tenant = Tenant(server.base)
            customer(tenant, "c")
        made = tenant.post("/segments", {"name": f"s{n}", "predicate": source})
        if made.status_code == 422:
            continue  # it does not even parse
        asked += 1
        answer = evaluate(tenant, made.json()["data"]["id"], "c")
        assert answer.status_code in (200, 422), source
        assert "/etc" not in answer.text, source
        assert is_member(neighbour, fine, "a")
    assert asked >= 60
