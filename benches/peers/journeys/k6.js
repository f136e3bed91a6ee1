// The practice journey for k6: each iteration is a new learner with a realtime socket of their own.
import exec from "k6/execution";
import http from "k6/http";
import { hmac } from "k6/crypto";
import { b64encode } from "k6/encoding";
import { Counter, Trend } from "k6/metrics";
// Later releases call this module k6/websockets.
import { WebSocket } from "k6/experimental/websockets";

const BASE = __ENV.URL;
const SESSIONS = `${BASE}/api/v1/practice/sessions`;
const API_KEY = __ENV.PRACTICE_API_KEY;
const JWT_SECRET = __ENV.PRACTICE_JWT_SECRET;
const AWAIT_MS = 10000;
const HEARTBEAT_MS = 25000;

const completed = new Counter("journeys_completed");
const failed = new Counter("journeys_failed");
const resultTurnaround = new Trend("result_turnaround", true);

export const options = {
  summaryTrendStats: ["med", "p(95)", "p(99)", "p(99.9)", "max"],
  scenarios: {
    journey: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE),
      timeUnit: "1s",
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: Number(__ENV.RATE) * 30,
      gracefulStop: "30s",
    },
  },
};

function token(userId) {
  const part = (value) => b64encode(JSON.stringify(value), "rawurl");
  const claims = {
    aud: "authenticated",
    role: "authenticated",
    sub: userId,
    exp: Math.floor(Date.now() / 1000) + 86400,
  };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${hmac("sha256", JWT_SECRET, signed, "base64rawurl")}`;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Log-normal with a median of 0.8 s and a 99th percentile of 3 s, cut at 5 s.
function think() {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return pause(Math.min(5000, 800 * Math.exp((Math.log(3 / 0.8) / 2.326) * normal)));
}

// A socket with one channel, which keeps every row change until somebody asks for it.
class Channel {
  constructor(sessionId, bearer) {
    const topic = `realtime:practice_session_${sessionId}`;
    const url = `${BASE.replace("http", "ws")}/realtime/v1/websocket?apikey=${API_KEY}&vsn=2.0.0`;
    this.changes = [];
    this.waiting = null;
    this.socket = new WebSocket(url);
    this.live = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("the subscription did not become live")), AWAIT_MS);
      this.socket.onerror = (error) => reject(new Error(error.error));
      this.socket.onopen = () => this.join(topic, sessionId, bearer);
      this.socket.onmessage = (message) => {
        const [, , , event, payload] = JSON.parse(message.data);
        if (event === "system" && payload.status === "ok") {
          clearTimeout(late);
          resolve();
        } else if (event === "postgres_changes") {
          this.take({ table: payload.data.table, row: payload.data.record });
        }
      };
    });
  }

  join(topic, sessionId, bearer) {
    const changes = [
      { event: "UPDATE", schema: "public", table: "practice_sessions", filter: `id=eq.${sessionId}` },
      { event: "*", schema: "public", table: "practice_attempts", filter: `session_id=eq.${sessionId}` },
    ];
    const payload = { config: { postgres_changes: changes, private: false }, access_token: bearer };
    this.socket.send(JSON.stringify(["1", "1", topic, "phx_join", payload]));
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

async function call(method, url, name, bearer, body) {
  const headers = { authorization: `Bearer ${bearer}`, apikey: API_KEY, "content-type": "application/json" };
  if (method === "POST") {
    headers["idempotency-key"] = crypto.randomUUID();
  }
  const answer = await http.asyncRequest(method, url, body && JSON.stringify(body), { headers, tags: { name } });
  if (answer.status !== (method === "POST" ? 202 : 200)) {
    throw new Error(`${name} was answered ${answer.status}`);
  }
  return answer.json();
}

async function practise(channel, session, bearer, learner) {
  const url = `${SESSIONS}/${session}`;
  await channel.live;
  // The session may have become ready before the subscription was live.
  channel.take({ table: "practice_sessions", row: await call("GET", url, "read_session", bearer) });
  await channel.until("practice_sessions", session, "ready", 0);
  await think();
  let since = channel.changes.length;
  await call("POST", `${url}/start-practice`, "start_practice", bearer, {});
  await channel.until("practice_sessions", session, "practicing", since);
  for (let sentence = 0; sentence < 3; sentence += 1) {
    await think();
    since = channel.changes.length;
    const sent = Date.now();
    const { attempt_id } = await call("POST", `${url}/submit-recording`, "submit_recording", bearer, {
      attempt_type: "sentence",
      sentence_index: sentence,
      audio_url: `https://recordings.invalid/${learner}/${sentence}.webm`,
    });
    await channel.until("practice_attempts", attempt_id, "completed", since);
    resultTurnaround.add(Date.now() - sent);
  }
}

export default async function () {
  const learner = exec.scenario.iterationInTest;
  const bearer = token(crypto.randomUUID());
  let channel;
  try {
    const created = await call("POST", SESSIONS, "create_session", bearer, {
      transcript:
        `I have a seat on train number ${learner} to Lisbon. ` +
        "The market by the river opens before sunrise. Please turn off the light when you leave the room.",
      language: "en-US",
    });
    channel = new Channel(created.session_id, bearer);
    await practise(channel, created.session_id, bearer, learner);
    completed.add(1);
  } catch (error) {
    failed.add(1);
    console.error(error.message);
  } finally {
    if (channel) {
      channel.close();
    }
  }
}
