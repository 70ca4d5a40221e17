"""SIGTERM while PostgreSQL hangs: the end comes, and nothing that was acknowledged is lost."""
import json
import signal
from http.client import HTTPConnection

import pytest
from support import postgres
from support.client import Client, Tenant
from support.graphs import chain, node
from support.server import Server

DEADLINE = 20  # seconds, below the SIGALRM that is the last resort


@pytest.fixture
def hanging(own):
    yield own
    resume(own)


def resume(server):
    """Those that a test has left stopped."""
    postgres.signal_all(server.data / "postgres", signal.SIGCONT)


def post_event(connection, tenant, event_id):
    body = json.dumps({"customer_id": "c", "event_type": "e", "id": event_id})
    connection.request("POST", "/api/v1/events", body,
                       {"Authorization": f"Bearer {tenant.key}",
                        "Content-Type": "application/json"})


def test_a_stop_ends_while_the_database_hangs(hanging):
    tenant = Tenant(hanging.base)
    connection = HTTPConnection(hanging.base.removeprefix("http://"), timeout=60)
    post_event(connection, tenant, "kept")
    kept = connection.getresponse()
    assert kept.status == 202 and kept.read()

    postgres.signal_all(hanging.data / "postgres", signal.SIGSTOP)
    post_event(connection, tenant, "unknown")
    assert hanging.stop(DEADLINE + 5) == 1, hanging.log_tail()
    assert connection.getresponse().status == 503
    assert hanging.log().count('"drain_timed_out"') == 1, hanging.log_tail()
    assert postgres.postmaster(hanging.data / "postgres"), "PostgreSQL is left to be adopted"
    assert not hanging.sanitizer_reports(), hanging.log_tail(200)

    resume(hanging)
    hanging.start()
    assert '"postgres_adopted"' in hanging.log()
    assert tenant.event("c", "e", id="unknown")
    with hanging.database().cursor() as cursor:
        cursor.execute("SELECT event_id FROM event ORDER BY event_id")
        assert cursor.fetchall() == [("kept",), ("unknown",)]


def test_a_stop_ends_while_a_flows_change_hangs():
    server = Server(environment={"THREADS": "1"})
    try:
        tenant = Tenant(server.start().base)
        flow = tenant.new_flow(chain(node("end", "exit")))
        postgres.signal_all(server.data / "postgres", signal.SIGSTOP)
        connection = HTTPConnection(server.base.removeprefix("http://"), timeout=60)
        connection.request("POST", f"/api/v1/flows/{flow}/pause",
                           headers={"Authorization": f"Bearer {tenant.key}"})
        assert Client(server.base).get("//health").status_code == 200  # after the one above
        assert server.stop(DEADLINE + 5) == 1, server.log_tail()
        assert connection.getresponse().status == 503
        assert not server.sanitizer_reports(), server.log_tail(200)
    finally:
        resume(server)
        server.remove()
