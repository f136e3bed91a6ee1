"""Subscribes to one practice session with the real Python client, as a script of the product would.

    python client.py URL API_KEY JWT SESSION_ID [--expect session:completed]... [--deadline-s 20]

Prints one JSON object per line: {"kind": "status"|"live"|"event"|"done"|"failed", ...}. "live" means that the server has
said the subscription is live; changes committed after it are received. Ends with 0 once every expected change
(table:status) has been seen, with 1 and a reason otherwise.
"""

import argparse
import asyncio
import json
import sys

from realtime import AsyncRealtimeClient

TABLES = {"session": "practice_sessions", "attempt": "practice_attempts"}


def say(kind, **details):
    print(json.dumps({"kind": kind, **details}, default=str), flush=True)


def expected_change(text):
    what, separator, status = text.partition(":")
    if what not in TABLES or not separator or not status:
        raise argparse.ArgumentTypeError(f"{text!r} is not session:STATUS or attempt:STATUS")
    return (TABLES[what], status)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("api_key")
    parser.add_argument("token")
    parser.add_argument("session")
    parser.add_argument("--expect", type=expected_change, action="append", default=[])
    parser.add_argument("--deadline-s", type=float, default=20.0)
    return parser.parse_args()


async def follow(options):
    missing = list(options.expect)
    ended = asyncio.get_running_loop().create_future()

    def end(reason):
        if not ended.done():
            ended.set_result(reason)

    def changed(payload):
        data = payload["data"]
        row = data["record"]
        say("event", table=data["table"], eventType=str(data["type"]), new=row, errors=data["errors"])
        change = (data["table"], row["status"])
        if change in missing:
            missing.remove(change)
        if options.expect and not missing:
            end(None)

    def live(payload):
        if payload.extension == "postgres_changes":
            say("live", message=payload.message)

    def joined(state, error):
        say("status", status=str(state), error=error)
        if error is not None:
            end(f"{state}: {error}")

    client = AsyncRealtimeClient(f"{options.url}/realtime/v1", options.api_key, auto_reconnect=False)
    # Without this the join would go out with the rights of the API key.
    await client.set_auth(options.token)
    channel = client.channel(f"practice_session_{options.session}")
    channel.on_postgres_changes(
        "UPDATE", changed, table="practice_sessions", schema="public", filter=f"id=eq.{options.session}"
    )
    channel.on_postgres_changes(
        "*", changed, table="practice_attempts", schema="public", filter=f"session_id=eq.{options.session}"
    )
    channel.on_system(live)
    await channel.subscribe(joined)
    try:
        reason = await asyncio.wait_for(ended, options.deadline_s)
    except asyncio.TimeoutError:
        reason = f"nothing more came within {options.deadline_s} s"
    await client.close()
    if reason is not None:
        say("failed", reason=reason, missing=missing)
        return 1
    say("done")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(follow(arguments())))
