"""PostgreSQL for tests: the program's private cluster, or one of a test's own."""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2

# As the private cluster's (engine/store), so that figures of either compare.
MEGABYTES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
SETTINGS = {"listen_addresses": "''", "max_connections": 200,
            "shared_buffers": f"{min(1024, max(64, MEGABYTES // 8))}MB",
            "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
            "wal_level": "minimal", "max_wal_senders": 0, "max_wal_size": "4GB",
            "wal_buffers": "16MB", "checkpoint_timeout": "15min", "random_page_cost": 1.1,
            "jit": "off", "max_parallel_workers_per_gather": 0, "autovacuum_naptime": "30s",
            "autovacuum_vacuum_cost_limit": 1000, "timezone": "UTC"}


def bindir():
    return pathlib.Path(subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True,
                                       text=True).stdout.strip())


def postmaster(cluster):
    """{pid, socket, port} of the server that runs in a cluster's directory; None when none does."""
    try:
        lines = (pathlib.Path(cluster) / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
        os.kill(pid, 0)
        return {"pid": pid, "port": lines[3], "socket": lines[4]}
    except (OSError, ValueError, IndexError):
        return None


def family(cluster):
    """Process ids of the server that runs in a cluster's directory, the postmaster's first."""
    server = postmaster(cluster)
    if not server:
        return []
    found = [server["pid"]]
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
        if parent == server["pid"]:
            found.append(int(stat.parent.name))
    return found


def signal_all(cluster, number):
    """The signal to each of the family; one that ends meanwhile is done with."""
    for pid in family(cluster):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def private_conninfo(data):
    """How to reach the private cluster of a data directory: the first way that it lets in."""
    cluster = pathlib.Path(data) / "postgres"
    server = postmaster(cluster)
    if not server:
        raise ConnectionError(f"no PostgreSQL runs in {cluster}")
    owner = pwd.getpwuid(cluster.stat().st_uid).pw_name
    tried = []
    for user in dict.fromkeys(("kalcifer", owner, "postgres")):
        conninfo = f"host={server['socket']} port={server['port']} dbname=kalcifer user={user}"
        try:
            psycopg2.connect(conninfo).close()
            return conninfo
        except psycopg2.OperationalError as error:
            tried.append(f"{user}: {error}")
    raise ConnectionError("; ".join(tried))


def connect_private(data):
    return connect(private_conninfo(data))


def connect(conninfo):
    connection = psycopg2.connect(conninfo)
    connection.autocommit = True
    return connection


@contextlib.contextmanager
def new_database(server, name):
    """A cursor on a database of its own, migrated and empty, beside that of a server that runs."""
    conninfo = re.sub(r"dbname=\S+", "", private_conninfo(server.data)) + f" dbname={name}"
    connection = server.database()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    made = server.command("migrate", environment={"DATABASE_URL": conninfo})
    assert made.returncode == 0, made.stderr
    database = connect(conninfo)
    with database.cursor() as cursor:
        yield cursor
    database.close()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def stop_private(data):
    """Ends the private cluster when the program left it running."""
    server = postmaster(pathlib.Path(data) / "postgres")
    if server:
        end(server["pid"])


def end(pid, seconds=20):
    deadline = time.monotonic() + seconds
    how = signal.SIGINT
    while True:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return
        if time.monotonic() > deadline:
            how = signal.SIGQUIT
        time.sleep(0.1)


class Cluster:
    """A cluster of its own: unix socket only, fsync on, trusting whoever reaches the socket."""

    def __init__(self, settings=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="kalpg-"))
        self.settings = {**SETTINGS, **(settings or {})}
        self.user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.home, account.pw_uid, account.pw_gid)
            self.user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self.home.chmod(0o755)
        self.data = self.home / "data"
        self.conninfo = f"host={self.home} port=5432 dbname=postgres user=kalcifer"
        self.run("initdb", "-D", self.data, "-U", "kalcifer", "-A", "trust", "-E", "UTF8",
                 "--locale", "C.UTF-8")
        self.start()

    def run(self, program, *arguments):
        subprocess.run([bindir() / program, *map(str, arguments)], check=True, timeout=120,
                       cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, **self.user)

    def start(self):
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.home / "log", "-o",
                 f"-k {self.home} {options}", "start")

    def stop(self, how="fast"):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", how, "stop")

    def connect(self):
        return connect(self.conninfo)

    def remove(self):
        if postmaster(self.data):
            self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)
