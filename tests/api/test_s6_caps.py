"""Section 6: frequency caps, by node and by flow, which nobody oversteps."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import Client, Tenant, wait_until
from support.graphs import chain, graph, node, start

ONE_A_DAY = {"max_messages": 1, "time_window": "1d"}


def tag(id):
    return node(id, "add_tag", tag=id)


def mail(id="mail", type="send_email"):
    return node(id, type, template_id="t")


def capped_by_node(entry=None, **config):
    """Messages that a node lets through."""
    cap = node("cap", "frequency_cap", **{"max_messages": 1, "time_window": "1d", **config})
    return graph([entry or start(), cap, mail(), tag("no")],
                 ["start -> cap", "cap -allowed-> mail", "cap -capped-> no"])


def messages(sql, tenant, customer="c", status="<> 'failed'"):
    """How many the customer got, over all flows."""
    return sql(f"SELECT count(*) FROM delivery d JOIN customer c ON c.id = d.customer_uuid "
               f"WHERE d.tenant_id = %s AND c.external_id = %s AND d.status {status}",
               tenant.id, customer)[0][0]


def send(tenant, customer="c", type="send_email"):
    tenant.trigger(tenant.new_flow(chain(mail(type=type))), customer)


# The node


def test_the_node_counts_what_other_flows_sent(tenant):
    flow = tenant.new_flow(capped_by_node(max_messages=2))
    outputs = []
    for _ in range(3):
        outputs.append(tenant.step(tenant.trigger(flow, "c"), "cap"))
        if len(outputs) == 1:
            send(tenant)
    assert [o["output"] for o in outputs] == [
        {"capped": False, "count": 0, "max": 2}, {"capped": True, "count": 2, "max": 2},
        {"capped": True, "count": 2, "max": 2}]
    assert [o["branch"] for o in outputs] == ["allowed", "capped", "capped"]
    assert tenant.step(tenant.trigger(flow, "someone else"), "cap")["branch"] == "allowed"


@pytest.mark.parametrize("channel,capped", [
    ("all", True), ("sms", True), ("email", False), ("push", False)])
def test_a_cap_is_of_its_channel(tenant, channel, capped):
    send(tenant, type="send_sms")
    flow = tenant.new_flow(capped_by_node(channel=channel))
    assert tenant.step(tenant.trigger(flow, "c"), "cap")["output"]["capped"] is capped


def test_every_channel_can_be_capped(tenant):
    for type, channel in [("send_push", "push"), ("send_whatsapp", "whatsapp"),
                          ("send_in_app", "in_app"), ("send_sms", "sms"), ("send_email", "email")]:
        send(tenant, type, type)
        flow = tenant.new_flow(capped_by_node(channel=channel))
        assert tenant.step(tenant.trigger(flow, type), "cap")["output"]["capped"], channel
    hook = node("hook", "call_webhook", url="https://example.com/")
    tenant.trigger(tenant.new_flow(chain(hook)), "h")
    flow = tenant.new_flow(capped_by_node(channel="webhook"))
    assert tenant.step(tenant.trigger(flow, "h"), "cap")["output"]["capped"]


def test_another_tenants_messages_do_not_count(tenant, other):
    send(other)
    flow = tenant.new_flow(capped_by_node())
    assert tenant.step(tenant.trigger(flow, "c"), "cap")["branch"] == "allowed"


def test_a_window_slides(tenant, sql):
    """Once a day, at the same time of day, is never too often."""
    flow = tenant.new_flow(capped_by_node())
    branches = []
    for by in ("0s", "12h", "11h", "59m", "1m", "23h", "1h"):
        tenant.advance(by)
        branches.append(tenant.step(tenant.trigger(flow, "c"), "cap")["branch"])
    assert branches == ["allowed", "capped", "capped", "capped", "allowed", "capped", "allowed"]
    assert messages(sql, tenant) == 3


def test_a_failed_message_does_not_count(tenant, sql):
    send(tenant)
    wait_until(lambda: messages(sql, tenant, status="= 'sent'") == 1, what="a message sent")
    sql("UPDATE delivery SET status = 'failed' WHERE tenant_id = %s RETURNING 1", tenant.id)
    flow = tenant.new_flow(capped_by_node())
    assert tenant.step(tenant.trigger(flow, "c"), "cap")["output"]["count"] == 0


@pytest.mark.parametrize("config,problem", [
    ({"max_messages": -1}, "/max_messages"), ({"max_messages": "2"}, "/max_messages"),
    ({"time_window": "soon"}, "/time_window"), ({"channel": "pigeon"}, "/channel")])
def test_a_cap_that_cannot_be_kept_is_not_published(tenant, config, problem):
    problems = tenant.problems(capped_by_node(**config))
    assert len(problems) == 1 and problems[0].startswith(f"node cap: {problem}: "), problems


def test_both_branches_need_an_edge(tenant):
    made = graph([start(), node("cap", "frequency_cap", **ONE_A_DAY), tag("t")],
                 ["start -> cap", "cap -allowed-> t"])
    assert tenant.problems(made) == ["node cap (frequency_cap) missing branch edges: capped"]


def test_branches_side_by_side_share_a_cap(tenant, sql):
    """All caps of one walk are asked before the first message is written."""
    nodes, edges = [start(), tag("no")], []
    for i in range(6):
        nodes += [node(f"cap{i}", "frequency_cap", max_messages=2, time_window="1d"),
                  mail(f"m{i}")]
        edges += [f"start -> cap{i}", f"cap{i} -allowed-> m{i}", f"cap{i} -capped-> no"]
    tenant.trigger(tenant.new_flow(graph(nodes, edges)), "c")
    assert messages(sql, tenant) == 2


def test_what_was_let_through_and_not_sent_is_free_again(tenant, sql):
    made = graph([start(), node("cap", "frequency_cap", **ONE_A_DAY), tag("instead"), tag("no")],
                 ["start -> cap", "cap -allowed-> instead", "cap -capped-> no"])
    flow = tenant.new_flow(made)
    assert [tenant.step(tenant.trigger(flow, "c"), "cap")["branch"] for _ in range(2)] == [
        "allowed", "allowed"]


# The flow


@pytest.mark.parametrize("where", ["flow", "graph"])
@pytest.mark.parametrize("cap", [
    ONE_A_DAY, {**ONE_A_DAY, "channel": "email"}, {"email": {"max": 1, "window": "1d"}},
    {"sms": {"max": 1, "window": "1d"}, "all": {"max": 1, "window": "1d"}}])
def test_a_flow_whose_cap_is_reached_is_not_entered(tenant, where, cap):
    flow = (tenant.new_flow(chain(mail()), frequency_cap=cap) if where == "flow"
            else tenant.new_flow(chain(mail(), frequency_cap=cap)))
    tenant.trigger(flow, "c")
    answer = tenant.post(f"/flows/{flow}/trigger", {"customer_id": "c"})
    assert (answer.status_code, answer.json()["error"]) == (429, "frequency_cap_exceeded")
    assert len(tenant.instances(flow)) == 1
    assert tenant.event("c", "start")["started"] == 0
    several = tenant.ok("POST", f"/flows/{flow}/trigger", {"customer_ids": ["c", "d"]}, 201)
    assert several["errors"] == [{"customer_id": "c", "error": "frequency_cap_exceeded"}]
    assert len(several["instance_ids"]) == 1
    tenant.advance("1d")
    assert tenant.event("c", "start")["started"] == 1


@pytest.mark.parametrize("cap", [
    {}, {"max_messages": 1}, {"time_window": "1d"}, {"max_messages": "1", "time_window": "1d"},
    {"max_messages": 1, "time_window": "soon"}, {"max_messages": 1, "time_window": "0s"},
    {"max_messages": -1, "time_window": "1d"}, {"max_messages": 1.5, "time_window": "1d"},
    {**ONE_A_DAY, "channel": "pigeon"}, {"pigeon": {"max": 1, "window": "1d"}},
    {"email": 1}, {"email": {"max": 1}}, {"email": [1]}, {"nonsense": True}])
def test_nonsense_is_no_cap(tenant, sql, cap):
    flow = tenant.new_flow(chain(mail(), frequency_cap=cap), frequency_cap=cap)
    for _ in range(3):
        tenant.trigger(flow, "c")
    assert messages(sql, tenant) == 3


def test_a_cap_is_asked_last(tenant):
    """After: the customer is in the flow already, and may not enter again."""
    waits = tenant.new_flow(chain(mail(), node("w", "wait", duration="1d")),
                            frequency_cap=ONE_A_DAY)
    once = tenant.new_flow(chain(mail()), frequency_cap=ONE_A_DAY,
                           entry_config={"reentry": "never"})
    for flow, error in ((waits, "already_in_flow"), (once, "reentry_not_allowed")):
        tenant.trigger(flow, error)
        answer = tenant.post(f"/flows/{flow}/trigger", {"customer_id": error})
        assert (answer.status_code, answer.json()["error"]) == (409, error)


def test_a_customer_who_is_refused_is_not_made(tenant):
    flow = tenant.new_flow(chain(mail()), frequency_cap={"max_messages": 0, "time_window": "1d"})
    assert tenant.post(f"/flows/{flow}/trigger", {"customer_id": "new"}).status_code == 429
    assert tenant.get("/customers/external:new").status_code == 404


def test_messages_of_a_capped_flow_stop_at_its_cap(tenant, sql):
    made = chain(mail("a"), mail("b"), mail("c", "send_sms"), tag("t"))
    flow = tenant.new_flow(made, frequency_cap={"email": {"max": 1, "window": "1d"}})
    instance = tenant.trigger(flow, "c")
    statuses = {n: tenant.step(instance, n)["output"] for n in "abc"}
    assert [statuses[n]["status"] for n in "abc"] == ["pending", "failed", "pending"]
    assert statuses["b"]["error"] == "frequency_cap_exceeded"
    assert tenant.path(instance) == ["start", "a", "b", "c", "t"]
    assert sql("SELECT error FROM delivery WHERE instance_id = %s AND status = 'failed'",
               instance) == [("frequency_cap_exceeded",)]


def test_those_who_entered_together_and_send_later_keep_the_cap(tenant, sql):
    """Nobody had got anything when they entered."""
    flows = [tenant.new_flow(chain(node("w", "wait", duration="1h"), mail()),
                             frequency_cap={"max_messages": 2, "time_window": "1d"})
             for _ in range(5)]
    for flow in flows:
        tenant.trigger(flow, "c")
    tenant.advance("1h")
    assert messages(sql, tenant) == 2 and messages(sql, tenant, status="= 'failed'") == 3


# All at once


def at_once(server, tenant, calls):
    """The answers of calls that many threads make at the same time."""
    clients = [Client(server.base, tenant.key) for _ in range(20)]

    def call(i):
        return calls[i](clients[i % len(clients)])
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(call, range(len(calls))))


@pytest.mark.parametrize("most", [1, 7])
def test_a_hundred_triggers_at_once_never_overstep(server, tenant, sql, most):
    cap = {"max_messages": most, "time_window": "1d", "channel": "email"}
    flows = [tenant.new_flow(chain(mail()), frequency_cap=cap) for _ in range(5)]
    flows += [tenant.new_flow(capped_by_node(**cap)) for _ in range(5)]
    calls = [lambda c, f=flows[i % 10]: c.post(f"/flows/{f}/trigger", {"customer_id": "c"})
             for i in range(100)]
    codes = [a.status_code for a in at_once(server, tenant, calls)]
    assert set(codes) <= {201, 429} and messages(sql, tenant) == most


def test_a_hundred_events_at_once_never_overstep(server, tenant, sql):
    for i in range(4):
        tenant.new_flow(capped_by_node(max_messages=3))
        tenant.new_flow(chain(mail()), frequency_cap={"all": {"max": 3, "window": "1d"}})
    calls = [lambda c: c.post("/events", {"customer_id": "c", "event_type": "start"})
             for _ in range(100)]
    assert {a.status_code for a in at_once(server, tenant, calls)} == {202}
    assert messages(sql, tenant) == 3


def test_a_hundred_timers_at_once_never_overstep(tenant, sql):
    flows = [tenant.new_flow(graph(
        [start(), node("w", "wait", duration="1h"),
         node("cap", "frequency_cap", max_messages=4, time_window="1d"), mail(), tag("no")],
        ["start -> w", "w -> cap", "cap -allowed-> mail", "cap -capped-> no"]))
        for _ in range(100)]
    for flow in flows:
        tenant.trigger(flow, "c")
    tenant.advance("1h")
    assert messages(sql, tenant) == 4
    assert sql("SELECT count(*) FROM instance WHERE tenant_id = %s AND status = 'completed'",
               tenant.id) == [(100,)]


def test_sub_flows_share_the_cap(tenant, sql):
    child = tenant.new_flow(capped_by_node())
    nodes = [start()] + [node(f"s{i}", "sub_flow", flow_id=child, wait=True) for i in range(5)]
    made = graph(nodes, [{"source": a["id"], "target": b["id"]} for a, b in zip(nodes, nodes[1:])])
    tenant.trigger(tenant.new_flow(made), "c")
    assert messages(sql, tenant) == 1
    assert len(tenant.instances(child)) == 5


def test_what_a_sub_flow_counts_is_known_behind_a_timer(tenant, sql):
    """Two flows down, after a wait: the counts and the customer are there all the same."""
    tenant.ok("POST", "/customers", {"external_id": "c", "name": "Ada"}, 201)
    low = graph([start(), node("cap", "frequency_cap", max_messages=2, time_window="1d"),
                 node("mail", "send_email", body="{{ _customer.name }}"), tag("no")],
                ["start -> cap", "cap -allowed-> mail", "cap -capped-> no"])
    low = tenant.new_flow(low)
    middle = tenant.new_flow(chain(node("sub", "sub_flow", flow_id=low, wait=True)))
    send(tenant)
    top = tenant.new_flow(chain(node("w", "wait", duration="1h"),
                                node("one", "sub_flow", flow_id=middle, wait=True),
                                node("two", "sub_flow", flow_id=middle, wait=True)))
    tenant.trigger(top, "c")
    tenant.advance("1h")
    assert [s["output"]["count"] for i in tenant.instances(low) for s in tenant.steps(i["id"])
            if s["node_id"] == "cap"] == [2, 1]
    assert messages(sql, tenant) == 2
    assert sql("SELECT message->>'body' FROM delivery WHERE tenant_id = %s AND node_id = 'mail' "
               "AND message->>'body' IS NOT NULL", tenant.id) == [("Ada",)]


def test_counts_outlive_the_engine(own):
    tenant = Tenant(own.base)
    flow = tenant.new_flow(capped_by_node())
    assert tenant.step(tenant.trigger(flow, "c"), "cap")["branch"] == "allowed"
    own.kill()
    own.start()
    wait_until(lambda: tenant.get("/flows").status_code == 200, what="an answer")
    assert tenant.step(tenant.trigger(flow, "c"), "cap")["branch"] == "capped"
