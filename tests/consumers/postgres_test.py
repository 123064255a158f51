"""docs/consumers/postgres between a real Kafka and a real PostgreSQL, killed at random."""

import os
import random
import subprocess
import sys
import time
import unittest

from database import compare, connect, postgres
from feed import expected, fed_world
from world import KAFKA_VERSION, ROOT, TOPIC, process, wait_for

CONSUMER = ROOT / "docs/consumers/postgres/consumer.py"
EVENTS = int(os.environ.get("OHIP_POLL_CONSUMER_EVENTS", "20000"))
KILLS = 50
PAUSE = random.Random(os.environ.get("OHIP_POLL_SEED") or time.time_ns())


class Postgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = cls.enterClassContext(fed_world(EVENTS))
        cls.client = cls.enterClassContext(postgres())
        cls.db = cls.enterClassContext(connect(cls.client))
        cls.expected = expected(cls.place)
        cls.ends = {}
        for record in cls.place.records():
            cls.ends[record.partition()] = record.offset() + 1

    def setUp(self):
        self.db.execute("drop table if exists events, offsets, rejects cascade")

    def environment(self) -> dict[str, str]:
        settings = {
            "PATH": os.environ["PATH"],
            "KAFKA_BOOTSTRAP_SERVERS": self.place.brokers,
            "KAFKA_TOPIC": TOPIC,
            "KAFKA_GROUP_INSTANCE_ID": "1",
        }
        return settings | self.client

    def consumer(self):
        log = self.place.directory / "consumer.log"
        return process([sys.executable, str(CONSUMER)], log, env=self.environment())

    def run_to_its_end(self) -> str:
        """Of one that has reason to end."""
        command = [sys.executable, str(CONSUMER)]
        result = subprocess.run(
            command,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.assertEqual(1, result.returncode, result.stderr)
        return result.stderr

    def stored(self) -> int:
        """Records behind which the consumer stands."""
        if not self.db.execute("select to_regclass('offsets')").fetchone()[0]:
            return 0
        return self.db.execute("select coalesce(sum(next), 0)::bigint from offsets").fetchone()[0]

    def at_end(self) -> bool:
        if self.stored() == 0:
            return False
        found = self.db.execute("select partition, next from offsets").fetchall()
        return dict(found) == self.ends

    def kill_at_work(self) -> bool:
        """Once it has stored something; whether there was more to do."""
        before = self.stored()
        with self.consumer():
            wait_for("it is at work", lambda: self.stored() > before or self.at_end())
            time.sleep(PAUSE.random() * 0.2)
        return not self.at_end()

    def test_each_event_once_after_kills_at_random(self):
        kills = rounds = 0
        while kills < KILLS:
            rounds += 1
            self.setUp()
            while self.kill_at_work():
                kills += 1
            told = compare(self, self.db, self.expected)
        print(f"\npostgres: {kills} kills at work in {rounds} rounds, after each: {told}")

    def test_all_at_one_go_and_again(self):
        begin = time.monotonic()
        with self.consumer():
            wait_for("it is at work", self.stored)
            at_work, first = time.monotonic(), self.stored()
            wait_for("all is stored", self.at_end)
            seconds = time.monotonic() - at_work
        rate = (sum(self.ends.values()) - first) / max(seconds, 0.001)
        told = compare(self, self.db, self.expected)
        self.db.execute("truncate offsets")  # everything again
        with self.consumer():
            wait_for("all is read again", self.at_end)
        self.assertEqual(told, compare(self, self.db, self.expected))
        [[version]] = self.db.execute("show server_version").fetchall()
        versions = f"Apache Kafka {KAFKA_VERSION}, PostgreSQL {version}"
        took = f"{rate:.0f} records/s once at work, {time.monotonic() - begin:.0f} s in all"
        print(f"\npostgres: {versions}: {told}; {took}")

    def test_a_place_that_kafka_no_longer_has_is_told(self):
        with self.consumer():
            wait_for("it is at work", self.stored)
        self.db.execute("update offsets set next = 1000000")
        self.assertIn("ohip-postgres: error: ", said := self.run_to_its_end())
        self.assertIn("ffset", said)
        self.assertNotIn("Traceback", said)

    def test_without_its_tables_or_its_database_it_ends_and_says_so(self):
        self.db.execute("create table events (other int)")
        self.assertIn("ohip-postgres: error: ", said := self.run_to_its_end())
        self.assertNotIn("Traceback", said)
        client = self.client | {"PGHOST": "/nonexistent"}
        self.client, before = client, self.client
        try:
            self.assertIn("ohip-postgres: error: ", self.run_to_its_end())
        finally:
            self.client = before

    def test_the_consumer_is_small(self):
        self.assertLess(len(CONSUMER.read_text().splitlines()), 100)


if __name__ == "__main__":
    unittest.main()
