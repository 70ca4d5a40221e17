"""The virtual clock: months of journey in a test's second."""
import pytest

import times
from support.client import Tenant
from support.graphs import chain, node
from support.server import Server


def test_the_clock_stands_until_it_is_moved(tenant):
    began = tenant.now()
    assert tenant.now() == began
    assert tenant.advance("1h") == times.later(began, hours=1)
    assert tenant.advance("250ms") == times.later(began, hours=1, milliseconds=250)


@pytest.mark.parametrize("body", [{}, {"by": ""}, {"by": "1y"}, {"by": "-1d"}, {"by": 5},
                                  {"by": "1 d"}, {"by": "99999999w"}])
def test_a_step_that_is_no_duration_is_refused(tenant, body):
    answer = tenant.post("/clock/advance", body)
    assert answer.status_code == 422 and list(answer.json()["errors"]) == ["by"]


def test_moving_the_clock_needs_a_key(nobody):
    assert nobody.post("/clock/advance", {"by": "1d"}).status_code == 401


def test_timers_fire_in_order_each_at_its_instant(tenant):
    began = tenant.now()
    flow = tenant.new_flow(chain(node("w", "wait_until", datetime="{{ at }}"),
                                 node("v", "wait", duration="90m")))
    instances = {}
    for minutes in (300, 60, 180, 120, 240):
        at = times.later(began, minutes=minutes)
        instances[minutes] = tenant.trigger(flow, f"c{minutes}", {"at": at})
    tenant.advance("1d")
    for minutes, instance in instances.items():
        steps = {s["node_id"]: s["completed_at"] for s in tenant.steps(instance)}
        assert steps == {"start": began, "w": times.later(began, minutes=minutes),
                         "v": times.later(began, minutes=minutes + 90)}


def test_an_answer_to_advance_means_that_all_is_quiet(tenant):
    flow = tenant.new_flow(chain(node("w", "wait", duration="1h"), node("t", "add_tag", tag="t")))
    ids = [f"c{i}" for i in range(500)]
    tenant.ok("POST", f"/flows/{flow}/trigger", {"customer_ids": ids}, 201)
    tenant.advance("1h")
    assert {i["status"] for i in tenant.instances(flow, limit=500)} == {"completed"}


def test_the_time_and_what_was_due_survive_a_restart():
    """A second server, since this one is stopped and started again."""
    server = Server(arguments=["--virtual-clock", "2026-01-01T00:00:00Z"])
    try:
        server.start()
        tenant = Tenant(server.base)
        flow = tenant.new_flow(chain(node("w", "wait", duration="30d"), node("end", "exit")))
        instance = tenant.trigger(flow, "c")
        tenant.advance("20d")
        assert server.stop() == 0
        server.start()
        assert tenant.now() == "2026-01-21T00:00:00.000Z"
        assert tenant.instance(instance)["status"] == "waiting"
        tenant.advance("10d")
        assert tenant.path(instance) == ["start", "w", "end"]
        server.kill()
        server.start()
        assert tenant.now() == "2026-01-31T00:00:00.000Z"
        assert tenant.instance(instance)["completed_at"] == "2026-01-31T00:00:00.000Z"
        assert server.stop() == 0 and not server.sanitizer_reports()
    finally:
        server.remove()


def test_without_the_flag_time_is_real_and_cannot_be_moved():
    server = Server()
    try:
        server.start()
        answer = Tenant(server.base).post("/clock/advance", {"by": "1d"})
        assert answer.status_code == 404 and answer.json()["error"] == "not_found"
        assert server.stop() == 0
    finally:
        server.remove()
