"""Every route of the document under requests that are right, nearly right and wrong: no answer is
the server's fault, and each is as the document says. KALCIFER_LONG=1 sends 10,000; a failure names
its seed, KALCIFER_SEED=n sends the same again."""
import os
import re
from urllib.parse import quote, quote_from_bytes

import hypothesis
import pytest
from conftest import START, UNLIMITED
from hypothesis import strategies as st

from support import document
from support.client import Tenant
from support.fuzzing import Wire, bodies, broken, right, texts
from support.graphs import chain, node
from support.server import ADMIN_KEY, Server

REQUESTS = 10000 if os.environ.get("KALCIFER_LONG") else 500
SEED = int(os.environ.get("KALCIFER_SEED") or int.from_bytes(os.urandom(4), "big"))
UUID = re.compile(r'"id":"([0-9a-f-]{36})"')
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FOO"]
# A header's value may be any of these characters (RFC 9110), one that leads or ends it no space.
header_texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


class Target:
    """A server of the test's own, whose clock may run away, with a tenant and what it has."""

    def __init__(self, server):
        self.server, self.wire = server, Wire(server.base)
        self.document = document.of(server.base)
        self.tenant = Tenant(server.base)
        key = self.tenant.ok("GET", "/api-keys")["data"][0]["id"]
        self.spared = {self.tenant.id, key}  # without them all that follows would be refused
        self.customers = ["ada", "bob"]
        flow = self.tenant.new_flow(chain(node("w", "wait", duration="3d")))
        draft = self.tenant.draft(chain())
        self.ids = {"flows": [flow, draft], "tenants": [Tenant(server.base).id],
                    "instances": [self.tenant.trigger(flow, c) for c in self.customers],
                    "customers": [self.tenant.customer(c)["id"] for c in self.customers]}
        spare = self.tenant.draft(chain())
        self.ids["journeys"] = [self.tenant.ok("POST", "/journeys", {
            "name": "journey", "flow_id": spare}, 201)["data"]["id"]]
        graph = self.document.resolve({"$ref": "#/components/schemas/graph"})
        plain = st.just(chain(node("w", "wait", duration="1s")))
        self.graphs = st.one_of(*[plain] * 8, right(graph, {}), broken(graph, {}))
        self.bodies = {}

    def id_of(self, area):
        """Ids that were met under a word of a path, the newest first; they change, so a number
        stands for one."""
        def chosen(number):
            ids = self.ids.get(area) or self.ids["flows"]
            return ids[-1 - number % len(ids)]
        return st.integers(0, 5).map(chosen)

    def names(self):
        customers = st.sampled_from(self.customers)
        return {"customer_id": customers, "customer_ids": st.lists(customers, max_size=3),
                "external_id": customers, "graph": self.graphs, "flow_id": self.id_of("flows"),
                "segment_id": self.id_of("segments"), "by": st.sampled_from(["0s", "1s", "3d"]),
                "event_type": st.sampled_from(["start", "other"])}

    def body(self, path, operation):
        """Bodies for a route; those of one that takes none are anything."""
        if (path, operation["operationId"]) not in self.bodies:
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {"type": "object"})
            self.bodies[path, operation["operationId"]] = \
                st.none() | bodies(self.document.resolve(schema), self.names())
        return self.bodies[path, operation["operationId"]]

    def learn(self, path, answer):
        if answer.status_code < 300:
            ids = self.ids.setdefault(area_of(path), [])
            ids += [id for id in UUID.findall(answer.text)[:2] if id not in self.spared]
            del ids[:-50]


def area_of(path):
    """The word that says what a path's first id is of; what is listed last is of that kind."""
    words = path.removeprefix("/api/v1/").removeprefix("admin/").split("/")
    return words[-1] if len(words) > 2 and words[-1] in ("instances",) else words[0]


segments = st.one_of(
    texts.map(lambda text: quote(text, safe="")), st.binary(max_size=8).map(quote_from_bytes),
    st.sampled_from(["1", "2", "0", "-1", "99999999999999999999", "wait", "%", "%zz", "%00", "%2F",
                     "..", "external:ada", "external:", "x" * 3000, "~", "a;b", "a,b", "*"]))


@st.composite
def targets(draw, target, path, operation):
    """A path with its parameters, and a query."""
    ids, usual = target.id_of(area_of(path)), {"n": "1", "v": "1", "v2": "1", "type": "wait"}

    def fill(found):
        odd = draw(st.integers(0, 5)) == 0
        return draw(segments) if odd else usual.get(found[1]) or draw(ids)
    made = re.sub(r"\{(\w+)\}", fill, path)
    if draw(st.integers(0, 19)) == 0:
        made += draw(st.sampled_from(["/", "//", "/x", "%", ";x", "/../.."]))
    pairs = []
    for parameter in operation["parameters"]:
        if parameter["in"] == "query" and draw(st.booleans()):
            value = draw(right(parameter["schema"], {}).map(str) | texts | ids)
            pairs.append(f"{parameter['name']}={quote(value)}")
    odd = st.sampled_from(["", "", "", "&", "=", "a", "%", "%zz=1", "limit=0", "limit=501", "a=%ff",
                           "cursor=", "cursor=AAAA", "&".join(f"a{i}=1" for i in range(40))])
    query = "&".join(pairs + [draw(odd)]).strip("&")
    return made + ("?" + query if query else "")


@st.composite
def headers(draw, target, operation):
    keys = [ADMIN_KEY if operation["x-role"] == "operator" else target.tenant.key]
    key = draw(st.sampled_from(keys * 20 + [None, "", "kal_x", ADMIN_KEY, target.tenant.key]))
    scheme = draw(st.sampled_from(["Bearer "] * 20 + ["bearer ", "Basic ", "", "Bearer  "]))
    made = {} if key is None else {"Authorization": scheme + key}
    kinds = ["application/json"] * 12 + ["application/x-ndjson", "text/plain", "x", ""]
    made["Content-Type"] = draw(st.sampled_from(kinds))
    for name in ("X-Request-Id", "Idempotency-Key", "If-None-Match", "traceparent", "Accept"):
        if draw(st.integers(0, 7)) == 0:
            made[name] = draw(header_texts)
    return made


@pytest.fixture(scope="module")
def target():
    server = Server(arguments=["--virtual-clock", START], environment=UNLIMITED)
    try:
        yield Target(server.start())
        assert server.stop() == 0, server.log_tail()
        assert not server.sanitizer_reports(), server.log_tail(200)
    finally:
        server.remove()


def test_no_request_is_too_odd(target):
    operations = target.document.operations()
    statuses = []

    @hypothesis.seed(SEED)
    @hypothesis.settings(max_examples=REQUESTS, deadline=None, database=None,
                         phases=[hypothesis.Phase.generate],
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(st.data())
    def send(data):
        method, path, operation = data.draw(st.sampled_from(operations))
        given = data.draw(headers(target, operation))
        where = data.draw(targets(target, path, operation))
        body = data.draw(target.body(path, operation)) if method != "GET" else None
        if data.draw(st.integers(0, 24)) == 0:
            method = data.draw(st.sampled_from(METHODS))
        answer = target.wire.send(method, where, given, body)
        told = f"KALCIFER_SEED={SEED}: {method} {where} {given} {body} -> {answer.text[:500]}"
        assert answer.status_code < 500, told
        try:
            target.document.check(method, where, answer)
        except AssertionError as error:
            raise AssertionError(f"{told}: {error}") from error
        target.learn(path, answer)
        statuses.append(answer.status_code)

    send()
    assert target.server.process.poll() is None
    assert len(statuses) >= REQUESTS
    # Requests that are all refused at the door would show nothing.
    assert sum(status < 300 for status in statuses) > len(statuses) // 8, statuses
