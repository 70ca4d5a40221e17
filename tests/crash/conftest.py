"""How much: KALCIFER_LONG=1 gives what a release must pass, else what a change must."""
import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

SMALL = {"engine_kills": 4, "postgres_kills": 1, "in_flight": 1000, "passes": (1,), "cuts": 20,
         "takeovers": 1, "wait_seconds": 2, "members": 900}
FULL = {"engine_kills": 20, "postgres_kills": 2, "in_flight": 20000, "passes": (1, 2, 5, 13),
        "cuts": 500, "takeovers": 20, "wait_seconds": 10, "members": 3600}
SCALE = FULL if os.environ.get("KALCIFER_LONG") == "1" else SMALL


def pytest_generate_tests(metafunc):
    if "nth" in metafunc.fixturenames:
        metafunc.parametrize("nth", SCALE["passes"])


@pytest.fixture(scope="session")
def scale():
    return SCALE


@pytest.fixture
def dice():
    """Chance that a failure's message lets you repeat."""
    seed = int(os.environ.get("CRASH_SEED") or random.randrange(1 << 32))
    print(f"CRASH_SEED={seed}")
    return random.Random(seed)
