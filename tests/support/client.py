"""A client of the API: a tenant with its key, and what tests do with it again and again."""
import itertools
import json
from http.client import HTTPConnection

import requests

from support import document
from support.server import ADMIN_KEY, until

V1 = "/api/v1"
numbers = itertools.count(1)


class Client:
    """Requests under /api/v1 with a key; a path that begins with // goes to the root. Every answer
    must be as the API's document says."""

    def __init__(self, base, key=None):
        self.base = base
        self.session = requests.Session()
        if key:
            self.session.headers["Authorization"] = f"Bearer {key}"

    def url(self, path):
        return self.base + (path[1:] if path.startswith("//") else V1 + path)

    def request(self, method, path, body=None, **more):
        if body is not None:
            more["data"] = json.dumps(body)
            more["headers"] = {"Content-Type": "application/json", **more.get("headers", {})}
        more.setdefault("timeout", 60)
        answer = self.session.request(method, self.url(path), **more)
        if not more.get("stream"):
            document.of(self.base).check(method, self.url(path), answer)
        return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.request("PUT", path, body, **more)

    def delete(self, path, body=None, **more):
        return self.request("DELETE", path, body, **more)

    def announce(self, path, length):
        """The status that answers a POST of a body so long of which nothing is sent."""
        connection = HTTPConnection(self.base.removeprefix("http://"), timeout=60)
        connection.putrequest("POST", V1 + path)
        connection.putheader("Authorization", self.session.headers.get("Authorization", ""))
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        status = connection.getresponse().status
        connection.close()
        return status

    def ok(self, method, path, body=None, status=200, **more):
        """The answer's JSON, when its status is the one expected."""
        answer = self.request(method, path, body, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


class Tenant(Client):
    """A tenant of its own, made by the operator."""

    def __init__(self, base, name=None):
        operator = Client(base, ADMIN_KEY)
        self.name = name or f"tenant {next(numbers)}"
        made = operator.ok("POST", "/admin/tenants", {"name": self.name}, 201)["data"]
        self.operator, self.id, self.key = operator, made["id"], made["api_key"]
        super().__init__(base, self.key)

    def settings(self, **settings):
        self.operator.ok("PUT", f"/admin/tenants/{self.id}", {"settings": settings})

    # Flows

    def draft(self, graph, **fields):
        flow = self.ok("POST", "/flows", {"name": f"flow {next(numbers)}", **fields}, 201)["data"]
        self.ok("POST", f"/flows/{flow['id']}/versions", {"graph": graph}, 201)
        return flow["id"]

    def new_flow(self, graph, **fields):
        """An active flow with this graph; its id."""
        flow = self.draft(graph, **fields)
        self.ok("POST", f"/flows/{flow}/activate")
        return flow

    def problems(self, graph):
        """What activation says against a graph."""
        answer = self.post(f"/flows/{self.draft(graph)}/activate")
        if answer.status_code == 200:
            return []
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"] == "invalid_graph", answer.text
        return answer.json()["errors"]["graph"]

    def move(self, flow, action):
        return self.ok("POST", f"/flows/{flow}/{action}")["data"]

    # Customers in flows

    def event(self, customer, event_type, data=None, **fields):
        body = {"customer_id": customer, "event_type": event_type, "data": data or {}, **fields}
        return self.ok("POST", "/events", body, 202)

    def trigger(self, flow, customer, context=None):
        """The new instance's id."""
        body = {"customer_id": customer, "context": context or {}}
        return self.ok("POST", f"/flows/{flow}/trigger", body, 201)["instance_id"]

    def instance(self, instance):
        return self.ok("GET", f"/instances/{instance}")["data"]

    def instances(self, flow, **filters):
        return self.ok("GET", f"/flows/{flow}/instances", params=filters)["data"]

    def instance_of(self, flow, customer):
        """The newest instance of a customer."""
        return self.instances(flow, customer_id=customer)[0]

    def steps(self, instance):
        return self.ok("GET", f"/instances/{instance}")["steps"]

    def timeline(self, instance):
        return self.ok("GET", f"/instances/{instance}/timeline", params={"limit": 500})["data"]

    def path(self, instance):
        """The node ids in the order in which they ended."""
        return [step["node_id"] for step in self.timeline(instance)]

    def step(self, instance, node):
        """The one step of a node."""
        found = [step for step in self.steps(instance) if step["node_id"] == node]
        assert len(found) == 1, f"{node}: {len(found)} steps"
        return found[0]

    def customer(self, external_id):
        return self.ok("GET", f"/customers/external:{external_id}")["data"]

    # Time

    def advance(self, by):
        """Moves the virtual clock; the time it shows then."""
        return self.ok("POST", "/clock/advance", {"by": by}, timeout=120)["data"]["now"]

    def now(self):
        return self.advance("0s")


def wait_until(condition, seconds=10, what="the condition"):
    return until(condition, seconds, what)
