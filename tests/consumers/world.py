"""An OHIP and a Kafka on loopback, and the programs that move events from one to the other."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OHIP_POLL_BUILD", ROOT / "build"))
KAFKA_VERSION = "4.4.0"
TOPIC = "ohip.business-events"
PATIENCE = 120  # seconds, on a busy machine


@contextmanager
def process(command: list[str], log: Path, **more) -> Iterator[subprocess.Popen]:
    """Killed at the end, and with its parent."""
    with log.open("ab") as out:
        command = ["setpriv", "--pdeathsig", "KILL", *command]
        child = subprocess.Popen(command, stdout=out, stderr=out, **more)
    with child:
        try:
            yield child
        finally:
            child.kill()


def wait_for(what: str, done, patience: float = PATIENCE):
    """What done() returns, as soon as that is true."""
    end = time.monotonic() + patience
    while not (result := done()):
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)
    return result


def listening(log: Path) -> str:
    """Where a simulator says that it listens."""

    def address() -> str:
        return next(
            (x.split()[-1] for x in log.read_text().splitlines() if "listening on" in x), ""
        )

    return wait_for(f"{log} says where it listens", address)


def free_ports(count: int) -> list[str]:
    with ExitStack() as open_sockets:
        bound = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for one in bound:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in bound]


@contextmanager
def simulated_kafka(directory: Path) -> Iterator[str]:
    """Its bootstrap server. It keeps records and offsets, but has no transactions."""
    log = directory / "kafka.log"
    command = [str(BUILD / "kafka-sim"), "--topic", f"{TOPIC}:4"]
    with process(command, log, stdin=subprocess.PIPE):
        yield listening(log)


@contextmanager
def real_kafka(directory: Path) -> Iterator[str]:
    """An Apache Kafka that tests/kafka/cluster/fetch has fetched; its bootstrap server."""
    data = directory / "kafka"
    data.mkdir()
    plaintext, sasl_ssl, ssl, controller = free_ports(4)
    broker = ROOT / "tests/kafka/cluster/broker"
    command = [
        str(broker),
        KAFKA_VERSION,
        str(data),
        plaintext,
        sasl_ssl,
        ssl,
        controller,
        sasl_ssl,
    ]
    brokers = f"127.0.0.1:{plaintext}"
    with process(command, directory / "kafka.log") as java:
        admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})

        def created() -> bool:
            if java.poll() is not None:
                raise RuntimeError((directory / "kafka.log").read_text()[-2000:])
            with suppress(KafkaException, TimeoutError):
                if TOPIC in admin.list_topics(timeout=10).topics:
                    return True
                admin.create_topics([NewTopic(TOPIC, 4, 1)])[TOPIC].result(10)
            return False

        wait_for("Kafka has a topic", created)
        yield brokers


@dataclass
class World:
    directory: Path
    brokers: str
    ohip: str  # URL
    transactions: bool

    def ask(self, path: str, body: bytes | None = None, method: str = "POST") -> bytes:
        request = urllib.request.Request(self.ohip + path, body or b"", method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()

    def handed_out(self, queue: str = "hotel=ABC") -> list[bytes]:
        return self.ask(f"/sim/handed-out?{queue}", method="GET").splitlines()

    def streamed(self, chain: str = "DEMO") -> list[bytes]:
        return self.ask(f"/sim/streamed?chain={chain}", method="GET").splitlines()

    def environment(self) -> dict[str, str]:
        settings = {
            "PATH": os.environ["PATH"],
            "OHIP_CONFIG": str(self.directory / "ohip.env"),
            "OHIP_SPOOL_DIR": str(self.directory / "spool"),
            "KAFKA_BOOTSTRAP_SERVERS": self.brokers,
            "KAFKA_TOPIC": TOPIC,
        }
        without = {"KAFKA_PROFILE": "oci-streaming", "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}
        return settings | ({} if self.transactions else without)

    def run(self, program: str, *options: str, status: int = 0, **more: str) -> str:
        """A run of ohip-poll or ohip-stream, which must end so; what it printed."""
        command = [str(BUILD / program), *options]
        result = subprocess.run(
            command,
            env=self.environment() | more,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )
        if result.returncode != status:
            raise AssertionError(f"{command}: {result.returncode}: {result.stdout}{result.stderr}")
        return result.stdout

    def records(self) -> list[Message]:
        """All that is in the topic, as a consumer of committed records sees it."""
        settings = {
            "bootstrap.servers": self.brokers,
            "group.id": "test",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
        consumer = Consumer(settings)
        partitions = consumer.list_topics(TOPIC, timeout=PATIENCE).topics[TOPIC].partitions
        consumer.assign([TopicPartition(TOPIC, number, 0) for number in partitions])
        found: list[Message] = []
        open_partitions = set(partitions)
        while open_partitions:
            message = consumer.poll(PATIENCE)
            if message is None:
                raise TimeoutError("Kafka sends nothing")
            if message.error() is None:
                found.append(message)
            elif message.error().name() == "_PARTITION_EOF":
                open_partitions.discard(message.partition())
            else:
                raise KafkaException(message.error())
        consumer.close()
        return found


@contextmanager
def world(directory: Path, kafka=simulated_kafka) -> Iterator[World]:
    log = directory / "ohip.log"
    command = [str(BUILD / "ohip-sim"), "--env-file", str(directory / "ohip.env")]
    command += ["--resubscribe-wait", "0", "--late-events", "0"]
    with kafka(directory) as brokers, process(command, log):
        yield World(directory, brokers, listening(log), kafka is real_kafka)


def headers_of(message: Message) -> dict[str, str]:
    return {name: value.decode() for name, value in message.headers() or []}
