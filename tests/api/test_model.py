"""The engine beside the model over random graphs, events and moves of the clock."""
import json
import os
import random

import pytest

import times
from model import Event, Model
from random_graphs import EVENTS, random_context, random_graph

ONE = os.environ.get("KALCIFER_SEED")
COUNT = 500 if os.environ.get("KALCIFER_LONG") == "1" else 40
SEEDS = [int(ONE)] if ONE else range(COUNT)
ACTIONS = 16


def epoch_ms(text):
    return round(times.parse(text).timestamp() * 1000)


class Pair:
    """The same customer in the model and in the engine."""

    def __init__(self, tenant, seed):
        self.tenant, self.random = tenant, random.Random(seed)
        self.graph = random_graph(self.random)
        self.context = random_context(self.random, self.graph)
        self.flow = tenant.new_flow(self.graph)
        self.now = epoch_ms(tenant.now())
        self.log, self.before = [], []

    def make_event(self):
        kind = self.random.choice(EVENTS * 3 + ["bye", "unrelated"])
        event = Event(kind, {"k": self.random.choice([0, 1])}, self.now)
        self.log.append(f"event {event.type} {event.data}")
        return event

    def send(self, event):
        return self.tenant.event("c", event.type, event.data)["routed"]

    def advance(self, ms):
        self.log.append(f"advance {ms}ms")
        self.now = epoch_ms(self.tenant.advance(f"{ms}ms"))

    def earlier(self):
        """What the customer did before."""
        for _ in range(self.random.randrange(3)):
            self.before.append(self.make_event())
            self.send(self.before[-1])
            self.advance(self.random.randrange(1, 43_200_000))

    def start(self):
        self.model = Model(self.graph, self.context, self.now, self.before)
        self.log.append("trigger")
        self.id = self.tenant.trigger(self.flow, "c", self.context)
        self.model.start()

    def act(self):
        if self.random.random() < 0.6:
            event = self.make_event()
            expected, routed = self.model.event(event), self.send(event)
            assert routed == expected, self.told(f"routed {routed}, not {expected}")
        else:
            self.advance(self.random.randrange(1, 2 * 86_400_000))
            self.model.advance(self.now)

    def told(self, what):
        return "\n".join([what, json.dumps(self.graph), json.dumps(self.context), *self.log,
                          f"model:  {self.model.status} {self.model.path}"])

    def compare(self):
        shown = self.tenant.instance(self.id)
        path = [(s["node_id"], s["status"], s["branch"]) for s in self.tenant.timeline(self.id)]
        assert path == self.model.path, self.told(f"engine: {shown['status']} {path}")
        assert shown["status"] == self.model.status, self.told(str(shown))
        if self.model.status != "failed":
            assert shown["exit_reason"] == self.model.reason, self.told(str(shown))
        waiting = sorted((w["node_id"], epoch_ms(w["until"]) if w["until"] else None)
                         for w in shown["waiting"])
        expected = sorted((w.node, w.due) for w in self.model.waits)
        assert waiting == expected, self.told(str(waiting))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_engine_walks_as_the_model_does(tenant, seed):
    pair = Pair(tenant, seed)
    pair.earlier()
    pair.start()
    pair.compare()
    for _ in range(ACTIONS):
        if not pair.model.is_live():
            break
        pair.act()
        pair.compare()
