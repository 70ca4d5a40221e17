"""Bodies whose length is in doubt or over every limit, and clients that do not read."""
import json
import socket

import pytest

from support.client import Client
from support.server import Server, until

MEBIBYTE = 1 << 20
CHUNKED = "Transfer-Encoding: chunked"
HIDDEN = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def rest(s):
    """What a server says until it closes."""
    answer = b""
    while chunk := s.recv(65536):
        answer += chunk
    return answer


def head(tenant, *framing, method="POST", path="/customers", before=""):
    lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {tenant.key}",
             *framing]
    return (before + "\r\n".join(lines) + "\r\n\r\n").encode()


def length_of(body, more=0):
    return f"Content-Length: {len(body) + more}"


def chunks(body):
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def refused(answer, status, code):
    """The one answer of a connection, which it ends."""
    top, _, body = answer.partition(b"\r\n\r\n")
    lines = top.decode().lower().split("\r\n")
    assert lines[0].split(" ")[1] == str(status), answer
    assert "connection: close" in lines and "content-type: application/json" in lines
    assert any(line.startswith("x-request-id: ") for line in lines)
    assert json.loads(body)["error"] == code, answer


# Two lengths of one body


@pytest.mark.parametrize("framing, before", [
    (lambda b: (length_of(b), length_of(b)), ""),
    (lambda b: (length_of(b), length_of(b, 1)), ""),
    (lambda b: (length_of(b), length_of(b, -1)), ""),
    (lambda b: (length_of(b), "X-Between: 1", "CONTENT-length:0"), ""),
    (lambda b: (length_of(b), length_of(b)), "\r\n"),
    (lambda b: (length_of(b), length_of(b)), "\n"),
    (lambda b: (length_of(b), CHUNKED), ""),
    (lambda b: (CHUNKED, length_of(b)), ""),
    (lambda b: (CHUNKED, "Content-Length: 0"), ""),
    (lambda b: (CHUNKED.upper(), CHUNKED), "")])
def test_a_body_with_two_lengths_is_nobodys_request(server, tenant, framing, before):
    body = b'{"external_id":"smuggled"}'
    headers = framing(body)
    sent = chunks(body) if any("hunked" in h.lower() for h in headers) else body
    with connect(server) as s:
        s.sendall(head(tenant, *headers, before=before) + sent + HIDDEN)
        refused(rest(s), 400, "bad_request")
    assert tenant.get("/customers/external:smuggled").status_code == 404


@pytest.mark.parametrize("framing, send", [(length_of, bytes), (lambda b: CHUNKED, chunks)])
@pytest.mark.parametrize("before", ["", "\r\n"])
def test_a_body_with_one_length_is_heard(server, tenant, framing, send, before):
    body = b'{"external_id":"plain","name":"Content-Length: 1\\nContent-Length: 2"}'
    quoted = "X-Content-Length: 1", "X-Quoted: Content-Length: 1", "Content-Length-Of: 1"
    with connect(server) as s:
        s.sendall(head(tenant, framing(body), *quoted, "Connection: close", before=before)
                  + send(body))
        assert rest(s).startswith(b"HTTP/1.1 201 ")
    assert tenant.customer("plain")["name"] == "Content-Length: 1\nContent-Length: 2"


# Bodies over every limit


@pytest.mark.parametrize("mebibytes", [3, 32])
@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "chunked"])
def test_whoever_sends_too_much_is_told_so(tenant, mebibytes, pieces):
    piece = b"x" * MEBIBYTE
    data = (piece for _ in range(mebibytes)) if pieces else piece * mebibytes
    answer = tenant.session.post(tenant.url("/events/batch"), data=data, timeout=60)
    assert answer.status_code == 413
    assert answer.json()["error"] == "payload_too_large"
    assert answer.headers["Connection"] == "close" and answer.headers["X-Request-Id"]
    assert tenant.get("/flows").status_code == 200


def test_a_head_may_not_be_too_large_either(server, tenant):
    with connect(server) as s:
        s.sendall(head(tenant, f"Content-Length: {3 * MEBIBYTE}", method="HEAD"))
        s.sendall(b"x" * (3 * MEBIBYTE))
        top, _, body = rest(s).partition(b"\r\n\r\n")
        assert top.startswith(b"HTTP/1.1 413 ") and body == b""


def test_whoever_sends_without_end_is_cut_off(server, tenant):
    with connect(server) as s, pytest.raises(OSError):
        s.sendall(head(tenant, f"Content-Length: {1 << 40}"))
        for _ in range(1024):
            s.sendall(b"x" * MEBIBYTE)


def test_whoever_trickles_after_the_answer_is_cut_off(server, tenant):
    def is_cut():
        try:
            s.send(b"x")
            return False
        except OSError:
            return True

    with connect(server) as s:
        s.sendall(head(tenant, f"Content-Length: {1 << 40}"))
        refused(rest(s), 413, "payload_too_large")
        until(is_cut, 60, "the end of the connection", pause=0.1)


# Clients that do not read


class Deaf:
    """A client that asks and asks, as far as it is let, and never reads; it holds one place."""

    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100

    def __init__(self, server):
        self.socket = socket.socket()
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, buffer, 4096)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setblocking(False)
        self.sent, self.full = 0, False

    def ask(self):
        try:
            while True:
                self.sent += self.socket.send(self.asked[self.sent % len(self.asked):])
        except BlockingIOError:
            self.full = True
        except OSError:
            assert self.full


def test_whoever_does_not_read_leaves_the_place_to_others():
    server = Server(environment={"MAX_CONNECTIONS": "1", "TRUSTED_PROXIES": "192.0.2.1",
                                 "CLIENT_TIMEOUT_SECONDS": "1"})

    def others_are_served(deaf):
        deaf.ask()
        try:
            return Client(server.base).get("//health").status_code == 200
        except OSError:
            return False

    def one_that_is_in():
        deaf = Deaf(server)
        return None if others_are_served(deaf) else deaf

    try:
        server.start()
        deaf = until(one_that_is_in, 20, "the one place")
        until(lambda: others_are_served(deaf), 60, "a place")
        assert deaf.full
    finally:
        server.remove()
