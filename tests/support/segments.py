"""Segments: made and read over the API, and random rules with customers to hold them against."""
import uuid

OPERATORS = ["eq", "neq", "gt", "gte", "lt", "lte", "contains", "in", "not_in", "exists"]
WHOLE = 2 ** 53
NUMBERS = [0, 1, 1.0, -1, 2, 10, 49.99, 1e22, -0.5, WHOLE, WHOLE + 1, float(WHOLE), WHOLE + 2,
           float(WHOLE + 2), 2 ** 63 - 1, float(2 ** 63), -2 ** 63, 5e-324, 0.1]
TEXTS = ["", "a", "ab", "b", "B", "é", "z", "10", "9", "null", "true", "a.b", "日本", "Ω🙂", "\n",
         "ab" * 40]
KEYS = ["plan", "age", "list", "deep", "0", "01", "é", "none"]
FIELDS = ["email", "phone", "name", "tags", "timezone", "plan", "age", "list", "deep", "deep.plan",
          "deep.list.0", "list.0", "list.1", "list.01", "list.99999999999", "tags.0", "deep.0",
          "list.0.plan", "none", "none.x", "é", "deep.deep.age", "email.x"]


def new(tenant, **fields):
    body = {"name": f"segment {uuid.uuid4()}", **fields}
    return tenant.ok("POST", "/segments", body, 201)["data"]["id"]


def members(tenant, segment, limit=500):
    """External ids on all pages, sorted: at one instant of the clock none is the newest."""
    found, cursor = [], None
    while True:
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = tenant.ok("GET", f"/segments/{segment}/members", params=params)
        assert len(page["data"]) <= limit
        found += [member["external_id"] for member in page["data"]]
        cursor = page["next_cursor"]
        if not cursor:
            return sorted(found)


def scalar(random):
    return random.choice([None, True, False, random.choice(NUMBERS), random.choice(NUMBERS),
                          random.choice(TEXTS), random.choice(TEXTS)])


def value(random, depth=2):
    kind = random.random()
    if depth == 0 or kind < 0.6:
        return scalar(random)
    if kind < 0.8:
        return [value(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): value(random, depth - 1) for _ in range(random.randrange(4))}


def tags(random):
    return random.sample([text for text in TEXTS if text], random.randrange(4))


def customer(random, external_id):
    made = {"external_id": external_id, "tags": tags(random),
            "properties": {key: value(random) for key in random.sample(KEYS, 5)}}
    for column in ("email", "phone", "name"):
        if random.random() < 0.7:
            made[column] = random.choice(TEXTS)
    if random.random() < 0.5:
        made["timezone"] = random.choice(["UTC", "Europe/Berlin", "Asia/Tokyo"])
    return made


def seen(customers, field, random):
    """What some customer has there, so that rules often hold."""
    at = random.choice(customers)
    whole = at if field in ("email", "phone", "name", "tags", "timezone") else at["properties"]
    for key in field.split("."):
        if isinstance(whole, dict):
            whole = whole.get(key)
        elif isinstance(whole, list) and key.isdigit() and int(key) < len(whole):
            whole = whole[int(key)]
        else:
            return None
    return whole


def rule(random, customers):
    field, operator = random.choice(FIELDS), random.choice(OPERATORS)
    expected = seen(customers, field, random) if random.random() < 0.6 else value(random)
    if operator in ("in", "not_in"):
        expected = [expected, *(value(random, 1) for _ in range(random.randrange(3)))]
    elif operator == "contains" and isinstance(expected, list) and expected:
        expected = random.choice(expected)
    return {"field": field, "operator": operator, "value": expected}
