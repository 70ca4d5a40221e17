"""Section 1, tenancy: what another tenant owns answers exactly like what does not exist. The routes
are those of the API's document, so that a new one is walked with the others."""
import itertools
import json
import re
import uuid

import pytest

from support import document
from support.client import Tenant
from support.examples import example
from support.graphs import chain, node

SECRET = "only-of-the-first"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
numbers = itertools.count(1)


def values(ids):
    """What bodies say by a property's name: ids as given, the rest as any caller would."""
    return {**ids, "name": f"name-{next(numbers)}",
            "graph": chain(node("w", "wait", duration="1d")), "by": "0s",
            "url": "https://example.com/hook", "role": "viewer", "rules": [],
            "source": f"return {{ type = 'own_{next(numbers)}', version = '1', "
                      f"summary = '{SECRET}', execute = function() end }}",
            "operator": "eq", "event_type": "start", "external_id": f"name-{next(numbers)}"}


class Walk:
    """The document's routes as requests."""

    def __init__(self, server):
        self.api = document.of(server.base)

    def operations(self, *methods):
        return [(method, path, operation) for method, path, operation in self.api.operations()
                if path.startswith("/api/v1/") and (not methods or method in methods)]

    def body(self, operation, ids):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return content and example(self.api.resolve(content["schema"]), values(ids))

    def paths(self, path, ids):
        """The path with each of the ids in each place that takes one."""
        names = re.findall(r"\{(\w+)\}", path)
        places = [ids if name == "id" or name.endswith("_id") else OTHERS.get(name, ["start"])
                  for name in names]
        for chosen in itertools.product(*places):
            filled = path
            for name, value in zip(names, chosen):
                filled = filled.replace("{%s}" % name, value)
            yield "/" + filled


OTHERS = {"n": ["1"], "v": ["1"], "v2": ["1"], "type": ["wait"]}


class World:
    """A tenant with one of everything; what it can read of it, and the ids in that."""

    def __init__(self, server, walk):
        self.tenant, self.walk = Tenant(server.base, f"{SECRET} {uuid.uuid4()}"), walk
        self.customer = f"{SECRET}-customer"
        self.flow = self.tenant.new_flow(chain(node("w", "wait", duration="30d")), name=SECRET)
        self.ids = {"customer_id": self.customer, "flow_id": self.flow}
        self.ids["instance_id"] = self.tenant.trigger(self.flow, self.customer)
        self.tenant.trigger(self.flow, f"{SECRET}-second")
        self.tenant.event(f"{SECRET}-third", "start")
        self.tenant.draft(chain(), name=f"{SECRET} draft")
        self.tenant.ok("POST", f"/flows/{self.flow}/versions", {"graph": chain()}, 201)
        for path in self.collections():
            self.fill(path)
        OTHERS["type"] += [own["type"] for own in self.tenant.ok("GET", "/plugins")["data"]]
        self.objects = self.ids_of_lists()

    def collections(self):
        """Lists below no other thing to which one can add."""
        lists = {path for _, path, _ in self.walk.operations("GET") if "{" not in path}
        return [path for _, path, _ in self.walk.operations("POST")
                if path in lists and "/admin/" not in path]

    def fill(self, path):
        """Two things of a kind, so that its list has a second page."""
        operation = self.walk.api.text["paths"][path]["post"]
        for _ in range(2 - len(self.tenant.ok("GET", path[len("/api/v1"):])["data"])):
            spare = self.tenant.draft(chain(), name=f"{SECRET} spare")  # a flow has one journey
            body = self.walk.body(operation, {**self.ids, "flow_id": spare})
            if "name" in body:
                body["name"] = f"{SECRET} {body['name']}"
            answer = self.tenant.post(path[len("/api/v1"):], body)
            assert answer.status_code in (200, 201), f"{path}: teach this test: {answer.text}"

    def ids_of_lists(self):
        """Ids by their list, and the ways to name a customer."""
        found = {}
        for path in self.collections():
            items = self.tenant.ok("GET", path[len("/api/v1"):])["data"]
            found[path] = [item["id"] for item in items if "id" in item]
        found["instances"] = [self.ids["instance_id"]]
        found["customers"] = [f"external:{self.customer}"]
        return found

    def each_id(self):
        return [id for ids in self.objects.values() for id in ids[:1]]

    def seen(self):
        """{path: what the tenant reads there} of every route that reads."""
        found = {}
        for method, path, operation in self.walk.operations("GET"):
            if operation["x-role"] not in ("none", "operator"):
                for filled in self.walk.paths(path, self.each_id()):
                    answer = self.tenant.get(filled)
                    if answer.status_code == 200:
                        found[path, filled] = answer.text
        return found


@pytest.fixture(scope="module")
def walk(server):
    return Walk(server)


@pytest.fixture(scope="module")
def world(server, walk):
    return World(server, walk)


@pytest.fixture(scope="module")
def marks(world):
    """Texts that are the first tenant's alone."""
    texts = " ".join(world.seen().values())
    types = json.dumps(world.tenant.ok("GET", "/node-types"))
    return {SECRET, *UUID.findall(texts)} - set(UUID.findall(types))


def neutral(text):
    """An answer less what differs from one request to the next."""
    text = TIME.sub("TIME", UUID.sub("ID", text))
    return re.sub(r"name-\d+|own_\d+|[0-9a-f]{64}|nobody-\w+|kal_\w{43}|" + SECRET + r"[\w-]*",
                  "NAME", text)


def changes(before, after):
    """The paths that read otherwise than before, times apart."""
    return [path for path, text in before.items()
            if TIME.sub("TIME", text) != TIME.sub("TIME", after.get(path, ""))]


def test_the_walk_reaches_every_kind_of_thing(world, walk):
    """What this test cannot read as its owner, it could not find leaked either."""
    reached = {path for path, _ in world.seen()}
    missed = [path for _, path, operation in walk.operations("GET")
              if operation["x-role"] not in ("none", "operator") and path not in reached]
    assert not missed, f"teach World to have these: {missed}"


def test_lists_show_nothing_of_another_tenant(world, walk, other, marks):
    for _, path, operation in walk.operations("GET"):
        if "{" in path or operation["x-role"] in ("none", "operator"):
            continue
        names = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
        asked = [{}] + [{name: value} for name in names if name not in ("limit", "cursor")
                        for value in (world.customer, *world.each_id(), "active")]
        if "cursor" in names:
            page = world.tenant.get("/" + path, params={"limit": 1}).json()
            asked += [{"cursor": page["next_cursor"]}] if page["next_cursor"] else []
        for parameters in asked:
            answer = other.get("/" + path, params=parameters)
            assert answer.status_code in (200, 422), f"{path}: {answer.text}"
            assert not [mark for mark in marks if mark in answer.text], f"{path} {parameters}"


def pairs(world, walk, path, operation):
    """Requests that name a thing of the first tenant's, each beside one that names nothing."""
    for id in world.each_id():
        nothing = f"external:nobody-{uuid.uuid4().hex}" if id.startswith("external:") \
            else str(uuid.uuid4())
        strange = {name: f"nobody-{uuid.uuid4().hex}" if name == "customer_id"
                   else str(uuid.uuid4()) for name in world.ids}
        ours = {**{name: id for name in ("segment_id", "journey_id", "template_id")}, **world.ids}
        theirs = {**{name: nothing for name in ours}, **strange}
        for a, b in zip(walk.paths(path, [id]), walk.paths(path, [nothing])):
            yield (a, walk.body(operation, ours)), (b, walk.body(operation, theirs))
        if "{" not in path:
            return


def test_what_another_tenant_owns_is_as_if_it_were_not_there(world, walk, other, marks):
    before, walked = world.seen(), 0
    for method, path, operation in walk.operations():
        if not operation["security"]:
            continue
        for (a, mine), (b, nobodys) in pairs(world, walk, path, operation):
            there = other.request(method, a, mine)
            nowhere = other.request(method, b, nobodys)
            where = f"{method} {a} {mine}: {there.text}"
            assert there.status_code == nowhere.status_code, f"{where}, not {nowhere.text}"
            assert neutral(there.text) == neutral(nowhere.text), where
            sent = json.dumps(mine) + a
            assert not [m for m in marks if m in there.text and m not in sent], where
            if "{id}" in path:
                assert there.status_code in (401, 404), where
            walked += 1
    assert walked > 100
    assert changes(before, world.seen()) == [], "the other tenant's requests have changed something"
