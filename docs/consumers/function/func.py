"""An OCI Function for Connector Hub: stores the events of an OCI stream in PostgreSQL, each once.

Connector Hub hands over a JSON array of messages; key and value are base64, Kafka's headers are not
among them. When a call fails it hands over the same messages again, and nothing behind them comes
before that one has gone well. So a call fails for the database alone; what is wrong with a message
is put aside. Tables: ../postgres/schema.sql. PGHOST, PGPASSWORD … are as for psql.
"""

import base64
import hashlib
import io
import json
import re
from contextlib import suppress
from datetime import UTC, datetime

import psycopg
from fdk import response

EVENT = """insert into events (source, id, type, subject, key, created, received, value)
  values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing"""
REJECT = """insert into rejects (place, why, key, value) values (%s, %s, %s, %s)
  on conflict do nothing"""
# What is wrong with a message, not with the database.
SHAPE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, OSError)
TOO_MUCH = (psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex)
FLAWS = (*SHAPE, psycopg.DataError, psycopg.IntegrityError, *TOO_MUCH)

connection: psycopg.Connection | None = None


def database() -> psycopg.Connection:
    """Kept from call to call. A call that finds it broken fails, and the next has a new one."""
    global connection  # noqa: PLW0603
    if connection is None or connection.closed or connection.broken:
        connection = psycopg.connect(autocommit=True, connect_timeout=10)
    return connection


def text(value) -> str | None:
    """What a header would hold; None where it would not be there."""
    return value or None if isinstance(value, str) else None


def dashed(word: str | None) -> str:
    """As in the header ce_type: a byte that is neither letter nor digit is '-'."""
    return re.sub(rb"[^a-z0-9]", b"-", (word or "unknown").encode().lower()).decode()


def created(time: str | None) -> datetime | None:
    """The Poll API's time, or the Streaming API's."""
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%d-%b-%y %I.%M.%S.%f %p"):
        with suppress(ValueError):
            return datetime.strptime(time or "", form)
    return None


def facts(event: dict) -> tuple:
    """Of either kind: where it comes from, id, module, action, primary key, OPERA's time."""
    if "metadata" in event:
        names = ("moduleName", "eventName", "primaryKey", "timestamp")
        return ("subscriptions", event["metadata"]["uniqueEventId"], *map(event.get, names))
    header = (event.get("businessEvent") or {}).get("header") or {}
    names = ("moduleName", "actionType", "primaryKey", "createdDateTime")
    return ("externalSystem", event["businessEventId"]["id"], *map(header.get, names))


def row(message: dict) -> tuple:
    """The stream takes the gateway's place in the source: give each environment one of its own."""
    value = base64.b64decode(message["value"], validate=True).decode()
    key = base64.b64decode(message["key"] or "", validate=True).decode()
    event = json.loads(value, parse_int=str, parse_float=str)  # an id may have too many digits
    way, *found = facts(event)
    number, module, action, subject, time = map(text, found)
    return (
        f"{message['stream']}/{way}",
        number,
        f"com.oracle.opera.{dashed(module)}.{dashed(action)}",
        subject,
        key,
        created(time),
        datetime.fromtimestamp(message["timestamp"] / 1000, UTC),
        value,
    )


def place(message) -> str:
    """The same when it is handed over again. A digest where a message does not say where it lay."""
    if isinstance(message, dict):
        parts = [message.get(name) for name in ("stream", "partition", "offset")]
        known = "/".join(map(str, parts))
        if None not in parts and known.isprintable() and len(known) < 500:
            return known
    return hashlib.sha256(json.dumps(message).encode()).hexdigest()


def reject(db: psycopg.Connection, message, flaw: Exception) -> None:
    """With the whole message: what is in it may be all that is left."""
    whole = json.dumps(message).encode()
    db.execute(REJECT, (place(message), type(flaw).__name__, None, whole))
    print(f"rejected {place(message)}: {type(flaw).__name__}", flush=True)


def store(db: psycopg.Connection, message) -> bool:
    try:
        with db.transaction():
            db.execute(EVENT, row(message))
        return True
    except FLAWS as flaw:
        reject(db, message, flaw)
        return False


def messages_of(body: bytes) -> list:
    """What is no array is one message, which will be rejected."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = body.decode(errors="backslashreplace")
    return found if isinstance(found, list) else [found]


def handler(ctx, data: io.BytesIO):
    db = database()
    with db.transaction():
        stored = [store(db, message) for message in messages_of(data.getvalue())]
    told = {"stored": sum(stored), "rejected": len(stored) - sum(stored)}
    return response.Response(ctx, json.dumps(told), {"Content-Type": "application/json"})
