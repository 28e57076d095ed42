"""A backend of one page: it makes sessions with the original client, and gets every event through zapkeep.

docker compose --profile forward --profile example up --build, with BACKEND_URL=http://example:9000/events; then http://127.0.0.1:9000
"""

import html
import os
import sys

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from whatsapp_client import WhatsAppClient, WhatsAppError  # noqa: E402

app = FastAPI()
client = WhatsAppClient(os.environ["WHATSAPP_API_URL"], os.environ["WHATSAPP_API_KEY"])
token = os.environ.get("FORWARD_TOKEN", "")
seen = {}  # ids of the last events: zapkeep delivers each at least once
last = []

PAGE = """<!doctype html><title>zapkeep example</title><h1>Sessions</h1>
<form onsubmit="fetch('/sessions/'+this.id.value,{method:'POST'}).then(r=>r.json()).then(j=>out.textContent=JSON.stringify(j,null,1));return false">
<input name=id placeholder=session><button>Create</button></form><pre id=out></pre><h2>Last events</h2><pre>%s</pre>"""


def answered(call, *args):
    try:
        return call(*args)
    except WhatsAppError as error:
        raise HTTPException(error.status or 502, str(error)) from error


@app.get("/", response_class=HTMLResponse)
def page():
    return PAGE % html.escape("\n".join(reversed(last)))


@app.post("/sessions/{session_id}")
def create(session_id: str):
    return answered(client.create_session, session_id, os.environ["WEBHOOK_URL"])


@app.get("/sessions/{session_id}")
def status(session_id: str):
    return {"status": answered(client.get_session_status, session_id)}


@app.post("/events")
async def events(request: Request):
    """Here zapkeep-forward delivers. 2xx means that the event was taken."""
    if token and request.headers.get("authorization") != f"Bearer {token}":
        raise HTTPException(401)
    event_id = request.headers.get("webhook-id", "")
    if event_id not in seen:
        seen[event_id] = True
        last.append((await request.body())[:200].decode(errors="replace"))
        del last[:-50]
        while len(seen) > 10000:
            seen.pop(next(iter(seen)))
    return {"ok": True}
