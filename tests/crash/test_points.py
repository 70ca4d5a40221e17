"""The instants at which a death is worst: around each commit and around each send."""
import signal
import time

import pytest

from support.server import Server
from world import NO_LIMITS, World

POINTS = ("before_commit", "flush_sent", "after_commit", "before_send", "after_send")


@pytest.fixture(scope="module")
def server():
    server = Server(environment=NO_LIMITS)
    yield server.start()
    server.remove()


def feed_until_dead(world, server, seconds=60):
    deadline = time.monotonic() + seconds
    while server.process.poll() is None:
        assert time.monotonic() < deadline, "the point was never passed"
        if not world.load.batches.unfinished_tasks:
            world.enter(5)
            world.go()
        time.sleep(0.005)
    world.uptime.down()
    assert server.process.returncode == -signal.SIGKILL, server.log_tail()


@pytest.mark.parametrize("point", POINTS)
def test_a_death_at_this_point_loses_and_doubles_nothing(server, scale, dice, point, nth):
    world = World([server], server.database(), dice, scale["wait_seconds"])
    try:
        server.stop()
        server.environment = {**NO_LIMITS, "KALCIFER_CRASH_POINT": f"{point}:{nth}"}
        server.spawn()
        feed_until_dead(world, server)
        server.environment = NO_LIMITS
        server.start()
        world.uptime.up()
        world.db.close()
        world.db = server.database()
        world.finish()
        world.check()
    finally:
        world.close()
