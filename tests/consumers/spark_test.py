"""docs/consumers/spark between a real Kafka and Delta tables, killed between its merges."""

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import ExitStack, suppress
from pathlib import Path

from database import wrong
from deltalake import DeltaTable
from feed import STRAY, Expected, expected, feed, publish_copies
from world import KAFKA_VERSION, ROOT, TOPIC, real_kafka, wait_for, world

JOB = ROOT / "docs/consumers/spark/ohip_lake.py"
JARS = ROOT / "build/consumers/jars"
EVENTS = int(os.environ.get("OHIP_POLL_CONSUMER_EVENTS", "1000"))
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
WAYS = ("externalSystem", "subscriptions")


class Spark(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = ExitStack()
        cls.addClassCleanup(stack.close)
        cls.directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cls.place = stack.enter_context(world(cls.directory, real_kafka))
        cls.lake = cls.directory / "lake"
        feed(cls.place, EVENTS)
        cls.expected = expected(cls.place)

    def job(self) -> subprocess.Popen:
        submit = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]"]
        submit += ["--jars", ",".join(map(str, JARS.glob("*.jar")))]
        for name, value in SETTINGS.items():
            submit += ["--conf", f"{name}={value}"]
        command = [*submit, str(JOB), self.place.brokers, TOPIC, str(self.lake)]
        environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        with (self.directory / "spark.log").open("ab") as log:
            return subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True,
                cwd=self.directory,
            )  # fmt: skip

    def complaints(self) -> str:
        """Of the job; Spark's log is long."""
        lines = (self.directory / "spark.log").read_text().splitlines()
        return "\n".join(line[:500] for line in lines if "Error" in line or "Exception" in line)

    def run_to_its_end(self) -> str:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        job = self.job()
        self.assertEqual(0, job.wait(PATIENCE), self.complaints())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return f"{time.monotonic() - begin:.0f} s, {cpu:.0f} CPU s, {after.ru_maxrss // 1024} MiB"

    def commits(self, table: str) -> int:
        return len(list((self.lake / table / "_delta_log").glob("*.json")))

    def kill_behind(self, table: str, count: int) -> None:
        """As soon as that table has so many commits: before the next one's, or the checkpoint's."""
        job = self.job()
        try:
            wait_for(
                f"{table} has {count} commits",
                lambda: self.commits(table) >= count or job.poll() is not None,
                PATIENCE,
            )
            self.assertIsNone(job.poll(), self.complaints())
        finally:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
            job.wait()

    def rows(self, table: str, *columns: str) -> list[tuple]:
        found = DeltaTable(str(self.lake / table)).to_pyarrow_table(columns=list(columns))
        return list(zip(*(found[name].to_pylist() for name in columns), strict=True))

    def compare(self, all_of: Expected) -> str:
        rows = self.rows("events", "source", "id", "value")
        handed_out = {WAYS[0]: all_of.events, WAYS[1]: all_of.streamed}
        for way, events in handed_out.items():
            of_way = [(number, value.encode()) for source, number, value in rows
                      if f"/{way}/" in source]  # fmt: skip
            self.assertEqual(len(of_way), len(dict(of_way)))
            self.assertEqual([], wrong(dict(of_way), events))
        state = self.rows("state", "source", "key", "id")
        newest = {(next(w for w in WAYS if w in source), key): n for source, key, n in state}
        self.assertEqual(len(state), len(newest))
        self.assertEqual(all_of.newest, newest)
        total = sum(map(len, handed_out.values()))
        stray = [source for source, _, _ in rows if not any(f"/{way}/" in source for way in WAYS)]
        rejected = self.rows("rejects", "offset")
        self.assertEqual(len(STRAY), len(stray) + len(rejected))
        return f"{total} handed out, {len(rows) - len(stray)} rows, {len(state)} states, 0 wrong"

    def test_each_event_once_killed_between_the_merges_and_before_the_checkpoint(self):
        self.kill_behind("events", 2)
        self.kill_behind("state", 2)
        first = self.run_to_its_end()
        told = self.compare(self.expected)
        commits = self.commits("events")
        second = self.run_to_its_end()
        self.assertEqual(commits, self.commits("events"))
        publish_copies(self.place, random.sample(self.place.records(), 50), stray=())
        third = self.run_to_its_end()
        self.assertEqual(told, self.compare(self.expected))
        print(f"\nspark: Apache Kafka {KAFKA_VERSION}, Spark 3.5.0, Delta 3.1.0: {told}")
        print(f"spark: first run {first}; without news {second}; copies alone {third}")


if __name__ == "__main__":
    unittest.main()
