"""The program as a process, in a temporary data directory."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import requests

from support import postgres

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADMIN_KEY = "operator-of-the-tests"
SANITIZER = re.compile(
    r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def binary():
    """KALCIFER_BIN, else what was built last of the usual places."""
    given = os.environ.get("KALCIFER_BIN")
    built = [ROOT / "build" / preset / "kalcifer" for preset in ("release", "dev")]
    found = [pathlib.Path(given)] if given else sorted(
        (p for p in built if p.exists()), key=lambda p: -p.stat().st_mtime)
    if not found or not found[0].exists():
        raise FileNotFoundError(f"no kalcifer to test: {given or 'build it or set KALCIFER_BIN'}")
    return found[0]


def free_port(wanted=0):
    """The wanted port when nobody has it, else any other."""
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", wanted))
        except OSError:
            s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def temporary_directory(prefix="kalcifer-"):
    """A directory that PostgreSQL's own user may pass."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    return path


def until(condition, seconds, what, pause=0.02):
    """The first truthy value of condition(); raises when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Server:
    """One data directory and the process that serves it; may be started many times."""

    def __init__(self, port=None, data=None, arguments=(), environment=None):
        self.owns_data = data is None
        self.data = pathlib.Path(data or temporary_directory())
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.arguments = list(arguments)
        self.environment = environment or {}
        self.log_path = self.data / "kalcifer.log"
        self.process = None

    def run_environment(self):
        """Ours, without the settings of whoever runs the tests."""
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith("KALCIFER_") and name != "DATABASE_URL"}
        return {**kept, "KALCIFER_HOME": str(ROOT), "KALCIFER_DATA_DIR": str(self.data),
                "PORT": str(self.port), "KALCIFER_ADMIN_KEY": ADMIN_KEY, **self.environment}

    def command(self, *arguments, environment=None):
        """Another command of the program on the same data directory."""
        environment = {**self.run_environment(), **(environment or {})}
        return subprocess.run([binary(), *arguments], env=environment, timeout=120,
                              capture_output=True, text=True)

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([binary(), "serve", *self.arguments],
                                            env=self.run_environment(), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(
                f"kalcifer ended with {self.process.returncode}; its log:\n{self.log_tail()}")
        try:
            return requests.get(self.base + "/health/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def start(self, seconds=90):
        self.spawn()
        until(self.is_ready, seconds, "/health/ready", pause=0.01)
        return self

    def kill(self):
        """kill -9: PostgreSQL goes on."""
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=60):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def remove(self):
        """Ends whatever still runs and deletes the data."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        postgres.stop_private(self.data)
        if self.owns_data:
            shutil.rmtree(self.data, ignore_errors=True)

    def database(self):
        return postgres.connect_private(self.data)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def sanitizer_reports(self):
        return [line for line in self.log().splitlines() if SANITIZER.search(line)]
