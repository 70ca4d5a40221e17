"""Section 6: messages by every channel, and calls whose answer a node waits for."""
import pytest

from support.client import wait_until
from support.graphs import chain, graph, node, start

CUSTOMER = {"external_id": "c", "email": "ada@example.com", "phone": "+15550001111",
            "properties": {"push_token": "token-1"}}
SENDS = [("send_email", "email", {"email": "ada@example.com"}),
         ("send_sms", "sms", {"phone": "+15550001111"}),
         ("send_whatsapp", "whatsapp", {"phone": "+15550001111"}),
         ("send_push", "push", {"push_token": "token-1"}),
         ("send_in_app", "in_app", {"customer_id": "c"})]


def deliveries(sql, instance):
    rows = sql("SELECT channel, status, recipient, message, id::text, error FROM delivery "
               "WHERE instance_id = %s ORDER BY created_at, id", instance)
    return [dict(zip(("channel", "status", "recipient", "message", "id", "error"), r))
            for r in rows]


def sent(sql, instance, n=1):
    """The instance's deliveries, when all n of them have left."""
    wait_until(lambda: [d["status"] for d in deliveries(sql, instance)] == ["sent"] * n,
               what="deliveries sent")
    return deliveries(sql, instance)


def tag(id):
    return node(id, "add_tag", tag=id)


def hook(**config):
    return node("hook", "call_webhook", **{"url": "https://example.com/hook", **config})


@pytest.mark.parametrize("type,channel,recipient", SENDS)
def test_each_channel_is_sent_to_its_address(tenant, sql, type, channel, recipient):
    tenant.ok("POST", "/customers", CUSTOMER, 201)
    instance = tenant.trigger(tenant.new_flow(chain(node("m", type, template_id="t"))), "c")
    result = tenant.step(instance, "m")["output"]
    delivery, = sent(sql, instance)
    assert result == {"delivery_id": delivery["id"], "channel": channel, "status": "pending"}
    assert delivery["channel"] == channel and delivery["recipient"] == recipient
    assert delivery["message"]["template_id"] == "t"


@pytest.mark.parametrize("type,channel,recipient", SENDS)
def test_the_log_needs_no_address(tenant, sql, type, channel, recipient):
    instance = tenant.trigger(tenant.new_flow(chain(node("m", type, template_id="t"))), "bare")
    assert sent(sql, instance)[0]["channel"] == channel


@pytest.mark.parametrize("type", ["send_sms", "send_push", "send_whatsapp"])
def test_a_message_is_a_template_or_a_text(tenant, sql, type):
    assert tenant.problems(chain(node("m", type))) == [
        "node m: /template_id: can't be blank without a body"]
    tenant.ok("POST", "/customers", CUSTOMER, 201)
    flow = tenant.new_flow(chain(node("m", type, body="Hi {{ _customer.external_id }}")))
    assert sent(sql, tenant.trigger(flow, "c"))[0]["message"]["body"] == "Hi c"


def test_an_in_app_message_says_where_and_how_long(tenant, sql):
    made = chain(node("m", "send_in_app", template_id="t", placement="banner", expiry="7d"))
    instance = tenant.trigger(tenant.new_flow(made), "c")
    at = tenant.instance(instance)["entered_at"]
    message = sent(sql, instance)[0]["message"]
    assert message["placement"] == "banner" and message["expires_at"] > at
    assert tenant.problems(chain(node("m", "send_in_app", template_id="t", expiry="soon"))) == [
        "node m: /expiry: must be a duration such as 7d or an ISO 8601 date and time"]


# call_webhook


def test_a_webhook_is_a_delivery(tenant, sql):
    made = chain(hook(url="https://example.com/{{ _customer_id }}", method="PUT", secret="s3",
                      headers={"X-Id": "{{ n }}"}, body={"n": "{{ n + 1 }}", "list": [], "k": 7}),
                 tag("t"))
    instance = tenant.trigger(tenant.new_flow(made), "c", {"n": 4})
    assert tenant.path(instance) == ["start", "hook", "t"]
    delivery, = sent(sql, instance)
    assert delivery["channel"] == "webhook"
    assert delivery["recipient"] == {"url": "https://example.com/c"}
    assert delivery["message"] == {
        "url": "https://example.com/c", "method": "PUT", "secret": "s3", "headers": {"X-Id": "4"},
        "body": {"n": "5", "list": [], "k": 7}}
    assert tenant.step(instance, "hook")["output"] == {
        "delivery_id": delivery["id"], "channel": "webhook", "status": "pending"}


@pytest.mark.parametrize("config,problem", [
    ({"url": ""}, "/url: can't be blank"), ({"url": "ftp://x"},
                                            "/url: must begin with http:// or https://"),
    ({"method": "FETCH"}, "/method: must be one of"), ({"headers": {"a b": "x"}},
                                                   "/headers/a b: is invalid"),
    ({"headers": {"a": 1}}, "/headers/a: is invalid"),
    ({"body": {"a": ["{{ x"]}}, "/body: has a {{ that is not closed"),
    ({"provider": "none"}, "/provider: is not installed")])
def test_a_webhook_that_cannot_be_called_is_not_published(tenant, config, problem):
    problems = tenant.problems(chain(hook(**config)))
    assert len(problems) == 1 and problems[0].startswith("node hook: " + problem), problems


@pytest.mark.parametrize("config,error", [
    ({"url": "{{ missing.url }}x"}, "url is no http or https URL"),
    ({"headers": {"X": "{{ two_lines }}"}}, "headers.X has more than one line")])
def test_a_webhook_that_cannot_be_called_fails(tenant, sql, config, error):
    instance = tenant.trigger(tenant.new_flow(chain(hook(**config))), "c", {"two_lines": "a\r\nb"})
    shown = tenant.instance(instance)
    assert shown["status"] == "failed" and shown["exit_reason"] == error
    assert deliveries(sql, instance) == []


def test_a_node_waits_for_the_answer(tenant, sql):
    flow = tenant.new_flow(chain(hook(wait_for_response=True), tag("t")))
    instance = tenant.trigger(flow, "c")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", what="an answer")
    assert tenant.path(instance) == ["start", "hook", "t"]
    step = tenant.step(instance, "hook")
    assert step["output"] == {"status": 200, "body": None} and step["trigger"] == "answer"
    assert sent(sql, instance)[0]["channel"] == "webhook"
    assert tenant.instance(instance)["context"]["accumulated"]["hook"] == step["output"]
    assert sql("SELECT count(*) FROM held_event WHERE instance_id = %s", instance) == [(0,)]


def test_two_calls_of_one_node_each_get_their_answer(tenant, sql):
    made = graph([start(), hook(wait_for_response=True), tag("a"), tag("b"), tag("t")],
                 ["start -> a", "start -> b", "a -> hook", "b -> hook", "hook -> t"])
    instance = tenant.trigger(tenant.new_flow(made), "c")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", what="both answers")
    assert sorted(tenant.path(instance)) == ["a", "b", "hook", "hook", "start", "t", "t"]
    assert len(sent(sql, instance, 2)) == 2


def test_a_paused_flow_neither_calls_nor_goes_on(tenant, sql):
    flow = tenant.new_flow(chain(node("w", "wait", duration="1h"), hook(wait_for_response=True),
                                 tag("t")))
    instance = tenant.trigger(flow, "c")
    tenant.move(flow, "pause")
    tenant.advance("2h")
    assert deliveries(sql, instance) == []
    tenant.move(flow, "resume")
    tenant.advance("1h")
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", what="an answer")
    assert tenant.path(instance) == ["start", "w", "hook", "t"]


def test_who_has_gone_is_not_answered(tenant, sql):
    made = graph([start(), hook(wait_for_response=True), node("out", "exit", reason="enough"),
                  tag("t")], ["start -> hook", "start -> out", "hook -> t"])
    instance = tenant.trigger(tenant.new_flow(made), "c")
    sent(sql, instance)
    tenant.now()
    assert tenant.path(instance) == ["start", "out"]
    assert tenant.instance(instance)["exit_reason"] == "enough"
    assert sql("SELECT count(*) FROM held_event WHERE instance_id = %s", instance) == [(0,)]
