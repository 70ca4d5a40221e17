"""What a wait is told (a webhook's answer, another flow's end) is told once, whenever we die."""
import signal

import pytest
import requests

from audit import rows
from support.client import Tenant, wait_until
from support.graphs import chain, node
from support.server import Server
from world import NO_LIMITS

# The commits of one customer: both instances and the delivery; its attempt; its result and answer;
# the child's end and the parent's answer; the parent's walk.
DEATHS = ["after_commit:1", "before_commit:2", "before_send:1", "after_send:1", "after_commit:2",
          "before_commit:3", "flush_sent:3", "after_commit:3", "before_commit:4", "flush_sent:4",
          "after_commit:4", "before_commit:5", "after_commit:5"]


@pytest.fixture
def server():
    server = Server(environment=NO_LIMITS)
    yield server.start()
    server.remove()


def test_an_answer_is_given_once(server):
    tenant = Tenant(server.base)
    child = tenant.new_flow(chain(
        node("hook", "call_webhook", url="https://example.com/", wait_for_response=True),
        node("called", "add_tag", tag="called")))
    parent = tenant.new_flow(chain(
        node("sub", "sub_flow", flow_id=child, wait=True), node("told", "add_tag", tag="told"),
        node("rest", "wait", duration="10d")))
    server.stop()
    for death in DEATHS:
        server.environment = {**NO_LIMITS, "KALCIFER_CRASH_POINT": death}
        server.spawn()
        wait_until(lambda: server.process.poll() is not None or server.is_ready(), 60, "a server")
        try:
            tenant.post(f"/flows/{parent}/trigger", {"customer_id": death.replace(":", "-")})
        except requests.RequestException:
            pass  # it died first
        assert server.process.wait(30) == -signal.SIGKILL, death
        server.environment = NO_LIMITS
        server.start()
        db = server.database()
        db.autocommit = True
        wait_until(lambda: rows(db, "SELECT 1 FROM wait WHERE node_id <> 'rest'") == [], 30, death)
        db.close()
        server.stop()
    server.start()
    db = server.database()
    started = rows(db, "SELECT id FROM instance WHERE flow_id = %s", parent)
    assert len(started) == len(DEATHS)
    for node_id in ("called", "told"):
        told = rows(db, "SELECT count(*), count(DISTINCT instance_id) FROM step "
                        "WHERE node_id = %s", node_id)
        assert told == [(len(started), len(started))], node_id
    assert rows(db, "SELECT status, count(*) FROM delivery GROUP BY 1") == [("sent", len(started))]
    assert rows(db, "SELECT count(*) FROM held_event") == [(0,)]
    db.close()
