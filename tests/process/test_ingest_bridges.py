"""Webhooks of other bridges as they arrive: of several events, as forms, without a session, and the same state again and again."""

import hashlib
import hmac
import json
import urllib.parse

import zk

HEAD = ('{"object":"whatsapp_business_account","entry":[{"id":"102","changes":[{"value":{"messaging_product":"whatsapp",'
        '"metadata":{"phone_number_id":"1065"},')
TAIL = '},"field":"messages"}]}]}'


def message(n):
    return json.dumps({"from": "1650", "id": f"wamid.{n}", "timestamp": "1749416383", "type": "text", "text": {"body": "oi"}})


def test_one_post_of_meta_is_many_events_in_one_transaction(make_stack):
    """1,000 messages: more than a commit takes otherwise. A repeat in other bundles adds only the one that is new."""
    stack = make_stack(WHATSAPP_BRIDGE="cloud")
    stack.ingest()
    body = HEAD + '"messages":[' + ",".join(message(n) for n in range(1000)) + "]" + TAIL
    sign = "sha256=" + hmac.new(stack.token.encode(), body.encode(), hashlib.sha256).hexdigest()
    status, _, answer = stack.post(body, headers={"X-Hub-Signature-256": sign}, token=False)
    assert (status, json.loads(answer)) == (200, {"status": "accepted", "seq": 1000})
    assert stack.post(body, headers={"X-Hub-Signature-256": "sha256=" + "0" * 64}, token=False)[0] == 401
    events = stack.events()
    assert [event["message_id"] for event in events] == [f"wamid.{n}" for n in range(1000)]
    assert {(event["type"], event["session"]) for event in events} == {("message.received", "1065")}
    assert events[7]["body"] == json.loads(HEAD + '"messages":[' + message(7) + "]" + TAIL)
    again = HEAD + '"messages":[' + message(5) + "," + message(1000) + "," + message(6) + "]" + TAIL
    assert json.loads(stack.post(again)[2])["status"] == "accepted"
    assert json.loads(stack.post(again)[2])["status"] == "duplicate"
    assert len(stack.events()) == 1001


def test_meta_verifies_the_url(make_stack):
    stack = make_stack(WHATSAPP_BRIDGE="cloud")
    stack.ingest()
    query = "/api/v1/messages/webhook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    assert stack.get_ingest(query + stack.token)[::2] == (200, b"1158201444")
    assert stack.get_ingest(query + "wrong")[0] == 403
    assert stack.get_ingest("/api/v1/messages/webhook")[0] == 405


def test_forms_of_wuzapi_are_stored_as_json(make_stack):
    stack = make_stack()
    stack.ingest()
    inner = {"type": "Message", "event": {"Info": {"ID": "3EB0", "IsFromMe": False, "Timestamp": "2026-11-26T12:00:00Z"}}}
    form = urllib.parse.urlencode({"instanceName": "Up", "jsonData": json.dumps(inner), "token": "of-the-user", "userID": "u1"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert stack.post(form, headers=headers)[0] == 200
    assert json.loads(stack.post(form, headers=headers)[2])["status"] == "duplicate"
    assert stack.post("a=b", headers=headers)[0] == 415
    event, = stack.events()
    assert (event["type"], event["session"], event["message_id"]) == ("message.received", "u1", "3EB0")
    assert event["body"] == {"userID": "u1", "instanceName": "Up", **inner}


def test_the_path_names_the_session_where_the_webhook_does_not(make_stack):
    """Equal webhooks of wppconnect are different events: none is a duplicate."""
    stack = make_stack()
    stack.ingest()
    for _ in range(2):
        assert json.loads(stack.post('{"event":"status-find","status":"inChat"}', path="/webhook/main/loja%201")[2])["status"] == "accepted"
    assert stack.post('{"event":"status-find","session":"own","status":"notLogged"}', path="/webhook/main/loja%201")[0] == 200
    assert [(e["type"], e["session"]) for e in stack.events()] == [("session.connected", "loja 1")] * 2 + [("session.qr", "own")]


def test_the_same_state_again_and_again_is_one_row_a_change(make_stack):
    stack = make_stack()
    stack.ingest()

    def say(state, n):
        return json.loads(stack.post(json.dumps({"event": "connection.update", "instance": "s", "data": {"instance": "s", "state": state, "statusReason": 200},
                                                 "date_time": f"2026-11-26T12:00:00.{n:03d}Z", "server_url": "u"}))[2])["status"]

    answers = [say("connecting", n) for n in range(20)] + [say("open", 20), say("connecting", 21), say("connecting", 22)]
    assert [n for n, answer in enumerate(answers) if answer == "accepted"] == [0, 20, 21]
    assert [e["type"] for e in stack.events()] == ["session.status", "session.connected", "session.status"]
