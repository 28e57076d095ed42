"""A stack on PostgreSQL servers that are set up, or fail, in other ways than most."""

import socket
import struct
import threading

import pytest


class Refuser(threading.Thread):
    """A server that answers each connection with one error of `fields`, or with `raw` bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.fields, self.raw = {}, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.start()

    def uri(self):
        return f"postgresql://zapkeep@127.0.0.1:{self.listener.getsockname()[1]}/zapkeep?gssencmode=disable"

    def run(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            with client:
                self.answer(client)

    def answer(self, client):
        if self.raw:
            client.sendall(self.raw)
            return
        if client.recv(8)[4:] == struct.pack("!I", 80877103):  # asks for TLS
            client.sendall(b"N")
        client.recv(4096)
        body = b"".join(k.encode() + v.encode() + b"\0" for k, v in self.fields.items()) + b"\0"
        client.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)

    def close(self):
        self.listener.close()


@pytest.fixture
def refuser():
    r = Refuser()
    yield r
    r.close()


def test_a_refusal_is_understood_in_any_language(make_stack, refuser):
    stack = make_stack(ZAPKEEP_STORE=refuser.uri())
    rows = [
        ("28P01", "Passwort-Authentifizierung für Benutzer »zapkeep« fehlgeschlagen", "refuses this user", "ZAPKEEP_STORE_PASSWORD_FILE"),
        ("28000", "kein pg_hba.conf-Eintrag für Host »10.0.0.7«, keine Verschlüsselung", "refuses this user", "pg_hba.conf"),
        ("3D000", "Datenbank »zapkeep« existiert nicht", "no database of this name", "CREATE DATABASE"),
        ("42501", "keine Berechtigung für Datenbank »zapkeep«", "too few rights", "GRANT CONNECT"),
        ("53300", "Verbindungslimit der Rolle »zapkeep« überschritten", "no connection left", "max_connections"),
        ("57P03", "das Datenbanksystem startet", "is starting", "wait"),
        ("XX000", "seltsam", "does not answer", "seltsam"),
    ]
    for state, text, fault, remedy in rows:
        refuser.fields = {"S": "SCHWERWIEGEND", "V": "FATAL", "C": state, "M": text}
        done = stack.cli("sessions")
        assert done.returncode == 3 and fault in done.stderr and remedy in done.stderr and state in done.stderr and text in done.stderr, done.stderr
        assert "SCHWERWIEGEND" not in done.stderr


def test_another_kind_of_server_is_no_database(make_stack, refuser):
    stack = make_stack(ZAPKEEP_STORE=refuser.uri())
    for raw in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"N" + b"\xff" * 4096, b"NR\0\0\0\x08\0\0\0\0" + b"D\x7f\xff\xff\xff" + b"x" * 4096):
        refuser.raw = raw
        done = stack.cli("sessions")
        assert done.returncode == 3 and "does not answer" in done.stderr, done.stderr
