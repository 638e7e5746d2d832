"""A small HTTP server on this machine that can also misbehave."""

import contextlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """Serves `files` by path; `plans[path]` lists what the next answers should do wrong.

    A plan is a status code, "broken" (the connection ends early), "short" (a wrong length that
    is announced as right by leaving the length out), or "hangup" (no answer at all).
    """

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.plans: dict[str, list] = {}
        self.requests = Counter()
        self.gate: threading.Event | None = None  # if set: send half, wait, then the rest
        self.half_sent = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def answer(self, handler) -> None:
        path = handler.path
        self.requests[path] += 1
        plan = self.plans.get(path) or [None]
        action = plan.pop(0) if self.plans.get(path) else None
        content = self.files.get(path)
        if action == "hangup":
            return handler.connection.close()
        if isinstance(action, int) or content is None:
            return handler.send_error(action if isinstance(action, int) else 404)
        handler.send_response(200)
        if action != "short":
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        half = len(content) // 2
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(content[:half])
            handler.wfile.flush()
            if action in ("broken", "short"):
                return None
            if self.gate is not None:
                self.half_sent.set()
                self.gate.wait(20)
            handler.wfile.write(content[half:])
        return None

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        if self.gate is not None:
            self.gate.set()
        self.http.shutdown()
        self.http.server_close()
