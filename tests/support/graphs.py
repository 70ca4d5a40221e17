"""Graphs in few words."""


def node(id, type, **config):
    return {"id": id, "type": type, "config": config}


def edge(text):
    """'a -> b', or 'a -branch-> b'."""
    source, _, target = text.partition("->")
    source, _, branch = source.strip().partition(" -")
    made = {"source": source.strip(), "target": target.strip()}
    if branch:
        made["branch"] = branch.strip()
    return made


def graph(nodes, edges, **more):
    return {"nodes": nodes, "edges": [edge(e) if isinstance(e, str) else e for e in edges], **more}


def start(event_type="start", **config):
    return node("start", "event_entry", event_type=event_type, **config)


def chain(*nodes, **more):
    """The nodes one after the other, behind an entry on the event `start`."""
    nodes = [start(), *nodes]
    pairs = zip(nodes, nodes[1:])
    return graph(nodes, [{"source": a["id"], "target": b["id"]} for a, b in pairs], **more)
