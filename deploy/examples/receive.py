#!/usr/bin/python3
"""Receives the events of zapkeep-forward: SECRET=whsec_… ./receive.py [PORT]"""
import base64, hmac, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))  # FORWARD_SECRET of the forwarder

def verify(headers, body):
    event_id, sent_at, given = (headers.get("webhook-" + name, "") for name in ("id", "timestamp", "signature"))
    right = b"v1," + base64.b64encode(hmac.digest(KEY, f"{event_id}.{sent_at}.".encode() + body, "sha256"))
    fresh = sent_at.isdecimal() and abs(time.time() - int(sent_at)) < 300
    return fresh and any(hmac.compare_digest(right, one.encode()) for one in given.split())

class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        ok = verify(self.headers, body)
        if ok:  # keep the event before the answer; one that comes twice has the same webhook-id
            print(self.headers["webhook-id"], body.decode(), flush=True)
        self.send_response(200 if ok else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1] if len(sys.argv) > 1 else 9000)), Receiver).serve_forever()
