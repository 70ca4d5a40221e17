"""Connections to the database that break in the middle of a flush."""
import time

import pytest

from cutter import WAYS, Cutter
from support.postgres import Cluster
from support.server import Server
from world import NO_LIMITS, World


@pytest.fixture
def cutter(dice):
    cluster = Cluster()
    cutter = Cutter(cluster, dice)
    cutter.cluster = cluster
    yield cutter
    cutter.end()
    cluster.remove()


@pytest.fixture
def server(cutter):
    server = Server(environment={**NO_LIMITS, "DATABASE_URL": cutter.conninfo})
    yield server.start()
    server.remove()


def test_a_cut_flush_is_written_once_or_not_at_all(server, cutter, scale, dice):
    world = World([server], cutter.cluster.connect(), dice, scale["wait_seconds"])
    deadline = time.monotonic() + 20 + scale["cuts"]
    try:
        cutter.share = 0.3
        while cutter.total() < scale["cuts"]:
            assert time.monotonic() < deadline, f"only {cutter.cuts} in time"
            world.enter(200)
            world.go()
            world.load.settle()
        cutter.share = 0
        world.finish()
        world.check()
        assert all(cutter.cuts[way] for way in WAYS), cutter.cuts
        assert server.process.poll() is None, server.log_tail()
    finally:
        world.close()
