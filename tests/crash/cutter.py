"""A unix socket before PostgreSQL's that cuts, or holds, connections in the middle of a flush."""
import asyncio
import shutil
import threading

from support.server import temporary_directory

# How a flush ends: none of it arrives; a part does; all does, unheard; it commits, unheard.
WAYS = ("refused", "torn", "sent", "answered")
READY = b"Z\x00\x00\x00\x05"


def messages(buffer):
    """Takes the whole messages off the front of what a client sent: (type, bytes) each."""
    at = 0
    while len(buffer) >= at + 5:
        length = 1 + int.from_bytes(buffer[at + 1:at + 5], "big")
        if len(buffer) < at + length:
            break
        yield chr(buffer[at]), bytes(buffer[at:at + length])
        at += length
    del buffer[:at]


def begins_flush(kind, message):
    return kind == "B" and message[5:].split(b"\0", 2)[1] == b"journal_lease"


class Link:
    """One connection of the engine."""

    def __init__(self, cutter, client, server):
        self.cutter, self.client, self.server = cutter, client, server
        self.buffer, self.greeted = bytearray(), False
        self.way, self.left = None, 0  # of the flush under way; messages until it is torn
        self.mute = False              # answers are swallowed, the first one cuts

    def abort(self):
        self.client.transport.abort()
        self.server.transport.abort()

    def cut(self):
        self.cutter.count(self.way)
        self.abort()

    def take(self, data):
        self.buffer += data
        if not self.greeted:
            length = int.from_bytes(self.buffer[:4], "big")
            if len(self.buffer) < max(length, 4):
                return
            self.greeted = True
            self.server.write(self.buffer[:length])
            del self.buffer[:length]
        for kind, message in messages(self.buffer):
            if self.server.is_closing():
                return
            self.forward(kind, message)

    def forward(self, kind, message):
        if begins_flush(kind, message):
            self.way = self.cutter.choose()
            # Held right after the lease's Bind, Describe and Execute: its row is locked.
            self.left = 4 if self.way == "held" else self.cutter.dice.randint(2, 9)
        self.left -= 1
        torn = self.way in ("torn", "held") and (kind == "S" or not self.left)
        if self.way == "refused" or torn and self.way == "torn":
            self.cut()
        elif torn:
            self.cutter.holds(self)
        else:
            self.server.write(message)
            if kind == "S":
                self.end_of_flush()

    def end_of_flush(self):
        if self.way == "sent":
            # Closed once all is written: the server still reads it.
            self.cutter.count(self.way)
            self.client.transport.abort()
            self.server.close()
        self.mute = self.way == "answered"
        self.way = None

    def give(self, data):
        if not self.mute:
            self.client.write(data)
        elif READY in data:
            self.way = "answered"
            self.cut()


class Cutter:
    """Listens in a directory of its own; cuts a share of the flushes while told to."""

    def __init__(self, cluster, dice):
        self.upstream = f"{cluster.home}/.s.PGSQL.5432"
        self.home = temporary_directory("kalcut-")
        self.conninfo = cluster.conninfo.replace(str(cluster.home), str(self.home))
        self.dice = dice
        self.share, self.cuts = 0.0, dict.fromkeys(WAYS, 0)
        self.holding = False            # the next flush is held half way
        self.held = threading.Event()
        self.links, self.frozen = set(), None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def total(self):
        return sum(self.cuts.values())

    def count(self, way):
        self.cuts[way] += 1

    def choose(self):
        if self.holding:
            self.holding = False
            return "held"
        if self.dice.random() >= self.share:
            return None
        return min(WAYS, key=lambda way: (self.cuts[way], self.dice.random()))

    def holds(self, link):
        """From here on nothing moves on this connection, which stays open."""
        link.client.transport.pause_reading()
        self.frozen = link
        self.held.set()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(
            asyncio.start_unix_server(self.accept, str(self.home / ".s.PGSQL.5432")))
        self.loop.run_forever()

    async def accept(self, from_client, client):
        try:
            from_server, server = await asyncio.open_unix_connection(self.upstream)
        except OSError:
            client.transport.abort()
            return
        link = Link(self, client, server)
        self.links.add(link)
        await asyncio.gather(self.pump(from_client, link.take, link),
                             self.pump(from_server, link.give, link))
        self.links.discard(link)

    async def pump(self, source, give, link):
        try:
            while data := await source.read(1 << 16):
                give(data)
                await link.server.drain()
        except (ConnectionError, OSError):
            pass
        if link is not self.frozen:
            link.client.close()
            link.server.close()

    def end(self):
        def stop():
            for link in self.links:
                link.abort()
            self.loop.call_later(0.1, self.loop.stop)
        self.loop.call_soon_threadsafe(stop)
        self.thread.join(10)
        shutil.rmtree(self.home, ignore_errors=True)
