#!/usr/bin/env node
// Receives the events of zapkeep-forward: SECRET=whsec_… node receive.mjs [PORT]
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.SECRET.replace(/^whsec_/, ""), "base64"); // FORWARD_SECRET of the forwarder
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

function verify({ "webhook-id": id, "webhook-timestamp": sentAt, "webhook-signature": given = "" }, body) {
  const right = "v1," + createHmac("sha256", key).update(`${id}.${sentAt}.`).update(body).digest("base64");
  const fresh = Math.abs(Date.now() / 1000 - Number(sentAt)) < 300; // not true when there is none
  return fresh && given.split(" ").some((one) => same(Buffer.from(one), Buffer.from(right)));
}

async function receive(request, response) {
  const body = Buffer.concat(await request.toArray());
  const ok = verify(request.headers, body);
  if (ok) console.log(request.headers["webhook-id"], body.toString()); // keep the event before the answer; one that comes twice has the same id
  response.writeHead(ok ? 200 : 401).end();
}

createServer((request, response) => receive(request, response).catch(() => response.destroy()))
  .listen(Number(process.argv[2] ?? 9000), "127.0.0.1");
