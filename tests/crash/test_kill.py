"""kill -9 at random moments, of the engine and of PostgreSQL."""
import signal
import time

import pytest

import audit
from support import postgres
from support.server import Server, until
from world import NO_LIMITS, World


@pytest.fixture
def server():
    server = Server(environment=NO_LIMITS)
    yield server.start()
    server.remove()


def test_no_kill_of_the_engine_loses_or_doubles_anything(server, scale, dice):
    world = World([server], server.database(), dice, scale["wait_seconds"])
    try:
        for _ in range(scale["engine_kills"]):
            world.churn(scale["in_flight"], dice.uniform(0, 1.5 * scale["wait_seconds"]))
            time.sleep(dice.uniform(0, 0.3))
            world.uptime.down()
            server.kill()
            world.count_in_flight()
            server.start()
            world.uptime.up()
        world.finish()
        world.check()
        assert min(world.in_flight) >= scale["in_flight"] // 2, world.in_flight
    finally:
        world.close()


def overdue(world, instant):
    return audit.rows(world.db, "SELECT count(*) FROM wait WHERE flow_id = %s AND "
                                "due_at <= to_timestamp(%s)", world.flow, instant)[0][0]


def test_traffic_after_a_restart_keeps_no_timer_waiting(server, scale, dice):
    """More newcomers than the engine can take keep each shard busy from the first moment on; what
    was due before them fires all the same."""
    world = World([server], server.database(), dice, scale["wait_seconds"])
    try:
        world.fill(400)
        server.kill()
        time.sleep(scale["wait_seconds"])
        assert overdue(world, time.time())
        world.enter(400)
        ready = server.start() and time.time()
        while left := overdue(world, ready):
            assert time.time() < ready + audit.ON_TIME_SECONDS, f"{left} timers are overdue"
            if world.load.batches.unfinished_tasks < 8:
                world.enter(200)
            time.sleep(0.01)
        world.load.settle()
    finally:
        world.close()


def test_no_kill_of_postgresql_loses_or_doubles_anything(server, scale, dice):
    for _ in range(scale["postgres_kills"]):
        world = World([server], server.database(), dice, scale["wait_seconds"])
        try:
            world.churn(scale["in_flight"], dice.uniform(0, 1.5 * scale["wait_seconds"]))
            time.sleep(dice.uniform(0, 0.3))
            world.count_in_flight()
            world.uptime.down()
            postgres.signal_all(server.data / "postgres", signal.SIGKILL)  # as a machine's end
            world.load.settle()
            world.db.close()
            world.enter(100)  # customers of all shards
            world.load.settle()
            until(server.is_ready, 60, "ready again")
            world.uptime.up()
            world.db = server.database()
            world.finish()
            world.check()
        finally:
            world.close()
    assert server.process.poll() is None, "the engine did not outlive its database"
