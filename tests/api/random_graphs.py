"""Random graphs for the model: right ones, small enough to walk by eye."""
from support.graphs import graph, node, start

EVENTS = ["a", "b", "c", "d"]
LEAVES = ("exit", "goal_reached")
MOST_STEPS = 150  # of all paths together: nodes run once per arrival


def milliseconds(random):
    """Odd lengths, so that no two timers fall due at one instant by chance."""
    return f"{random.randrange(1, 3 * 86_400_000)}ms"


def event_wait(random, id):
    config = {}
    kind = random.choice(["event_type", "event_type", "any_of", "all_of"])
    if kind == "event_type":
        config[kind] = random.choice(EVENTS)
    else:
        config[kind] = random.sample(EVENTS, 2)
    if random.random() < 0.6:
        config["timeout"] = milliseconds(random)
    if random.random() < 0.3:
        config["filter"] = {"k": 1}
    if kind != "all_of" and random.random() < 0.4:
        config["lookback"] = milliseconds(random)
    return node(id, "wait_for_event", **config)


def failing(random, id):
    config = {"fields": {id: "{{ 1 / zeros.%s }}" % id}}
    how = random.choice([None, "continue", "oops"])
    return node(id, "update_profile", **config, **({"on_error": how} if how else {}))


def random_node(random, id, leaves):
    kind = random.choices(
        ["add_tag", "condition", "wait", "event", "join", "failing", "goal", "exit"],
        [3, 3, 3, 5, 3, 1, leaves, leaves])[0]
    if kind == "add_tag":
        return node(id, "add_tag", tag=random.choice([id, id, "stop"]))
    if kind == "condition":
        return node(id, "condition", field=f"flags.{id}", value=True)
    if kind == "wait":
        return node(id, "wait", duration=milliseconds(random))
    if kind == "event":
        return event_wait(random, id)
    if kind == "join":
        return node(id, "join", mode=random.choice(["all", "all", "any"]))
    if kind == "failing":
        return failing(random, id)
    if kind == "goal":
        return node(id, "goal_reached", goal_name=id, exit_after_goal=random.random() < 0.4)
    return node(id, "exit", reason=f"by {id}")


def branches(made):
    """The branches that need an edge; empty for a plain node."""
    config = made["config"]
    if made["type"] == "condition":
        return ["true", "false"]
    if made["type"] == "wait_for_event":
        return ["event_received"] + (["timed_out"] if "timeout" in config else [])
    return [config["on_error"]] if config.get("on_error") == "oops" else []


def way_out(random, made):
    """A branch of the node, or None for a plain edge."""
    keys = branches(made)
    plain = made["type"] not in ("condition", "wait_for_event")
    return random.choice(keys + [None] * (2 if plain else 0))


def steps(edges, id):
    return 1 + sum(steps(edges, e["target"]) for e in edges if e["source"] == id)


def random_graph(random):
    while True:
        made = try_graph(random)
        if steps(made["edges"], "start") <= MOST_STEPS:
            return made


def try_graph(random):
    count = random.randrange(4, 13)
    nodes = [start()] + [random_node(random, f"n{i}", 0.5) for i in range(1, count - 2)]
    nodes += [node(f"n{i}", "add_tag", tag=f"n{i}") for i in (count - 2, count - 1)]
    edges = []

    def link(source, branch, target):
        made = {"source": source["id"], "target": target["id"]}
        edges.append({**made, "branch": branch} if branch else made)

    for i in range(1, count):
        source = random.choice([n for n in nodes[:i] if n["type"] not in LEAVES])
        link(source, way_out(random, source), nodes[i])
    for i, source in enumerate(nodes[:-1]):
        have = {e.get("branch") for e in edges if e["source"] == source["id"]}
        for branch in branches(source):
            if branch not in have:
                link(source, branch, random.choice(nodes[i + 1:]))
        if source["type"] not in LEAVES and random.random() < 0.5:
            link(source, way_out(random, source), random.choice(nodes[i + 1:]))
    unique = list({(e["source"], e["target"], e.get("branch")): e for e in edges}.values())
    more = {}
    if random.random() < 0.5:
        more["exit_criteria"] = random.choice([
            {"event_type": "bye"}, {"condition": "'stop' in _customer.tags"}])
    return graph(nodes, unique, **more)


def random_context(random, made):
    ids = [n["id"] for n in made["nodes"]]
    return {"flags": {id: random.random() < 0.5 for id in ids},
            "zeros": {id: random.choice([0, 1, 1]) for id in ids}}
