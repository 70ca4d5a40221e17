"""Section 3 as a document: what /openapi.json says is what the routes do, both ways."""
import copy
import json
import re
from types import SimpleNamespace

import jsonschema
import pytest

from support import document
from support.graphs import chain, node
from support.server import ROOT

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
DOCUMENT = "/openapi.json"


@pytest.fixture
def api(server):
    return document.of(server.base)


def filled(path):
    """A path of the document as one that can be asked for."""
    return "/" + re.sub(r"\{\w+\}", "1", path)


def test_the_document_needs_no_key_and_is_sent_once(nobody):
    first = nobody.get(DOCUMENT)
    assert first.status_code == 200
    assert first.json()["openapi"] == "3.1.0"
    again = nobody.get(DOCUMENT, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = nobody.get(DOCUMENT, headers={"If-None-Match": '"another"'})
    assert other.status_code == 200
    assert nobody.request("HEAD", DOCUMENT).headers["ETag"] == first.headers["ETag"]


def test_every_route_of_the_document_is_there(nobody, api):
    for method, path, operation in api.operations():
        answer = nobody.request(method, filled(path))
        wanted = 401 if operation["x-role"] != "none" else 200 if method == "GET" else None
        assert wanted in (None, answer.status_code), f"{method} {path}: {answer.text}"


def test_every_method_of_a_path_is_in_the_document(nobody, api):
    for path in {path for _, path, _ in api.operations()}:
        written = {method for method, known, _ in api.operations() if known == path}
        unknown = next(method for method in METHODS if method not in written)
        answer = nobody.request(unknown, filled(path))
        assert answer.status_code == 405
        allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD"}
        assert allowed == written, path


def test_every_schema_is_one(api):
    for schema in api.text["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for _, _, operation in api.operations():
        for parameter in operation["parameters"]:
            jsonschema.Draft202012Validator.check_schema(parameter["schema"])


def test_operations_have_names_of_their_own(api):
    names = [operation["operationId"] for _, _, operation in api.operations()]
    assert len(set(names)) == len(names)


def test_node_types_are_in_the_document(tenant, api):
    types = tenant.ok("GET", "/node-types")["data"]
    assert len(types) > 10
    for type in types:
        assert api.text["components"]["schemas"]["config." + type["type"]] == type["config"]


def test_a_graph_can_be_checked_by_the_document_alone(api):
    graphs = jsonschema.Draft202012Validator(
        api.resolve({"$ref": "#/components/schemas/graph"}))
    for path in (ROOT / "tests/fixtures/flows").glob("*.json"):
        assert graphs.is_valid(json.loads(path.read_text())), path.name
    assert graphs.is_valid(chain(node("w", "wait", duration="1d")))
    assert not graphs.is_valid(chain(node("w", "wait", duration=1)))
    assert not graphs.is_valid(chain(node("w", "no_such_type")))


def told(status, body, **headers):
    return SimpleNamespace(status_code=status, text=json.dumps(body), content=b"{}",
                           json=lambda: body, request=SimpleNamespace(method="GET"),
                           headers={"Content-Type": "application/json", "X-Request-Id": "1",
                                    **headers})


def test_an_answer_that_is_not_as_documented_is_found(tenant, api):
    tenant.draft(chain())
    url = tenant.url("/flows")
    right = tenant.ok("GET", "/flows")
    api.check("GET", url, told(200, right))
    wrong = [copy.deepcopy(right) for _ in range(5)]
    del wrong[0]["data"][0]["status"]
    wrong[1]["data"][0]["more"] = 1
    wrong[2]["data"][0]["id"] = "no uuid"
    wrong[3]["data"][0]["created_at"] = "yesterday"
    wrong[4]["more"] = 1
    answers = [told(200, body) for body in wrong]
    answers += [told(201, right), told(500, {"error": "internal_error"}),
                told(404, {"error": "no_such_code"}),
                told(200, right, **{"Content-Type": "text/x"})]
    for answer in answers:
        with pytest.raises(AssertionError):
            api.check("GET", url, answer)


def test_the_page_loads_nothing_from_elsewhere(nobody):
    page = nobody.get("//docs")
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"https?://|src\s*=|@import|url\(", page.text)
    assert '"/api/v1/openapi.json"' in page.text
