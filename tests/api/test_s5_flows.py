"""Section 5, with flows as operators build them: each walked to its end by every path."""
import json
import pathlib

import pytest

import times
from support.client import wait_until

FLOWS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "flows"


def load(name):
    return json.loads((FLOWS / f"{name}.json").read_text())


def ended(tenant, instance, status, reason):
    shown = tenant.instance(instance)
    assert (shown["status"], shown["exit_reason"]) == (status, reason)
    assert shown["waiting"] == [] and shown["current_nodes"] == []
    return shown


class Walk:
    """One customer in one of the flows."""

    def __init__(self, tenant, name, event, data, **customer):
        self.tenant, self.flow = tenant, tenant.new_flow(load(name))
        if customer:
            tenant.ok("POST", "/customers", {"external_id": "ada", **customer}, 201)
        self.began = tenant.now()
        assert tenant.event("ada", event, data)["started"] == 1
        self.id = tenant.instance_of(self.flow, "ada")["id"]

    def is_at(self, *nodes):
        assert sorted(self.tenant.instance(self.id)["current_nodes"]) == sorted(nodes)

    def took(self, *nodes):
        assert self.tenant.path(self.id) == list(nodes)

    def ended(self, status, reason):
        return ended(self.tenant, self.id, status, reason)


# Welcome


@pytest.fixture
def welcome(tenant):
    return Walk(tenant, "welcome", "signed_up", {"plan": "premium"})


def test_welcome_is_for_premium_only(tenant):
    flow = tenant.new_flow(load("welcome"))
    for data in ({"plan": "free"}, {}, {"plan": "premium "}):
        assert tenant.event("ada", "signed_up", data)["started"] == 0
    assert tenant.instances(flow) == []


def test_welcome_opened(tenant, welcome):
    welcome.is_at("wait_1")
    tenant.advance("2d")
    assert tenant.event("ada", "email_opened")["routed"] == 1
    welcome.took("entry_1", "email_1", "wait_1", "email_2", "goal_1")
    welcome.ended("completed", "goal_reached")
    assert tenant.step(welcome.id, "wait_1")["branch"] == "event_received"


def test_welcome_not_opened(tenant, welcome):
    tenant.advance("71h")
    welcome.is_at("wait_1")
    tenant.advance("1h")
    welcome.took("entry_1", "email_1", "wait_1", "email_3", "goal_1")
    step = tenant.step(welcome.id, "wait_1")
    assert step["branch"] == "timed_out" and step["output"] == {"trigger": "timeout",
                                                                "timed_out": True}
    assert (step["started_at"], step["completed_at"]) == (
        welcome.began, times.later(welcome.began, days=3))
    assert tenant.event("ada", "email_opened")["routed"] == 0


def test_welcome_unsubscribed(tenant, welcome):
    tenant.event("ada", "unsubscribed")
    welcome.ended("exited", "exit_criteria")
    tenant.advance("3d")
    welcome.took("entry_1", "email_1")


def test_welcome_writes_each_mail_once(tenant, welcome, sql):
    tenant.event("ada", "email_opened")
    tenant.event("ada", "email_opened")

    def sent():
        rows = sql("SELECT node_id, status FROM delivery WHERE instance_id = %s ORDER BY id",
                   welcome.id)
        return sorted(rows) == [("email_1", "sent"), ("email_2", "sent")]

    wait_until(sent, what="two mails sent")


# Abandoned cart


def cart(tenant, total=80.5, **customer):
    return Walk(tenant, "abandoned-cart", "cart_updated", {"total": total}, **customer)


def test_cart_bought_within_the_hour(tenant):
    walk = cart(tenant)
    walk.is_at("hour")
    tenant.advance("59m")
    assert tenant.event("ada", "order_placed")["routed"] == 1
    walk.took("cart", "hour", "bought")
    walk.ended("completed", "bought")


def test_cart_bought_a_moment_before(tenant):
    """The order was faster than the cart's event."""
    tenant.event("ada", "order_placed")
    tenant.advance("4m")
    walk = cart(tenant)
    walk.took("cart", "hour", "bought")


def test_cart_bought_long_before_is_another_order(tenant):
    tenant.event("ada", "order_placed")
    tenant.advance("6m")
    cart(tenant).is_at("hour")


@pytest.mark.parametrize("total,customer", [
    (49.99, {}), (None, {}), (500, {"properties": {"country": "XX"}}),
    (50, {"preferences": {"email": False}}), (50, {"preferences": {"email_opt_in": False}})])
def test_cart_that_gets_no_mail(tenant, total, customer):
    walk = cart(tenant, total, **customer)
    tenant.advance("1h")
    path = tenant.path(walk.id)
    gate = ["optin"] if "preferences" in customer else []
    assert path == ["cart", "hour", "value", *gate, "tag"]
    walk.ended("completed", None)
    assert tenant.customer("ada")["tags"] == ["cart_lost"]


@pytest.mark.parametrize("buys", [True, False])
def test_cart_recovered_or_lost(tenant, sql, buys):
    walk = cart(tenant, 50)
    tenant.advance("1h")
    walk.is_at("day")
    variant = tenant.step(walk.id, "split")["output"]["selected_variant"]
    mail = f"mail_{variant}"
    assert mail in ("mail_discount", "mail_plain")
    if buys:
        tenant.advance("23h")
        assert tenant.event("ada", "order_placed")["routed"] == 1
        walk.took("cart", "hour", "value", "optin", "split", mail, "day", "goal")
        walk.ended("completed", "goal_reached")
    else:
        tenant.advance("24h")
        walk.took("cart", "hour", "value", "optin", "split", mail, "day", "tag")
        walk.ended("completed", None)
        assert tenant.customer("ada")["tags"] == ["cart_lost"]
    goals = sql("SELECT conversion_type, value FROM conversion WHERE instance_id = %s", walk.id)
    assert goals == ([("goal:cart_recovered", None)] if buys else [])


# Trial


def trial(tenant, zone="America/New_York"):
    return Walk(tenant, "trial", "trial_started", {}, timezone=zone)


def to_the_offer(tenant, walk, ready):
    """Checks that the offer waits for 9 o'clock at the customer's, and goes there."""
    until = times.next_clock(ready, "09:00", "America/New_York")
    if until > tenant.now():
        waiting = tenant.instance(walk.id)["waiting"]
        assert [(w["node_id"], w["until"]) for w in waiting] == [("offer_at", until)]
        tenant.advance(f"{times.milliseconds(tenant.now(), until)}ms")
    walk.is_at("paid")
    assert tenant.step(walk.id, "offer_at")["completed_at"] == until


def test_trial_used_and_paid(tenant, sql):
    walk = trial(tenant)
    walk.took("start", "hello")
    walk.is_at("tips", "use")
    assert tenant.event("ada", "project_created")["routed"] == 1
    walk.is_at("tips", "use")
    tenant.event("ada", "project_created")  # the same again is not the other
    walk.is_at("tips", "use")
    tenant.advance("1d")
    assert tenant.event("ada", "teammate_invited")["routed"] == 1
    walk.is_at("tips")
    assert tenant.customer("ada")["properties"]["stage"] == "active_trial"
    tenant.advance("1d")
    to_the_offer(tenant, walk, times.later(walk.began, days=2))
    assert tenant.event("ada", "subscription_paid")["routed"] == 1
    walk.took("start", "hello", "use", "active", "tips", "tip_mail", "both", "offer_at", "offer",
              "paid", "won")
    walk.ended("completed", "goal_reached")
    assert sql("SELECT conversion_type, value FROM conversion WHERE instance_id = %s",
               walk.id) == [("goal:subscribed", 49.99)]


def test_trial_used_late(tenant):
    """The tips are done; the join waits for who is still expected."""
    walk = trial(tenant)
    tenant.advance("5d")
    walk.took("start", "hello", "tips", "tip_mail")
    walk.is_at("use")
    tenant.event("ada", "teammate_invited")
    tenant.event("ada", "project_created")
    to_the_offer(tenant, walk, times.later(walk.began, days=5))
    walk.took("start", "hello", "tips", "tip_mail", "use", "active", "both", "offer_at", "offer")


@pytest.mark.parametrize("half", [True, False])
def test_trial_not_used_and_not_paid(tenant, half):
    walk = trial(tenant)
    if half:
        tenant.event("ada", "project_created")  # one of two is not enough
    tenant.advance("7d")
    step = tenant.step(walk.id, "use")
    assert step["branch"] == "timed_out"
    assert step["completed_at"] == times.later(walk.began, days=7)
    to_the_offer(tenant, walk, times.later(walk.began, days=7))
    tenant.advance("5d")
    walk.took("start", "hello", "tips", "tip_mail", "use", "both", "offer_at", "offer", "paid",
              "lost")
    walk.ended("completed", "trial_ended")
    assert "stage" not in tenant.customer("ada")["properties"]


@pytest.mark.parametrize("after", ["0s", "3d", "8d"])
def test_trial_whose_account_is_deleted(tenant, after):
    walk = trial(tenant)
    tenant.advance(after)
    before = tenant.path(walk.id)
    tenant.event("ada", "account_deleted")
    walk.ended("exited", "exit_criteria")
    tenant.advance("14d")
    walk.took(*before)
