"""A topic with all that a consumer must bear, and what must become of it."""

import base64
import json
import random
import re
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Message, Producer
from schema_test import ODD_ANSWERS, ODD_NEW_EVENTS, at, with_texts
from world import PATIENCE, TOPIC, World, real_kafka, world

FAST = {"OHIP_MAX_POLLS_PER_MINUTE": "0", "OHIP_DEADLINE": "10m"}

# Longer than what an index takes, however it is compressed.
LONG = f"{random.getrandbits(99_999):x}"

# Records that are none of ours, or of no use, and are put aside.
STRAY = [
    {"value": "ohip-poll asks whether it may write"},
    {"key": "ABC/reservation/1", "value": None, "headers": {"ce_id": "1", "ce_source": "//x"}},
    {"key": "k", "value": '{"a":', "headers": {"ce_id": "2", "ce_source": "//x"}},
    {"key": "k", "value": b'{"a":"\xff"}', "headers": {"ce_id": "3", "ce_source": "//x"}},
    {"key": "k", "value": "[" * 100_000, "headers": {"ce_id": "4", "ce_source": "//x"}},
    {"key": "k", "value": "{}", "headers": {"ce_id": b"\xff", "ce_source": "//x"}},
    {"key": "k", "value": "{}", "headers": {"ce_id": b"\0", "ce_source": "//x"}},
    {"key": "k", "value": "{}", "headers": {"ce_id": "", "ce_source": "//x"}},
    {"key": "k", "value": "{}", "headers": {"ce_id": "5"}},
    {"key": "k", "value": "{}", "headers": {"ce_id": LONG, "ce_source": "//x"}},
]


@dataclass
class Expected:
    events: dict[str, bytes]  # what OHIP handed out, by id
    streamed: dict[str, bytes]
    newest: dict[tuple[str, str], str]  # id, by way and key


def take_a_batch(place: World) -> bytes:
    """As a run that was killed behind its poll: it is in nobody's hands but ours."""
    settings = dict(
        line.split("=", 1) for line in (place.directory / "ohip.env").read_text().splitlines()
    )
    client = f"{settings['OHIP_CLIENT_ID']}:{settings['OHIP_CLIENT_SECRET']}"
    form = {"grant_type": "client_credentials", "scope": settings["OHIP_SCOPE"]}
    token = urllib.request.Request(
        place.ohip + "/oauth/v1/tokens",
        urllib.parse.urlencode(form).encode(),
        {
            "Authorization": "Basic " + base64.b64encode(client.encode()).decode(),
            "x-app-key": settings["OHIP_APP_KEY"],
            "enterpriseId": settings["OHIP_ENTERPRISE_ID"],
        },
    )
    with urllib.request.urlopen(token) as answer:
        access = json.load(answer)["access_token"]
    poll = urllib.request.Request(
        f"{place.ohip}/int/v1/externalSystem/{settings['OHIP_EXTERNAL_SYSTEM']}"
        "/hotels/ABC/businessEvents",
        headers={
            "Authorization": f"Bearer {access}",
            "x-app-key": settings["OHIP_APP_KEY"],
            "x-hotelid": "ABC",
            "Accept": "application/json",
            "x-request-id": "5ed29ef5-5eed-4000-8000-000000000001",
        },
    )
    with urllib.request.urlopen(poll) as answer:
        return answer.read()


def publish_after_three_hours(place: World, batch: bytes) -> None:
    """The batch has waited in the spool; newer events of its keys are in the topic."""
    [queue] = [lock.parent for lock in place.directory.glob("spool/*/*/ABC/lock")]
    received = datetime.now(UTC) - timedelta(hours=3)
    name = f"{received:%Y%m%dT%H%M%S.%fZ}-5ed29ef5-5eed-4000-8000-000000000001.limit-20.json"
    (queue / name).write_bytes(batch)
    (queue / name).chmod(0o600)
    place.run("ohip-poll", "--replay", "--hotel", "ABC")


def publish_copies(
    place: World, records: Iterable[Message], stray: Iterable = STRAY, topic: str = TOPIC
) -> None:
    """As a repeated request does."""
    producer = Producer({"bootstrap.servers": place.brokers, "acks": "all"})
    for record in records:
        producer.produce(
            topic, record.value(), record.key(), headers=record.headers(),
            timestamp=record.timestamp()[1],
        )  # fmt: skip
    for record in stray:
        producer.produce(topic, **record)
    producer.flush()


@contextmanager
def open_transaction(place: World, topic: str = TOPIC) -> Iterator[None]:
    """As of a run that died in it: records that look good, at the end of each partition, and that
    nobody may see. Given up at the end."""
    settings = {"bootstrap.servers": place.brokers, "transactional.id": "given-up"}
    settings["transaction.timeout.ms"] = "900000"
    producer = Producer(settings)
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    headers = {"ce_id": "given up", "ce_source": "//given-up/externalSystem/X"}
    for partition in producer.list_topics(topic, PATIENCE).topics[topic].partitions:
        value = b'{"businessEventId":{"id":"given up"}}'
        producer.produce(topic, value, "ABC/reservation/1", partition, headers=headers)
    producer.flush()
    yield
    producer.abort_transaction(PATIENCE)


def feed(place: World, count: int) -> None:
    """Both ways, both kinds of queue, odd events; late, reordered, repeated, stray records, and
    those of transactions that were given up, in between and at the end."""
    place.ask("/sim/events?hotel=ABC&count=20")
    late = take_a_batch(place)
    place.ask(f"/sim/events?hotel=ABC&count={count}")
    place.run("ohip-poll", "--hotel", "ABC", "--drain", **FAST)
    for answer in ODD_ANSWERS:
        place.ask("/sim/answer?hotel=ABC", answer.encode())
        place.run("ohip-poll", "--hotel", "ABC", "--once")
    place.ask("/sim/events?hotel=DEF&queue=chain&count=100")
    place.run("ohip-poll", "--hotel", "DEF", "--queue", "chain", "--drain", **FAST)
    for event in ODD_NEW_EVENTS:
        place.ask("/sim/stream?chain=DEMO", event.encode())
    place.run("ohip-stream", "--chain", "DEMO", "--drain")
    publish_after_three_hours(place, late)
    records = place.records()
    for copies, stray in ((random.sample(records, min(500, len(records) // 4)), STRAY), ([], [])):
        with open_transaction(place):
            publish_copies(place, copies, stray)


@contextmanager
def fed_world(count: int) -> Iterator[World]:
    """With a real Kafka that holds all this."""
    with tempfile.TemporaryDirectory() as directory, world(Path(directory), real_kafka) as place:
        feed(place, count)
        yield place


def poll_time(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "0001-01-01")


def stream_time(text: str | None) -> datetime:
    return datetime.strptime(text, "%d-%b-%y %I.%M.%S.%f %p") if text else datetime.min


def rank(time: datetime, number: str) -> tuple:
    """By OPERA's time, then by the id: one that is a number as a number."""
    return time, number.isdigit(), int(number) if number.isdigit() else 0, number


def module(name: str | None) -> str:
    return re.sub("[^a-z0-9]", "-", (name or "").lower())


def newest_of(facts: Iterable[tuple]) -> dict[tuple[str, str], str]:
    """facts: way, hotel, module, primary key, time, id of each event."""
    newest: dict[tuple[str, str], tuple] = {}
    for way, hotel, kind, primary_key, time, number in facts:
        if primary_key:
            key = (way, f"{hotel or ''}/{module(kind)}/{primary_key}")
            newest[key] = max(newest.get(key, (datetime.min,)), rank(time, number))
    return {key: best[-1] for key, best in newest.items()}


def event_of(handed_out: bytes) -> bytes:
    """Where a whole answer was handed out, the one event in it."""
    before, _, behind = handed_out.decode().partition('"businessEventData":[')
    text = behind or before
    return text[: json.JSONDecoder().raw_decode(text)[1]].encode()


def expected(place: World) -> Expected:
    """From what OHIP says that it has handed out, not from what is in the topic."""
    events, streamed, facts = {}, {}, []
    for queue, hotel in (("hotel=ABC", "ABC"), ("queue=chain", "")):
        for line in map(event_of, place.handed_out(queue)):
            event = with_texts(line)
            number = at(event, "businessEventId.id")
            header = at(event, "businessEvent.header") or {}
            events[number] = line
            names = ("moduleName", "primaryKey")
            time = poll_time(header.get("createdDateTime"))
            of_hotel = header.get("hotelId") or hotel
            facts.append(("externalSystem", of_hotel, *map(header.get, names), time, number))
    for line in place.streamed():
        event = with_texts(line)
        number = event["metadata"]["uniqueEventId"]
        streamed[number] = line
        names = ("hotelId", "moduleName", "primaryKey")
        time = stream_time(event["timestamp"])
        facts.append(("subscriptions", *map(event.get, names), time, number))
    return Expected(events, streamed, newest_of(facts))
