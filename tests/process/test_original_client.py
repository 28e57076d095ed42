"""The client of the original integration, as it ships in deploy/examples, and its two checks against the simulated bridge."""

import importlib.util
import os

import zk

spec = importlib.util.spec_from_file_location("whatsapp_client", os.path.join(zk.ROOT, "deploy/examples/whatsapp_client.py"))
whatsapp_client = importlib.util.module_from_spec(spec)
spec.loader.exec_module(whatsapp_client)


def test_the_original_checks_pass_and_its_session_is_looked_after(make_stack):
    stack = make_stack(CHECK_INTERVAL="500ms", CHECK_SOON="100ms", RECONNECT_INTERVAL="2s")
    stack.all("contract")
    client = whatsapp_client.WhatsAppClient(stack.env["WHATSAPP_API_URL"], zk.KEY)
    hook = f"http://127.0.0.1:{stack.ports['ingest']}/api/v1/messages/webhook?token={stack.token}"
    whatsapp_client.check_create(client, hook)
    whatsapp_client.check_lifecycle(client, hook)
    client.create_session("shop1", hook)
    stack.control("POST", "/pair?session=shop1")
    stack.wait_session("shop1", "connected")
    assert client.get_session_status("shop1") == "connected"
    stack.control("POST", "/drop?session=shop1&code=428")
    zk.wait_until("an attempt was made", lambda: stack.attempts("shop1"))
    zk.wait_until("the client sees it back", lambda: client.get_session_status("shop1") == "connected")
    assert [e["type"] for e in stack.events("--session", "shop1")][:2] == ["session.connected", "session.disconnected"]
