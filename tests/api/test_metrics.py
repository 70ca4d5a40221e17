"""Section 12, metrics: what an operator's dashboards read, exactly as Prometheus reads it."""
import re

import pytest

from support.client import wait_until
from support.graphs import chain, graph, node, start
from support.server import Server

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (\S+)")
TYPES = {"counter", "gauge"}


def parse(text):
    """{metric: {labels: value}}; each metric is one block: HELP, TYPE, then its samples."""
    assert text.endswith("\n") and "\n\n" not in text
    metrics, types, name = {}, {}, None
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            name, help = line.removeprefix("# HELP ").split(" ", 1)
            assert re.fullmatch(NAME, name) and help and name not in metrics, line
            of, types[name] = next(lines).removeprefix("# TYPE ").split(" ")
            assert of == name and types[name] in TYPES, line
            metrics[name] = {}
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        assert sample[1] == name, f"{line} is not in the block of {name}"
        labels = frozenset(re.findall(LABEL, sample[2] or ""))
        assert labels not in metrics[name], f"{line} is there twice"
        metrics[name][labels] = float(sample[3])
        if types[name] == "counter":
            assert name.endswith("_total") and metrics[name][labels] >= 0, line
    return metrics


class Metrics:
    def __init__(self, nobody):
        self.nobody = nobody
        self.before = self.now()

    def now(self):
        return parse(self.nobody.get("//metrics").text)

    def grown(self, name):
        """What each series has gained: {labels without their names: gain}."""
        gains = {labels: value - self.before[name].get(labels, 0)
                 for labels, value in self.now()[name].items()}
        return {tuple(label.split('"')[1] for label in sorted(labels)): gain
                for labels, gain in gains.items() if gain}


@pytest.fixture(scope="module")
def server():
    """One of its own: figures are of the whole process, and the clock moves everybody's timers."""
    made = Server(arguments=["--virtual-clock", "2026-01-01T00:00:00Z"])
    try:
        yield made.start()
        assert made.stop() == 0 and not made.sanitizer_reports()
    finally:
        made.remove()


@pytest.fixture
def metrics(nobody):
    return Metrics(nobody)


def test_the_answer_is_prometheus_text(metrics, nobody):
    answer = nobody.get("//metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert {"kalcifer_active_flow_instances", "kalcifer_flow_starts_total",
            "kalcifer_flow_completions_total", "kalcifer_flow_failures_total",
            "kalcifer_node_executions_total", "kalcifer_event_dispatch_total",
            "kalcifer_crash_recoveries_total", "kalcifer_channel_sends_total",
            "kalcifer_http_requests_total"} <= parse(answer.text).keys()


def test_node_executions_are_counted_by_type(tenant, metrics):
    flow = tenant.new_flow(chain(node("t", "add_tag", tag="a"), node("u", "add_tag", tag="b"),
                                 node("w", "wait", duration="1d"), node("x", "exit")))
    for customer in ("c", "d"):
        tenant.trigger(flow, customer)
    assert metrics.grown("kalcifer_node_executions_total") == {
        ("event_entry",): 2, ("add_tag",): 4, ("wait",): 2}
    tenant.advance("1d")
    assert metrics.grown("kalcifer_node_executions_total") == {
        ("event_entry",): 2, ("add_tag",): 4, ("wait",): 4, ("exit",): 2}


def test_executions_have_their_type_as_the_only_label(tenant, metrics):
    tenant.trigger(tenant.new_flow(chain(node("x", "exit"))), "c")
    series = metrics.now()["kalcifer_node_executions_total"]
    assert frozenset({'node_type="exit"'}) in series
    assert all(len(labels) == 1 and next(iter(labels)).startswith('node_type="')
               for labels in series)


def test_sends_are_counted_by_channel_and_provider(tenant, metrics):
    flow = tenant.new_flow(chain(node("m", "send_email", template_id="t"),
                                 node("n", "send_email", template_id="t")))
    for customer in ("c", "d", "e"):
        tenant.trigger(flow, customer)
    wait_until(lambda: metrics.grown("kalcifer_channel_sends_total") == {("email", "log"): 6})
    assert (frozenset({'channel="email"', 'provider="log"'})
            in metrics.now()["kalcifer_channel_sends_total"])


def test_a_provider_that_is_not_there_makes_no_series(tenant, metrics, sql):
    def sends(provider):
        return chain(node("m", "send_email", template_id="t", provider=provider),
                     node("n", "send_email", template_id="t"))

    tenant.ok("POST", "/customers", {"external_id": "c", "email": "c@example.com"}, 201)
    flow = tenant.new_flow(sends("log"))
    # It was there when this version was published.
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": sends("no\"body\\")}, 201)
    sql("UPDATE flow_version SET status = 'published' WHERE flow_id = %s AND number = 2"
        " RETURNING 1", flow)
    sql("UPDATE flow SET active_version = 2 WHERE id = %s RETURNING 1", flow)
    tenant.ok("POST", f"/flows/{flow}/pause")
    tenant.ok("POST", f"/flows/{flow}/resume")
    tenant.trigger(flow, "c")

    def statuses():
        return sorted(sql("SELECT provider, status FROM delivery WHERE flow_id = %s", flow))

    wait_until(lambda: statuses() == [("log", "sent"), ("no\"body\\", "failed")])
    assert metrics.grown("kalcifer_channel_sends_total") == {("email", "log"): 1}


def test_live_instances_are_counted_once_each(tenant, metrics):
    def live():
        return metrics.grown("kalcifer_active_flow_instances").get((), 0)

    two = tenant.new_flow(graph([start(), node("v", "wait", duration="1d"),
                                 node("w", "wait", duration="2d")], ["start -> v", "start -> w"]))
    ids = [tenant.trigger(two, customer) for customer in ("c", "d", "e")]
    wait_until(lambda: live() == 3, what="three instances with two waits each")
    tenant.move(two, "pause")
    tenant.trigger(tenant.new_flow(chain(node("x", "exit"))), "c")
    assert live() == 3
    tenant.move(two, "resume")
    tenant.ok("POST", f"/instances/{ids[0]}/cancel")
    wait_until(lambda: live() == 2, what="a cancelled one to be gone")
    tenant.advance("1d")
    assert live() == 2
    tenant.advance("1d")
    wait_until(lambda: live() == 0, what="ended ones to be gone")


def test_live_instances_are_known_after_a_restart(server, tenant, metrics):
    flow = tenant.new_flow(graph([start(), node("v", "wait", duration="1d"),
                                  node("w", "wait", duration="1d")], ["start -> v", "start -> w"]))
    for customer in ("c", "d"):
        tenant.trigger(flow, customer)
    server.kill()
    server.start()
    wait_until(lambda: metrics.now()["kalcifer_active_flow_instances"][frozenset()] == 2)
    assert metrics.now()["kalcifer_node_executions_total"] == {}
    tenant.advance("1d")
    wait_until(lambda: metrics.now()["kalcifer_active_flow_instances"][frozenset()] == 0)


def test_requests_are_counted_by_route_and_status(tenant, metrics):
    flow = tenant.new_flow(chain(node("x", "exit")))
    for path, status in ((f"/flows/{flow}", 200), ("/flows/none", 404), ("/flows?limit=0", 422)):
        assert tenant.get(path).status_code == status
    series = metrics.grown("kalcifer_http_requests_total")
    assert series["GET", "/api/v1/flows/:id", "200"] == 1
    assert series["GET", "/api/v1/flows/:id", "404"] == 1
    assert series["GET", "/api/v1/flows", "422"] == 1
