"""docs/consumers/spark between a real Kafka and Delta tables: killed, and in trouble."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from database import wrong
from deltalake import DeltaTable
from feed import STRAY, expected, fed_world, open_transaction, publish_copies
from world import KAFKA_VERSION, ROOT, TOPIC, headers_of, wait_for

SPARK = ROOT / "docs/consumers/spark"
JARS = ROOT / "build/consumers/jars"
EVENTS = int(os.environ.get("OHIP_POLL_CONSUMER_EVENTS", "1000"))
KILLS = int(os.environ.get("OHIP_POLL_CONSUMER_KILLS", "0"))
DICE = random.Random(os.environ.get("OHIP_POLL_SEED") or time.time_ns())
PATIENCE = 600
# What halves the CPU of a small job.
SETTINGS = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}
DELTA = (
    "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog",
)
WAYS = ("externalSystem", "subscriptions")


class Job(subprocess.Popen):
    """One run of the lake job, or of another of Spark's programs."""

    def __init__(self, program: str, *arguments: str, log: Path):
        command = [str(Path(sys.executable).with_name(program)), "--master", "local[2]"]
        command += ["--jars", ",".join(map(str, JARS.glob("*.jar")))]
        for name, value in SETTINGS.items():
            command += ["--conf", f"{name}={value}"]
        environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        self.begin = time.monotonic()
        with log.open("wb") as out:
            super().__init__(
                [*command, *arguments], env=environment, stdout=out, stderr=out,
                start_new_session=True, cwd=log.parent,
            )  # fmt: skip

    def ended(self) -> str:
        """Its cost; the memory is Java's at most: ru_maxrss begins with the parent's."""
        most = "0"

        def reaped():
            nonlocal most
            with suppress(OSError):
                shown = Path(f"/proc/{self.pid}/status").read_text()
                most = next((x.split()[1] for x in shown.splitlines() if "VmHWM" in x), most)
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            return (status, usage) if pid else None

        status, usage = wait_for("the job ends", reaped, PATIENCE)
        self.returncode = os.waitstatus_to_exitcode(status)
        seconds, cpu = time.monotonic() - self.begin, usage.ru_utime + usage.ru_stime
        return f"{seconds:.0f} s, {cpu:.0f} CPU s, {int(most) // 1024} MiB"

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()


def delta(path: Path, *columns: str) -> list[tuple]:
    found = DeltaTable(str(path)).to_pyarrow_table(columns=list(columns))
    return list(zip(*(found[name].to_pylist() for name in columns), strict=True))


class Lake(unittest.TestCase):
    """A topic with all that feed() makes, and a lake for each test."""

    @classmethod
    def setUpClass(cls):
        cls.place = cls.enterClassContext(fed_world(EVENTS))
        cls.expected = expected(cls.place)

    def setUp(self):
        self.lake = self.place.directory / self.id()
        self.log = self.place.directory / "spark.log"
        self.topic = TOPIC
        self.addCleanup(shutil.rmtree, self.lake, ignore_errors=True)

    def job(self, *options: str, log: Path | None = None) -> Job:
        file = self.place.directory / "lake.properties"
        file.write_text("\n".join(["# a password", "", "kafka.client.id = lake", *options]))
        job = Job(
            "spark-submit", str(SPARK / "ohip_lake.py"), self.place.brokers, self.topic,
            str(self.lake), f"@{file}", log=log or self.log,
        )  # fmt: skip
        self.addCleanup(job.kill)
        return job

    def complaints(self) -> str:
        """Of the job; Spark's log is long."""
        lines = self.log.read_text().splitlines()
        return "\n".join(line[:500] for line in lines if "Error" in line or "Exception" in line)

    def run_to_its_end(self) -> str:
        job = self.job()
        cost = job.ended()
        self.assertEqual(0, job.returncode, self.complaints())
        return cost

    def run_that_fails(self) -> str:
        """Its last line."""
        job = self.job()
        job.ended()
        lines = self.log.read_text().splitlines()
        said = [line for line in lines if line.startswith("ohip-lake: error: ")]
        self.assertEqual((1, 1), (job.returncode, len(said)), self.complaints())
        return said[0]


class Tables(Lake):
    def commits(self, table: str) -> int:
        return len(list((self.lake / table / "_delta_log").glob("*.json")))

    def compare(self) -> str:
        """Both tables are what OHIP handed out, each event once, byte for byte."""
        rows = delta(self.lake / "events", "source", "id", "value")
        handed_out = {WAYS[0]: self.expected.events, WAYS[1]: self.expected.streamed}
        for way, events in handed_out.items():
            of_way = [(number, value.encode()) for source, number, value in rows
                      if f"/{way}/" in source]  # fmt: skip
            self.assertEqual(len(of_way), len(dict(of_way)))
            self.assertEqual([], wrong(dict(of_way), events))
        state = delta(self.lake / "state", "source", "key", "id")
        newest = {(next(w for w in WAYS if w in source), key): n for source, key, n in state}
        self.assertEqual(len(state), len(newest))
        self.assertEqual(self.expected.newest, newest)
        total = sum(map(len, handed_out.values()))
        stray = [source for source, _, _ in rows if not any(f"/{way}/" in source for way in WAYS)]
        rejected = delta(self.lake / "rejects", "offset")
        self.assertEqual(len(STRAY), len(stray) + len(rejected))
        return f"{total} handed out, {len(rows) - len(stray)} rows, {len(state)} states, 0 wrong"

    def tidy(self) -> None:
        sql = ("--hivevar", f"lake={self.lake}", "-f", str(SPARK / "tidy.sql"))
        job = Job("spark-sql", *map("--conf={}".format, DELTA), *sql, log=self.log)
        job.ended()
        self.assertEqual(0, job.returncode, self.complaints())
        tables = [DeltaTable(str(self.lake / table)) for table in ("events", "state", "rejects")]
        last = [table.history(1)[0]["operation"] for table in tables]
        self.assertEqual(["VACUUM END"] * 3, last)
        parts = {uri.rpartition("/")[0] for uri in tables[0].file_uris()}
        self.assertEqual(len(parts), len(tables[0].file_uris()))
        self.assertEqual(1, len(tables[1].file_uris()))

    def kill_behind(self, table: str, count: int) -> None:
        """As soon as that table has so many commits: before the next one's, or the checkpoint's."""
        job = self.job()
        wait_for(
            f"{table} has {count} commits",
            lambda: self.commits(table) >= count or job.poll() is not None,
            PATIENCE,
        )
        self.assertIsNone(job.poll(), self.complaints())
        job.kill()

    def test_each_event_once_killed_between_the_merges_and_before_the_checkpoint(self):
        self.kill_behind("events", 2)
        self.kill_behind("state", 2)
        self.run_to_its_end()
        print(f"\nspark: killed behind either merge: {self.compare()}")

    def files(self) -> int:
        return sum(len(names) for _, _, names in os.walk(self.lake))

    def batches(self) -> int:
        return len(list(self.lake.glob("checkpoint/*/commits/[0-9]*")))

    def kill_at_random(self) -> bool:
        """While it starts, or at its work, in some batch; whether there was more to do. The time
        that it has grows until it gets on: a machine may be slow."""
        files, batches = self.files(), self.batches()
        job = self.job("maxOffsetsPerTrigger=20000")
        if DICE.random() > 0.2:
            wait_for(
                "the job writes", lambda: self.files() > files or job.poll() is not None, PATIENCE
            )
        time.sleep(DICE.random() * self.seconds)
        done = job.poll() is not None
        job.kill()
        self.assertIn(job.returncode, (0, -signal.SIGKILL), self.complaints())
        self.seconds = max(5, self.seconds * (0.7 if self.batches() > batches else 1.5))
        return not done

    @unittest.skipUnless(KILLS, "OHIP_POLL_CONSUMER_KILLS=0")
    def test_each_event_once_after_kills_at_random(self):
        kills = rounds = 0
        self.seconds = 5
        while kills < KILLS:
            rounds += 1
            shutil.rmtree(self.lake, ignore_errors=True)
            while self.kill_at_random():
                kills += 1
            told = self.compare()
            print(f"\nspark: {kills} kills at random in {rounds} rounds, after each: {told}")

    def test_a_run_without_news_and_one_with_copies_alone_change_nothing(self):
        first = self.run_to_its_end()
        told = self.compare()
        commits = self.commits("events")
        second = self.run_to_its_end()
        self.assertEqual(commits, self.commits("events"))
        publish_copies(self.place, DICE.sample(self.place.records(), 50), stray=())
        third = self.run_to_its_end()
        self.assertEqual(told, self.compare())
        print(f"\nspark: Apache Kafka {KAFKA_VERSION}, Spark 3.5.0, Delta 3.1.0: {told}")
        print(f"spark: first run {first}; without news {second}; copies alone {third}")
        self.tidy()
        self.assertEqual(told, self.compare())


class Trouble(Lake):
    """Each with a topic of its own, of our programs' records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        records = [r for r in cls.place.records() if "ce_dataschema" in dict(r.headers() or [])]
        cls.some, cls.others = records[:300], records[300:600]

    def setUp(self):
        super().setUp()
        self.topic = self.id().rpartition(".")[2]
        self.admin = AdminClient({"bootstrap.servers": self.place.brokers})
        self.create()

    def create(self) -> None:
        """As soon as Kafka has done with one that was deleted."""

        def created() -> bool:
            with suppress(KafkaException):
                self.admin.create_topics([NewTopic(self.topic, 1, 1)])[self.topic].result(10)
                return True
            return False

        wait_for("Kafka has the topic", created)

    def publish(self, records: list, stray: Iterable = ()) -> None:
        publish_copies(self.place, records, stray, self.topic)

    def has(self, records: list) -> None:
        """Each of them, once, and no others."""
        ids = {(headers_of(r)["ce_source"], headers_of(r)["ce_id"]) for r in records}
        self.assertCountEqual(ids, delta(self.lake / "events", "source", "id"))

    def test_a_topic_that_was_made_anew_is_read_from_its_beginning_and_told(self):
        """Also when it is longer than the old one was: offsets alone do not show that."""
        self.publish(self.some)
        self.run_to_its_end()
        self.admin.delete_topics([self.topic])[self.topic].result(60)
        self.create()
        self.publish(self.others + self.some[:50])
        self.assertIn("was made anew", self.run_that_fails())
        self.has(self.some + self.others)
        self.run_to_its_end()

    def test_records_that_kafka_forgot_unread_are_told_each_time_until_somebody_has_looked(self):
        self.publish(self.some)
        self.run_to_its_end()
        self.publish(self.others)
        end = TopicPartition(self.topic, 0, len(self.some) + 10)
        self.admin.delete_records([end])[end].result(60)
        self.assertIn("some data may have been lost", self.run_that_fails().lower())
        self.has(self.some)
        self.assertIn("some data may have been lost", self.run_that_fails().lower())
        shutil.rmtree(self.lake / "checkpoint")
        self.run_to_its_end()
        self.has(self.some + self.others[10:])

    def test_a_torn_checkpoint_is_told_and_a_lost_one_costs_no_event(self):
        self.publish(self.some)
        self.run_to_its_end()
        [torn] = self.lake.glob("checkpoint/*/offsets/0")
        torn.write_bytes(b"")
        torn.with_name(f".{torn.name}.crc").unlink()
        self.publish(self.others)
        self.assertIn("log file", self.run_that_fails())
        shutil.rmtree(self.lake / "checkpoint")
        self.run_to_its_end()
        self.has(self.some + self.others)

    def test_two_runs_at_once_cost_no_event(self):
        """One of them fails, or finds nothing; the next run is as usual."""
        self.publish(self.some)
        with open_transaction(self.place, self.topic):
            logs = [self.place.directory / f"run-{number}.log" for number in (1, 2)]
            jobs = [self.job("maxOffsetsPerTrigger=50", log=log) for log in logs]
            for job in jobs:
                job.ended()
        ends = sorted(job.returncode for job in jobs)
        self.assertIn(ends, ([0, 0], [0, 1], [1, 1]))
        self.publish(self.others)
        self.run_to_its_end()
        self.has(self.some + self.others)
        print(f"\nspark: two runs at once end with {ends}; all is there once")

    def test_no_record_stops_those_behind_it(self):
        """Values, headers and times that are odd, also as a folder's name, are rows or rejects."""
        odd = [record(headers) for headers in ODD_HEADERS]
        odd += [record({"ce_source": "//x", "ce_id": f"v{n}"}, v) for n, v in enumerate(ODD_VALUES)]
        odd.append(odd[0] | {"headers": [*odd[0]["headers"].items(), ("ce_id", b"last")]})
        self.publish(self.some[:1], odd + odd)
        self.publish(self.others[:1])
        for _ in range(2):
            self.run_to_its_end()
            shutil.rmtree(self.lake / "checkpoint")
        rows = delta(self.lake / "events", "source", "id", "module")
        rejects = delta(self.lake / "rejects", "offset")
        self.assertEqual(len(rows), len({row[:2] for row in rows}))
        self.assertEqual(len(odd) + 2, len(rows) + len(rejects) // 2)
        modules = {module for source, _, module in rows if source == "//x"}
        self.assertEqual({"unknown", "rate"}, modules)


def record(headers: dict, value: bytes = b"{}") -> dict:
    return {"key": "k", "value": value, "headers": headers}


def about(number: int, **more) -> dict:
    return {"ce_source": "//x", "ce_id": f"h{number}"} | more


ODD_HEADERS = [
    about(number, **more)
    for number, more in enumerate(
        [
            *({"ce_type": f"com.oracle.opera.{module}.new"} for module in (
                "", "..", "a/b", "x" * 300, "a=b", "%", "\0", "\n", " ", "ÄÖ", "rate")),
            *({"ce_type": kind} for kind in ("", ".", "com.oracle.opera", b"\xff")),
            *({"ce_createddatetime": time} for time in (
                "", "now", "1900-01-01 00:00:00", "0000-00-00 00:00:00.0", "9999-12-31 23:59:59.9",
                "+294247-01-10 04:00:54", "2026-02-30 10:00:00.0", "2026-03-29 02:30:00.0",
                "31-FEB-26 01.00.00.000000 AM", "28-apr-24 13.61.00.000000 XM", b"\xff", "\0")),
        ]
    )
]  # fmt: skip
ODD_VALUES = [
    b"", b"null", b"[]", b"1", b'"', b"{", b"\xff", b" " * 99_999, b"[" * 99_999, b'{"a":1}{"a":1}',
    b'{"a":' + b"9" * 99_999 + b"}", rb'{"a":"\u0000\ud800"}',
]  # fmt: skip


if __name__ == "__main__":
    unittest.main()
