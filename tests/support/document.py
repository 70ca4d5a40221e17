"""The API's own document, and answers held against it: status, type, every field, no field more."""
import re
from urllib.parse import urlsplit

import jsonschema
import requests

from support.server import binary

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
formats = jsonschema.FormatChecker(["uuid"])
formats.checks("date-time")(lambda value: not isinstance(value, str) or bool(TIME.fullmatch(value)))
known = {}


class Document:
    """What a program says of its API."""

    def __init__(self, text):
        self.text = text
        self.resolved = {}
        self.validators = {}
        self.routes = []
        # Names before parameters, as a reader would have it: /flows/new is not the flow "new".
        for path in sorted(text["paths"], key=lambda path: path.count("{")):
            pattern = re.sub(r"\{\w+\}", "[^/]+", re.sub(r"[.]", r"\\.", path))
            self.routes.append((re.compile(pattern), path))

    def operations(self):
        """(method, path, operation) of every route."""
        return [(method.upper(), path, operation) for path, item in self.text["paths"].items()
                for method, operation in item.items()]

    def find(self, path):
        """The path of the document that a request's path fits; None when there is none."""
        return next((known for pattern, known in self.routes if pattern.fullmatch(path)), None)

    def at(self, ref):
        value = self.text
        for part in ref.removeprefix("#/").split("/"):
            value = value[part]
        return value

    def resolve(self, value, closed=False):
        """A schema with what it refers to put in its place. Closed: an object has the properties
        that are named, no others."""
        if isinstance(value, list):
            return [self.resolve(item, closed) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            key = (value["$ref"], closed)
            if key not in self.resolved:
                self.resolved[key] = {}  # a schema may lie within itself
                self.resolved[key].update(self.resolve(self.at(value["$ref"]), closed))
            return self.resolved[key]
        made = {name: self.resolve(item, closed) for name, item in value.items()}
        if closed and isinstance(made.get("properties"), dict):
            made.setdefault("additionalProperties", False)
        return made

    def validator(self, key, schema):
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator(
                self.resolve(schema, closed=True), format_checker=formats)
        return self.validators[key]

    def content(self, method, path, status):
        """What an answer may be, by its content type; None when the status is not in the document.
        """
        item = self.text["paths"].get(path, {})
        if path is None or method not in item:
            errors = {404} if path is None else {404, 405}  # a path may be too long, too
            return {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}} \
                if status in errors else None
        response = item[method]["responses"].get(str(status))
        if response is None:
            return None
        return self.resolve(response).get("content", {})

    def check(self, method, url, answer):
        """Raises when an answer is not as the document says."""
        path, status = self.find(urlsplit(url).path), answer.status_code
        method = "get" if method == "HEAD" else method.lower()
        key = (method, path, status)
        content = self.content(*key)
        where = f"{method.upper()} {path or url}: {status} {answer.text[:500]}"
        assert content is not None, f"{where}: the status is not in the document"
        assert "X-Request-Id" in answer.headers, f"{where}: no X-Request-Id"
        type = answer.headers.get("Content-Type", "").partition(";")[0]
        if not content:
            assert not answer.content and not type, f"{where}: a body that is not in the document"
            return
        assert type in content, f"{where}: {type} is not in the document"
        if type != "application/json" or answer.request.method == "HEAD":
            return
        problem = jsonschema.exceptions.best_match(
            self.validator(key, content[type]["schema"]).iter_errors(answer.json()))
        assert problem is None, \
            f"{where}: {'/'.join(map(str, problem.absolute_path))}: {problem.message[:500]}"


def of(base):
    """The document of a server's program: the same for all servers of a run."""
    program = binary()
    if program not in known:
        answer = requests.get(base + "/api/v1/openapi.json", timeout=60)
        assert answer.status_code == 200, answer.text
        known[program] = Document(answer.json())
    return known[program]
