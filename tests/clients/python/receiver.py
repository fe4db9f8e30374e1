"""A receiver of webhooks on a free port of loopback."""

import contextlib
import http.server
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Webhook:
    """What was sent: the body, and what vouches for it."""

    body: str
    authorization: str


class Receiver:
    """Keeps what it is sent, in its order."""

    def __init__(self, url: str, received: list[Webhook]):
        self.url = url
        self.received = received


@contextlib.contextmanager
def running_receiver():
    received: list[Webhook] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append(Webhook(body, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", received)
    finally:
        server.shutdown()
