"""Section 1: a list costs what a page costs, however much there is. Every list statement (a file
api_*.sql with a LIMIT by parameter) is planned as the API runs it: prepared, under row level
security."""
import os
import re

import pytest

from support import postgres
from support.server import ROOT

QUERIES = ROOT / "engine" / "store" / "queries"
LISTS = sorted(path.stem for path in QUERIES.glob("api_*.sql")
               if re.search(r"LIMIT \$\d", path.read_text()))
ROWS = 1_000_000 if os.environ.get("KALCIFER_LONG") == "1" else 200_000
PAGE = 51
MOST = 20 * PAGE  # rows that a node may look at, in all its loops
DEAR = ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin", "material")
# A tenant's own lookup tables, which no customer makes larger.
SMALL = {"tenant"}
TENANT, FLOW, CUSTOMER, INSTANCE = (f"00000000-0000-7000-8000-{n:012d}" for n in (1, 2, 3, 4))
HALF = f"00000000-0000-7000-9000-{ROWS // 2:012x}"

FLOW_HALF = f"00000000-0000-7000-9000-{ROWS // 20:012x}"


def uuid_of(number):
    """SQL of an id in the order of its number."""
    return f"('00000000-0000-7000-9000-' || lpad(to_hex({number}), 12, '0'))::uuid"


# One tenant has nearly everything, of one flow, and of one customer and instance a fifth.
FILL = f"""
INSERT INTO tenant (id, name, created_at) SELECT {uuid_of('n')}, n::text, now()
FROM generate_series(2, 20) n;
INSERT INTO tenant (id, name, created_at) VALUES ('{TENANT}', 'large', now());
ALTER TABLE flow DISABLE TRIGGER USER;
ALTER TABLE flow_version DISABLE TRIGGER USER;
INSERT INTO audit_log (tenant_id, number, at, actor, action, object_type, object_id, previous, hash)
SELECT '{TENANT}', 100 + n, now(), 'key ' || n % 100, 'updated', 'flow', n % 1000, '', ''
FROM generate_series(1, {{rows}}) n;
INSERT INTO flow (id, tenant_id, name, status, created_at, updated_at)
SELECT {uuid_of('n')}, '{TENANT}', 'f', CASE n % 5000 WHEN 0 THEN 'paused' ELSE 'draft' END,
    now(), now()
FROM generate_series(1, {{rows}} / 10) n;
INSERT INTO flow (id, tenant_id, name, status, created_at, updated_at)
VALUES ('{FLOW}', '{TENANT}', 'large', 'active', now(), now());
INSERT INTO flow_version (flow_id, number, tenant_id, graph, created_at)
SELECT '{FLOW}', n, '{TENANT}', '{{{{"nodes":[{{{{"id":"w","type":"wait"}}}}]}}}}', now()
FROM generate_series(1, {{rows}} / 100) n;
INSERT INTO flow_version (flow_id, number, tenant_id, graph, created_at)
SELECT id, 1, tenant_id, '{{{{}}}}', now() FROM flow WHERE id <> '{FLOW}';
ALTER TABLE customer DISABLE TRIGGER USER;
INSERT INTO customer (id, tenant_id, external_id, customer_key, email, tags, created_at)
SELECT {uuid_of('n')}, '{TENANT}', 'c' || n, n, (n % 10) || '@x',
    json_build_array('all', 't' || n % 1000), now()
FROM generate_series(1, {{rows}}) n;
INSERT INTO customer_tag SELECT '{TENANT}', tag, id
FROM customer CROSS JOIN json_array_elements_text(tags) tag;
INSERT INTO customer (id, tenant_id, external_id, customer_key, created_at)
VALUES ('{CUSTOMER}', '{TENANT}', 'large', 0, now());
INSERT INTO instance (id, tenant_id, flow_id, version, customer_uuid, customer_id, customer_key,
    shard, status, context, entered_at)
SELECT {uuid_of('n')}, '{TENANT}', '{FLOW}', 1,
    CASE n % 5 WHEN 0 THEN '{CUSTOMER}' ELSE {uuid_of('n')} END,
    CASE n % 5 WHEN 0 THEN 'large' ELSE 'c' || n END, CASE n % 5 WHEN 0 THEN 0 ELSE n END, 0,
    CASE WHEN n = 7 THEN 'failed' ELSE 'completed' END, '{{{{}}}}', now()
FROM generate_series(1, {{rows}}) n;
INSERT INTO step (id, instance_id, tenant_id, node_id, node_type, version, status, started_at,
    completed_at)
SELECT {uuid_of('n')}, CASE n % 5 WHEN 0 THEN '{INSTANCE}' ELSE {uuid_of('n')} END, '{TENANT}',
    'w', 'wait', 1, 'completed', now(), now()
FROM generate_series(1, {{rows}}) n;
ANALYZE"""

# What they are asked for: of each parameter, as text, null but for these.
ASKED = {
    "api_audit_list": [{}, {1: "5000"}],
    "api_flow_list": [{}, {1: FLOW_HALF}, {1: FLOW_HALF, 3: "draft"}],
    "api_version_list": [{1: FLOW}, {1: FLOW, 2: "500"}],
    "api_instance_list": [{1: FLOW}, {1: FLOW, 2: HALF}, {1: FLOW, 4: "completed"},
                          {1: FLOW, 4: "failed"}, {1: FLOW, 4: "running"}, {1: FLOW, 5: "1"}],
    "api_instance_of_customer": [{1: FLOW, 7: "large", 8: "0"}],
    "api_customer_instances": [{1: CUSTOMER}, {2: "large"}, {2: "large", 3: HALF}],
    "api_step_list": [{1: INSTANCE}, {1: INSTANCE, 2: HALF}],
    "api_customer_list": [{}, {1: HALF}, {3: "c77"}, {4: "3@x"}, {1: HALF, 4: "3@x"}, {5: "all"},
                          {1: HALF, 5: "all"}, {5: "t7"},
                          {3: "c77", 4: "7@x", 5: "all"}],
}


@pytest.fixture(scope="module")
def database(server):
    """A database of its own, with many rows; statements run as the API's role."""
    with postgres.new_database(server, "lists") as cursor:
        for statement in FILL.format(rows=ROWS).split(";\n"):
            cursor.execute(statement)
        cursor.execute("SET plan_cache_mode = force_generic_plan; SET jit = off;"
                       "SET ROLE kalcifer_api; SELECT set_config('app.tenant', %s, false)",
                       (TENANT,))
        yield cursor


def prepare(cursor, name):
    """Prepares the statement; how many parameters it has."""
    text = (QUERIES / f"{name}.sql").read_text()
    cursor.execute("DEALLOCATE ALL")
    cursor.execute("PREPARE listing AS " + text)
    return max(int(number) for number in re.findall(r"\$(\d+)", text))


def call_of(values):
    return f"EXECUTE listing ({', '.join(['%s'] * len(values))})"


def explain(cursor, options, values):
    cursor.execute(f"EXPLAIN ({options}FORMAT JSON) {call_of(values)}", values)
    return list(nodes(cursor.fetchone()[0][0]["Plan"]))


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def shape(node):
    return [node["Node Type"], node.get("Join Type"), *map(shape, node.get("Plans", []))]


def limit_of(text):
    return int(re.search(r"LIMIT \$(\d+)", text).group(1))


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_read_by_an_index(database, name):
    """Where there is an index to read in order, nothing else is planned when all else is dear."""
    prepared = prepare(database, name)
    for kind in DEAR:
        database.execute(f"SET enable_{kind} = off")
    try:
        plan = explain(database, "", [None] * prepared)
    finally:
        for kind in DEAR:
            database.execute(f"RESET enable_{kind}")
    for node in plan:
        kind, table = node["Node Type"], node.get("Relation Name")
        assert not re.search(r"[<>] COALESCE\(", node.get("Filter", "")), (
            f"{name}: row level security keeps what it takes for leaky out of index conditions, "
            "coalesce(…) too; (SELECT coalesce(…)) goes in")
        assert kind != "Seq Scan" or table in SMALL, f"{name} reads all of {table}"
        if kind.startswith("Index") and table not in SMALL:
            assert "Index Cond" in node, f"{name} reads the whole index {node['Index Name']}"
        if kind in ("Sort", "Incremental Sort"):
            assert is_page(node), f"{name} sorts more than a page: {shape(node)}"


def is_page(node):
    """The node gives at most a page: it is a LIMIT, or made of nothing else."""
    if node["Node Type"] in ("Limit", "CTE Scan"):
        return True
    kept = {"Left": ["Outer"], "Right": ["Inner"]}.get(node.get("Join Type"),
                                                       ["Outer", "Inner", "Member", "Subquery"])
    parts = [one for one in node.get("Plans", []) if one["Parent Relationship"] in kept]
    return bool(parts) and all(is_page(one) for one in parts)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_page_costs_a_page(database, name):
    """What is really read of many rows, for a page in the middle of them."""
    prepared = prepare(database, name)
    limit = limit_of((QUERIES / f"{name}.sql").read_text())
    for asked in ASKED[name]:
        values = [asked.get(number, str(PAGE) if number == limit else None)
                  for number in range(1, prepared + 1)]
        for node in explain(database, "ANALYZE, TIMING OFF, ", values):
            rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            read = rows * node["Actual Loops"]
            assert read <= MOST, f"{name} {asked}: {node['Node Type']} looks at {read} rows"
        database.execute(call_of(values), values)
        found = database.fetchall()
        assert found or asked.get(4) == "running", f"{name} {asked} finds nothing"


def test_every_list_was_asked():
    assert set(ASKED) <= set(LISTS), "a statement is gone, or no list any more"
