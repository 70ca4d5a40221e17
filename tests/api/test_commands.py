"""Commands of the program beside a server."""
import json
import pathlib

import pytest

from support.client import Client
from support.server import Server, until


@pytest.fixture
def fresh():
    """A data directory in which nothing has run yet."""
    made = Server()
    yield made
    made.remove()


def test_a_command_waits_for_a_server_that_starts(fresh):
    fresh.spawn()
    until(lambda: list(fresh.data.glob("postgres*")), 60, "initdb has begun", pause=0.001)
    made = fresh.command("tenant", "create", "early")
    until(fresh.is_ready, 90, "/health/ready")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)["api_key"]
    assert Client(fresh.base, key).get("/flows").status_code == 200
    assert fresh.stop() == 0


def test_a_command_does_without_a_server(fresh):
    for name in ("one", "two"):
        made = fresh.command("tenant", "create", name)
        assert made.returncode == 0, made.stderr
    assert fresh.command("tenant", "create", "two").returncode == 1
    assert not (fresh.data / "postgres/postmaster.pid").exists()


def test_the_doctor_names_the_programs_that_would_run(fresh):
    def binaries():
        checks = json.loads(fresh.command("doctor", "--json").stdout)["checks"]
        return next(check for check in checks if check["name"] == "binaries")

    assert (pathlib.Path(binaries()["found"]) / "initdb").exists()
    (fresh.data / "postgres").mkdir()
    (fresh.data / "postgres/PG_VERSION").write_text("8\n")
    assert not binaries()["ok"] and "PostgreSQL 8" in binaries()["found"]
