"""Two processes on one database: the one takes over what the other lets go, against its will."""
import os
import signal

import pytest
import requests

import audit
from cutter import Cutter
from support.postgres import Cluster
from support.server import Server, until
from world import NO_LIMITS, World

TAKEOVER_SECONDS = 30  # a lease lives for 10 s


@pytest.fixture
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture
def cutter(cluster, dice):
    cutter = Cutter(cluster, dice)
    yield cutter
    cutter.end()


@pytest.fixture
def pair(cluster, cutter):
    """The first owns all shards, over a connection that can be held; the second stands by."""
    urls = (cutter.conninfo, cluster.conninfo)
    first, second = (Server(environment={**NO_LIMITS, "DATABASE_URL": url}) for url in urls)
    first.start()
    second.spawn()
    until(lambda: listens(second), 30, "the second listens")
    yield first, second
    for server in (first, second):
        server.process.send_signal(signal.SIGCONT)
        server.remove()


def listens(server):
    assert server.process.poll() is None, server.log_tail()
    try:
        return requests.get(server.base + "/health", timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture
def world(pair, cluster, scale, dice):
    world = World(pair, cluster.connect(), dice, scale["wait_seconds"], answer_seconds=2)
    yield world
    world.close()


def taken_over(world, heir):
    until(heir.is_ready, TAKEOVER_SECONDS, "the other takes over")
    world.uptime.up()
    world.enter(50)
    world.load.settle()


def stands_by(server):
    until(lambda: listens(server) and not server.is_ready(), 15, "it lets its shards go")


def test_a_killed_process_is_succeeded(world, pair, scale):
    owner, heir = pair
    for _ in range(scale["takeovers"]):
        world.fill(scale["in_flight"] // 5)
        world.stir()
        world.uptime.down()
        owner.kill()
        taken_over(world, heir)
        owner.spawn()
        stands_by(owner)
        owner, heir = heir, owner
    world.finish()
    world.check(in_doubt=True)


def test_what_a_dead_process_had_begun_to_send_is_not_sent_by_another(world, pair):
    owner, heir = pair
    owner.environment["KALCIFER_CRASH_POINT"] = "after_send:1"
    owner.kill()
    owner.start()
    world.feed_until_dead(owner)
    del owner.environment["KALCIFER_CRASH_POINT"]
    taken_over(world, heir)
    world.finish()
    world.check(in_doubt=True)
    doubted = {i for i, in audit.rows(
        world.db, "SELECT id::text FROM delivery WHERE status = 'in_doubt'")}
    assert doubted & set(audit.sent_lines([owner])), "attempts under way are forgotten"
    assert not doubted & set(audit.sent_lines([heir])), "what may have left is sent again"


def test_a_stopped_process_wakes_to_find_itself_fenced(world, pair, scale):
    owner, heir = pair
    for _ in range(scale["takeovers"]):
        world.fill(scale["in_flight"] // 5)
        world.stir()
        world.uptime.down()
        owner.process.send_signal(signal.SIGSTOP)
        taken_over(world, heir)
        world.stir()
        owner.process.send_signal(signal.SIGCONT)
        stands_by(owner)
        assert heir.is_ready()
        owner, heir = heir, owner
    world.finish()
    world.check(in_doubt=True)


def test_a_process_that_stopped_half_way_through_a_flush_keeps_no_lock(world, pair, cutter):
    owner, heir = pair
    world.fill(100)
    cutter.holding = True
    world.enter(100)
    assert cutter.held.wait(30)
    os.kill(owner.process.pid, signal.SIGSTOP)
    world.uptime.down()
    taken_over(world, heir)
    owner.process.send_signal(signal.SIGCONT)
    stands_by(owner)
    world.finish()
    world.check(in_doubt=True)
