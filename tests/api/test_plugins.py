"""Plugins in a home of their own: the kit that makes them, interceptors, and what comes with it."""
import json
import shutil

import pytest

from support.client import Tenant
from support.graphs import chain, graph, node, start
from support.server import ROOT, Server, temporary_directory

QUIET = """
local outcome = require "kal.outcome"
return {
  version = "1", summary = "Texts for tests.", priority = 10, types = { "send_email" },
  before = function(node, ctx)
    if ctx.context.blocked then return outcome.fail "blocked by the operator" end
    if ctx.context.broken then error "out of order" end
    node.config.subject = "[test] " .. (node.config.subject or "")
    return node.config
  end,
  after = function(node, _, given)
    given.result.seen = node.config.subject
    return given
  end,
}
"""


class Home:
    """The product's Lua with plugins of the test's own, and a server over it."""

    def __init__(self):
        self.path = temporary_directory("kalcifer-home-")
        self.plugins = self.path / "plugins"
        shutil.copytree(ROOT / "plugins", self.plugins)
        for name in ("lua", "nodes"):
            (self.path / name).symlink_to(ROOT / name)
        self.server = Server(arguments=["--virtual-clock", "2026-01-09T20:00:00Z"],
                             environment={"KALCIFER_HOME": str(self.path)})

    def write(self, path, text):
        (self.plugins / path).parent.mkdir(exist_ok=True)
        (self.plugins / path).write_text(text)

    def command(self, *arguments):
        return self.server.command(*arguments)

    def json(self, *arguments):
        made = self.command(*arguments, "--json")
        return made.returncode, json.loads(made.stdout)

    def remove(self):
        self.server.remove()
        shutil.rmtree(self.path, ignore_errors=True)


@pytest.fixture
def home():
    made = Home()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def served():
    """A home with an interceptor, and its server."""
    made = Home()
    try:
        made.write("quiet/interceptor.lua", QUIET)
        made.write("quiet/interceptor_spec.lua", "error 'a spec is no plugin'")
        made.server.start()
        yield made
        assert made.server.stop() == 0
    finally:
        made.remove()


@pytest.fixture
def guest(served):
    return Tenant(served.server.base)


# Interceptors

def test_an_interceptor_changes_what_is_sent_and_what_comes_of_it(guest):
    sent = node("mail", "send_email", body="Hello", subject="News")
    flow = guest.new_flow(chain(sent))
    step = guest.step(guest.trigger(flow, "ada"), "mail")
    assert step["output"]["seen"] == "[test] News"
    assert step["output"]["status"] == "pending"  # what the node itself gave is there too
    version = guest.ok("GET", f"/flows/{flow}/versions/1")["data"]
    assert version["graph"]["nodes"][1]["config"]["subject"] == "News"


def test_an_interceptor_vetoes_and_the_node_does_not_run(guest):
    flow = guest.new_flow(graph(
        [start(), node("mail", "send_email", body="Hello", on_error="blocked"),
         node("end", "exit"), node("sent", "exit")],
        ["start -> mail", "mail -blocked-> end", "mail -> sent"]))
    instance = guest.trigger(flow, "ada", {"blocked": True})
    step = guest.step(instance, "mail")
    assert (step["status"], step["error"]) == ("failed", "blocked by the operator")
    assert guest.path(instance) == ["start", "mail", "end"]


def test_an_interceptor_that_breaks_fails_the_node_and_is_named(guest):
    flow = guest.new_flow(chain(node("mail", "send_email", body="Hello")))
    instance = guest.trigger(flow, "ada", {"broken": True})
    assert guest.instance(instance)["status"] == "failed"
    assert guest.step(instance, "mail")["error"] == (
        "interceptor quiet: plugins/quiet/interceptor.lua:7: out of order")


def test_a_broken_interceptor_is_told(home):
    home.write("bad/interceptor.lua", "return { version = '1', summary = 'S.' }")
    made = home.command("node", "list")
    assert made.returncode == 0
    assert "interceptor bad: priority is no number" in made.stderr


# The plugins that come with it

def test_a_customer_waits_for_business_hours_of_their_own(guest):
    guest.ok("POST", "/customers", {"external_id": "ada", "timezone": "Europe/Berlin"}, 201)
    flow = guest.new_flow(chain(node("gate", "business_hours", wait=True),
                                node("end", "exit")))
    instance = guest.trigger(flow, "ada")
    waiting = guest.instance(instance)["waiting"]
    assert waiting[0]["until"].startswith("2026-01-12T08:00:00")
    guest.event("ada", "anything")
    assert guest.instance(instance)["status"] == "waiting"
    guest.advance("3d")
    assert guest.instance(instance)["status"] == "completed"


def test_a_score_and_an_assignment_stay_in_the_profile(guest):
    guest.new_flow(chain(
        node("score", "lead_score", points={"start": 20}),
        node("who", "round_robin", assignees=[{"key": "ada@example.org"}]),
        node("end", "exit")))
    for score in (20, 40):
        assert guest.event("bob", "start")["started"] == 1
        properties = guest.customer("bob")["properties"]
        assert properties["assigned_to"] == "ada@example.org"
        assert properties["lead_score"] == pytest.approx(score, abs=0.01)


# The kit

def test_a_new_plugin_passes_its_spec_and_runs(home):
    made = home.command("node", "new", "regulars")
    assert made.returncode == 0, made.stderr
    files = sorted(path.name for path in (home.plugins / "regulars").iterdir())
    assert files == ["node.lua", "node_spec.lua"]
    status, told = home.json("node", "test", str(home.plugins / "regulars/node_spec.lua"))
    assert (status, told["passed"], told["failed"]) == (0, 3, 0)
    status, types = home.json("node", "list")
    assert status == 0
    assert {t["type"]: t["origin"] for t in types}["regulars"] == "plugin"
    tenant = Tenant(home.server.start().base)
    flow = tenant.new_flow(chain(node("tag", "regulars", tag="regular", at_least=1)))
    tenant.ok("POST", "/customers", {"external_id": "ada", "properties": {"orders": 2}}, 201)
    tenant.trigger(flow, "ada")
    assert tenant.customer("ada")["tags"] == ["regular"]


def test_a_plugin_is_made_and_tested_outside_of_the_home(home):
    folder = temporary_directory("kalcifer-plugins-")
    try:
        status, told = home.json("node", "new", "outside", "--dir", str(folder / "mine"))
        assert status == 0
        assert told["files"] == [str(folder / "mine/outside/node.lua"),
                                 str(folder / "mine/outside/node_spec.lua")]
        assert home.json("node", "test", "--dir", str(folder / "mine"))[1]["passed"] == 3
        # A copy that is installed already gives way to the one beside the spec.
        shutil.copytree(folder / "mine/outside", home.plugins / "outside")
        home.write("outside/node.lua", (home.plugins / "outside/node.lua").read_text().replace(
            "default = 3", "default = 9"))
        assert home.json("node", "test", str(folder / "mine/outside"))[0] == 0
        assert home.json("node", "test", str(home.plugins / "outside"))[0] == 1
        # A plugin of a single file, and its spec beside it.
        for name in ("node", "node_spec"):
            text = (folder / f"mine/outside/{name}.lua").read_text()
            home.write(f"single{name[4:]}.lua", text.replace("outside", "single"))
        assert home.json("node", "test", str(home.plugins / "single_spec.lua"))[1]["passed"] == 3
        assert "single" in home.command("node", "list").stdout
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name, status", [
    ("Regulars", 2), ("9lives", 2), ("a-b", 2), ("../up", 2), ("x" * 65, 2),
    ("wait", 1),  # there is a type of this name
    ("log", 1)])  # and here a provider's folder
def test_a_new_plugin_takes_no_bad_or_taken_name(home, name, status):
    before = sorted(home.plugins.rglob("*"))
    made = home.command("node", "new", name)
    assert (made.returncode, made.stdout) == (status, "")
    assert name in made.stderr
    assert sorted(home.plugins.rglob("*")) == before


def test_a_spec_that_fails_says_where(home):
    home.command("node", "new", "regulars")
    spec = home.plugins / "regulars/node_spec.lua"
    expected = 'expect(host.customer.tags).equals { "regular" }'
    line = spec.read_text().split(expected)[0].count("\n") + 1
    spec.write_text(spec.read_text().replace(expected, "expect(host.customer.tags).equals {}"))
    made = home.command("node", "test", str(spec))
    assert made.returncode == 1
    assert f'regulars/node_spec.lua:{line}: expected {{}}, got ["regular"]' in made.stdout
    assert made.stdout.endswith("2 passed, 1 failed\n")
    home.write("regulars/node.lua", "return {")
    status, told = home.json("node", "test", str(spec))
    assert status == 1 and "plugins/regulars/node.lua:1: " in told["files"][0]["error"]


@pytest.mark.parametrize("path, told", [
    ("none_spec.lua", "No such file"), ("log", "there is no test"),
    ("log/provider.lua", "a spec is named NAME_spec.lua")])
def test_what_is_no_spec_is_refused(home, path, told):
    made = home.command("node", "test", str(home.plugins / path))
    assert made.returncode == 1
    assert told in made.stderr
    assert home.command("node", "test", "a", "b").returncode == 2
