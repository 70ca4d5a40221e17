"""Section 3, plugins: node types of a tenant's own, uploaded over the API, run in its cell."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import START, UNLIMITED
from support.client import Client, Tenant
from support.graphs import chain, graph, node, start
from support.server import Server

DOUBLE = """
return {
  type = "double",
  version = "1",
  summary = "Doubles a number.",
  config = { type = "object", required = { "n" }, properties = {
    n = { type = "number", description = "What to double." },
    plus = { type = "number", default = 1, description = "What to add." },
  } },
  execute = function(config, ctx)
    return { n = config.n * 2 + config.plus, who = ctx.customer.external_id }
  end,
}"""
GATE = """
return {
  type = "gate", category = "condition", version = "1", summary = "Asks twice.",
  branches = { "yes", "no" },
  execute = function() return kal.wait{ duration = "1h", state = { seen = 1 } } end,
  resume = function(config, ctx)
    kal.effect.add_tag("waited")
    return kal.branch(ctx.state.seen == 1 and "yes" or "no")
  end,
}"""


@pytest.fixture(scope="module")
def cells():
    """A server that runs tenants' code, on a virtual clock."""
    made = Server(arguments=["--virtual-clock", START],
                  environment={**UNLIMITED, "ENABLE_CUSTOM_CODE": "true"})
    try:
        yield made.start()
        assert made.stop() == 0
        assert not made.sanitizer_reports(), made.log_tail(200)
    finally:
        made.remove()


@pytest.fixture
def ann(cells):
    return Tenant(cells.base)


def upload(tenant, source):
    return tenant.ok("POST", "/plugins", {"source": source}, 201)["data"]


def pass_time(tenant, by="0s"):
    tenant.ok("POST", "/clock/advance", {"by": by})


def test_uploading_needs_the_deployments_consent(own):
    answer = Tenant(own.base).post("/plugins", {"source": DOUBLE})
    assert answer.status_code == 422
    assert "ENABLE_CUSTOM_CODE" in answer.json()["errors"]["source"][0]


def test_a_type_is_uploaded_used_and_shown(ann):
    made = upload(ann, DOUBLE)
    assert (made["type"], made["number"], made["category"]) == ("double", 1, "action")
    assert made["source"] == DOUBLE and len(made["hash"]) == 64 and made["branches"] is None
    assert ann.ok("GET", "/plugins/double")["data"] == made
    assert ann.ok("GET", "/plugins")["data"] == [made]
    shown = {t["type"]: t for t in ann.ok("GET", "/node-types")["data"]}["double"]
    assert (shown["origin"], shown["hash"], shown["summary"]) == \
        ("tenant", made["hash"], "Doubles a number.")
    assert ann.ok("GET", "/node-types/double")["data"] == shown
    flow = ann.new_flow(chain(node("d", "double", n=20)))
    ann.event("c", "start")
    pass_time(ann)
    instance = ann.instance_of(flow, "c")
    assert instance["status"] == "completed"
    assert ann.step(instance["id"], "d")["output"] == {"n": 41, "who": "c"}


def test_its_config_and_branches_are_checked_at_publish(ann):
    upload(ann, DOUBLE)
    upload(ann, GATE)
    assert ann.problems(chain(node("d", "double", n="x"))) == ["node d: /n: is invalid"]
    assert ann.problems(chain(node("g", "gate"))) == ["node g (gate) missing branch edges: yes, no"]


def test_it_waits_resumes_and_branches(ann):
    upload(ann, GATE)
    flow = ann.new_flow(graph(
        [start(), node("g", "gate"), node("y", "add_tag", tag="yes"),
         node("n", "add_tag", tag="no")],
        ["start -> g", "g -yes-> y", "g -no-> n"]))
    ann.event("c", "start")
    pass_time(ann)
    assert ann.instance_of(flow, "c")["status"] == "waiting"
    pass_time(ann, "1h")
    assert ann.instance_of(flow, "c")["status"] == "completed"
    assert sorted(ann.customer("c")["tags"]) == ["waited", "yes"]


def test_a_new_upload_holds_for_versions_published_after_it(ann, cells):
    gate = GATE.replace('"waited"', '"old"')
    upload(ann, gate)
    old = ann.new_flow(graph([start("a"), node("g", "gate"), node("y", "add_tag", tag="x"),
                              node("n", "exit")], ["start -> g", "g -yes-> y", "g -no-> n"]))
    ann.event("c", "a")
    pass_time(ann)
    changed = GATE.replace('"waited"', '"new"').replace('version = "1"', 'version = "2"')
    second = upload(ann, changed)
    assert (second["number"], second["version"]) == (2, "2")
    new = ann.new_flow(graph([start("b"), node("g", "gate"), node("y", "add_tag", tag="x"),
                              node("n", "exit")], ["start -> g", "g -yes-> y", "g -no-> n"]))
    ann.event("d", "b")
    pass_time(ann)
    cells.kill()
    cells.start()
    pass_time(ann, "1h")
    assert ann.instance_of(old, "c")["status"] == "completed"
    assert ann.instance_of(new, "d")["status"] == "completed"
    assert "old" in ann.customer("c")["tags"] and "new" in ann.customer("d")["tags"]


def test_the_same_code_again_is_the_same_upload(ann):
    assert upload(ann, DOUBLE) == upload(ann, DOUBLE)
    upload(ann, DOUBLE + " -- more")
    assert upload(ann, DOUBLE)["number"] == 3


def test_a_type_in_use_cannot_be_deleted(ann):
    upload(ann, DOUBLE)
    flow = ann.new_flow(chain(node("d", "double", n=1)))
    refused = ann.delete("/plugins/double")
    assert (refused.status_code, refused.json()["error"]) == (409, "in_use")
    ann.ok("POST", f"/flows/{flow}/archive")
    assert ann.delete("/plugins/double").status_code == 204
    assert ann.get("/plugins/double").status_code == 404
    assert ann.delete("/plugins/double").status_code == 404
    assert ann.problems(chain(node("d", "double", n=1))) == ["node d: unknown type double"]


def test_it_is_its_tenants_alone(ann, cells):
    upload(ann, DOUBLE)
    bob = Tenant(cells.base)
    assert bob.get("/plugins/double").status_code == 404
    assert bob.ok("GET", "/plugins")["data"] == []
    assert "double" not in {t["type"] for t in bob.ok("GET", "/node-types")["data"]}
    assert bob.problems(chain(node("d", "double", n=1))) == ["node d: unknown type double"]
    upload(bob, DOUBLE.replace("* 2", "* 3"))
    flows = {t: t.new_flow(chain(node("d", "double", n=10))) for t in (ann, bob)}
    for tenant in flows:
        tenant.event("c", "start")
    pass_time(ann)
    given = [t.step(t.instance_of(f, "c")["id"], "d")["output"]["n"] for t, f in flows.items()]
    assert given == [21, 31]


@pytest.mark.parametrize("source, problem", [
    ("", "can't be blank"),
    ("return {", "line 1, column 9: unexpected symbol near '<eof>'"),
    ("return 5", "the plugin returns no table"),
    ("return {}", "plugin nil has no execute"),
    ("error('x')", "code:1: x"),
    ("while true do end", "took longer than 100 ms"),
    (DOUBLE.replace('"double"', '"send_email"'), "the type is there already"),
    (DOUBLE.replace('"double"', '"Double it"'), "type is no snake_case name"),
    (DOUBLE.replace('version = "1"', "version = 1"), "no version"),
    (DOUBLE.replace('type = "object", req', 'type = "nonsense", req'),
     "config is no object schema"),
    (DOUBLE.replace('version = "1"', 'version = "1", category = "trigger"'),
     "category must be condition or action"),
    (DOUBLE.replace('version = "1"', 'version = "1", branches = function() end'), "function"),
    (DOUBLE.replace('version = "1"', 'version = "1", branches = {"a", "a"}'), "double key"),
])
def test_what_is_no_node_type_is_refused_with_why(ann, source, problem):
    answer = ann.post("/plugins", {"source": source})
    assert answer.status_code == 422, answer.text
    assert problem in answer.json()["errors"]["source"][0]


def test_a_plugin_that_fails_fails_its_node_with_its_line(ann):
    upload(ann, DOUBLE.replace("config.n * 2", "config.n.x * 2"))
    flow = ann.new_flow(chain(node("d", "double", n=1)))
    ann.event("c", "start")
    pass_time(ann)
    assert ann.instance_of(flow, "c")["exit_reason"].startswith("code:11: attempt to index")


def test_publish_and_delete_at_once_leave_no_version_without_its_type(ann):
    """One of the two is refused, whichever comes second."""
    with ThreadPoolExecutor(2) as pool:
        for n in range(10):
            upload(ann, DOUBLE.replace('"double"', f'"double{n}"'))
            flow = ann.draft(chain(node("d", f"double{n}", n=1)))
            publish = pool.submit(ann.post, f"/flows/{flow}/activate")
            delete = pool.submit(Client(ann.base, ann.key).delete, f"/plugins/double{n}")
            ends = publish.result().status_code, delete.result().status_code
            assert ends in ((200, 409), (422, 204)), ends
