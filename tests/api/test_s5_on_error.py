"""Section 5: what a failure does is for the node's on_error to say, whatever its type."""
import pytest

from support.client import Tenant
from support.graphs import graph, node, start

ID = "00000000-0000-7000-8000-000000000000"
# A right config of each type that needs one.
CONFIGS = {
    "ab_split": {"variants": [{"key": "a", "weight": 1}, {"key": "b", "weight": 1}]},
    "add_tag": {"tag": "t"}, "remove_tag": {"tag": "t"}, "call_webhook": {"url": "https://a.b/"},
    "check_segment": {"segment_id": ID}, "condition": {"field": "n"},
    "event_entry": {"event_type": "x"}, "frequency_cap": {"max_messages": 1, "time_window": "1d"},
    "goal_reached": {"goal_name": "g"}, "preference_gate": {"channel": "email"},
    "round_robin": {"assignees": [{"key": "a"}]},
    "scheduled_entry": {"cron": "0 9 * * *", "segment_id": ID},
    "segment_entry": {"segment_id": ID}, "send_email": {"template_id": "t"},
    "send_in_app": {"template_id": "t"}, "send_push": {"template_id": "t"},
    "send_sms": {"template_id": "t"}, "send_whatsapp": {"template_id": "t"},
    "sub_flow": {"flow_id": ID}, "track_conversion": {"event_name": "e"},
    "update_profile": {"fields": {"a": 1}}, "wait": {"duration": "1h"},
    "wait_for_event": {"event_type": "x", "timeout": "1h"},
    "wait_until": {"datetime": "2030-01-01T00:00:00Z"}, "webhook_entry": {"webhook_path": "x"},
}
BRANCHES = {"ab_split": ["a", "b"], "business_hours": ["open", "closed"],
            "wait_for_event": ["event_received", "timed_out"]}
FULL = {"text": "x" * (256 * 1024 - len('{"text":""}'))}  # no room for any result


@pytest.fixture(scope="module")
def types(server):
    """All but custom_code, whose failures come later, from its cell (test_s6_custom_code)."""
    return {t["type"]: t for t in Tenant(server.base).ok("GET", "/node-types")["data"]
            if t["type"] != "custom_code"}


def branches(type, info):
    if type in BRANCHES:
        return BRANCHES[type]
    return [b for b in info.get("branches") or [] if not b.startswith("…")]


def failing(types, names, on_error, leads):
    """Each of the types side by side, behind an entry that fails too; what they lead to."""
    nodes, edges = [start(on_error="continue")], []
    for name in names:
        config = {**CONFIGS.get(name, {}), **({"on_error": on_error} if on_error else {})}
        nodes += [node(name, name, **config), node(f"after_{name}", "join", on_error="continue")]
        if types[name]["category"] != "trigger":
            edges.append(f"start -> {name}")
        edges += [f"{name} -{b}-> after_{name}" for b in branches(name, types[name])]
        edges.append(f"{name} {leads} after_{name}")
    return graph(nodes, edges)


@pytest.mark.parametrize("on_error,leads,branch", [
    ("continue", "->", None), ("mend", "-mend->", "mend")])
def test_every_type_goes_on_after_a_failure(tenant, types, on_error, leads, branch):
    flow = tenant.new_flow(failing(types, sorted(types), on_error, leads))
    instance = tenant.trigger(flow, "c", FULL)
    steps = {s["node_id"]: s for s in tenant.timeline(instance)}
    for name in types:
        assert steps[name]["status"] == "failed", name
        assert steps[name]["error"] == "context_too_large" and steps[name]["branch"] == branch
        assert f"after_{name}" in steps, name
    shown = tenant.instance(instance)
    assert shown["status"] == "completed" and shown["context"]["accumulated"] == {}


@pytest.mark.parametrize("on_error", [None, "fail"])
def test_every_type_fails_its_instance_otherwise(tenant, types, on_error):
    for name in types:
        plain = not branches(name, types[name])
        made = failing(types, [name], on_error, "->") if plain else graph(
            [start(on_error="continue"), node(name, name, **CONFIGS.get(name, {}),
                                              **({"on_error": on_error} if on_error else {})),
             node("after", "join")],
            [f"start -> {name}"] + [f"{name} -{b}-> after" for b in branches(name, types[name])])
        instance = tenant.trigger(tenant.new_flow(made), "c", FULL)
        shown = tenant.instance(instance)
        assert (shown["status"], shown["exit_reason"]) == ("failed", "context_too_large"), name
        assert name in tenant.path(instance) and f"after_{name}" not in tenant.path(instance)


def test_every_type_needs_an_edge_for_the_branch_it_names(tenant, types):
    nodes, edges = [start()], []
    for name in sorted(types):
        nodes.append(node(name, name, **CONFIGS.get(name, {}), on_error="mend"))
        if types[name]["category"] != "trigger":
            edges.append(f"start -> {name}")
        edges += [f"{name} -{b}-> end" for b in branches(name, types[name])]
    nodes.append(node("end", "join"))
    edges.append("start -> end")
    assert sorted(tenant.problems(graph(nodes, edges))) == sorted(
        f"node {name} ({name}) missing branch edges: mend" for name in types)


def test_what_a_wait_is_told_may_be_a_failure_too(tenant):
    """A resumed node's failure goes the same way: here a flow that refuses."""
    made = graph([start(), node("sub", "sub_flow", flow_id=ID, on_error="mend"),
                  node("mended", "add_tag", tag="t")],
                 ["start -> sub", "sub -mend-> mended"])
    instance = tenant.trigger(tenant.new_flow(made), "c")
    step = tenant.step(instance, "sub")
    assert (step["status"], step["branch"]) == ("failed", "mend")
    assert step["error"] == "sub_flow not_found" and tenant.path(instance)[-1] == "mended"
