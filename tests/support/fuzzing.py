"""What a schema allows and what it does not, as strategies; requests as bytes that no client would
mend."""
import json
from http.client import HTTPConnection, HTTPException
from types import SimpleNamespace

from hypothesis import strategies as st

TEXTS = ["", " ", "0", "-1", "null", "true", "a" * 256, "ä" * 128, "\u0000", "\u202e", "💥", "'",
         '"', "\\", "{{", "%s%n", "../..", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
         "0000-00-00", "5m", "-5m", "11y", "1e400", "external:", "external:x"]
NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, -2**63, 1.5, 1e308, -0.0, 1e-320]
# JSON that no value of Python's writes.
RAW = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}{}", b'{"a":1,}', b"\xff\xfe",
       b"\xef\xbb\xbf{}", b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"a":1e999}',
       b'{"a":' + b"9" * 400 + b"}",
       b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", b'{"a":' * 200 + b"1" + b"}" * 200,
       b'{"a":1,"a":2}', b'{"a":NaN}', b"{'a':1}", b"\x00", b" " * 1000]

texts = st.sampled_from(TEXTS) | st.text(max_size=20)
numbers = (st.sampled_from(NUMBERS) | st.integers()
           | st.floats(allow_nan=False, allow_infinity=False))
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6)
SAMPLES = {"uuid": st.uuids().map(str), "date-time": st.just("2026-01-02T03:04:05Z"),
           "duration": st.sampled_from(["1s", "5m", "3d", "2w"]),
           "time": st.sampled_from(["00:00", "09:30"]), "uri": st.just("https://example.com/x")}


def right(schema, names):
    """Values that a schema allows. `names`: strategies for properties of that name."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices and "type" not in schema:
        return st.one_of(*[right(choice, names) for choice in choices])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return st.one_of(*[right({**schema, "type": kind}, names) for kind in kinds])
    return MAKERS.get(kinds, lambda *_: anything)(schema, names)


def right_object(schema, names):
    needed = set(schema.get("required", []))
    fields = {name: right(property, names) for name, property in
              schema.get("properties", {}).items()}
    fields.update({name: names[name] | fields[name] for name in names if name in fields})
    if not fields:
        return st.dictionaries(texts, anything, max_size=3)
    return st.fixed_dictionaries({name: fields[name] for name in fields if name in needed},
                                 optional={n: fields[n] for n in fields if n not in needed})


def right_array(schema, names):
    least = schema.get("minItems", 0)
    return st.lists(right(schema.get("items", {}), names), min_size=least,
                    max_size=max(least, min(3, schema.get("maxItems", 3))))


def right_text(schema, names):
    if schema.get("format") in SAMPLES:
        return SAMPLES[schema["format"]]
    least = schema.get("minLength", 0)
    return st.text(
        st.characters(blacklist_categories=["Cs", "Cc"]), min_size=least,
        max_size=max(least, min(20, schema.get("maxLength", 20))))


def right_number(schema, names):
    return st.integers(schema.get("minimum", -1000), min(schema.get("maximum", 1000), 10**6))


MAKERS = {"object": right_object, "array": right_array, "string": right_text,
          "integer": right_number, "number": right_number, "boolean": lambda *_: st.booleans(),
          "null": lambda *_: st.none()}


@st.composite
def broken(draw, schema, names):
    """A right object with something wrong in it, somewhere."""
    value = draw(right(schema, names))
    at = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], (dict, list)) and at[key] and draw(st.booleans()):
            at = at[key]
            continue
        if isinstance(at, dict) and draw(st.booleans()):
            del at[key]
        else:
            at[key] = draw(anything)
        break
    return value


def bodies(schema, names):
    """Bodies as bytes: mostly right or nearly so, some of anything."""
    def as_bytes(values):
        return values.map(lambda value: json.dumps(value).encode())
    made = as_bytes(right(schema, names))
    return st.one_of(made, made, as_bytes(broken(schema, names)), as_bytes(broken(schema, names)),
                     as_bytes(anything), st.sampled_from(RAW), st.binary(max_size=30),
                     made.map(lambda text: text[:len(text) // 2]))


class Wire:
    """Requests on one connection, as they are given."""

    def __init__(self, base):
        self.address, self.connection = base.removeprefix("http://"), None

    def send(self, method, target, headers, body):
        """The answer, as much of it as the document is held against."""
        for attempt in (1, 2):
            self.connection = self.connection or HTTPConnection(self.address, timeout=60)
            try:
                return self.exchange(method, target, headers, body)
            except (HTTPException, ConnectionError):
                # The server may have closed a connection that was idle; a new one it must answer.
                self.connection.close()
                self.connection = None
                if attempt == 2:
                    raise

    def exchange(self, method, target, headers, body):
        self.connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        content = answer.read()
        return SimpleNamespace(
            status_code=answer.status, content=content, text=content.decode(),
            headers={name.title(): value for name, value in answer.getheaders()},
            json=lambda: json.loads(content), request=SimpleNamespace(method=method))
