"""docs/consumers/function under Fn's contract, called as by Connector Hub; a real PostgreSQL."""

import base64
import http.client
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from database import compare, connect, postgres
from feed import STRAY, expected, fed_world
from world import KAFKA_VERSION, ROOT, process, wait_for

FUNCTION = ROOT / "docs/consumers/function/func.py"
EVENTS = int(os.environ.get("OHIP_POLL_CONSUMER_EVENTS", "2000"))
KILLS = 50
PAUSE = random.Random(os.environ.get("OHIP_POLL_SEED") or time.time_ns())


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=120)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def call(listener: Path, body: bytes) -> tuple[int, bytes]:
    """As Fn does: the function's answer; 0 where it died over it."""
    headers = {
        "Content-Type": "application/json",
        "Fn-Call-Id": "01K",
        "Fn-Deadline": (datetime.now(UTC) + timedelta(seconds=60)).isoformat(),
    }
    connection = UnixConnection(listener)
    try:
        connection.request("POST", "/call", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def encoded(part: bytes | None) -> str | None:
    return None if part is None else base64.b64encode(part).decode()


def streaming_message(record) -> dict:
    """The OCI SDK's streaming Message: these six, and no headers."""
    return {
        "stream": "ocid1.stream.oc1..ohip",
        "partition": str(record.partition()),
        "key": encoded(record.key()),
        "value": encoded(record.value()),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
    }


def batches_of(messages: list[dict], most: int = 100) -> list[bytes]:
    return [
        json.dumps(messages[begin : begin + most]).encode()
        for begin in range(0, len(messages), most)
    ]


class Function(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        place = cls.enterClassContext(fed_world(EVENTS))
        cls.directory = place.directory
        cls.client = cls.enterClassContext(postgres())
        cls.db = cls.enterClassContext(connect(cls.client))
        cls.db.execute("create role ohip_function login")
        cls.expected = expected(place)
        cls.rejects = len(STRAY)  # without headers they are no events either
        cls.messages = [streaming_message(record) for record in place.records()]
        cls.batches = batches_of(cls.messages)

    def setUp(self):
        self.db.execute("drop table if exists events, offsets, rejects cascade")
        self.db.execute((ROOT / "docs/consumers/postgres/schema.sql").read_bytes())
        self.db.execute("grant insert on events, rejects to ohip_function")

    @contextmanager
    def function(self, **settings: str) -> Iterator[Path]:
        """Where it listens, as Fn starts it in a container: an empty directory each time."""
        with tempfile.TemporaryDirectory() as directory:
            listener = Path(directory) / "lsnr.sock"
            environment = {
                "PATH": os.environ["PATH"],
                "FN_LISTENER": f"unix:{listener}",
                "FN_FORMAT": "http-stream",
                **self.client,
                "PGUSER": "ohip_function",
            }
            fdk = str(Path(sys.executable).with_name("fdk"))
            command = [fdk, str(FUNCTION), "handler"]
            log = self.directory / "function.log"
            with process(command, log, env=environment | settings) as self.running:
                wait_for("the function listens", listener.exists)
                yield listener

    def hand_over(self, listener: Path, batch: bytes) -> dict:
        status, answer = call(listener, batch)
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def test_each_event_once_and_what_is_none_put_aside(self):
        with self.function() as listener:
            begin = time.monotonic()
            told = [self.hand_over(listener, batch) for batch in self.batches]
            seconds = time.monotonic() - begin
            line = compare(self, self.db, self.expected, self.rejects)
            self.assertEqual(self.rejects, sum(answer["rejected"] for answer in told))
            for batch in PAUSE.sample(self.batches, len(self.batches)):  # again, in any order
                self.hand_over(listener, batch)
        self.assertEqual(line, compare(self, self.db, self.expected, self.rejects))
        rate = len(self.messages) / seconds
        print(f"\nfunction: Apache Kafka {KAFKA_VERSION}: {line}; {rate:.0f} messages/s")

    def test_each_event_once_after_kills_at_random(self):
        """Connector Hub hands the same batch over until the call has gone well."""
        kills, left = 0, []
        while kills < KILLS:
            left = left or list(self.batches)
            with self.function() as listener:
                timer = threading.Timer(0.05 + PAUSE.random() * 0.3, self.running.kill)
                timer.start()
                while left and call(listener, left[0])[0] == 200:
                    left.pop(0)
                timer.join()
            kills += bool(left)
        with self.function() as listener:
            for batch in left:
                self.hand_over(listener, batch)
        line = compare(self, self.db, self.expected, self.rejects)
        print(f"\nfunction: {kills} kills at work: {line}")

    def test_a_call_that_the_database_fails_brings_the_batch_again(self):
        with self.function(PGHOST="/nonexistent") as listener:
            self.assertEqual(502, call(listener, self.batches[0])[0])
        with self.function() as listener:
            self.hand_over(listener, self.batches[0])
            with suppress(StopIteration):
                next(self.db.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where pid <> pg_backend_pid() and backend_type = 'client backend'"
                ))  # fmt: skip
            statuses = [call(listener, self.batches[1])[0] for _ in range(2)]
            self.assertEqual([502, 200], statuses)
            self.assertEqual({"stored": 0, "rejected": 0}, self.hand_over(listener, b"[]"))

    def test_what_is_no_message_is_put_aside_and_the_rest_is_stored(self):
        good = next(m for m in self.messages if b"businessEventId" in base64.b64decode(m["value"]))
        odd = [
            None, 7, "text", [], {}, {"value": 1}, good | {"offset": 10**9, "value": "no base64!"},
            good | {"offset": 10**9 + 1, "value": None}, good | {"offset": 10**9 + 2, "key": 3},
            good | {"offset": 10**9 + 3, "timestamp": "now"},
            good | {"offset": 10**9 + 4, "timestamp": 10**30},
            good | {"stream": "\0"}, good | {"stream": "\ud800"},
            good | {"stream": "x" * 99_999, "value": 1},
            *(good | {"offset": 2 * 10**9 + number, "value": encoded(value)}
              for number, value in enumerate(ODD_VALUES)),
        ]  # fmt: skip
        without_stream = {name: good[name] for name in good if name != "stream"}
        with self.function() as listener:
            for _ in range(2):
                body = json.dumps([*odd, without_stream, good]).encode()
                answer = self.hand_over(listener, body)
                self.assertEqual({"stored": 1, "rejected": len(odd) + 1}, answer)
                for body in (b"", b"{", b"\xff", b"null", b'{"a":1}', b"[" * 100_000):
                    self.assertEqual({"stored": 0, "rejected": 1}, self.hand_over(listener, body))
        [[kept]] = self.db.execute("select count(*) from rejects").fetchall()
        self.assertEqual(len(odd) + 1 + 6 - 1, kept)  # null and None are the same
        found = self.db.execute("select value from rejects where place like '%/2000000000'")
        [[value]] = found.fetchall()
        self.assertEqual(ODD_VALUES[0], base64.b64decode(json.loads(value)["value"]))


ODD_VALUES = [
    b'{"businessEventId":{"id":""}}',
    b'{"businessEventId":{"id":null}}',
    b'{"businessEventId":{"id":{"a":1}}}',
    b'{"businessEventId":{"id":"\\u0000"}}',
    b'{"businessEventId":"1"}',
    b'{"businessEvent":{"header":[1]},"businessEventId":{"id":"1"}}',
    b'{"businessEvent":7,"businessEventId":{"id":"1"}}',
    b'{"metadata":{"offset":"1"}}',
    b'{"metadata":null}',
    b'{"businessEventId":{"id":NaN}}',
    b'"text"',
    b"[]",
    b"\xff",
    b'{"businessEventId":{"id":"1"}',
    b"[" * 100_000,
]

if __name__ == "__main__":
    unittest.main()
