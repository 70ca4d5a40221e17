"""Somebody keeps a customer's row locked for longer than a statement may take: callers are told,
nothing is lost, and the others do not notice. (The statement is cancelled by hand, as the server
does it when its time is up.)"""
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.client import wait_until
from support.graphs import chain, node

CANCEL = """SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND application_name LIKE 'kalcifer %%'"""


@pytest.fixture
def lock(server):
    """Locks an instance's row until its answer is called."""
    connection = server.database()
    connection.autocommit = False

    def lock(instance):
        connection.cursor().execute("SELECT FROM instance WHERE id = %s FOR UPDATE", (instance,))
        return connection.rollback

    yield lock
    connection.close()


def refused(server):
    return server.log().count('"flush_refused"')


def test_a_caller_is_told_and_others_go_on(tenant, sql, lock):
    flow = tenant.new_flow(chain(node("w", "wait", duration="1h"), node("end", "exit")))
    locked, free = tenant.trigger(flow, "locked"), tenant.trigger(flow, "free")
    unlock = lock(locked)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(tenant.post, f"/instances/{locked}/cancel")
        wait_until(lambda: sql(CANCEL) and answer.done())
        assert answer.result().status_code == 503
    assert tenant.post(f"/instances/{free}/cancel").status_code == 200
    unlock()
    assert tenant.instance(locked)["status"] == "waiting"
    assert tenant.post(f"/instances/{locked}/cancel").status_code == 200


def test_a_timer_comes_again(tenant, server, sql, lock):
    flow = tenant.new_flow(chain(node("w", "wait", duration="1h"), node("end", "exit")))
    instance = tenant.trigger(flow, "c")
    unlock = lock(instance)
    before = refused(server)
    with ThreadPoolExecutor() as pool:
        advanced = pool.submit(tenant.advance, "1h")
        wait_until(lambda: sql(CANCEL) and refused(server) > before + 1)
        assert not advanced.done()
        unlock()
        advanced.result()
    assert tenant.instance(instance)["status"] == "completed"
