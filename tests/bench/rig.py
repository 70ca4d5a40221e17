"""What the rows of the bench are measured with: the engine in a temporary data directory, the load
generator, and the two yardsticks."""
import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

from support import postgres
from support.client import Client, Tenant
from support.server import ROOT, Server, free_port, until

THREADS = len(os.sched_getaffinity(0))
TOOLS = pathlib.Path(os.environ.get("KALCIFER_BENCH_TOOLS", ROOT / "build" / "release"))
ANSWER = '{"routed":0,"started":0,"held":0}'
UNLIMITED = {"RATE_LIMIT_EVENTS_PER_SECOND": "0", "RATE_LIMIT_API_PER_MINUTE": "0",
             "RATE_LIMIT_TRIGGER_PER_MINUTE": "0", "MAX_CONNECTIONS": "65536",
             "MAX_CONNECTIONS_PER_ADDRESS": "65536", "LOG_LEVEL": "warn"}
EVENT = ('{"id":"e{n}","customer_id":"c{c}","event_type":"page_viewed",'
         '"data":{"path":"/pricing","n":1}}')
SCHEMA = """
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
CREATE TABLE bench.event (LIKE public.event INCLUDING ALL) PARTITION BY RANGE (received_at);
CREATE TABLE bench.event_default PARTITION OF bench.event DEFAULT;
CREATE TABLE bench.event_dedupe (LIKE public.event_dedupe INCLUDING ALL);
DO $$ BEGIN
    EXECUTE format('CREATE TABLE bench.event_now PARTITION OF bench.event '
                   'FOR VALUES FROM (%L) TO (%L)',
                   date_trunc('month', now()), date_trunc('month', now()) + interval '1 month');
END $$;
"""


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def tool(name, *arguments, timeout=330):
    """Runs one of the C tools; what it printed."""
    done = subprocess.run([TOOLS / name, *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout)
    if done.returncode != 0:
        said = f"{done.stderr.strip() or done.returncode} {done.stdout.strip()}"
        raise RuntimeError(f"{name}: {said}")
    return json.loads(done.stdout)


class Load:
    """The load generator against one port; numbers of items never repeat."""

    numbers = itertools.count(0, 20_000_000)

    def __init__(self, port, key=None):
        self.fixed = ["--port", port, *(["--key", key] if key else [])]

    def __call__(self, path, **options):
        options.setdefault("first", next(self.numbers))
        pairs = [(f"--{name}", value) for name, value in options.items()]
        return tool("load", *self.fixed, "--path", path, *itertools.chain(*pairs))

    def single(self, connections, seconds, **more):
        return self("/api/v1/events", item=EVENT, modulo=100_000, connections=connections,
                    seconds=seconds, require='"routed"', **more)

    def batches(self, item, size, connections, **more):
        return self("/api/v1/events/batch", type="application/x-ndjson", item=item, join="\n",
                    batch=size, connections=connections, require='"rejected":0', **more)

    def triggers(self, flow, item, size, connections, **more):
        return self(f"/api/v1/flows/{flow}/trigger", head='{"customer_ids":[', item=item, join=",",
                    tail="]}", batch=size, connections=connections, require='"errors":[]', **more)


class Rig:
    """The engine, with more of an environment. With `own`, on a cluster that the bench started and
    that outlives it."""

    def __init__(self, own=False, **more):
        environment = {**UNLIMITED, "THREADS": str(THREADS), **more}
        self.cluster = None
        if own:
            self.cluster = postgres.Cluster({"shared_preload_libraries": "pg_stat_statements"})
            environment["DATABASE_URL"] = self.cluster.conninfo
        self.server = Server(environment=environment)
        try:
            self.server.start()
            self.tenant = Tenant(self.server.base)
        except BaseException:
            self.close()
            raise
        self.load = Load(self.server.port, self.tenant.key)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        process = self.server.process
        if process and process.poll() is None:
            self.server.stop()
        self.server.remove()
        if self.cluster:
            self.cluster.remove()

    def conninfo(self):
        return (self.cluster.conninfo if self.cluster
                else postgres.private_conninfo(self.server.data))

    def metric(self, name):
        """A metric's value, all its labels added up."""
        text = Client(self.server.base).get("//metrics").text
        if f"# TYPE {name} " not in text:
            raise KeyError(name)
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith((name + " ", name + "{")))

    def settle(self):
        """Waits until nothing is queued."""
        until(lambda: self.metric("kalcifer_works_queued") == 0, 60, "an empty queue")

    def resident(self):
        """Bytes of the engine's process that are in memory."""
        for line in open(f"/proc/{self.server.process.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise KeyError("VmRSS")

    def cpu_seconds(self):
        fields = open(f"/proc/{self.server.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def restart(self, how):
        """Seconds from the new process's start until it is ready."""
        if how == "kill":
            self.server.kill()
        else:
            self.server.stop()
        began = time.monotonic()
        self.server.start()
        return time.monotonic() - began

    def bare_pq(self, seconds):
        """Yardstick P: events a second."""
        conninfo = self.conninfo() + " options='-c search_path=bench'"
        return tool("bare_pq", conninfo, THREADS, seconds)["per_second"]

    def make_bench_schema(self):
        with contextlib.closing(postgres.connect(self.conninfo())) as connection:
            connection.cursor().execute(SCHEMA)


@contextlib.contextmanager
def empty_h2o():
    """Yardstick H: a load generator against an empty handler."""
    port = free_port()
    process = subprocess.Popen([TOOLS / "empty_h2o", str(port), str(THREADS), ANSWER],
                               stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        yield Load(port, "kal_" + "x" * 43)
    finally:
        process.kill()
        process.wait()
