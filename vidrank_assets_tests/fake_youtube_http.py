"""Carries the stand-in's replies over HTTP, the broken ones as well."""

import struct
import time
from collections.abc import Callable
from datetime import datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import unquote, urlsplit

from vidrank_assets_tests.fake_youtube_faults import Reply, json_reply


class Server(ThreadingHTTPServer):
    """Listens on the loopback interface, at any free port when it is 0.

    answer: what a GET is answered with, by its path, its query and its headers. moved: takes a new present.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, port: int, answer: Callable[[str, str, Message], Reply], moved: Callable[[datetime], None]
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answer, self.moved = answer, moved


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._send(self.server.answer(unquote(url.path), url.query, self.headers))

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path != "/stand-in/moment":
            return self._send(Reply(404, b""))
        try:
            self.server.moved(datetime.fromisoformat(told.strip()))
        except ValueError:
            return self._send(json_reply({"moment": f"not an instant: {told!r}"}, 400))
        return self._send(json_reply({"moment": told.strip()}))

    def _send(self, reply: Reply) -> None:
        time.sleep(reply.wait_sec)
        if reply.reset:
            self.close_connection = True
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            return self.connection.close()
        self.send_response(reply.status)
        length = {"Transfer-Encoding": "chunked"} if reply.chunked else {"Content-Length": str(len(reply.body))}
        if reply.status == 304:
            length = {}
        for name, value in {"Content-Type": reply.content_type, **length, **reply.headers}.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self._send_body(reply)
        except ConnectionError:
            self.close_connection = True

    def _send_body(self, reply: Reply) -> None:
        step = 65_536
        for start in range(0, len(reply.body), step):
            piece = reply.body[start : start + step]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.chunked else piece)
        if reply.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Nothing: what was asked is in `asked`."""
