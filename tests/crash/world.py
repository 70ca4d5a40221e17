"""Customers who walk through the journey, while something happens to the engine."""
import time

from support.client import Tenant

import audit
from journey import graph
from load import Load, event

NO_LIMITS = {"RATE_LIMIT_EVENTS_PER_SECOND": "0", "RATE_LIMIT_API_PER_MINUTE": "0",
             "RATE_LIMIT_TRIGGER_PER_MINUTE": "0", "LOG_LEVEL": "info"}


class Uptime:
    """When the engine could work: the stretches in which a timer has no excuse."""

    def __init__(self):
        self.stretches = [[time.time(), float("inf")]]

    def down(self):
        self.stretches[-1][1] = time.time()

    def up(self):
        self.stretches.append([time.time(), float("inf")])


class World:
    def __init__(self, servers, connection, dice, wait_seconds, **load):
        self.servers, self.db, self.dice = servers, connection, dice
        self.wait_seconds = wait_seconds
        self.tenant = Tenant(servers[0].base)
        self.flow = self.tenant.new_flow(graph(wait_seconds))
        self.load = Load(self.tenant.key, [s.base for s in servers], dice, **load)
        self.uptime = Uptime()
        self.customers = []
        self.in_flight = []  # instances, at each death
        self.gone = 0  # customers who have been sent their event

    # Traffic

    def enter(self, count):
        first = len(self.customers)
        new = [f"customer {i}" for i in range(first, first + count)]
        self.customers += new
        self.load.put(event(customer, "enter") for customer in new)

    def go(self, share=0.6):
        """The event that some of the customers who came since the last time are waiting for."""
        new = self.customers[self.gone:]
        self.gone = len(self.customers)
        picked = self.dice.sample(new, int(len(new) * share))
        self.load.put((event(customer, "go") for customer in picked), size=20)

    def live(self):
        with self.db.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM instance WHERE flow_id = %s AND status IN "
                           "('running', 'waiting', 'paused')", (self.flow,))
            return cursor.fetchone()[0]

    def count_in_flight(self):
        self.in_flight.append(self.live())

    def fill(self, in_flight, seconds=120):
        """Enters customers until so many instances are in flight."""
        deadline = time.monotonic() + seconds
        while (missing := in_flight - self.live()) > 0:
            assert time.monotonic() < deadline, f"{in_flight} in flight not within {seconds} s"
            self.enter(missing + in_flight // 10)
            self.load.settle()

    def stir(self):
        """Traffic of all kinds, for something to break in the middle of."""
        self.go()
        self.enter(50)
        self.load.repeat_some(50)

    def churn(self, in_flight, seconds):
        """Traffic for so long, with so many instances in flight, and more to come at the end."""
        deadline = time.monotonic() + seconds
        while True:
            self.fill(in_flight)
            self.stir()
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)

    def feed_until_dead(self, server, seconds=60):
        """A few customers at a time, until a crash point is met."""
        deadline = time.monotonic() + seconds
        while server.process.poll() is None:
            assert time.monotonic() < deadline, "the point was never passed"
            if not self.load.batches.unfinished_tasks:
                self.enter(5)
                self.go()
            time.sleep(0.005)
        self.uptime.down()

    # The end

    def finish(self, seconds=60):
        """Everything is answered, every instance has ended, every delivery is settled: or as much
        of it as will be, and the check tells the rest."""
        self.load.settle()
        deadline = time.monotonic() + seconds
        while ((self.live() or audit.pending(self.db, self.flow))
               and time.monotonic() < deadline):
            time.sleep(0.02)

    def check(self, in_doubt=False):
        print(audit.summary(self))
        found = audit.problems(self, in_doubt)
        assert not found, "\n".join(found)

    def close(self):
        self.load.end()
        self.db.close()
