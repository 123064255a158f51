"""Stores a topic's events in PostgreSQL, each once, whatever is killed when: the events and the
offsets up to which they go are in one transaction. KAFKA_TOPIC (^… is a pattern) and KAFKA_… are as
for ohip-poll, PGHOST … as for psql. It runs until it is told to end, or something fails."""

import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

EVENT = """insert into events (source, id, type, subject, key, created, received, value)
  values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing"""
OFFSET = """insert into offsets values (%s, %s, %s) on conflict (topic, partition)
  do update set next = greatest(offsets.next, excluded.next)"""
REJECT = """insert into rejects (place, why, key, value) values (%s, %s, %s, %s)
  on conflict do nothing"""
# What is wrong with a record, not with the database.
TOO_MUCH = (psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex)
FLAWS = (ValueError, OverflowError, OSError, psycopg.DataError, psycopg.IntegrityError, *TOO_MUCH)


def settings() -> dict[str, str]:
    """KAFKA_SASL_USERNAME is sasl.username, and so on."""
    names = {n for n in os.environ if n.startswith("KAFKA_")} - {"KAFKA_TOPIC", "KAFKA_PROFILE"}
    given = {n.removeprefix("KAFKA_").lower().replace("_", "."): os.environ[n] for n in names}
    own = {"enable.auto.commit": "false", "auto.offset.reset": "error"}
    return {"group.id": "ohip-postgres", "isolation.level": "read_committed"} | given | own


def created(text: str) -> datetime | None:
    """The Poll API's time, or the Streaming API's."""
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%d-%b-%y %I.%M.%S.%f %p"):
        with suppress(ValueError):
            return datetime.strptime(text, form)
    return None


def row(message: Message) -> tuple:
    headers = {name: value.decode() for name, value in message.headers() or [] if value is not None}
    return (
        *(headers.get(name) or None for name in ("ce_source", "ce_id", "ce_type", "ce_subject")),
        (message.key() or b"").decode(),
        created(headers.get("ce_createddatetime", "")),
        datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        (message.value() or b"").decode(),
    )


def store_one(db: psycopg.Connection, message: Message) -> None:
    try:
        with db.transaction():
            db.execute(EVENT, row(message))
    except FLAWS as flaw:
        place = f"{message.topic()}/{message.partition()}/{message.offset()}"
        db.execute(REJECT, (place, type(flaw).__name__, message.key(), message.value()))
        print(f"ohip-postgres: rejected {place}: {type(flaw).__name__}", file=sys.stderr)


def store(db: psycopg.Connection, messages: list[Message]) -> None:
    """All of them and their offsets, or nothing; the flawed ones are put aside."""
    ends = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
    with db.transaction(), db.cursor() as cursor:
        try:
            with db.transaction():
                cursor.executemany(EVENT, [row(message) for message in messages])
        except FLAWS:
            for message in messages:
                store_one(db, message)
        cursor.executemany(OFFSET, [(*place, end) for place, end in ends.items()])


def run(db: psycopg.Connection, consumer: Consumer) -> None:
    def assign(_: Consumer, partitions: list[TopicPartition]) -> None:
        known = {(topic, number): end for topic, number, end in db.execute("table offsets")}
        for p in partitions:
            p.offset = known.get((p.topic, p.partition), OFFSET_BEGINNING)
        consumer.assign(partitions)

    consumer.subscribe([os.environ.get("KAFKA_TOPIC", "ohip.business-events")], on_assign=assign)
    while True:
        messages = consumer.consume(1000, timeout=0.5)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
        if messages:
            store(db, messages)


if __name__ == "__main__":
    try:
        with psycopg.connect(autocommit=True) as db:
            db.execute(Path(__file__).with_name("schema.sql").read_bytes())
            run(db, Consumer(settings()))
    except (psycopg.Error, KafkaException) as error:
        sys.exit(f"ohip-postgres: error: {error}")
