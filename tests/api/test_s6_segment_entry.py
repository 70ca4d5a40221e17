"""Section 6, and sections 5 and 13 of them: who enters by a segment or a schedule."""
import pytest

from support.graphs import graph, node
from support.segments import new
from times import later, next_clock

VIP = [{"field": "plan", "operator": "eq", "value": "vip"}]


@pytest.fixture(autouse=True)
def tidy(server, tenant):
    """Schedules would keep the clock of all tests stepping from minute to minute."""
    yield
    for flow in tenant.ok("GET", "/flows", params={"status": "active"})["data"]:
        tenant.move(flow["id"], "archive")


def customer(tenant, external_id, plan="vip"):
    body = {"external_id": external_id, "properties": {"plan": plan}}
    tenant.ok("POST", "/customers?upsert=true", body)


def entered(tenant, flow):
    """How often each customer has entered."""
    counts, cursor = {}, None
    while True:
        params = {"limit": 500, **({"cursor": cursor} if cursor else {})}
        page = tenant.ok("GET", f"/flows/{flow}/instances", params=params)
        for instance in page["data"]:
            counts[instance["customer_id"]] = counts.get(instance["customer_id"], 0) + 1
        cursor = page["next_cursor"]
        if not cursor:
            return counts


def by_segment(segment, *more):
    nodes = [node("in", "segment_entry", segment_id=segment), *more, node("end", "exit")]
    pairs = zip(nodes, nodes[1:])
    return graph(nodes, [{"source": a["id"], "target": b["id"]} for a, b in pairs])


def by_schedule(segment, cron, **config):
    return graph([node("in", "scheduled_entry", cron=cron, segment_id=segment, **config),
                  node("end", "exit")], ["in -> end"])


# ---- segment_entry ----

def test_members_enter_once_a_membership(tenant):
    segment = new(tenant, rules=VIP)
    customer(tenant, "old")
    customer(tenant, "free", "free")
    flow = tenant.new_flow(by_segment(segment))
    tenant.advance("1m")
    assert entered(tenant, flow) == {"old": 1}
    instance = tenant.instance_of(flow, "old")
    assert tenant.step(instance["id"], "in")["output"] == {"segment_id": segment}
    tenant.advance("3h")
    customer(tenant, "new")
    tenant.advance("1m")
    assert entered(tenant, flow) == {"old": 1, "new": 1}
    tenant.advance("2d")
    assert entered(tenant, flow) == {"old": 1, "new": 1}


def test_leaving_and_coming_back_counts_as_new(tenant):
    flow = tenant.new_flow(by_segment(new(tenant, rules=VIP)))
    for plan, expected in [("vip", 1), ("free", 1), ("vip", 2), ("vip", 2), ("free", 2)]:
        customer(tenant, "a", plan)
        tenant.advance("1m")
        assert entered(tenant, flow) == {"a": expected}


def test_existing_members_may_be_left_out(tenant):
    segment = new(tenant, rules=VIP)
    customer(tenant, "old")
    flow = tenant.new_flow(by_segment(segment), entry_config={"existing_members": False})
    customer(tenant, "new")
    tenant.advance("1m")
    assert entered(tenant, flow) == {"new": 1}
    customer(tenant, "old", "free")
    tenant.advance("1m")
    customer(tenant, "old")
    tenant.advance("1m")
    assert entered(tenant, flow) == {"new": 1, "old": 1}


def test_a_membership_is_used_up_when_the_flow_refuses(tenant):
    """Who is in the flow already, or may not enter again, does not enter later by surprise."""
    flow = tenant.new_flow(by_segment(new(tenant, rules=VIP), node(
        "pause", "wait", duration="10m")), entry_config={"reentry": "never"})
    customer(tenant, "a", "free")
    tenant.trigger(flow, "a")
    customer(tenant, "a", "vip")
    tenant.advance("1h")
    assert entered(tenant, flow) == {"a": 1}


def test_lists_and_expressions_let_enter_too(tenant):
    static = new(tenant, type="static")
    named = new(tenant, expression='starts_with(properties.plan, "v")')
    customer(tenant, "a")
    customer(tenant, "b", "free")
    flows = [tenant.new_flow(by_segment(segment)) for segment in (static, named)]
    tenant.advance("1m")
    assert [entered(tenant, flow) for flow in flows] == [{}, {"a": 1}]
    tenant.ok("POST", f"/segments/{static}/members", {"customer_ids": ["b"]})
    tenant.advance("1m")
    assert [entered(tenant, flow) for flow in flows] == [{"b": 1}, {"a": 1}]


def test_time_alone_makes_members(tenant):
    recent = new(tenant, expression="days_since(properties.since) >= 1")
    flow = tenant.new_flow(by_segment(recent))
    body = {"external_id": "a", "properties": {"since": tenant.now()}}
    tenant.ok("POST", "/customers", body, 201)
    tenant.advance("23h")
    assert entered(tenant, flow) == {}
    tenant.advance("1h")
    assert entered(tenant, flow) == {"a": 1}


def test_a_changed_definition_makes_members(tenant):
    segment = new(tenant, rules=VIP)
    customer(tenant, "a", "free")
    flow = tenant.new_flow(by_segment(segment))
    tenant.advance("1m")
    tenant.ok("PUT", f"/segments/{segment}", {"rules": []})
    tenant.advance("1m")
    assert entered(tenant, flow) == {"a": 1}


def test_what_the_flow_itself_changes_counts(tenant):
    """A flow that makes somebody a member lets them enter the other one a minute later."""
    segment = new(tenant, rules=[{"field": "tags", "operator": "contains", "value": "x"}])
    flow = tenant.new_flow(by_segment(segment))
    tags = graph([node("start", "event_entry", event_type="go"), node("tag", "add_tag", tag="x")],
                 ["start -> tag"])
    tenant.new_flow(tags)
    tenant.event("a", "go")
    tenant.advance("59s")
    tenant.advance("1s")
    assert entered(tenant, flow) == {"a": 1}


def test_a_paused_flow_takes_nobody_in_until_it_resumes(tenant):
    flow = tenant.new_flow(by_segment(new(tenant, rules=VIP)))
    tenant.move(flow, "pause")
    customer(tenant, "a")
    tenant.advance("1h")
    assert entered(tenant, flow) == {}
    tenant.move(flow, "resume")
    tenant.advance("1m")
    assert entered(tenant, flow) == {"a": 1}


def test_only_the_entry_that_is_meant_begins(tenant):
    segment, everybody = new(tenant, rules=VIP), new(tenant)
    flow = tenant.new_flow(graph(
        [node("vip", "segment_entry", segment_id=segment),
         node("all", "segment_entry", segment_id=everybody),
         node("event", "event_entry", event_type="go"), node("end", "wait", duration="5m")],
        ["vip -> end", "all -> end", "event -> end"]))
    customer(tenant, "a", "free")
    tenant.advance("1m")
    assert tenant.path(tenant.instance_of(flow, "a")["id"]) == ["all"]


def test_another_tenants_segment_lets_nobody_enter(tenant, other):
    foreign = new(other)
    customer(tenant, "a")
    flow = tenant.new_flow(by_segment(foreign))
    tenant.advance("1m")
    assert entered(tenant, flow) == {}


def test_months_without_a_change_stay_cheap(tenant):
    """A step for each of 500,000 minutes would take longer than a client waits."""
    flow = tenant.new_flow(by_segment(new(tenant, rules=VIP)))
    tenant.advance("365d")
    assert entered(tenant, flow) == {}


def test_many_members_enter_in_batches(tenant):
    segment = new(tenant)
    for i in range(450):
        customer(tenant, f"c-{i}")
    flow = tenant.new_flow(by_segment(segment))
    tenant.advance("1m")
    assert entered(tenant, flow) == {f"c-{i}": 1 for i in range(450)}


# ---- scheduled_entry ----

def test_the_segments_members_enter_at_each_instant(tenant):
    segment = new(tenant, rules=VIP)
    for external_id, plan in [("a", "vip"), ("b", "free")]:
        customer(tenant, external_id, plan)
    flow = tenant.new_flow(by_schedule(segment, "0 9 * * *", timezone="Europe/Berlin"))
    nine = next_clock(tenant.now(), "09:00", "Europe/Berlin")
    tenant.advance("24h")
    assert entered(tenant, flow) == {"a": 1}
    instance = tenant.instance_of(flow, "a")
    step = tenant.step(instance["id"], "in")
    assert step["output"] == {"scheduled_for": nine} and step["completed_at"] == nine
    customer(tenant, "b")
    tenant.advance("48h")
    assert entered(tenant, flow) == {"a": 3, "b": 2}


def test_instants_during_a_pause_are_passed_by(tenant):
    customer(tenant, "a")
    flow = tenant.new_flow(by_schedule(new(tenant), "*/10 * * * *"))
    tenant.advance("20m")
    assert entered(tenant, flow) == {"a": 2}
    tenant.move(flow, "pause")
    tenant.advance("1h")
    tenant.move(flow, "resume")
    assert entered(tenant, flow) == {"a": 2}
    tenant.advance("10m")
    assert entered(tenant, flow) == {"a": 3}


def test_who_is_still_in_the_flow_does_not_enter_twice(tenant):
    customer(tenant, "a")
    flow = tenant.new_flow(graph(
        [node("in", "scheduled_entry", cron="*/10 * * * *", segment_id=new(tenant)),
         node("pause", "wait", duration="15m")], ["in -> pause"]))
    tenant.advance("40m")
    assert entered(tenant, flow) == {"a": 2}


@pytest.mark.parametrize("config,problem", [
    ({"cron": "0 9 * *"}, "/cron: has five fields"),
    ({"cron": "0 25 * * *"}, "/cron: the hour"),
    ({"cron": "0 0 30 2 *"}, "/cron: never comes"),
    ({"cron": "0 9 * * *", "timezone": "Mars/Base"}, "/timezone: is not a known time zone"),
    ({}, "/cron: can't be blank")])
def test_a_schedule_is_checked_at_publish(tenant, config, problem):
    nodes = [node("in", "scheduled_entry", segment_id="x", **config), node("end", "exit")]
    problems = tenant.problems(graph(nodes, ["in -> end"]))
    assert len(problems) == 1 and problems[0].startswith(f"node in: {problem}"), problems


def test_a_trigger_tells_its_own_time(tenant):
    flow = tenant.new_flow(by_schedule(new(tenant), "0 0 1 1 *"))
    instance = tenant.trigger(flow, "a")
    assert tenant.step(instance, "in")["output"]["scheduled_for"] == later(tenant.now(), days=0)
