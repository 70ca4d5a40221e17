"""The instants at which a death is worst: around each commit and around each send."""
import signal

import pytest

from audit import rows, sent_lines
from support.server import Server
from world import NO_LIMITS, World

POINTS = ("before_commit", "flush_sent", "after_commit", "before_send", "after_send")


@pytest.fixture(scope="module")
def server():
    server = Server(environment=NO_LIMITS)
    yield server.start()
    server.remove()


def revive(server):
    if server.process.poll() is None:
        server.kill()
    server.environment = NO_LIMITS
    server.start()


def unanswered(world):
    return rows(world.db, "SELECT event_id FROM event WHERE tenant_id = %s AND "
                          "event_id <> ALL (%s)", world.tenant.id, list(world.load.book.answers))


def attempted(world, left):
    """Deliveries whose attempt is open, and which have, or have not, left."""
    lines = set(sent_lines(world.servers))
    return [i for i, in rows(world.db, "SELECT id::text FROM delivery WHERE flow_id = %s AND "
                                       "status = 'pending' AND attempts = 1", world.flow)
            if (i in lines) == left]


# What the first death at a point leaves: else it was another instant than its name says.
TRACES = {
    "after_commit": unanswered,
    "before_send": lambda world: attempted(world, left=False),
    "after_send": lambda world: attempted(world, left=True),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_death_at_this_point_loses_and_doubles_nothing(server, dice, point, nth):
    world = World([server], server.database(), dice, wait_seconds=1)
    try:
        world.db.close()
        server.stop()
        server.environment = {**NO_LIMITS, "KALCIFER_CRASH_POINT": f"{point}:{nth}"}
        server.spawn()
        world.feed_until_dead(server)
        assert server.process.returncode == -signal.SIGKILL, server.log_tail()
        world.db = server.database()
        assert nth > 1 or point not in TRACES or TRACES[point](world)
        revive(server)
        world.uptime.up()
        world.enter(20)
        world.finish()
        world.check()
    finally:
        world.close()
        if server.process.poll() is not None or server.environment != NO_LIMITS:
            revive(server)
