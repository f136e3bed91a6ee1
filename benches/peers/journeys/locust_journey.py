"""The practice journey for Locust: each user is a new learner with a realtime socket of their own, and comes once.

Locust has no arrival rate; users who spawn at a rate and stop after one journey come to the same.
"""

import base64
import hashlib
import hmac
import itertools
import json
import math
import os
import random
import time
import uuid

import gevent
import websocket
from gevent.event import Event
from locust import FastHttpUser, task
from locust.exception import StopUser

API_KEY = os.environ["PRACTICE_API_KEY"]
JWT_SECRET = os.environ["PRACTICE_JWT_SECRET"].encode()
JOURNEYS = int(os.environ["PEER_JOURNEYS"])
SESSIONS = "/api/v1/practice/sessions"
AWAIT_SECONDS = 10
HEARTBEAT_SECONDS = 25

learners = itertools.count()
ended = itertools.count(1)


def token(user_id: str) -> str:
    def part(value: bytes) -> bytes:
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    claims = {"aud": "authenticated", "role": "authenticated", "sub": user_id, "exp": int(time.time()) + 86_400}
    signed = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(JWT_SECRET, signed, hashlib.sha256))).decode()


def think() -> None:
    """Log-normal with a median of 0.8 s and a 99th percentile of 3 s, cut at 5 s."""
    gevent.sleep(min(5.0, random.lognormvariate(math.log(0.8), math.log(3 / 0.8) / 2.326)))


class Channel:
    """A socket with one channel, which keeps every row change until somebody asks for it."""

    def __init__(self, host: str, session_id: str, bearer: str) -> None:
        url = f"{host.replace('http', 'ws', 1)}/realtime/v1/websocket?apikey={API_KEY}&vsn=2.0.0"
        self.changes: list[tuple[str, dict]] = []
        self._live = Event()
        self._changed = Event()
        self._socket = websocket.create_connection(url, timeout=60)
        changes = [
            {"event": "UPDATE", "schema": "public", "table": "practice_sessions", "filter": f"id=eq.{session_id}"},
            {"event": "*", "schema": "public", "table": "practice_attempts", "filter": f"session_id=eq.{session_id}"},
        ]
        payload = {"config": {"postgres_changes": changes, "private": False}, "access_token": bearer}
        self._send("1", "1", f"realtime:practice_session_{session_id}", "phx_join", payload)
        self._greenlets = [gevent.spawn(self._read), gevent.spawn(self._beat)]

    def _send(self, *frame: object) -> None:
        self._socket.send(json.dumps(frame))

    def _read(self) -> None:
        while text := self._socket.recv():
            _, _, _, event, payload = json.loads(text)
            if event == "system" and payload["status"] == "ok":
                self._live.set()
            elif event == "postgres_changes":
                self.take(payload["data"]["table"], payload["data"].get("record") or {})

    def _beat(self) -> None:
        while True:
            gevent.sleep(HEARTBEAT_SECONDS)
            self._send(None, "2", "phoenix", "heartbeat", {})

    def take(self, table: str, row: dict) -> None:
        self.changes.append((table, row))
        self._changed.set()

    def wait_live(self) -> None:
        if not self._live.wait(AWAIT_SECONDS):
            raise TimeoutError("the subscription did not become live")

    def wait_for(self, table: str, row_id: str, status: str, since: int) -> None:
        """Only what came after `since` counts: states recur."""
        with gevent.Timeout(AWAIT_SECONDS, TimeoutError(f"{table} did not become {status}")):
            while not any(
                of == table and row.get("id") == row_id and row.get("status") == status
                for of, row in self.changes[since:]
            ):
                self._changed.clear()
                self._changed.wait()

    def close(self) -> None:
        gevent.killall(self._greenlets)
        self._socket.close()


class Learner(FastHttpUser):
    """One learner, who goes through the whole journey once."""

    @task
    def journey(self) -> None:
        self.learner = next(learners)
        if self.learner >= JOURNEYS:
            # While users spawn, Locust replaces those who have stopped.
            raise StopUser
        self.bearer = token(str(uuid.uuid4()))
        started, failure, channel = time.perf_counter(), None, None
        try:
            session = self.create_session()
            channel = Channel(self.host, session, self.bearer)
            self.practise(channel, session)
        except (RuntimeError, OSError, websocket.WebSocketException) as error:
            failure = error
        finally:
            if channel is not None:
                channel.close()
        self.report("journey", started, failure)
        if next(ended) == JOURNEYS:
            # Not at once: the statistics are written every second.
            gevent.spawn_later(2, self.environment.runner.quit)
        raise StopUser

    def create_session(self) -> str:
        transcript = (
            f"I have a seat on train number {self.learner} to Lisbon. "
            "The market by the river opens before sunrise. Please turn off the light when you leave the room."
        )
        return self.post(SESSIONS, "create_session", {"transcript": transcript, "language": "en-US"})["session_id"]

    def practise(self, channel: Channel, session: str) -> None:
        url = f"{SESSIONS}/{session}"
        channel.wait_live()
        # The session may have become ready before the subscription was live.
        with self.client.get(url, headers=self.headers(), name="read_session") as answer:
            channel.take("practice_sessions", answer.json())
        channel.wait_for("practice_sessions", session, "ready", 0)
        think()
        since = len(channel.changes)
        self.post(f"{url}/start-practice", "start_practice", {})
        channel.wait_for("practice_sessions", session, "practicing", since)
        for sentence in range(3):
            think()
            since = len(channel.changes)
            sent = time.perf_counter()
            recording = {
                "attempt_type": "sentence",
                "sentence_index": sentence,
                "audio_url": f"https://recordings.invalid/{self.learner}/{sentence}.webm",
            }
            attempt = self.post(f"{url}/submit-recording", "submit_recording", recording)["attempt_id"]
            channel.wait_for("practice_attempts", attempt, "completed", since)
            self.report("result_turnaround", sent)

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.bearer}", "apikey": API_KEY}

    def post(self, url: str, name: str, body: dict) -> dict:
        headers = {**self.headers(), "idempotency-key": str(uuid.uuid4())}
        with self.client.post(url, json=body, headers=headers, name=name) as answer:
            if answer.status_code != 202:
                raise RuntimeError(f"{name} was answered {answer.status_code}")
            return answer.json()

    def report(self, name: str, started: float, failure: BaseException | None = None) -> None:
        self.environment.events.request.fire(
            request_type="EVENT",
            name=name,
            response_time=(time.perf_counter() - started) * 1000,
            response_length=0,
            exception=failure,
            context={},
        )
