"""Servers on the loopback address: S3 by moto, and a web server that is slow and fails at times."""

import contextlib
import hashlib
import http.server
import logging
import threading
import time
import urllib.parse

SECRET = "top+secret/key"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1",
}


@contextlib.contextmanager
def serving_s3(monkeypatch):
    """Yields a boto3 client of an S3 server that the environment leads to."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    try:
        yield boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    finally:
        server.stop()


class FileServer:
    """Serves files from memory over HTTP, with ranges and ETags.

    Attributes:
        files: The content by name.
        delay: Seconds before each answer.
        failing: Every so many requests, one is answered 503; 0 for none.
        requests: (method, path) of all requests so far.
    """

    def __init__(self, files, delay=0.0, failing=0):
        self.files, self.delay, self.failing = dict(files), delay, failing
        self.requests = []
        self.status = {}  # of names that are answered with an error
        self.cuts = {}  # how many answers break off, by name
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

            def do_HEAD(self):
                outer.answer(self)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # of clients that do not wait
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, request):
        with self._lock:
            self.requests.append((request.command, request.path))
            number = len(self.requests)
        time.sleep(self.delay)
        name = urllib.parse.unquote(request.path.lstrip("/"))
        data = self.files.get(name)
        if self.failing and number % self.failing == 0:
            self._send(request, 503, b"busy")
        elif name in self.status:
            self._send(request, self.status[name], SECRET.encode())
        elif data is None:
            self._send(request, 404, b"")
        elif wanted := request.headers.get("Range"):
            first, last = wanted.removeprefix("bytes=").split("-")
            part = data[int(first) : int(last) + 1]
            span = {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}
            self._send(request, 206, part, data, span)
        elif self.cuts.get(name):
            self.cuts[name] -= 1
            # Without an ETag, for which obstore asks for the rest.
            half, length = data[: len(data) // 2], {"Content-Length": len(data)}
            self._send(request, 200, half, headers=length)
            request.close_connection = True
        else:
            self._send(request, 200, data, data)

    def _send(self, request, status, body, whole=None, headers=()):
        request.send_response(status)
        headers = {"Content-Length": len(body), **dict(headers)}
        if whole is not None:
            request.send_header("ETag", f'"{hashlib.md5(whole).hexdigest()}"')
        for name, value in headers.items():
            request.send_header(name, str(value))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def serving_files(files, **options):
    server = FileServer(files, **options)
    try:
        yield server
    finally:
        server.close()
