"""A flow was changed, and the answer to that got lost: the shards learn of it all the same."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import Tenant, wait_until
from support.graphs import chain, node
from support.postgres import Cluster
from support.server import Server

WAIT = chain(node("w", "wait_for_event", event_type="go"), node("end", "exit"))
WAIT["edges"][-1]["branch"] = "event_received"
# A commit is done but not acknowledged while no standby confirms it.
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE %s"


def test_who_repeats_a_pause_holds_events(tenant, sql):
    flow = tenant.new_flow(WAIT)
    tenant.trigger(flow, "c")
    sql("UPDATE flow SET status = 'paused', paused_at = updated_at WHERE id = %s RETURNING 1", flow)
    tenant.move(flow, "pause")
    assert tenant.event("c", "go")["held"] == 1


def test_who_repeats_an_activation_starts_instances(tenant, sql):
    flow = tenant.new_flow(WAIT)
    tenant.move(flow, "pause")
    sql("UPDATE flow SET status = 'active', paused_at = NULL WHERE id = %s RETURNING 1", flow)
    assert tenant.post(f"/flows/{flow}/activate").json()["error"] == "no_draft_version"
    wait_until(lambda: tenant.event("c", "start")["started"] == 1)


def test_a_deleted_draft_is_gone_at_once(tenant):
    draft = tenant.draft(WAIT)
    tenant.new_flow(WAIT)
    body = {"customer_id": "c"}
    assert tenant.post(f"/flows/{draft}/trigger", body).status_code == 422
    assert tenant.delete(f"/flows/{draft}").status_code == 204
    assert tenant.post(f"/flows/{draft}/trigger", body).status_code == 404


@pytest.fixture
def cluster():
    made = Cluster({"wal_level": "replica", "max_wal_senders": 1})
    yield made
    made.remove()


@pytest.fixture
def own(cluster):
    made = Server(environment={"DATABASE_URL": cluster.conninfo})
    try:
        yield made.start()
    finally:
        made.remove()


class Standby:
    """One that confirms nothing, from enter to exit."""

    def __init__(self, cluster):
        self.database = cluster.connect().cursor()
        self.probe = cluster.connect().cursor()
        self.probe.execute("CREATE TABLE probe (n int)")
        self.prober = threading.Thread(target=self.write)
        self.is_there = threading.Event()

    def write(self):
        while not self.is_there.is_set():
            self.probe.execute("INSERT INTO probe VALUES (1)")

    def configure(self, name):
        self.database.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        self.database.execute("SELECT pg_reload_conf()")

    def waiting(self, query):
        self.database.execute(WAITING, (query,))
        return self.database.fetchone()

    def __enter__(self):
        self.prober.start()
        self.configure("nobody")
        wait_until(lambda: self.waiting("INSERT INTO probe%"))
        self.is_there.set()
        return self

    def __exit__(self, *_):
        self.is_there.set()
        self.configure("")
        self.prober.join()

    def cut(self, query):
        """Ends the connection whose commit waits."""
        found = wait_until(lambda: self.waiting(query))
        self.database.execute("SELECT pg_terminate_backend(%s)", found)


@pytest.mark.parametrize("action,state,then", [
    ("pause", "active", "paused"), ("resume", "paused", "active"), ("activate", "draft", "active")])
def test_the_shards_learn_what_the_caller_does_not(cluster, own, action, state, then):
    tenant = Tenant(own.base)
    flow = tenant.draft(WAIT) if state == "draft" else tenant.new_flow(WAIT)
    if state != "draft":
        tenant.trigger(flow, "c")
    if state == "paused":
        tenant.move(flow, "pause")
    tenant.event("d", "other")  # its shard knows the flow as it is
    with Standby(cluster) as standby, ThreadPoolExecutor() as pool:
        answer = pool.submit(tenant.post, f"/flows/{flow}/{action}")
        standby.cut("%FROM flow%")
        assert answer.result().status_code == 503
    assert tenant.ok("GET", f"/flows/{flow}")["data"]["status"] == then
    wait_until(lambda: tenant.event("c", "go")["held"] if action == "pause"
               else tenant.event("d", "start")["started"])
