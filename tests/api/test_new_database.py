"""What changes cost in a database that nobody has analysed yet: as little as later. A new server
has half a minute of that, under load."""
import pytest

from support import postgres

TENANT = "00000000-0000-7000-8000-000000000001"
MOST_BLOCKS = 20  # of an index, for a row that is found by its key

FILL = f"""
ALTER TABLE customer_tag SET (autovacuum_enabled = false);
INSERT INTO tenant (id, name, created_at) VALUES ('{TENANT}', 'young', now());
INSERT INTO customer (id, tenant_id, external_id, customer_key, tags, created_at)
SELECT gen_random_uuid(), '{TENANT}', 'c' || n, n, '["all"]', now()
FROM generate_series(1, 20000) n;
INSERT INTO customer (id, tenant_id, external_id, customer_key, created_at)
VALUES (gen_random_uuid(), '{TENANT}', 'plain', 0, now())"""


@pytest.fixture(scope="module")
def young(server):
    with postgres.new_database(server, "young") as cursor:
        for statement in FILL.split(";\n"):
            cursor.execute(statement)
        yield cursor


def blocks(cursor):
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute("SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes "
                   "WHERE relname = 'customer_tag'")
    return cursor.fetchone()[0]


def tags(cursor, external_id):
    cursor.execute("SELECT array_agg(t.tag ORDER BY t.tag) FROM customer_tag t "
                   "JOIN customer c ON c.id = t.customer_uuid WHERE c.external_id = %s",
                   (external_id,))
    return cursor.fetchone()[0]


@pytest.mark.parametrize("external_id, change, left", [
    ("plain", '["new"]', ["new"]),
    ("c7", '["all", "new", "new"]', ["all", "new"]),
    ("c8", '["other"]', ["other"]),
    ("c9", "[]", None),
])
def test_a_customers_tags_are_found_by_their_key(young, external_id, change, left):
    for _ in range(2):  # the first plans, which reads of the index too
        young.execute("UPDATE customer SET tags = '[\"before\"]' WHERE external_id = %s "
                      "AND tenant_id = %s", (external_id, TENANT))
        before = blocks(young)
        young.execute("UPDATE customer SET tags = %s WHERE external_id = %s AND tenant_id = %s",
                      (change, external_id, TENANT))
        read = blocks(young) - before
    assert read <= MOST_BLOCKS
    assert tags(young, external_id) == left


def test_a_customer_that_goes_takes_its_tags_along(young):
    before = blocks(young)
    young.execute("DELETE FROM customer WHERE external_id = 'c10' RETURNING id")
    gone = young.fetchone()[0]
    assert blocks(young) - before <= MOST_BLOCKS
    young.execute("SELECT count(*) FROM customer_tag WHERE customer_uuid = %s", (gone,))
    assert young.fetchone()[0] == 0
