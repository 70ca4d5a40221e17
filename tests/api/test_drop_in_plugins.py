"""Plugins from disk: dropped in while it runs, changed, broken, gone; a version walks by the code
that it was published with."""
import itertools
import shutil

import pytest
import requests
from conftest import START, UNLIMITED
from support.client import Client, Tenant
from support.graphs import chain, node
from support.server import Server, temporary_directory, until

SECONDS = 15  # for what takes the watch a few hundred milliseconds
numbers = itertools.count(1)


def wait_node(name, said, head="", category="wait"):
    """A type that waits for a day and gives what it has to say."""
    return f"""
local outcome = require "kal.outcome"
{head}
return {{
  type = "{name}", category = "{category}", version = "1", summary = "Waits and speaks.",
  config = {{ type = "object", properties = {{}} }},
  execute = function(config, ctx)
    return outcome.wait {{ until_ms = ctx.now + ctx.duration("1d") }}
  end,
  resume = function() return outcome.complete {{ said = {said} }} end,
}}
"""


class Folder:
    def __init__(self):
        self.path = temporary_directory("kalcifer-plugins-")

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def remove(self, name):
        path = self.path / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def folders():
    made = [Folder(), Folder()]
    for folder in made:
        folder.path.chmod(0o755)
    yield made
    for folder in made:
        shutil.rmtree(folder.path, ignore_errors=True)


@pytest.fixture
def folder(folders):
    return folders[0]


@pytest.fixture
def server(folders):
    made = Server(arguments=["--virtual-clock", START], environment={
        **UNLIMITED, "KALCIFER_PLUGIN_PATH": ":".join(str(f.path) for f in folders)})
    try:
        yield made
        if made.process and made.process.poll() is None:
            assert made.stop() == 0, made.log_tail()
        assert not made.sanitizer_reports(), made.log_tail(200)
    finally:
        made.remove()


@pytest.fixture
def tenant(server):
    server.start()
    return Tenant(server.base)


def kind(client, name):
    answer = client.get(f"/node-types/{name}")
    assert answer.status_code in (200, 404), answer.text
    return answer.json()["data"] if answer.status_code == 200 else None


def in_force(client, name, differs_from=None):
    """The type, once it is in force on whatever thread answers."""
    def there():
        found = [kind(client, name) for _ in range(8)]
        hashes = {f and f["hash"] for f in found}
        return found[0] if len(hashes) == 1 and hashes != {differs_from} else None
    return until(there, SECONDS, f"{name} in force")


def gone(client, name):
    until(lambda: not any(kind(client, name) for _ in range(8)), SECONDS, f"{name} gone")


def ready(client):
    return client.ok("GET", "//health/ready")


def problem(client, name):
    """What is wrong with a plugin, once it is told."""
    return until(lambda: ready(client)["problems"].get(name), SECONDS, f"a problem of {name}")


def mended(client):
    until(lambda: ready(client)["status"] == "ready", SECONDS, "no problems")


def enter(tenant, flow):
    return tenant.trigger(flow, f"customer {next(numbers)}")


def said(tenant, instance):
    found = tenant.instance(instance)
    assert found["status"] == "completed", found
    return tenant.step(instance, "n")["output"]["said"]


def test_a_plugin_dropped_in_can_be_used(tenant, folder):
    assert tenant.problems(chain(node("n", "speak"))) == ["node n: unknown type speak"]
    assert "speak" not in requests.get(tenant.base + "/api/v1/openapi.json", timeout=30).text
    folder.write("speak/words.lua", 'return { hello = "hello" }')
    folder.write("speak/node.lua",
                 wait_node("speak", "words.hello", 'local words = require "plugin.words"'))
    found = in_force(tenant, "speak")
    assert (found["origin"], len(found["hash"])) == ("plugin", 64)
    flow = tenant.new_flow(chain(node("n", "speak"), node("w", "wait", duration="1d")))
    version = tenant.ok("GET", f"/flows/{flow}/versions/1")["data"]
    assert version["plugins"] == {"speak": found["hash"]}
    instance = enter(tenant, flow)
    tenant.advance("3d")
    assert said(tenant, instance) == "hello"


def test_changed_code_is_for_new_versions_and_the_old_one_goes_on(server, tenant, folder):
    folder.write("speak.lua", wait_node("speak", "'old'"))
    old = in_force(tenant, "speak")
    flow = tenant.new_flow(chain(node("n", "speak")))
    first, second, third = (enter(tenant, flow) for _ in range(3))
    folder.write("speak.lua", wait_node("speak", "'new'"))
    new = in_force(tenant, "speak", old["hash"])
    fourth = enter(tenant, flow)  # the version is the old one still
    tenant.ok("POST", f"/flows/{flow}/versions", {"graph": chain(node("n", "speak"))}, 201)
    tenant.ok("POST", f"/flows/{flow}/activate")
    assert tenant.ok("GET", f"/flows/{flow}/versions/2")["data"]["plugins"] == {
        "speak": new["hash"]}
    fifth = enter(tenant, flow)
    tenant.advance("2d")
    assert [said(tenant, i) for i in (first, second, third, fourth)] == ["old"] * 4
    assert said(tenant, fifth) == "new"
    connection = server.database()
    with connection.cursor() as cursor:
        cursor.execute("SELECT hash FROM artefact ORDER BY created_at, hash")
        assert {row[0] for row in cursor.fetchall()} == {old["hash"], new["hash"]}
    connection.close()


def test_old_code_survives_a_restart_and_its_file(server, tenant, folder):
    folder.write("speak/word.lua", "return 'old'")
    folder.write("speak/node.lua",
                 wait_node("speak", "word", 'local word = require "plugin.word"'))
    old = in_force(tenant, "speak")
    flow = tenant.new_flow(chain(node("n", "speak")))
    first, second = enter(tenant, flow), enter(tenant, flow)
    folder.write("speak/word.lua", "return 'new'")
    in_force(tenant, "speak", old["hash"])
    server.stop()
    server.start()
    tenant.advance("2d")
    assert [said(tenant, i) for i in (first, second)] == ["old", "old"]

    third = enter(tenant, flow)
    folder.remove("speak")
    gone(tenant, "speak")
    fourth = enter(tenant, flow)  # its version runs on
    assert tenant.problems(chain(node("n", "speak"))) == ["node n: unknown type speak"]
    server.stop()
    server.start()
    tenant.advance("2d")
    assert [said(tenant, i) for i in (third, fourth)] == ["old", "old"]


def test_a_broken_file_changes_nothing_and_is_told(server, tenant, folder):
    folder.write("speak.lua", wait_node("speak", "'good'"))
    good = in_force(tenant, "speak")
    flow = tenant.new_flow(chain(node("n", "speak")))
    assert ready(tenant)["status"] == "ready" and ready(tenant)["problems"] == {}
    folder.write("speak.lua", "return {")
    assert problem(tenant, "speak").startswith("plugins/speak.lua:1: unexpected symbol")
    assert ready(tenant)["status"] == "degraded"
    assert kind(tenant, "speak") == good
    instance = enter(tenant, flow)
    tenant.new_flow(chain(node("n", "speak")))
    folder.write("other.lua", "-- something else happens")
    assert problem(tenant, "other") == "plugins/other.lua: node type ?: no table returned"
    assert server.log().count('"plugin_broken"') == 2, "each is told once"
    doctor = server.command("doctor", "--json")
    assert doctor.returncode == 1
    assert "plugins/speak.lua:1: unexpected symbol" in doctor.stdout
    assert "plugins/other.lua: node type" in doctor.stdout
    tenant.advance("2d")
    assert said(tenant, instance) == "good"

    folder.remove("other.lua")
    folder.write("speak.lua", wait_node("speak", "'better'"))
    in_force(tenant, "speak", good["hash"])
    mended(tenant)


BROKEN = [
    ("error 'no'", "plugins/bad0.lua:1: no"),
    ("while true do end", "plugins/bad1.lua: it does not end"),
    ("leaked = 1", "plugins/bad2.lua:1: modules write no globals, 'leaked' is new"),
    ("require 'os'", "plugins/bad3.lua:1: a plugin requires kal.* and plugin.* only, not os"),
    ("require 'plugin.part'", "plugins/bad4.lua:1: the plugin has no file part.lua"),
    (wait_node("wait", "1"), "plugins/bad5.lua: node type wait: the type is there already"),
    ("\x1bLJ\x02", "plugins/bad6.lua: attempt to load chunk with wrong mode"),
    ("-- \0", "plugins/bad7.lua: a file or its name is no UTF-8 text"),
]


def test_broken_plugins_do_not_keep_the_server_from_starting(server, folder):
    for i, (text, _) in enumerate(BROKEN):
        folder.write(f"bad{i}.lua", text)
    folder.write("hook/inbound.lua", "return { version = '1', summary = 'S.', verify = 1 }")
    folder.write("mail/provider.lua", "return { version = '1', summary = 'S.', channels = {} }")
    folder.write("good.lua", wait_node("good", "1"))
    folder.write("notes/README.md", "no plugin")
    client = Tenant(server.start().base)
    assert ready(client)["problems"] == {
        **{f"bad{i}": why for i, (_, why) in enumerate(BROKEN)},
        "hook": "plugins/hook: inbound hook: no parse",
        "mail": "plugins/mail: provider mail: no send"}
    assert kind(client, "good") and not kind(client, "bad")


def test_two_files_changed_at_once_come_into_force_together(tenant, folder):
    """They trade their types: one after the other would have met a type that is there already."""
    folder.write("a.lua", wait_node("east", "'a'"))
    folder.write("b.lua", wait_node("west", "'b'"))
    east, west = in_force(tenant, "east"), in_force(tenant, "west")
    folder.write("a.lua", wait_node("west", "'a'"))
    folder.write("b.lua", wait_node("east", "'b'"))
    in_force(tenant, "east", east["hash"]), in_force(tenant, "west", west["hash"])
    mended(tenant)
    flow = tenant.new_flow(chain(node("n", "east")))
    instance = enter(tenant, flow)
    tenant.advance("2d")
    assert said(tenant, instance) == "b"

    folder.write("a.lua", wait_node("east", "'thief'"))
    assert problem(tenant, "a").endswith("node type east: the type is there already")
    assert kind(tenant, "west"), "the last good one stays"


def test_the_first_folder_of_the_path_wins(server, tenant, folders):
    first, second = folders
    second.write("speak.lua", wait_node("speak", "'second'"))
    hidden = in_force(tenant, "speak")
    first.write("speak/node.lua", wait_node("speak", "'first'"))
    in_force(tenant, "speak", hidden["hash"])
    assert '"plugin_shadowed"' in server.log()
    flow = tenant.new_flow(chain(node("n", "speak")))
    first.remove("speak")
    assert in_force(tenant, "speak", kind(tenant, "speak")["hash"])["hash"] == hidden["hash"]
    instance = enter(tenant, flow)
    tenant.advance("2d")
    assert said(tenant, instance) == "first"
    shown = server.command("config", "--json")
    assert f"{first.path}:{second.path}" in shown.stdout


def test_what_comes_with_the_program_is_there_too_and_can_be_replaced(tenant, folder):
    flow = chain(node("n", "send_email", template_id="t", provider="log"))
    assert tenant.problems(flow) == []
    folder.write("log/provider.lua", """
return { version = "2", summary = "Sends texts.", channels = { "sms" }, send = function() end }""")
    until(lambda: all(tenant.problems(flow) for _ in range(8)), SECONDS, "the other log provider")
    assert tenant.problems(flow) == ["node n: /provider: does not send by email"]


def test_a_folder_that_is_not_there_is_told_and_comes(folders):
    late = folders[0].path / "late"
    server = Server(environment={**UNLIMITED, "KALCIFER_PLUGIN_PATH": str(late)})
    try:
        client = Client(server.start().base)
        assert problem(client, "KALCIFER_PLUGIN_PATH") == (
            "a folder of the path: No such file or directory")
        late.mkdir()
        late.chmod(0o755)
        (late / "speak.lua").write_text(wait_node("speak", "1"))
        mended(client)
        tenant = Tenant(server.base)
        assert in_force(tenant, "speak")
        assert server.stop() == 0
    finally:
        server.remove()


def test_a_version_from_before_whose_plugin_is_gone_goes_on_when_it_is_back(server, tenant, folder):
    """Versions that were published without artefacts: what comes for them is held."""
    folder.write("speak.lua", wait_node("speak", "'back'"))
    in_force(tenant, "speak")
    flow = tenant.new_flow(chain(node("n", "speak")))
    instance = enter(tenant, flow)
    server.stop()
    server.start()
    connection = server.database()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE flow_version SET plugins = '{}'")
    connection.commit()
    connection.close()
    server.stop()
    text = (folder.path / "speak.lua").read_text()
    folder.remove("speak.lua")
    server.start()
    tenant.advance("2d")
    assert tenant.instance(instance)["status"] == "waiting"
    assert '"version_broken"' in server.log()
    folder.write("speak.lua", text)
    in_force(tenant, "speak")
    until(lambda: tenant.advance("1s") and tenant.instance(instance)["status"] == "completed",
          SECONDS, "its end")
    assert said(tenant, instance) == "back"
