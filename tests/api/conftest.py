"""One server for the session, on a virtual clock, that runs tenants' code; a tenant of its own for
each test."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.client import Client, Tenant  # noqa: E402
from support.server import ADMIN_KEY, Server, binary, free_port  # noqa: E402

PORT = int(os.environ.get("KALCIFER_TEST_PORT", "0")) or free_port()
START = "2026-01-01T00:00:00Z"
# Tests send as fast as they can; those about limits set their tenant's own.
UNLIMITED = {"RATE_LIMIT_EVENTS_PER_SECOND": "0", "RATE_LIMIT_API_PER_MINUTE": "0",
             "RATE_LIMIT_TRIGGER_PER_MINUTE": "0"}
running = []


@pytest.fixture(scope="session")
def server():
    try:
        binary()
    except FileNotFoundError as error:
        pytest.exit(str(error), returncode=1)
    made = Server(port=PORT, arguments=["--virtual-clock", START],
                  environment={**UNLIMITED, "ENABLE_CUSTOM_CODE": "true"})
    try:
        made.start()
        running.append(made)
        yield made
        status = made.stop()
        assert status == 0, f"serve ended with {status} on SIGTERM:\n{made.log_tail()}"
        assert not made.sanitizer_reports(), made.log_tail(200)
    finally:
        running.clear()
        made.remove()


@pytest.fixture
def own():
    """A server of the test's own, on the real clock."""
    made = Server()
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture
def tenant(server):
    return Tenant(server.base)


@pytest.fixture
def other(server):
    """A second tenant."""
    return Tenant(server.base)


@pytest.fixture
def nobody(server):
    """Requests without a key."""
    return Client(server.base)


@pytest.fixture
def operator(server):
    return Client(server.base, ADMIN_KEY)


@pytest.fixture
def sql(server):
    """Rows of a statement, for what no route shows yet."""
    connection = server.database()

    def rows(statement, *parameters):
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    yield rows
    connection.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    item.log_began = running[0].log_path.stat().st_size if running else 0
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and running:
        with open(running[0].log_path, errors="replace") as log:
            log.seek(getattr(item, "log_began", 0))
            report.sections.append(("the server's log", "".join(log.readlines()[-60:])))
