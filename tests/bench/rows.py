"""The rows of the bench. Each is a function that measures and gives back rows of the report; where
there is a yardstick it runs in turn with what is measured, in the same minute."""
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import mean

from rig import ROOT, Load, Rig, empty_h2o, say, tool
from support import postgres
from support.client import Tenant
from support.graphs import graph, node

PARKED = graph(
    [node("entry", "event_entry", event_type="parked"),
     node("waiting", "wait_for_event", event_type="released", timeout="30d"),
     node("goal", "goal_reached", goal_name="released"),
     node("late", "exit", reason="late")],
    ["entry -> waiting", "waiting -event_received-> goal", "waiting -timed_out-> late"])

RESUMED = graph(
    [node("entry", "event_entry", event_type="parked"),
     node("waiting", "wait_for_event", event_type="released"),
     node("plan", "condition", expression="accumulated.waiting.event.total > 10"),
     node("optin", "preference_gate", channel="email"),
     node("split", "ab_split", variants=[{"key": "a", "weight": 50}, {"key": "b", "weight": 50}]),
     node("end", "exit", reason="released")],
    ["entry -> waiting", "waiting -event_received-> plan", "plan -true-> optin",
     "plan -false-> end", "optin -true-> split", "optin -false-> end", "split -a-> end",
     "split -b-> end"])


def item(event_type):
    """An event of a customer who has the item's own number."""
    return ('{"customer_id":"u{n}","event_type":"%s","data":{"total":49.99}}' % event_type)


def row(name, value, unit, bar, ok, yardstick=None):
    ratio = value / yardstick if yardstick else None
    return {"name": name, "value": round(value, 3), "unit": unit,
            "yardstick": yardstick and round(yardstick, 1), "ratio": ratio and round(ratio, 3),
            "bar": bar, "ok": bool(ok)}


def event_single():
    rows = []
    with Rig() as rig, empty_h2o() as empty:
        for connections, share in ((64, 0.25), (256, 0.35)):
            bare, whole = [], []
            for _ in range(2):
                bare.append(empty.single(connections, 3, warmup=0.5)["per_second"])
                whole.append(rig.load.single(connections, 5, warmup=1)["per_second"])
            value, h = mean(whole), mean(bare)
            rows.append(row(f"event_single_{connections}", value, "events/s", f">= {share} H",
                            value >= share * h, h))
    return rows


def event_batch():
    with Rig() as rig:
        rig.make_bench_schema()
        bare, whole = [], []
        event = item("page_viewed").replace("{", '{"id":"e{n}",', 1)
        for _ in range(2):
            bare.append(rig.bare_pq(5))
            whole.append(rig.load.batches(event, 100, 32, seconds=7, warmup=1)["items_per_second"])
    value, p = mean(whole), mean(bare)
    return [row("event_batch", value, "events/s", ">= 80000 and >= 0.4 P",
                value >= 80_000 and value >= 0.4 * p, p)]


def event_resume_end(count=150_000):
    with Rig() as rig:
        flow = rig.tenant.new_flow(RESUMED)
        users = {"requests": count // 100, "first": 0, "seconds": 120}
        rig.load.batches(item("parked"), 100, 32, **users)
        before = rig.metric("kalcifer_node_executions_total")
        done = rig.load.batches(item("released"), 100, 32, **users)
        nodes = rig.metric("kalcifer_node_executions_total") - before
        left = rig.tenant.instances(flow, status="waiting", limit=1)
    if left:
        raise RuntimeError("instances are waiting still")
    instances = done["items_per_second"]
    per_second = nodes / done["seconds"]
    return [row("event_resume_end", instances, "instances/s", ">= 15000", instances >= 15_000),
            row("event_resume_end_nodes", per_second, "nodes/s", ">= 45000",
                per_second >= 45_000)]


def instance_start(count=200_000):
    with Rig() as rig:
        flow = rig.tenant.new_flow(PARKED)
        done = rig.load.triggers(flow, '"u{n}"', 500, 16, requests=count // 500, seconds=50)
    value = done["items_per_second"]
    return [row("instance_start", value, "instances/s", ">= 20000", value >= 20_000)]


def event_latency():
    with Rig() as rig:
        most = rig.load.single(64, 6, warmup=1)["per_second"]
        done = rig.load.single(64, 20, warmup=2, rate=most / 2)
    if done["unsent"]:
        say(f"event_latency: {done['unsent']} events could not be sent in time")
    return [row("event_latency_p50", done["p50_ms"], "ms", "<= 5", done["p50_ms"] <= 5),
            row("event_latency_p99", done["p99_ms"], "ms", "<= 20", done["p99_ms"] <= 20)]


@contextlib.contextmanager
def million(count=1_000_000):
    """An engine with so many waiting instances, and its memory before and after they came."""
    with Rig(own=True) as rig:
        flow = rig.tenant.new_flow(PARKED)
        rig.load.triggers(flow, '"w{n}"', 100, 8, requests=20, seconds=30)
        rig.settle()
        before = rig.resident()
        done = rig.load.triggers(flow, '"u{n}"', 1000, 8, requests=count // 1000, seconds=240,
                                 first=0)
        rig.settle()
        say(f"{count} waiting in {done['seconds']:.0f} s")
        yield rig, before, rig.resident(), count


def memory_rows(before, after, count):
    each = (after - before) / count
    return [row("memory_per_wait", each, "bytes", "<= 200", each <= 200),
            row("memory_1m", after / 1e6, "MB", "<= 350", after <= 350e6)]


def restart_rows(rig):
    rows = []
    for name, how in (("restart_1m", "kill"), ("restart_1m_clean", "stop")):
        seconds = rig.restart(how)
        rows.append(row(name, seconds, "s", "<= 3", seconds <= 3))
        rig.tenant.get("//health")
        began = time.monotonic()
        customer = f"u{len(rows):010d}"
        routed = rig.tenant.event(customer, "released")["routed"]
        took = (time.monotonic() - began) * 1000
        rows.append(row(f"{name}_event", took, "ms", "<= 20", took <= 20 and routed == 1))
    memory = rig.resident() / 1e6
    rows.append(row("memory_1m_restarted", memory, "MB", "<= 350", memory <= 350))
    return rows


def memory_per_wait():
    with million() as (_, before, after, count):
        return memory_rows(before, after, count)


def restart_1m():
    with million() as (rig, *_):
        return restart_rows(rig)


def memory_and_restart():
    """Both from the same million."""
    with million() as (rig, before, after, count):
        return memory_rows(before, after, count) + restart_rows(rig)


def park_hundred(base):
    tenant = Tenant(base)
    flow = tenant.new_flow(PARKED)
    answer = tenant.ok("POST", f"/flows/{flow}/trigger",
                       {"customer_ids": [f"u{i}" for i in range(100)]}, 201)
    if len(answer["instance_ids"]) != 100:
        raise RuntimeError(f"only {len(answer['instance_ids'])} of 100 instances started")


def statements(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT sum(calls) FROM pg_stat_statements "
                   "WHERE query NOT LIKE '%pg_stat_statements%'")
    return float(cursor.fetchone()[0])


def idle(tenants=1000, seconds=20):
    with Rig(own=True) as rig:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(park_hundred, [rig.server.base] * tenants))
        rig.settle()
        waiting = rig.metric("kalcifer_waiting_tokens")
        if waiting < tenants * 100:
            raise RuntimeError(f"only {waiting:.0f} waits")
        with contextlib.closing(postgres.connect(rig.conninfo())) as connection:
            connection.cursor().execute("CREATE EXTENSION pg_stat_statements")
            time.sleep(2)  # what was going on when the last instance started
            calls, cpu = statements(connection), rig.cpu_seconds()
            time.sleep(seconds)
            calls = (statements(connection) - calls) / seconds
            cpu = (rig.cpu_seconds() - cpu) / seconds * 100
    return [row("idle_statements", calls, "statements/s", "<= 1", calls <= 1),
            row("idle_cpu", cpu, "% of a core", "< 1", cpu < 1)]


def stormy(due):
    """All its timers come up at one instant."""
    return graph([node("entry", "event_entry", event_type="parked"),
                  node("monday", "wait_until", datetime=due),
                  node("count", "track_conversion", event_name="woken"),
                  node("end", "exit")],
                 ["entry -> monday", "monday -> count", "count -> end"])


def timer_storm(count=100_000, lead=40, rate=500):
    """What one tenant's storm does to the events of another."""
    with Rig() as rig:
        neighbour = Load(rig.server.port, Tenant(rig.server.base).key)
        due = time.time() + lead
        flow = rig.tenant.new_flow(stormy(time.strftime("%FT%TZ", time.gmtime(due))))
        rig.load.triggers(flow, '"s{n}"', 500, 8, requests=count // 500, seconds=lead)
        rig.settle()
        idle = neighbour.single(64, 14, warmup=2, rate=rate)["p99_ms"]
        if time.time() > due - 1:
            raise RuntimeError("the storm came before the idle value was known")
        time.sleep(due - 0.5 - time.time())
        before = rig.metric("kalcifer_flow_completions_total")
        storm = neighbour.single(64, 14, warmup=0.5, rate=rate)["p99_ms"]
        fired = rig.metric("kalcifer_flow_completions_total") - before
    say(f"timer_storm: {fired:.0f} of {count} timers fired meanwhile; p99 idle {idle:.1f} ms")
    return [row("timer_storm_p99", storm, "ms", "<= 2 idle", storm <= 2 * idle, idle)]


def custom_code():
    """Calls of one tenant's cell, 1 KB in and out: as many as go, then half of that."""
    most = tool("cell", ROOT, 64, 5)["per_second"]
    half = tool("cell", ROOT, 64, 5, most / 2)["p99_ms"]
    return [row("custom_code", most, "calls/s", ">= 20000", most >= 20_000),
            row("custom_code_p99", half, "ms", "<= 2", half <= 2)]


def coded(source):
    return graph([node("entry", "event_entry", event_type="run"),
                  node("code", "custom_code", code=source)], ["entry -> code"])


def custom_code_hostile(rate=500, runs_per_second=20):
    """What programs that mean harm, each of a tenant of its own, do to the events of another."""
    with Rig(ENABLE_CUSTOM_CODE="true") as rig:
        neighbour = Load(rig.server.port, Tenant(rig.server.base).key)
        tenants = []
        for source in (ROOT / "tests/fixtures/hostile.txt").read_text().splitlines():
            tenant = Tenant(rig.server.base)
            if not tenant.problems(coded(source)):
                tenant.new_flow(coded(source))
                tenants.append(tenant)
        rig.settle()
        idle = neighbour.single(64, 14, warmup=2, rate=rate)["p99_ms"]
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(run_all, tenants, 15, runs_per_second)
            storm = neighbour.single(64, 14, warmup=2, rate=rate)["p99_ms"]
            runs = done.result()
    say(f"custom_code_hostile: {runs} runs of {len(tenants)} programs; p99 idle {idle:.1f} ms")
    return [row("custom_code_hostile_p99", storm, "ms", "<= 2 idle", storm <= 2 * idle, idle)]


def run_all(tenants, seconds, per_second):
    """Runs the tenants' code in turn, at a fixed rate; how often."""
    began, runs = time.monotonic(), 0
    while time.monotonic() < began + seconds:
        tenants[runs % len(tenants)].event(f"c{runs}", "run")
        runs += 1
        time.sleep(max(0, began + runs / per_second - time.monotonic()))
    return runs


ROWS = {row.__name__: row for row in (
    event_single, event_batch, event_resume_end, instance_start, event_latency, timer_storm,
    custom_code, custom_code_hostile, memory_per_wait, restart_1m, idle)}
