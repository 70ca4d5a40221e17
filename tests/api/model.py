"""A slow and simple model of section 5: one instance that walks a graph. What it takes to be true
is written down here once more, apart from the engine, so that both must agree."""
from collections import deque
from dataclasses import dataclass, field

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def duration(text):
    digits = text.rstrip("mshdw")
    return int(digits) * UNITS[text[len(digits):]]


@dataclass(eq=False)
class Event:
    type: str
    data: dict
    at: int


@dataclass(eq=False)
class Wait:
    node: str
    began: int
    due: int | None
    seen: set = field(default_factory=set)  # of all_of


@dataclass(eq=False)
class Token:
    node: str
    wait: Wait | None = None
    event: Event | None = None
    joined: bool = False


class Model:
    def __init__(self, graph, context, now, before=()):
        self.nodes = {n["id"]: n for n in graph["nodes"]}
        self.edges = graph["edges"]
        self.criteria = graph.get("exit_criteria", {})
        self.context, self.now = context, now
        self.events = list(before)  # all of the customer's, oldest first
        self.consumed, self.tags = [], set()
        self.tokens, self.waits = deque(), []
        self.arrived, self.fired = set(), set()
        self.path, self.status, self.reason = [], "running", None
        self.reach = {n: self.reached_from(n) for n in self.nodes}

    def reached_from(self, node):
        found = {node}
        for edge in (e for e in self.edges if e["source"] == node):
            found |= self.reached_from(edge["target"])
        return found

    # What happens to the instance

    def start(self, event=None):
        if event:
            self.events.append(event)
            self.consumed.append(event)
        self.tokens += [Token(n) for n, node in self.nodes.items() if node["type"] == "event_entry"]
        self.walk()

    def event(self, event):
        """How many waits it resumes."""
        self.events.append(event)
        if not self.is_live() or self.exits(event):
            return 0
        hearing = [w for w in self.waits if self.hears(w.node, event)]
        self.tokens += [Token(w.node, w, event) for w in hearing]
        if hearing:
            self.consumed.append(event)
            self.walk()
        return len(hearing)

    def advance(self, until):
        while self.is_live():
            due = [w for w in self.waits if w.due is not None and w.due <= until]
            if not due:
                break
            wait = min(due, key=lambda w: w.due)
            self.now = max(self.now, wait.due)
            self.tokens.append(Token(wait.node, wait))
            self.walk()
        self.now = until

    # The walk

    def is_live(self):
        return self.status in ("running", "waiting")

    def end(self, status, reason):
        self.status, self.reason = status, reason
        self.tokens.clear()
        self.waits.clear()

    def walk(self):
        while self.is_live() and self.tokens:
            self.step(self.tokens.popleft())
            if self.is_live():
                self.fire_joins()
        if self.is_live():
            if self.waits:
                self.status = "waiting"
            else:
                self.end("completed", None)

    def step(self, token):
        node = self.nodes[token.node]
        if token.wait:
            if token.wait not in self.waits:
                return  # resumed already
            self.waits.remove(token.wait)
        if node["type"] == "join" and not token.joined:
            self.arrive(node)
        elif not self.exits(None):
            getattr(self, "run_" + node["type"])(token, node["id"], node.get("config", {}))

    def follow(self, node, branch=None):
        for edge in self.edges:
            if edge["source"] == node and edge.get("branch") == branch:
                self.tokens.append(Token(edge["target"]))

    def done(self, node, branch=None):
        self.path.append((node, "completed", branch))
        self.follow(node, branch)

    def exits(self, event):
        by_event = event and event.type == self.criteria.get("event_type")
        by_tag = "condition" in self.criteria and "stop" in self.tags
        if by_event or by_tag:
            self.end("exited", "exit_criteria")
        return not self.is_live()

    # Joins

    def arrive(self, node):
        if node["id"] in self.fired | self.arrived:
            return
        if node["config"].get("mode", "all") == "any":
            self.fire(node["id"])
        else:
            self.arrived.add(node["id"])

    def fire(self, node):
        self.arrived.discard(node)
        self.fired.add(node)
        self.tokens.append(Token(node, joined=True))

    def fire_joins(self):
        for node in [n for n in self.nodes if n in self.arrived]:
            live = [t.node for t in self.tokens] + [w.node for w in self.waits]
            live += [n for n in self.arrived if n != node]
            if not any(node in self.reach[n] for n in live):
                self.fire(node)

    # The types

    def run_event_entry(self, token, node, config):
        self.done(node)

    def run_join(self, token, node, config):
        self.done(node)

    def run_add_tag(self, token, node, config):
        self.tags.add(config["tag"])
        self.done(node)

    def run_condition(self, token, node, config):
        flag = config["field"].split(".")[1]
        self.done(node, "true" if self.context["flags"][flag] else "false")

    def run_update_profile(self, token, node, config):
        if self.context["zeros"][node] != 0:
            self.done(node)
            return
        how = config.get("on_error", "fail")
        branch = how if how not in ("fail", "continue") else None
        self.path.append((node, "failed", branch))
        if how == "fail":
            self.end("failed", None)
        else:
            self.follow(node, branch)

    def run_exit(self, token, node, config):
        self.path.append((node, "completed", None))
        self.end("completed", config["reason"])

    def run_goal_reached(self, token, node, config):
        if config.get("exit_after_goal", True):
            self.path.append((node, "completed", None))
            self.end("completed", "goal_reached")
        else:
            self.done(node)

    def run_wait(self, token, node, config):
        if token.wait:
            self.done(node)
        else:
            self.waits.append(Wait(node, self.now, self.now + duration(config["duration"])))

    def run_wait_for_event(self, token, node, config):
        if not token.wait:
            timeout = config.get("timeout")
            wait = Wait(node, self.now, self.now + duration(timeout) if timeout else None)
            self.waits.append(wait)
            self.look_back(wait, config)
        elif token.event is None:
            self.done(node, config.get("timeout_branch", "timed_out"))
        else:
            wait = token.wait
            wait.seen.add(token.event.type)
            if "all_of" in config and wait.seen < set(config["all_of"]):
                self.waits.append(Wait(node, wait.began, wait.due, wait.seen))
            else:
                self.done(node, config.get("event_branch", "event_received"))

    def look_back(self, wait, config):
        if "lookback" not in config:
            return
        since = wait.began - duration(config["lookback"])
        for event in self.events:
            if event.at >= since and event not in self.consumed and self.hears(wait.node, event):
                self.consumed.append(event)
                self.tokens.append(Token(wait.node, wait, event))
                return

    def hears(self, node, event):
        config = self.nodes[node].get("config", {})
        types = config.get("all_of") or config.get("any_of") or [config.get("event_type")]
        wanted = config.get("filter", {})
        return (self.nodes[node]["type"] == "wait_for_event" and event.type in types
                and all(event.data.get(key) == value for key, value in wanted.items()))
