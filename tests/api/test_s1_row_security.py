"""Section 1: PostgreSQL row level security enforces tenancy below the code. Each statement of the
API runs here as the API's role with the second tenant set and the first tenant's ids, without the
conditions on the tenant that it may have."""
import itertools
import re

import psycopg2
import pytest

from support.client import Tenant
from support.graphs import chain, node
from support.server import ROOT

ROLE = "kalcifer_api"
SECRET = "only-of-the-first"
CONDITION = re.compile(r"(?:\w+\.)?tenant_id\s*=\s*(\$\d+(?:::uuid)?|\w+\.tenant_id)")
SENDS = re.compile(r"(?<!== )kal_engine_writes")  # comparing is not sending
TABLE = re.compile(r"^\| (`api_.*?) \| (`.*?) \| .+ \|$", re.M)
NIL, NEW = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"
# What a statement's texts and numbers are, in their order.
TEXTS = [*([text] * 9 for text in (None, SECRET, "active")), [None, SECRET] + [None] * 7,
         ["of the second", None, "static"] + [None] * 6, ["own_type"] * 9]
PLUGIN = """return { type = 'own_type', version = '1', summary = 'only-of-the-first',
  execute = function() end }"""
NUMBERS = [[500] * 9, [1] * 9, [2, 1] + [None] * 7, [500] + [None] * 8]


def owner_table():
    """What api/README.md says runs as the owner: the statements, and the files that send them."""
    rows = TABLE.findall((ROOT / "api/README.md").read_text())
    assert rows
    return [{name for row in rows for name in re.findall(r"`(.*?)`", row[column])}
            for column in (0, 1)]


OWNER_STATEMENTS, OWNER_FILES = owner_table()
ECHO = "api_segment_member_unknown"
STATEMENTS = {path.stem: path.read_text()
              for path in sorted((ROOT / "engine/store/queries").glob("api_*.sql"))}


def without_tenant(text):
    """The statement less its conditions on the tenant; their parameters stay."""
    return CONDITION.sub(lambda found: f"({found[1]} IS NOT NULL OR true)", text)


class Session:
    """Statements as the API's role; nothing of them is kept."""

    def __init__(self, server):
        self.connection = server.database()
        self.connection.autocommit = False
        self.cursor = self.connection.cursor()

    def prepare(self, text):
        """Makes the statement the one that runs; the types of its parameters."""
        self.cursor.execute("DEALLOCATE ALL")
        self.cursor.execute("PREPARE asked AS " + text.replace("%", "%%"))
        self.cursor.execute("SELECT parameter_types::text[] FROM pg_prepared_statements")
        types = self.cursor.fetchone()[0]
        self.connection.commit()
        return types

    def run(self, tenant, types, values, look=None):
        """(rows, how many were touched, look() when something was written) of the prepared
        statement."""
        arguments = ", ".join(f"%s::{type}" for type in types)
        try:
            self.cursor.execute(f"SET LOCAL ROLE {ROLE}; SELECT set_config('app.tenant', %s, true);"
                                "EXECUTE asked" + (f" ({arguments})" if types else ""),
                                (tenant, *values))
            touched = self.cursor.rowcount
            rows = self.cursor.fetchall() if self.cursor.description else []
            self.cursor.execute("RESET ROLE; SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) "
                                "FROM pg_stat_xact_user_tables")
            wrote = self.cursor.fetchone()[0] > 0
            return rows, touched, look() if look and wrote else None
        finally:
            self.connection.rollback()

    def rows_of(self, tenant):
        """A digest of all that a tenant has, by table."""
        self.cursor.execute("SELECT c.relname FROM pg_attribute a JOIN pg_class c "
                            "ON c.oid = a.attrelid WHERE a.attname = 'tenant_id' "
                            "AND c.relkind IN ('r', 'p') AND NOT c.relispartition")
        found = {}
        for table, in self.cursor.fetchall():
            self.cursor.execute(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) "
                                f"FROM {table} t WHERE tenant_id = %s", (tenant,))
            found[table] = self.cursor.fetchone()[0]
        return found


@pytest.fixture(scope="module")
def session(server):
    made = Session(server)
    yield made
    made.connection.close()


class World:
    def __init__(self, server, session):
        self.first, self.second = Tenant(server.base), Tenant(server.base)
        self.flow, paused = (self.first.new_flow(chain(node("w", "wait", duration="30d")),
                                                 name=SECRET) for _ in range(2))
        self.first.move(paused, "pause")
        self.draft = self.first.draft(chain(), name=SECRET)
        self.bare = self.first.ok("POST", "/flows", {"name": SECRET}, 201)["data"]["id"]
        journeys = [self.first.ok("POST", "/journeys", {"name": SECRET, "flow_id": flow},
                                  201)["data"]["id"] for flow in (self.flow, self.draft)]
        self.first.ok("POST", f"/journeys/{journeys[0]}/launch")
        self.first.ok("POST", f"/flows/{self.flow}/versions", {"graph": chain()}, 201)
        self.first.event(SECRET, "start")
        self.instance = self.first.instance_of(self.flow, SECRET)["id"]
        segment = self.first.ok("POST", "/segments", {"name": SECRET, "type": "static"},
                                201)["data"]["id"]
        self.first.ok("POST", f"/segments/{segment}/members", {"customer_ids": [SECRET]})
        self.first.ok("POST", "/plugins", {"source": PLUGIN}, 201)
        key = self.first.ok("POST", "/api-keys", {"name": SECRET, "role": "viewer"}, 201)["data"]
        self.ids = [*journeys, paused, self.flow, self.draft, self.bare, self.instance, segment,
                    key["id"], self.first.id, self.first.customer(SECRET)["id"]]
        session.cursor.execute("SELECT customer_key FROM customer WHERE tenant_id = %s",
                               (self.first.id,))
        self.key = session.cursor.fetchone()[0]
        session.connection.rollback()
        self.before = session.rows_of(self.first.id)
        session.connection.rollback()

    def choices(self):
        """An id with none, itself, a new one or a flow's after it; where there are more, a flow's
        that nothing uses. Texts and numbers as they come in the API."""
        for id in (NIL, *self.ids):
            yield from itertools.product([id], (None, self.flow), TEXTS, NUMBERS)
            yield from itertools.product([id], (id, NEW, self.bare), TEXTS[:2], NUMBERS[:1])
        yield from itertools.product([NEW], (self.first.id, self.bare), TEXTS[1:], NUMBERS[:1])

    def values(self, types):
        """Each choice once, as a statement's parameters; the rest so that nothing is left out."""
        known = set()
        for id, second, text, numbers in self.choices():
            ids = itertools.chain([id, second], itertools.repeat(self.bare))
            texts, counts = iter(text), iter(numbers)
            spans = types.count("timestamp with time zone") > 1
            times = iter((["2000-01-01T00:00:00Z"] if spans else []) + ["2030-01-01T00:00:00Z"] * 9)
            given = {"uuid": lambda: next(ids), "text": lambda: next(texts),
                     "integer": lambda: next(counts), "bigint": lambda: self.key,
                     "boolean": lambda: True, "json": lambda: "{}", "jsonb": lambda: "{}",
                     "timestamp with time zone": lambda: next(times), "text[]": lambda: [SECRET]}
            values = tuple(given[type]() if type in given else None for type in types)
            if repr(values) not in known:
                known.add(repr(values))
                yield values


@pytest.fixture(scope="module")
def world(server, session):
    return World(server, session)


def test_conditions_on_the_tenant_are_deleted_from_the_copy():
    text = "SELECT 1 FROM a JOIN b ON b.tenant_id = a.tenant_id WHERE a.tenant_id = $2::uuid AND x"
    assert without_tenant(text) == ("SELECT 1 FROM a JOIN b ON (a.tenant_id IS NOT NULL OR true) "
                                    "WHERE ($2::uuid IS NOT NULL OR true) AND x")


def test_an_id_of_another_s_customer_is_unknown(session, world):
    """This statement shows what it was given and did not find."""
    types = session.prepare(without_tenant(STATEMENTS[ECHO]))
    assert session.run(world.first.id, types, ([SECRET],))[0] == []
    assert session.run(world.second.id, types, ([SECRET],))[0] == [(SECRET,)]


@pytest.mark.parametrize("name", [name for name in STATEMENTS
                                  if name not in OWNER_STATEMENTS and name != ECHO])
def test_a_statement_without_its_tenant_finds_nothing_of_another(session, world, name):
    text = STATEMENTS[name]
    types, found = session.prepare(text), False
    for values in world.values(types):
        try:
            found = session.run(world.first.id, types, values)[1] > 0
        except psycopg2.errors.InsufficientPrivilege as error:
            assert "row-level security" in str(error), f"{name} is the owner's: {error}"
        except psycopg2.Error:
            continue  # values that do not fit together
        if found:
            break
    assert found, "its own tenant finds nothing either: this shows nothing"
    session.prepare(without_tenant(text))
    for values in world.values(types):
        try:
            rows, _, after = session.run(world.second.id, types, values,
                                         lambda: session.rows_of(world.first.id))
        except psycopg2.Error:
            continue  # refused
        shown = [mark for mark in (SECRET, *world.ids) if mark in str(rows)]
        assert not shown, f"{values}: {rows}"
        assert after in (None, world.before), f"{values}: something of the first tenant's changed"


def test_the_api_s_role_owns_and_bypasses_nothing(sql):
    assert sql("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin "
               "FROM pg_roles WHERE rolname = %s", ROLE) == [(False,) * 5]
    assert sql("SELECT relname FROM pg_class WHERE relowner = %s::regrole", ROLE) == []
    assert sql("SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole",
               ROLE) == []


def test_every_table_that_the_role_may_touch_is_under_row_security(sql):
    open_tables = sql(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
        "AND c.relkind IN ('r', 'p', 'v', 'm') "
        "AND has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') "
        "AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid "
        "AND pg_get_expr(p.polqual, p.polrelid) LIKE '%%app.tenant%%'))", ROLE)
    assert open_tables == []


def test_no_function_lends_the_role_the_owner_s_rights(sql):
    assert sql("SELECT proname FROM pg_proc WHERE prosecdef "
               "AND pronamespace = 'public'::regnamespace") == [("kal_audit",)]


def test_without_a_tenant_the_role_sees_nothing(session, world):
    for table in ("flow", "flow_version", "customer", "instance", "step"):
        session.cursor.execute(f"SET LOCAL ROLE {ROLE}")
        session.cursor.execute(f"SELECT count(*) FROM {table}")
        assert session.cursor.fetchone() == (0,)
        session.connection.rollback()


def test_only_what_the_readme_names_runs_as_the_owner():
    users = {str(path.relative_to(ROOT / "api")) for path in (ROOT / "api").rglob("*.c")
             if SENDS.search(path.read_text())}
    assert users and users <= OWNER_FILES
    for name in OWNER_STATEMENTS:
        assert name in STATEMENTS, f"{name} is in api/README.md and nowhere else"
