"""What callers get when the database neither answers nor goes away."""
import signal
import threading

from support import postgres
from support.client import Client, Tenant, wait_until
from support.graphs import chain, node


def test_a_database_that_only_reads_is_away_for_writes_and_loses_no_timer(own):
    """A failover, or a host whose disk is full: no row is to blame, so none is refused."""
    tenant = Tenant(own.base)
    flow = tenant.new_flow(chain(node("w", "wait", duration="1s"), node("end", "exit")))
    database = own.database()
    database.autocommit = True

    def only_read(value):
        database.cursor().execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        database.cursor().execute("SELECT pg_reload_conf()")

    instance = tenant.trigger(flow, "c")
    only_read("on")
    try:
        wait_until(lambda: tenant.post("/events", {"customer_id": "d", "event_type": "any"})
                   .status_code == 503, 30, "writes are refused")
        wait_until(lambda: own.log().count('"flush_retried"') > 3, 30, "flushes come again")
    finally:
        only_read("off")
        database.close()
    wait_until(lambda: tenant.instance(instance)["status"] == "completed", 30, "the timer's turn")
    assert '"flush_refused"' not in own.log()


def test_callers_are_told_when_the_database_stands_still(own):
    key = Tenant(own.base).key
    clients = [Client(own.base, key) for _ in range(24)]
    answers = []

    def call(number):
        body = {"customer_id": f"c{number % 4}", "event_type": "any"}
        return clients[number].post("/events", body, timeout=30).status_code

    for number in range(len(clients)):
        assert call(number) == 202  # each on a connection of its own, its key known there
    callers = [threading.Thread(target=lambda n=n: answers.append(call(n)))
               for n in range(len(clients))]
    cluster = own.data / "postgres"
    postgres.signal_all(cluster, signal.SIGSTOP)
    try:
        for caller in callers:
            caller.start()  # some are in a turn, some wait for the next one
        for caller in callers:
            caller.join()
        assert answers == [503] * len(callers)
    finally:
        postgres.signal_all(cluster, signal.SIGCONT)
    wait_until(lambda: call(0) == 202, 30, "it takes events again")
