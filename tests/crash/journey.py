"""A flow with two timers, an event that races one of them, and effects on each path."""
from support.graphs import edge, node, start

ANSWERED = ("start", "hello", "pause", "tag", "answer", "thanks", "won")
TIMED_OUT = ("start", "hello", "pause", "tag", "answer", "remind", "lost")


def graph(wait_seconds):
    nodes = [
        start("enter"),
        node("hello", "send_email", template_id="hello"),
        node("pause", "wait", duration=f"{wait_seconds}s"),
        node("tag", "add_tag", tag="paused"),
        node("answer", "wait_for_event", event_type="go", timeout=f"{wait_seconds}s",
             lookback="10m"),
        node("thanks", "send_email", template_id="thanks"),
        node("won", "track_conversion", event_name="won"),
        node("remind", "send_email", template_id="remind"),
        node("lost", "exit", reason="lost"),
    ]
    edges = ["start -> hello", "hello -> pause", "pause -> tag", "tag -> answer",
             "answer -event_received-> thanks", "thanks -> won",
             "answer -timed_out-> remind", "remind -> lost"]
    return {"nodes": nodes, "edges": [edge(e) for e in edges]}
