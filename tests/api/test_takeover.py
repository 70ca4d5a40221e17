"""What a shard reads of its own accord is there after a restart, and after a query that failed."""
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.client import Tenant, wait_until
from support.graphs import chain, graph, node, start

CANCEL = """SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND application_name LIKE 'kalcifer %%'"""


def waiting():
    return graph([start(), node("w", "wait_for_event", event_type="go"), node("end", "exit")],
                 ["start -> w", "w -event_received-> end"])


@pytest.fixture
def lock(server):
    """Locks a table until its answer is called."""
    connection = server.database()
    connection.autocommit = False

    def lock(table):
        connection.cursor().execute(f"LOCK TABLE {table}")
        return connection.rollback

    yield lock
    connection.close()


def run(server, statement, *parameters):
    """The first row, if there are any."""
    database = server.database()
    with database.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone() if cursor.description else None
    database.close()
    return row


def restarted(server, statement):
    """The server, killed and started again after this statement."""
    server.kill()
    run(server, statement)
    server.start()


def status(server, flow):
    return run(server, "SELECT status FROM delivery WHERE flow_id = %s", flow)[0]


def test_timers_that_could_not_be_read_are_read_again(tenant, server, sql, lock):
    flow = tenant.new_flow(chain(node("w", "wait", duration="3h"), node("end", "exit")))
    instance = tenant.trigger(flow, "c")
    failures = server.log().count('"timers_not_loaded"')
    [(shards,)] = sql("SELECT shards FROM deployment")
    unlock = lock("wait")
    with ThreadPoolExecutor() as pool:
        advanced = pool.submit(tenant.advance, "2h")
        wait_until(lambda: sql(CANCEL) and
                   server.log().count('"timers_not_loaded"') > failures + 4 * shards, 30)
        unlock()
        advanced.result()
    tenant.advance("1h")
    assert tenant.instance(instance)["status"] == "completed"


def test_what_was_held_comes_though_the_resume_met_no_database(tenant, sql, lock):
    flow = tenant.new_flow(waiting())
    instance = tenant.trigger(flow, "c")
    tenant.move(flow, "pause")
    tenant.event("c", "go")
    unlock = lock("held_event")
    with ThreadPoolExecutor() as pool:
        resumed = pool.submit(tenant.move, flow, "resume")
        wait_until(lambda: sql(CANCEL) and resumed.done(), 30)
        unlock()
        resumed.result()
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", 30)


def test_a_paused_flow_sends_nothing_after_a_restart(own):
    tenant = Tenant(own.base)
    paused, active = (tenant.new_flow(chain(node("m", "send_email", template_id="t")))
                      for _ in range(2))
    for flow in (paused, active):
        tenant.trigger(flow, "c")
        wait_until(lambda: status(own, flow) == "sent")
    tenant.move(paused, "pause")
    restarted(own, "UPDATE delivery SET status = 'pending', attempts = 0")
    wait_until(lambda: status(own, active) == "sent")
    assert status(own, paused) == "pending"
    tenant.move(paused, "resume")
    wait_until(lambda: status(own, paused) == "sent")


def test_a_customer_comes_out_of_a_flow_whose_node_type_is_gone(own):
    tenant = Tenant(own.base)
    flow, archived = tenant.new_flow(waiting()), tenant.new_flow(waiting())
    instance, other = tenant.trigger(flow, "c"), tenant.trigger(archived, "c")
    restarted(own, "UPDATE flow_version "
                   "SET graph = replace(graph::text, 'wait_for_event', 'gone')::json")
    tenant.ok("POST", f"/instances/{instance}/cancel")
    tenant.move(archived, "archive")
    wait_until(lambda: tenant.instance(other)["status"] == "exited")
    for ended in (instance, other):
        assert tenant.instance(ended)["current_nodes"] == []
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": waiting()}, 201)
    tenant.ok("POST", f"/flows/{flow}/activate")
    tenant.trigger(flow, "c")
