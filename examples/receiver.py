"""A receiver of webhooks, to try the example: checks signatures, and is busy for the first request.

    WEBHOOK_KEY=... python3 examples/receiver.py
"""

import hashlib
import hmac
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

ADDRESS = ("127.0.0.1", 8089)
KEY = os.environ["WEBHOOK_KEY"].encode()
MAX_AGE = 300


class Receiver(BaseHTTPRequestHandler):
    is_busy = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        sent = self.headers.get("x-webhook-timestamp", "")
        expected = "v1=" + hmac.new(KEY, f"{sent}.".encode() + body, hashlib.sha256).hexdigest()
        is_signed = hmac.compare_digest(expected, self.headers.get("x-webhook-signature", ""))
        is_recent = sent.isdecimal() and abs(time.time() - int(sent)) <= MAX_AGE
        status = 401 if not (is_signed and is_recent) else 503 if Receiver.is_busy else 202
        self.send_response(status)
        if status == 503:
            Receiver.is_busy = False
            self.send_header("retry-after", "2")
        self.send_header("content-length", "0")
        self.end_headers()
        print(status, self.headers.get("x-webhook-id"), body.decode(errors="replace"))


HTTPServer(ADDRESS, Receiver).serve_forever()
