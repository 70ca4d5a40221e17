"""Section 6: what each type of node gives back."""
import pytest

import times
from support.client import wait_until
from support.graphs import chain, graph, node, start


def tag(id):
    return node(id, "add_tag", tag=id)


def fork(made):
    """The node with an end for each of true and false."""
    id = made["id"]
    return graph([start(), made, tag("yes"), tag("no")],
                 [f"start -> {id}", f"{id} -true-> yes", f"{id} -false-> no"])


def output(tenant, made, context=None, customer="c", **flow):
    """The node's result, after a trigger."""
    instance = tenant.trigger(tenant.new_flow(chain(made), **flow), customer, context)
    step = tenant.step(instance, made["id"])
    shown = tenant.instance(instance)
    assert shown["context"]["accumulated"][made["id"]] == step["output"]
    return step["output"]


# Entries


def test_event_entry(tenant):
    flow = tenant.new_flow(chain(tag("t")))
    by_hand = tenant.trigger(flow, "a")
    assert tenant.step(by_hand, "start")["output"] == {"event_type": "start"}
    tenant.event("b", "start", {"n": 1})
    by_event = tenant.instance_of(flow, "b")["id"]
    assert tenant.step(by_event, "start")["output"] == {"event_type": "start", "data": {"n": 1}}


def test_webhook_entry(tenant):
    made = graph([node("hook", "webhook_entry", webhook_path="crm"), tag("t")], ["hook -> t"])
    instance = tenant.trigger(tenant.new_flow(made), "a")
    assert tenant.step(instance, "hook")["output"] == {"webhook_path": "crm"}


# condition

CONTEXT = {"n": 5, "f": 49.99, "s": "hello", "t": True, "l": [1, "two", None], "z": None, "e": "",
           "o": {"k": {"deep": 7}}, "big": 9007199254740993}


@pytest.mark.parametrize("field,operator,value,expected", [
    ("n", "eq", 5, True), ("n", "eq", 5.0, True), ("n", "eq", "5", False), ("f", "eq", 49.99, True),
    ("s", "eq", "hello", True), ("s", "eq", "Hello", False), ("t", "eq", True, True),
    ("t", "eq", 1, False), ("l", "eq", [1, "two", None], True), ("z", "eq", None, True),
    ("missing", "eq", None, True), ("o.k.deep", "eq", 7, True), ("l.1", "eq", "two", True),
    ("big", "eq", 9007199254740993, True), ("big", "eq", 9007199254740992, False),
    ("n", "neq", 5, False), ("n", "neq", 6, True), ("missing", "neq", 5, True),
    ("n", "gt", 4, True), ("n", "gt", 5, False), ("n", "gte", 5, True), ("n", "gte", 5.1, False),
    ("n", "lt", 6, True), ("n", "lt", 5, False), ("n", "lte", 5, True), ("n", "lte", 4.9, False),
    ("n", "gt", "4", False), ("s", "gt", 4, False), ("missing", "gt", 0, False),
    ("missing", "lt", 0, False), ("missing", "lte", None, False), ("s", "gt", "abc", True),
    ("s", "contains", "ell", True), ("s", "contains", "x", False), ("l", "contains", "two", True),
    ("l", "contains", 2, False), ("missing", "contains", "x", False),
    ("n", "in", [4, 5], True), ("n", "in", ["5"], False), ("s", "in", ["hello"], True),
    ("n", "not_in", [4], True), ("n", "not_in", [5], False), ("missing", "not_in", [5], True),
    ("n", "exists", None, True), ("e", "exists", None, True), ("z", "exists", None, False),
    ("missing", "exists", None, False), ("o.k.none", "exists", None, False),
    ("s", "matches", "h*o", True), ("s", "matches", "h?llo", True), ("s", "matches", "hell", False),
    ("s", "matches", "*", True), ("n", "matches", "5", False), ("missing", "matches", "*", False)])
def test_condition_operators(conditions, field, operator, value, expected):
    assert conditions[(field, operator, repr(value))] is expected


@pytest.fixture(scope="module")
def conditions(server):
    """All of them in one flow, side by side: {(field, operator, value): matched}."""
    from support.client import Tenant
    mark = next(m for m in test_condition_operators.pytestmark if m.name == "parametrize")
    cases = mark.args[1]
    nodes, edges = [start(), tag("yes"), tag("no")], []
    for i, (field, operator, value, _) in enumerate(cases):
        config = {"field": field, "operator": operator}
        if value is not None:
            config["value"] = value
        nodes.append(node(f"c{i}", "condition", **config))
        edges += [f"start -> c{i}", f"c{i} -true-> yes", f"c{i} -false-> no"]
    tenant = Tenant(server.base)
    instance = tenant.trigger(tenant.new_flow(graph(nodes, edges)), "c", CONTEXT)
    found = {}
    for step in tenant.steps(instance):
        if step["node_type"] == "condition":
            field, operator, value, _ = cases[int(step["node_id"][1:])]
            assert step["branch"] == str(step["output"]["matched"]).lower()
            assert step["output"]["field"] == field
            found[(field, operator, repr(value))] = step["output"]["matched"]
    return found


def test_condition_tells_what_it_compared(tenant):
    made = fork(node("c", "condition", field="_customer.properties.plan", value="pro"))
    tenant.ok("POST", "/customers", {"external_id": "c", "properties": {"plan": "free"}}, 201)
    instance = tenant.trigger(tenant.new_flow(made), "c")
    step = tenant.step(instance, "c")
    assert step["branch"] == "false"
    assert step["output"] == {"matched": False, "field": "_customer.properties.plan",
                              "expected": "pro", "actual": "free"}
    assert tenant.path(instance) == ["start", "c", "no"]


@pytest.mark.parametrize("expression,expected", [
    ("n > 4 && n <= 5", True), ("n > 4 and !(s == 'x')", True), ("missing == null", True),
    ("len(l) == 3 || false", True), ("'two' in l", True), ("f * 2 == 99.98", True),
    ("'a' + n == 'a5'", True), ("starts_with(lower('HELLO'), s)", True), ("[]", False),
    ("''", False), ("0", False), ("e", False), ("o.k.deep % 4 == 3", True),
    ("matches(s, 'h*')", True), ("days_since('2020-01-01') > 300", True),
    ("missing.deep > 1", False)])
def test_condition_expressions(tenant, expression, expected):
    instance = tenant.trigger(tenant.new_flow(fork(node("c", "condition", expression=expression))),
                              "c", CONTEXT)
    assert tenant.path(instance)[-1] == ("yes" if expected else "no")


def test_a_division_by_zero_at_run_time_is_an_error(tenant):
    flow = tenant.new_flow(fork(node("c", "condition", expression="1 / z0 == 1")))
    assert tenant.instance(tenant.trigger(flow, "a", {"z0": 1}))["status"] == "completed"
    assert tenant.instance(tenant.trigger(flow, "b", {"z0": 0}))["status"] == "failed"


# ab_split, preference_gate


def test_ab_split_shares_by_weight_and_remembers(tenant):
    made = graph([start(), node("ab", "ab_split", variants=[{"key": "a", "weight": 30},
                                                            {"key": "b", "weight": 70}]),
                  node("ea", "exit", reason="a"), node("eb", "exit", reason="b")],
                 ["start -> ab", "ab -a-> ea", "ab -b-> eb"])
    flow = tenant.new_flow(made)
    ids = [f"c{i}" for i in range(2000)]

    def variants():
        tenant.ok("POST", f"/flows/{flow}/trigger", {"customer_ids": ids}, 201)
        found, cursor = {}, None
        while len(found) < len(ids):
            page = tenant.ok("GET", f"/flows/{flow}/instances",
                             params={"limit": 500, **({"cursor": cursor} if cursor else {})})
            for i in page["data"]:
                found.setdefault(i["customer_id"], i["exit_reason"])
            cursor = page["next_cursor"]
        return found

    first = variants()
    share = sum(v == "a" for v in first.values()) / len(ids)
    assert 0.25 < share < 0.35
    assert variants() == first
    instance = tenant.instance_of(flow, "c0")
    assert instance["context"]["accumulated"]["ab"] == {"selected_variant": first["c0"]}


@pytest.mark.parametrize("preferences,channel,opted_in", [
    ({}, "email", True), ({"email": False}, "email", False), ({"email": True}, "email", True),
    ({"email_opt_in": False}, "email", False), ({"email": False}, "email_opt_in", False),
    ({"sms": False}, "email", True)])
def test_preference_gate(tenant, preferences, channel, opted_in):
    tenant.ok("POST", "/customers", {"external_id": "c", "preferences": preferences}, 201)
    flow = tenant.new_flow(fork(node("gate", "preference_gate", channel=channel)))
    instance = tenant.trigger(flow, "c")
    assert tenant.step(instance, "gate")["output"] == {"opted_in": opted_in, "channel": channel}
    assert tenant.path(instance)[-1] == ("yes" if opted_in else "no")


@pytest.mark.parametrize("given,opted_in", [
    ({"email": True}, True), (None, False), ("none", False), ([], False), (1, False)])
def test_only_an_object_stands_for_the_customers_preferences(tenant, given, opted_in):
    tenant.ok("POST", "/customers", {"external_id": "c", "preferences": {"email": False}}, 201)
    flow = tenant.new_flow(fork(node("gate", "preference_gate", channel="email")))
    instance = tenant.trigger(flow, "c", context={"preferences": given})
    assert tenant.path(instance)[-1] == ("yes" if opted_in else "no")


# Waits


def test_wait(tenant):
    instance = tenant.trigger(tenant.new_flow(chain(node("w", "wait", duration="1ms"))), "c")
    tenant.advance("1ms")
    assert tenant.step(instance, "w")["output"] == {"waited": True}


@pytest.mark.parametrize("clock", ["00:00", "09:00", "23:59"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Pacific/Auckland", None])
def test_wait_until_a_time_of_day_where_the_customer_lives(tenant, zone, clock):
    tenant.ok("POST", "/customers", {"external_id": "c", "timezone": zone}, 201)
    instance = tenant.trigger(tenant.new_flow(chain(node("w", "wait_until", datetime=clock))), "c")
    shown = tenant.instance(instance)
    expected = times.next_clock(shown["entered_at"], clock, zone or "UTC")
    if shown["waiting"]:
        assert shown["waiting"][0]["until"] == expected
    tenant.advance(f"{times.milliseconds(tenant.now(), expected)}ms")
    step = tenant.step(instance, "w")
    assert step["output"] == {"waited": True} and step["completed_at"] == expected


@pytest.mark.parametrize("datetime,context", [
    ("{at}", {}), ("{{{{ at }}}}", {"at": "{at}"}), ("{date}", {})])
def test_wait_until_a_date(tenant, datetime, context):
    now = tenant.now()
    values = {"at": times.later(now, hours=30), "date": times.later(now, days=3)[:10]}
    expected = (values["date"] + "T00:00:00.000Z") if "date" in datetime else values["at"]
    made = chain(node("w", "wait_until", datetime=datetime.format(**values)))
    instance = tenant.trigger(tenant.new_flow(made), "c",
                              {key: text.format(**values) for key, text in context.items()})
    assert tenant.instance(instance)["waiting"][0]["until"] == expected
    tenant.advance("4d")
    assert tenant.step(instance, "w")["completed_at"] == expected


def test_wait_until_the_past_goes_on_at_once(tenant):
    flow = tenant.new_flow(chain(node("w", "wait_until", datetime="2020-02-29T10:00:00+02:00")))
    instance = tenant.trigger(flow, "c")
    tenant.advance("0s")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed")
    assert tenant.step(instance, "w")["output"] == {"waited": True}


def test_wait_until_what_is_no_date_fails(tenant):
    flow = tenant.new_flow(chain(node("w", "wait_until", datetime="{{ at }}")))
    shown = tenant.instance(tenant.trigger(flow, "c", {"at": "whenever"}))
    assert shown["status"] == "failed"


def test_wait_for_any_of(tenant):
    made = graph([start(), node("w", "wait_for_event", any_of=["a", "b"], timeout="1d",
                                event_branch="came", timeout_branch="never"), tag("y"), tag("n")],
                 ["start -> w", "w -came-> y", "w -never-> n"])
    flow = tenant.new_flow(made)
    first, second, none = (tenant.trigger(flow, c) for c in ("first", "second", "none"))
    assert tenant.event("first", "a")["routed"] == 1
    assert tenant.event("second", "b", {"n": 1})["routed"] == 1
    assert tenant.event("none", "c")["routed"] == 0
    tenant.advance("1d")
    assert [tenant.path(i)[-1] for i in (first, second, none)] == ["y", "y", "n"]
    step = tenant.step(second, "w")
    assert step["branch"] == "came" and step["output"] == {"trigger": "event", "event": {"n": 1}}
    assert tenant.step(none, "w")["branch"] == "never"


def test_wait_for_all_of_in_any_order_and_within_its_time(tenant):
    made = graph([start(), node("w", "wait_for_event", all_of=["a", "b", "c"], timeout="2d"),
                  tag("y"), tag("n")],
                 ["start -> w", "w -event_received-> y", "w -timed_out-> n"])
    flow = tenant.new_flow(made)
    began = tenant.now()
    all_came, some = tenant.trigger(flow, "all"), tenant.trigger(flow, "some")
    for event_type in ("c", "a"):
        tenant.event("all", event_type)
        tenant.event("some", event_type)
    tenant.event("some", "a")
    tenant.advance("1d")
    assert tenant.instance(some)["waiting"][0]["until"] == times.later(began, days=2)
    tenant.event("all", "b", {"last": True})
    tenant.advance("1d")
    assert tenant.path(all_came) == ["start", "w", "y"] and tenant.path(some) == ["start", "w", "n"]
    step = tenant.step(all_came, "w")
    assert step["output"] == {"trigger": "event", "event": {"last": True}}
    assert step["started_at"] == began


# Actions


def deliveries(sql, instance):
    return sql("SELECT node_id, channel, provider, status, recipient, message, id::text "
               "FROM delivery WHERE instance_id = %s ORDER BY id", instance)


def test_send_email_is_written_and_sent(tenant, sql):
    tenant.ok("POST", "/customers", {"external_id": "c", "email": "ada@example.com",
                                     "name": "Ada"}, 201)
    made = chain(node("mail", "send_email", subject="Hello {{ _customer.name }}",
                      body="You have {{ n + 1 }} points.", **{"from": "us@example.com"}))
    instance = tenant.trigger(tenant.new_flow(made), "c", {"n": 4})
    result = tenant.step(instance, "mail")["output"]
    assert result["channel"] == "email" and result["status"] == "pending"
    wait_until(lambda: [d[3] for d in deliveries(sql, instance)] == ["sent"], what="a mail sent")
    row = deliveries(sql, instance)[0]
    assert row[:3] == ("mail", "email", "log") and row[6] == result["delivery_id"]
    assert row[4] == {"email": "ada@example.com"}
    assert row[5]["subject"] == "Hello Ada" and row[5]["body"] == "You have 5 points."
    assert row[5]["from"] == "us@example.com"


def test_send_email_with_a_template_needs_no_address_of_the_log(tenant, sql):
    instance = tenant.trigger(tenant.new_flow(chain(node("m", "send_email", template_id="t"))), "c")
    wait_until(lambda: [d[3] for d in deliveries(sql, instance)] == ["sent"], what="a mail sent")
    assert deliveries(sql, instance)[0][5]["template_id"] == "t"


def test_two_mails_of_one_walk_are_two(tenant, sql):
    made = graph([start(), node("m", "send_email", template_id="t"), tag("a"), tag("b")],
                 ["start -> a", "start -> b", "a -> m", "b -> m"])
    instance = tenant.trigger(tenant.new_flow(made), "c")
    wait_until(lambda: [d[3] for d in deliveries(sql, instance)] == ["sent", "sent"],
               what="two mails sent")
    assert len({d[6] for d in deliveries(sql, instance)}) == 2


def test_update_profile(tenant):
    tenant.ok("POST", "/customers", {"external_id": "c", "properties": {"keep": 1, "old": 2}}, 201)
    fields = {"name": "Ada {{ last }}", "email": "ada@example.com", "old": 49.99, "list": [1],
              "text": "{{ 1 + 1 }} apples"}
    result = output(tenant, node("p", "update_profile", fields=fields), {"last": "Lovelace"})
    assert result == {"updated": True, "fields": sorted(fields)}
    shown = tenant.customer("c")
    assert (shown["name"], shown["email"]) == ("Ada Lovelace", "ada@example.com")
    assert shown["properties"] == {"keep": 1, "old": 49.99, "list": [1], "text": "2 apples"}


def test_tags_are_a_set(tenant):
    assert output(tenant, tag("vip")) == {"tagged": True, "tag": "vip"}
    output(tenant, node("again", "add_tag", tag="vip"))
    output(tenant, node("more", "add_tag", tag="new"))
    assert tenant.customer("c")["tags"] == ["vip", "new"]
    result = output(tenant, node("off", "remove_tag", tag="vip"))
    assert result["tag"] == "vip"
    output(tenant, node("gone", "remove_tag", tag="never there"))
    assert tenant.customer("c")["tags"] == ["new"]


@pytest.mark.parametrize("revenue,value", [(None, None), (49.99, 49.99), ("{{ total * 2 }}", 25)])
def test_track_conversion(tenant, sql, revenue, value):
    config = {"event_name": "bought", "metadata": {"a": [1]}}
    if revenue is not None:
        config["revenue"] = revenue
    instance = tenant.trigger(tenant.new_flow(chain(node("t", "track_conversion", **config))), "c",
                              {"total": 12.5})
    result = tenant.step(instance, "t")["output"]
    assert result["conversion_tracked"] is True and result["event_name"] == "bought"
    assert result.get("revenue") == value
    assert sql("SELECT conversion_type, value, metadata FROM conversion WHERE instance_id = %s",
               instance) == [("bought", value, {"a": [1]})]


def test_track_conversion_counts_what_the_event_says(tenant, sql):
    entered = node("a", "track_conversion", event_name="in", revenue="{{ event.data.total }}")
    paid = node("b", "track_conversion", event_name="paid", revenue="{{ event.data.total }}")
    flow = tenant.new_flow(graph(
        [start(), entered, node("w", "wait_for_event", event_type="paid"), tag("t"), paid],
        ["start -> a", "a -> w", "w -event_received-> t", "t -> b"]))
    assert tenant.event("c", "start", {"total": 12.5})["started"] == 1
    assert tenant.event("c", "paid", {"total": 7})["routed"] == 1
    instance = tenant.instance_of(flow, "c")["id"]
    assert sql("SELECT conversion_type, value FROM conversion WHERE instance_id = %s ORDER BY 1",
               instance) == [("in", 12.5), ("paid", 7)]
    triggers = {step["node_id"]: step["trigger"] for step in tenant.steps(instance)}
    assert triggers == {"start": "event:start", "a": None, "w": "event:paid", "t": None, "b": None}


# Ends


def test_exit(tenant):
    flow = tenant.new_flow(chain(node("out", "exit", reason="enough")))
    instance = tenant.trigger(flow, "c")
    assert tenant.step(instance, "out")["output"] == {"exit": True}
    assert tenant.instance(instance)["exit_reason"] == "enough"


def test_goal_reached(tenant, sql):
    instance = tenant.trigger(tenant.new_flow(
        chain(node("goal", "goal_reached", goal_name="paid", value=9.5), tag("never"))), "c")
    assert tenant.step(instance, "goal")["output"] == {"exit": True, "goal": "paid"}
    assert tenant.path(instance) == ["start", "goal"]
    assert sql("SELECT conversion_type, value FROM conversion WHERE instance_id = %s",
               instance) == [("goal:paid", 9.5)]
