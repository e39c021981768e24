"""A proxy before an S3 server on this machine that delays, loses and cuts chosen requests.

It hands on the Host header as it came, so that signatures hold.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from socket import create_connection
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Literal, NamedTuple

Action = Literal["hold", "hold reply", "drop reply", "cut"]
LIMIT_SECONDS = 60


@dataclass
class Rule:
    """What is done with a request.

    Attributes
    ----------
    method, path
        Patterns that its method and its path, with the query and with the keys that it deletes, are searched for.
    action
        ``hold`` hands it on late; ``hold reply`` hands it on and its reply late; ``drop reply`` hands it on and closes
        the connection; ``cut`` closes it at once.
    first, last
        Which of the requests that match, counted from 1.
    seconds
        How long is held, unless it is released before.
    """

    method: str
    path: str
    action: Action
    first: int = 1
    last: int = 1
    seconds: float = LIMIT_SECONDS
    matched: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is one that the rule is for; counts it."""
        if not (re.search(self.method, method) and re.search(self.path, path)):
            return False
        self.matched += 1
        return self.first <= self.matched <= self.last


class Seen(NamedTuple):
    """A request that came, and the status of its reply; 0 for a cut one."""

    method: str
    path: str
    status: int


class Proxy(ThreadingTCPServer):
    """Listens on a free port."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(self, host: str, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.upstream = host, port
        self.rules: list[Rule] = []
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.busy = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def rule(self, method: str, path: str, action: Action, **which: Any) -> Rule:
        """Add a rule; it counts from the next request on. The first that takes a request is the one that is kept."""
        rule = Rule(method, path, action, **which)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Remove all rules, and hand on what is held."""
        for rule in self.rules:
            rule.released.set()
        self.rules.clear()

    def rule_of(self, method: str, path: str) -> Rule | None:
        with self.lock:
            taken = [rule for rule in self.rules if rule.takes(method, path)]
        return taken[0] if taken else None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count a request as under way."""
        with self.lock:
            self.busy += 1
        try:
            yield
        finally:
            with self.lock:
                self.busy -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is none of our business."""


class _Connection(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        while request := _message(self.rfile, self._go_ahead):
            with self.server.at_work():
                if not self._forward(*request):
                    return

    def _go_ahead(self) -> None:
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _forward(self, head: bytes, body: bytes) -> bool:
        """Hand a request on, and its reply back; return whether another may follow."""
        method, path, *_ = head.decode("latin-1").split(" ", 2)
        if "?delete" in path:
            path = " ".join([path, *re.findall("<Key>(.*?)</Key>", body.decode())])
        rule = self.server.rule_of(method, path)
        if rule:
            rule.reached.set()
        action = rule.action if rule else None
        if rule and action == "hold":
            rule.released.wait(rule.seconds)
        status, reply = (0, b"") if action == "cut" else self._answer(method, head, body)
        self.server.seen.append(Seen(method, path, status))
        if rule and action == "hold reply":
            rule.released.wait(rule.seconds)
        if action in ("cut", "drop reply"):
            return False
        self.wfile.write(reply)
        return b"\r\nconnection: close" not in reply.partition(b"\r\n\r\n")[0].lower()

    def _answer(self, method: str, head: bytes, body: bytes) -> tuple[int, bytes]:
        with create_connection(self.server.upstream) as link, link.makefile("rb") as replies:
            link.sendall(head + body)
            while answer := _message(replies, None, bodiless=method == "HEAD"):
                status = int(answer[0].split(b" ", 2)[1])
                if status >= 200:
                    return status, b"".join(answer)
        raise ConnectionError("the server closed the connection")


def _message(stream: BufferedIOBase, go_ahead: Any, bodiless: bool = False) -> tuple[bytes, bytes] | None:
    """Read a request or a reply, as head and body, byte for byte; None at the end."""
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line)
    if not lines or not line:
        return None
    named = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    if go_ahead and named.get(b"expect"):
        go_ahead()
        lines = [line for line in lines if not line.lower().startswith(b"expect:")]
    head, status = b"".join(lines) + b"\r\n", lines[0].split(b" ")[1]
    if bodiless or status in (b"100", b"204", b"304"):
        return head, b""
    if b"chunked" in named.get(b"transfer-encoding", b""):
        return head, b"".join(_chunks(stream))
    until_closed = status.isdigit() and b"content-length" not in named
    return head, stream.read() if until_closed else stream.read(int(named.get(b"content-length", 0)))


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while line := stream.readline():
        yield line
        if size := int(line.partition(b";")[0], 16):
            yield stream.read(size + 2)
            continue
        while line not in (b"\r\n", b""):
            yield (line := stream.readline())
        return


@contextmanager
def proxy(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy before ``http://host:port``; what is held is handed on in the end."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    with Proxy(host, int(port)) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield running
        finally:
            running.clear()
            running.shutdown()
            thread.join()
