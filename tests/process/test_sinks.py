"""Alerts where people are: every kind of sink against a stand-in that reads its requests with Python's own libraries; filters,
groups, quiet hours, languages; and `zapkeep alert test`."""

import base64
import email
import email.policy
import json
import os
import signal
import socketserver
import ssl
import threading
import time

import secrets_watch
import zk
from forwarding import SECRET, signature
from test_forward_safety import certificate
from test_monitor import FAST, wait_settled
from test_monitor_alerts import Sink

TELEGRAM_TOKEN = secrets_watch.mark("the token of Telegram", "424242:tele-0d9c11e7")
MAIL_PASSWORD = secrets_watch.mark("the password of the mail server", "mail-57ab90ce")
SLACK_PATH = secrets_watch.mark("the path of Slack's URL", "T0AB/B19/slk-6be8f1d2")
NTFY_TOKEN = secrets_watch.mark("the token of ntfy", "tk_ntfy-2c77d09a")


class MailServer:
    """Takes mails by SMTP after STARTTLS and AUTH; keeps (from, to, message, user) of each."""

    def __init__(self, cert, key):
        self.mails, self.refuse = [], None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

            def handle(self):
                self.user = None
                self.say("220 stand-in")
                while line := self.rfile.readline().decode().strip():
                    if not self.take(*line.partition(" ")[::2]):
                        return

            def take(self, verb, rest):
                verb = verb.upper()
                if verb == "EHLO":
                    self.say("250-stand-in")
                    self.say("250 AUTH PLAIN" if isinstance(self.connection, ssl.SSLSocket) else "250 STARTTLS")
                elif verb == "STARTTLS":
                    self.say("220 go on")
                    self.connection = context.wrap_socket(self.connection, server_side=True)
                    self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                elif verb == "AUTH":
                    self.say("334 ")
                    self.user = base64.b64decode(self.rfile.readline()).decode()
                    self.say("235 welcome")
                elif verb == "MAIL":
                    self.sender, self.receivers = rest, []
                    self.say(server.refuse or "250 ok")
                elif verb == "RCPT":
                    self.receivers.append(rest)
                    self.say("250 ok")
                elif verb == "DATA":
                    self.say("354 go on")
                    data = b""
                    while (line := self.rfile.readline()) != b".\r\n":
                        data += line.removeprefix(b".")
                    server.mails.append((self.sender, self.receivers, data, self.user))
                    self.say("250 taken")
                else:
                    self.say("221 bye" if verb == "QUIT" else "250 ok")
                return verb != "QUIT"

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # the peer went away

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"smtp://localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def text_of(data):
    """(subject, text) as a mail program shows them."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert not message.defects
    return message["subject"], message.get_content()


def program(stack):
    path = stack.file("on-alert", f"""#!/bin/sh
env | grep ^ZAPKEEP_ALERT_ | tr '\\n' ' ' >> {stack.dir}/ran
env | grep -c -e WEBHOOK -e API_KEY >> {stack.dir}/leaked
echo >> {stack.dir}/ran
""")
    os.chmod(path, 0o755)
    return path


def config(stack, sink, mail, cert):
    """All kinds; those for people in four languages. `night` is quiet all day, `some` is for another session."""
    return f"""
[sink people]
type = telegram
url = {sink.url}/telegram
token = {TELEGRAM_TOKEN}
chat = 4711
group = 1s
language = pt-BR

[sink team]
type = slack
url = {sink.url}/slack/{SLACK_PATH}
language = es

[sink topic]
type = ntfy
url = {sink.url}/topic
token = {NTFY_TOKEN}
language = id

[sink mail]
type = email
url = {mail.url}
ca = {cert}
user = zapkeep
password_file = {stack.file("mail-password", MAIL_PASSWORD)}
from = zapkeep@example.org
to = ops@example.org, boss@example.org

[sink hook]
type = webhook
url = {sink.url}/hook
secret = {SECRET}

[sink run]
type = exec
command = {program(stack)}

[sink night]
type = slack
url = {sink.url}/night
quiet = 00:00-23:59

[sink some]
type = slack
url = {sink.url}/some
sessions = demo-9

[sink urgent]
type = slack
url = {sink.url}/urgent
severity = critical
"""


def got(sink, path):
    return [(headers, body) for p, headers, body, _ in list(sink.seen) if p.startswith(path)]


def texts(sink, path):
    return [json.loads(body)["text"] for _, body in got(sink, path)]


def stand_ins(stack):
    cert, key = certificate(stack, "mail")
    sink, mail = Sink(), MailServer(cert, key)
    path = stack.file("sinks", config(stack, sink, mail, cert))
    stack.env.update(FAST, ALERT_CONFIG=path, ZAPKEEP_CONSOLE_URL="https://ops.example/zap")
    return sink, mail


def watched(stack, sessions):
    stack.hub()
    stack.ingest()  # the code of a drop comes with a webhook
    stack.sim("contract", "--sessions", str(sessions), "--list")
    stack.monitor()
    wait_settled(stack, sessions)


def test_an_alert_reaches_every_kind_of_sink_in_its_language(stack):
    sink, mail = stand_ins(stack)
    watched(stack, 3)
    stack.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("all have it", lambda: all(got(sink, p) for p in ("/telegram", "/slack", "/topic", "/hook")) and mail.mails and
                  os.path.exists(f"{stack.dir}/ran"))
    link = "https://ops.example/zap/#/session/main/demo-1"
    telegram = json.loads(got(sink, f"/telegram/bot{TELEGRAM_TOKEN}/sendMessage")[0][1])
    assert telegram["chat_id"] == "4711" and "Sessão desconectada da conta: main/demo-1" in telegram["text"] and link in telegram["text"]
    assert "main/demo-1" in texts(sink, "/slack")[0] and "Vincúle" in texts(sink, "/slack")[0]
    headers, body = got(sink, "/topic")[0]
    assert headers["Authorization"] == f"Bearer {NTFY_TOKEN}"
    assert headers["Title"] == "session-logged-out firing" and "main/demo-1" in body and link in body
    sender, receivers, data, user = mail.mails[0]
    subject, text = text_of(data)
    assert "zapkeep@example.org" in sender and len(receivers) == 2
    assert user == f"\0zapkeep\0{MAIL_PASSWORD}"
    assert subject == "[zapkeep] Session logged out: main/demo-1" and "is logged out" in text and link in text
    headers, body = got(sink, "/hook")[0]
    alert = json.loads(body)["data"]["alerts"][0]
    assert headers["webhook-signature"] == signature(SECRET, headers["webhook-id"], headers["webhook-timestamp"], body.encode())
    assert (alert["name"], alert["status"], alert["severity"], alert["session"]) == ("session-logged-out", "firing", "warning", "demo-1")
    with open(f"{stack.dir}/ran") as f, open(f"{stack.dir}/leaked") as leaked:
        assert "ZAPKEEP_ALERT_NAME=session-logged-out" in f.read() and leaked.read().split() == ["0"], "no setting is in its environment"
    # Filters and quiet hours: a warning is not for these; a critical one is, at any hour.
    assert not any(got(sink, p) for p in ("/night", "/some", "/urgent"))
    stack.processes["sim"].stop()
    zk.wait_until("the critical one comes", lambda: got(sink, "/urgent") and got(sink, "/night"))
    assert "main" in texts(sink, "/urgent")[0] and all("demo-1" not in t for t in texts(sink, "/night"))
    assert not got(sink, "/some") or "demo-1" not in texts(sink, "/some")[0]
    sink.close()
    mail.close()


def test_alerts_that_come_together_are_one_message(stack):
    sink, mail = stand_ins(stack)
    watched(stack, 3)
    for i in (1, 2, 3):
        stack.control("POST", f"/drop?session=demo-{i}&code=401")
    zk.wait_until("all are sent", lambda: all(f"demo-{i}" in "".join(texts(sink, "/telegram")) for i in (1, 2, 3)))
    assert len(texts(sink, "/telegram")) < 3, "several are one message"
    zk.wait_until("elsewhere each is a message", lambda: len(texts(sink, "/slack")) == 3)
    sink.close()
    mail.close()


def test_alert_test_sends_to_the_sinks_that_are_named_and_says_what_became_of_it(stack):
    sink, mail = stand_ins(stack)
    rows = {row["sink"]: row for row in stack.cli_json("alert", "test")}
    assert all(row["taken"] for row in rows.values()) and len(rows) == 9
    assert "canal funciona" in texts(sink, "/telegram")[0] and "works" in text_of(mail.mails[0][2])[0]
    n = len(sink.seen)
    assert "taken" in stack.cli("alert", "test", "team", check=True).stdout
    assert len(sink.seen) == n + 1 and sink.seen[-1][0] == f"/slack/{SLACK_PATH}"
    sink.code = 403
    mail.refuse = "550 no mail from you"
    failed = stack.cli("alert", "test", "team", "mail")
    assert failed.returncode == 1 and "answered 403" in failed.stdout and failed.stdout.count("not taken") == 2
    assert stack.cli("alert", "test", "nobody").returncode == 1
    assert TELEGRAM_TOKEN not in failed.stdout + failed.stderr
    sink.close()
    mail.close()


def test_an_error_of_the_file_is_said_with_its_place(stack):
    path = stack.file("sinks", "[sink people]\ntype = telegram\nchat = 1\n")
    p = stack.monitor(ALERT_CONFIG=path)
    zk.wait_until("it ends", lambda: not p.running())
    assert p.popen.returncode == 2 and f"{path}:1:1: [sink people] has no token" in p.text()
    asked = stack.cli("alert", "test", ALERT_CONFIG=path)
    assert asked.returncode == 2 and "has no token" in asked.stderr


def test_sighup_reads_the_sinks_anew_and_an_error_changes_nothing(stack):
    sink = Sink()
    stack.env.update(FAST, ALERT_CONFIG=stack.file("sinks", f"[sink team]\ntype = slack\nurl = {sink.url}/old\n"))
    watched(stack, 3)
    p = stack.processes["monitor"]
    stack.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("the old one has it", lambda: texts(sink, "/old"))
    stack.file("sinks", "[sink team]\ntype = pager\n")
    p.popen.send_signal(signal.SIGHUP)
    zk.wait_until("it is refused", lambda: "sinks-refused" in p.text() and "sinks:2:8" in p.text())
    stack.control("POST", "/drop?session=demo-2&code=401")
    zk.wait_until("the old one has that, too", lambda: len(texts(sink, "/old")) == 2)
    stack.file("sinks", f"[sink crew]\ntype = slack\nurl = {sink.url}/new\n")
    p.popen.send_signal(signal.SIGHUP)
    zk.wait_until("it is read", lambda: "sinks-reloaded" in p.text())
    stack.control("POST", "/drop?session=demo-3&code=401")
    zk.wait_until("the new one has it", lambda: texts(sink, "/new"))
    assert "demo-3" in texts(sink, "/new")[0] and len(texts(sink, "/old")) == 2
    sink.close()


def test_a_mail_server_that_is_away_holds_up_no_other_sink(stack):
    sink, mail = stand_ins(stack)
    mail.close()
    watched(stack, 1)
    stack.control("POST", "/drop?session=demo-1&code=401")
    zk.wait_until("the others have it", lambda: got(sink, "/slack") and got(sink, "/hook"))
    zk.wait_until("it is said", lambda: "alert-not-delivered" in stack.processes["monitor"].text())
    sink.close()
