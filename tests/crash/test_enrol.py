"""A death while members enter by a segment or a schedule leaves nobody out and doubles nobody."""
import signal
from datetime import datetime, timedelta

import pytest
import requests

from support.client import Tenant, wait_until
from support.graphs import graph, node
from support.server import Server
from world import NO_LIMITS


def entry(kind, segment, instant):
    if kind == "segment":
        return node("in", "segment_entry", segment_id=segment)
    return node("in", "scheduled_entry", segment_id=segment, cron=f"{instant.minute} * * * *")


@pytest.fixture(scope="module")
def server():
    server = Server(environment=NO_LIMITS, arguments=["--virtual-clock", "2026-01-01T00:00:00Z"])
    yield server.start()
    server.remove()


@pytest.fixture(scope="module")
def tenant(server, scale):
    """With members for more flushes, of up to 200 each, than the deepest death needs."""
    made = Tenant(server.base)
    for i in range(scale["members"]):
        made.ok("POST", "/customers", {"external_id": f"c-{i}"}, 201)
    return made


def times_entered(server, flow):
    connection = server.database()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count, count(*) FROM (SELECT count(*) FROM instance"
                       " WHERE flow_id = %s GROUP BY customer_id) c GROUP BY count", (flow,))
        found = dict(cursor.fetchall())
    connection.close()
    return found


@pytest.mark.parametrize("point", ["before_commit", "flush_sent", "after_commit"])
@pytest.mark.parametrize("kind", ["segment", "schedule"])
def test_every_member_enters_once(server, tenant, kind, point, nth, scale):
    members = scale["members"]
    segment = tenant.ok("POST", "/segments", {"name": f"{kind} {point} {nth}"}, 201)["data"]["id"]
    end = datetime.fromisoformat(tenant.now()) + timedelta(minutes=30)
    flow = tenant.draft(graph([entry(kind, segment, end), node("end", "exit")], ["in -> end"]))
    server.stop()
    server.environment = {**NO_LIMITS, "KALCIFER_CRASH_POINT": f"{point}:{nth + 1}"}
    server.start()
    try:
        tenant.move(flow, "activate")
        tenant.advance("30m")
    except requests.RequestException:
        pass
    wait_until(lambda: server.process.poll() is not None, 60, "the death")
    assert server.process.returncode == -signal.SIGKILL, server.log_tail()
    # Its PostgreSQL lives on; a new engine would go on at once.
    assert times_entered(server, flow) != {1: members}, "it was over before the death"
    server.environment = NO_LIMITS
    server.start()
    left = end - datetime.fromisoformat(tenant.now())  # the clock stands at the last commit
    tenant.advance(f"{left // timedelta(milliseconds=1)}ms")
    assert times_entered(server, flow) == {1: members}
    tenant.move(flow, "archive")
