"""A PostgreSQL of its own, and what a consumer has put into it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from feed import STRAY, Expected
from world import process, wait_for


def as_its_user() -> list[str]:
    """It refuses to run as root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """The variables of a client. It listens on a socket in its directory, nowhere else."""
    binaries = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    directory = Path(tempfile.mkdtemp(prefix="ohip-postgres-"))
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(directory, owner.pw_uid, owner.pw_gid)
    data = str(directory / "data")
    initdb = [*as_its_user(), str(binaries / "initdb"), "--auth=trust", "--encoding=UTF8"]
    initdb += ["--locale=C", "--no-sync", "--username=ohip", "--pgdata", data]
    subprocess.run(initdb, check=True, capture_output=True, cwd=directory)
    client = {"PGHOST": str(directory), "PGUSER": "ohip", "PGDATABASE": "postgres"}
    command = [*as_its_user(), str(binaries / "postgres"), "-D", data, "-k", str(directory)]
    command += ["-c", "listen_addresses="]
    with process(command, directory / "log", cwd=directory) as server:
        wait_for("PostgreSQL answers", lambda: answers(client))
        yield client
        server.send_signal(signal.SIGINT)
        server.wait(60)
    shutil.rmtree(directory)


def connect(client: dict[str, str]) -> psycopg.Connection:
    options = {name.removeprefix("PG").lower(): value for name, value in client.items()}
    options["dbname"] = options.pop("database")
    return psycopg.connect(**options, autocommit=True)


def answers(client: dict[str, str]) -> bool:
    try:
        connect(client).close()
    except psycopg.OperationalError:
        return False
    return True


def rows(db: psycopg.Connection, way: str) -> dict[str, bytes]:
    found = db.execute(
        "select id, value::text from events where source like %s", (f"%/{way}%",)
    ).fetchall()
    return {number: value.encode() for number, value in found}


def newest(db: psycopg.Connection) -> dict[tuple[str, str], str]:
    found = db.execute("select source, key, id from state").fetchall()
    ways = ("externalSystem", "subscriptions")
    return {(next(w for w in ways if w in source), key): number for source, key, number in found}


def wrong(stored: dict[str, bytes], handed_out: dict[str, bytes]) -> list[str]:
    """Ids: lost, invented, or with other bytes; data value mappings may stand behind."""
    strange = set(stored) ^ set(handed_out)
    for number in set(stored) & set(handed_out):
        value, event = stored[number], handed_out[number]
        mapped = value.startswith(event[:-1] + b',"dataValueMapping":[')
        if value != event and not mapped:
            strange.add(number)
    return sorted(strange)


def compare(test, db: psycopg.Connection, all_of: Expected, stray: int = len(STRAY)) -> str:
    """The table is what OHIP handed out, each event once, byte for byte; a line that says so."""
    events, streamed = rows(db, "externalSystem"), rows(db, "subscriptions")
    test.assertEqual([], wrong(events, all_of.events))
    test.assertEqual([], wrong(streamed, all_of.streamed))
    [[total]] = db.execute("select count(*) from events").fetchall()
    other = "select id, key from events where source !~ '(externalSystem|subscriptions)'"
    test.assertEqual([], db.execute(other).fetchall())
    test.assertEqual(total, len(events) + len(streamed))
    test.assertEqual(all_of.newest, newest(db))
    rejects = db.execute("select place, why from rejects order by 1").fetchall()
    test.assertEqual(stray, len(rejects), rejects)
    handed_out = len(all_of.events) + len(all_of.streamed)
    return f"{handed_out} handed out, {total} rows, {len(newest(db))} states, 0 wrong"
