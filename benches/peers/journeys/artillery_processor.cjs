// What the flow of artillery.yml cannot say: tokens, the realtime socket, and waiting for row changes.
"use strict";

const crypto = require("node:crypto");
const WebSocket = require("ws");

const API_KEY = process.env.PRACTICE_API_KEY;
const JWT_SECRET = process.env.PRACTICE_JWT_SECRET;
const AWAIT_MS = 10000;
const HEARTBEAT_MS = 25000;

let learners = 0;

function token(userId) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    aud: "authenticated",
    role: "authenticated",
    sub: userId,
    exp: Math.floor(Date.now() / 1000) + 86400,
  };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${crypto.createHmac("sha256", JWT_SECRET).update(signed).digest("base64url")}`;
}

// A socket with one channel, which keeps every row change until somebody asks for it.
class Channel {
  constructor(base, sessionId, bearer) {
    this.changes = [];
    this.waiting = null;
    this.socket = new WebSocket(`${base.replace("http", "ws")}/realtime/v1/websocket?apikey=${API_KEY}&vsn=2.0.0`);
    this.live = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("the subscription did not become live")), AWAIT_MS);
      this.socket.on("error", reject);
      this.socket.on("open", () => this.join(sessionId, bearer));
      this.socket.on("message", (message) => {
        const [, , , event, payload] = JSON.parse(message);
        if (event === "system" && payload.status === "ok") {
          clearTimeout(late);
          resolve();
        } else if (event === "postgres_changes") {
          this.take({ table: payload.data.table, row: payload.data.record });
        }
      });
    });
  }

  join(sessionId, bearer) {
    const changes = [
      { event: "UPDATE", schema: "public", table: "practice_sessions", filter: `id=eq.${sessionId}` },
      { event: "*", schema: "public", table: "practice_attempts", filter: `session_id=eq.${sessionId}` },
    ];
    const payload = { config: { postgres_changes: changes, private: false }, access_token: bearer };
    this.socket.send(JSON.stringify(["1", "1", `realtime:practice_session_${sessionId}`, "phx_join", payload]));
    this.heartbeat = setInterval(
      () => this.socket.send(JSON.stringify([null, "2", "phoenix", "heartbeat", {}])),
      HEARTBEAT_MS,
    );
  }

  take(change) {
    this.changes.push(change);
    if (this.waiting !== null && this.waiting.matches(change)) {
      this.waiting.resolve();
    }
  }

  // Only what came after `since` counts: states recur.
  until(table, id, status, since) {
    const matches = ({ table: of, row }) => of === table && row && row.id === id && row.status === status;
    if (this.changes.slice(since).some(matches)) {
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${table} did not become ${status}`)), AWAIT_MS);
      const done = () => {
        clearTimeout(late);
        this.waiting = null;
        resolve();
      };
      this.waiting = { matches, resolve: done };
    });
  }

  close() {
    clearInterval(this.heartbeat);
    this.socket.close();
  }
}

// Turns a promise into the callback that a flow waits for. A learner who fails leaves.
function settle(promise, context, next) {
  promise.then(
    () => next(),
    (error) => {
      leave(context, null, () => next(error));
    },
  );
}

function arrive(context, _events, next) {
  context.vars.learner = learners++;
  context.vars.bearer = token(crypto.randomUUID());
  context.vars.transcript =
    `I have a seat on train number ${context.vars.learner} to Lisbon. ` +
    "The market by the river opens before sunrise. Please turn off the light when you leave the room.";
  next();
}

function authorise(request, context, _events, next) {
  request.headers = { ...request.headers, authorization: `Bearer ${context.vars.bearer}`, apikey: API_KEY };
  if (request.method === "POST") {
    request.headers["idempotency-key"] = crypto.randomUUID();
  }
  next();
}

function checkAccepted(_request, response, _context, _events, next) {
  next(response.statusCode === 202 ? undefined : new Error(`answered ${response.statusCode}`));
}

function subscribe(context, _events, next) {
  context.channel = new Channel(context.vars.target, context.vars.session_id, context.vars.bearer);
  settle(context.channel.live, context, next);
}

// The session may have become ready before the subscription was live.
function takeSession(_request, response, context, _events, next) {
  context.channel.take({ table: "practice_sessions", row: JSON.parse(response.body) });
  next();
}

function awaitReady(context, _events, next) {
  settle(context.channel.until("practice_sessions", context.vars.session_id, "ready", 0), context, next);
}

function awaitPracticing(context, _events, next) {
  const { channel, since } = context;
  settle(channel.until("practice_sessions", context.vars.session_id, "practicing", since), context, next);
}

// Notes the moment of a request whose outcome will be awaited.
function mark(_request, context, _events, next) {
  context.since = context.channel.changes.length;
  context.sent = performance.now();
  next();
}

function awaitResult(context, events, next) {
  const { channel, since, sent } = context;
  const result = channel.until("practice_attempts", context.vars.attempt_id, "completed", since);
  settle(
    result.then(() => events.emit("histogram", "result_turnaround", performance.now() - sent)),
    context,
    next,
  );
}

// Log-normal with a median of 0.8 s and a 99th percentile of 3 s, cut at 5 s.
function think(_context, _events, next) {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  setTimeout(next, Math.min(5000, 800 * Math.exp((Math.log(3 / 0.8) / 2.326) * normal)));
}

function complete(_context, events, next) {
  events.emit("counter", "journeys_completed", 1);
  next();
}

function leave(context, _events, next) {
  if (context.channel) {
    context.channel.close();
    context.channel = null;
  }
  next();
}

module.exports = {
  arrive,
  authorise,
  awaitPracticing,
  awaitReady,
  awaitResult,
  checkAccepted,
  complete,
  leave,
  mark,
  subscribe,
  takeSession,
  think,
};
