"""Values for the API's schemas: right ones, as small as may be, with what a test gives by name."""

FORMATS = {"uuid": "00000000-0000-7000-8000-000000000000", "date-time": "2026-01-01T00:00:00Z",
           "uri": "https://example.com/"}


def is_ref_name(name):
    return name == "id" or name.endswith(("_id", "_ids"))


def example(schema, given, name=None):
    """A right value. `given` has values by the names of properties; of those that a schema does not
    ask for, only ids are written."""
    if name in given:
        return given[name]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices and "type" not in schema:
        return example(choices[0], given, name)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    return MAKERS[kind](schema, given, name)


def example_object(schema, given, _):
    needed = set(schema.get("required", []))
    return {name: example(property, given, name)
            for name, property in schema.get("properties", {}).items()
            if name in needed or (name in given and is_ref_name(name) and name != "id")}


def example_array(schema, given, name):
    item = example(schema.get("items", {"type": "string"}), given, name and name.rstrip("s"))
    return [item] * max(1, schema.get("minItems", 1))


def example_text(schema, given, name):
    return FORMATS.get(schema.get("format"), "x" * max(1, schema.get("minLength", 1)))


MAKERS = {"object": example_object, "array": example_array, "string": example_text,
          "integer": lambda schema, *_: schema.get("minimum", 1),
          "number": lambda schema, *_: schema.get("minimum", 1),
          "boolean": lambda *_: False, "null": lambda *_: None}
