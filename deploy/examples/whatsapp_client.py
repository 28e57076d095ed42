#!/usr/bin/env python3
"""A client of a bridge that speaks the contract: zapkeep's bridge image, or any other with these five calls.

    client = WhatsAppClient("http://127.0.0.1:3000", "the key")
    created = client.create_session("shop1", "https://me.example/hook")     # {"id": …, "qr" or "qr_code": …}
    client.get_session_status("shop1")                                      # "qr_pending", "connecting", "connected", "disconnected"

Run as a program it checks a bridge:  whatsapp_client.py URL KEY   (it creates a session and deletes it again).
Python's own library only.
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

EVENTS = ["message.received", "message.sent", "message.delivered", "message.read", "session.connected", "session.disconnected", "session.qr"]
STATUSES = ("qr_pending", "connecting", "connected", "disconnected")


class WhatsAppError(Exception):
    """The bridge refused, or did not answer; status is its HTTP status, or None."""

    def __init__(self, text, status=None):
        super().__init__(text)
        self.status = status


class WhatsAppClient:
    def __init__(self, api_url, api_key, timeout=45):
        self.api_url, self.timeout = api_url.rstrip("/"), timeout
        self.headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api_url + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise WhatsAppError(f"{method} {path}: {error.code} {error.read(300)!r}", error.code) from error
        except (OSError, ValueError) as error:
            raise WhatsAppError(f"{method} {path}: {error}") from error

    @staticmethod
    def _of(session_id):
        return "/sessions/" + urllib.parse.quote(session_id, safe="")

    def create_session(self, session_id, webhook_url, events=None):
        """The bridge's answer; its QR code is at "qr" or "qr_code" (text, or a data URL of a PNG)."""
        return self._call("POST", "/sessions", {"id": session_id, "webhook": {"url": webhook_url, "events": events or EVENTS}})[1]

    def get_session_status(self, session_id):
        return self._call("GET", self._of(session_id) + "/status")[1]["status"]

    def reconnect_session(self, session_id):
        """True when a reconnect was started; that it connects is told by the status and by webhooks."""
        return self._call("POST", self._of(session_id) + "/reconnect")[0] == 200

    def delete_session(self, session_id):
        return self._call("DELETE", self._of(session_id))[0] in (200, 204)

    def health_check(self):
        try:
            return self._call("GET", "/health")[0] == 200
        except WhatsAppError:
            return False


def check_create(client, webhook_url, session_id="check-create"):
    created = client.create_session(session_id, webhook_url)
    try:
        assert created["id"] == session_id, created
        assert created.get("qr") or created.get("qr_code"), created
    finally:
        client.delete_session(session_id)


def check_lifecycle(client, webhook_url, session_id="check-lifecycle"):
    assert client.health_check()
    client.create_session(session_id, webhook_url)
    assert client.get_session_status(session_id) in STATUSES
    assert client.reconnect_session(session_id)
    assert client.get_session_status(session_id) in STATUSES
    assert client.delete_session(session_id)
    try:
        client.get_session_status(session_id)
    except WhatsAppError as error:
        assert error.status == 404, error
    else:
        raise AssertionError("a session that was deleted has a status")


def main():
    url, key = sys.argv[1:3]
    client = WhatsAppClient(url, key)
    for check in (check_create, check_lifecycle):
        check(client, "http://127.0.0.1:9/hook")
        print(check.__name__, "passed")


if __name__ == "__main__":
    main()
