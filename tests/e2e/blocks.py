#!/usr/bin/env python3
"""Runs the code blocks of README.md and docs/ as they stand there, and follows links between them:

    tests/e2e/blocks.py PROGRAMS [PAGE.md ...]

PROGRAMS is the directory of ohip-poll, ohip-stream, ohip-sim and kafka-sim. A page's blocks are one
session, from the first to the last, between an ohip-sim and a kafka-sim of its own. Its language
says what a block is, and a comment in the line before it what else there is to know:

    sh       is run, and has to end with 0, or with N:
             <!-- ends with N -->
    text     is what the block before it prints, line by line; … stands for anything
    env      is a configuration, or a part of one, that ohip-poll takes. README's is the session's
             own from there on; other pages have it from the start:
             <!-- file: /etc/ohip-poll/ohip-poll.env -->
    cron     each line's command is run; a minute lasts a second here
    json     is valid
    mermaid  is a picture

Any block may say why it is not run; files of this repository that it names must be there:
             <!-- not run: REASON -->
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = "/etc/ohip-poll/ohip-poll.env"
TIMEOUT = 300  # of a page
MARK = "\x1e"  # before each block's output


class WrongError(Exception):
    """What a person must do about a page."""


class Block:
    def __init__(self, page, line, language, comment, lines):
        self.place = f"{page}:{line}"
        self.language = language
        self.comment = comment
        self.text = "".join(lines)

    def told(self, what):
        found = re.fullmatch(rf"{what}:? *(.*)", self.comment, re.DOTALL)
        return found and found[1].strip()


def blocks_of(page):
    """All of them; a block by indentation alone has no language and is refused."""
    lines = page.read_text().splitlines(keepends=True)
    name = page.relative_to(ROOT)
    blocks, comment, i = [], "", 0
    while i < len(lines):
        line = lines[i]
        fence = re.match(r"( *)```(\w*)$", line.rstrip("\n"))
        if fence:
            begin = i + 1
            i = next(k for k in range(begin, len(lines)) if lines[k].strip() == "```")
            body = [x[len(fence[1]) :] for x in lines[begin:i]]
            blocks.append(Block(name, begin, fence[2], comment, body))
        elif re.match(r" {4}\S", line) and i and not lines[i - 1].strip():
            raise WrongError(
                f"{name}:{i + 1}: a block by indentation: give it a fence and a language"
            )
        if line.strip():
            found = re.match(r" *<!-- (.*?) -->$", line.rstrip("\n"))
            comment = found[1] if found else ""
        i += 1
    return blocks


class World:
    """The simulators, a directory and an environment for one page."""

    def __init__(self, programs):
        self.directory = tempfile.TemporaryDirectory()
        self.work = Path(self.directory.name)
        self.etc = self.work / "etc/ohip-poll"
        for folder in ("home", "here", "run"):
            (self.work / folder).mkdir()
        self.etc.mkdir(parents=True)
        for name in ("auth-token", "kafka-password", "client-secret", "ca.pem"):
            (self.etc / name).write_text("secret\n")
        self.processes = []
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(self.work / "home"),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.work),
        }

    def __enter__(self):
        self.brokers = self.start("kafka-sim", "--topic", "ohip.business-events:4")
        self.gateway = self.start(
            *("ohip-sim", "--events", "45", "--hotel", "ABC,DEF", "--client-id", "my-client"),
            *("--client-secret", "my-secret", "--external-system", "MYSYSTEM"),
            *("--enterprise-id", "MYENTERP", "--app-key", "0d8f6c1e-5b7a-4c3d-9e2f-1a2b3c4d5e6f"),
        )
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
            process.wait()
        self.directory.cleanup()

    def start(self, *words):
        process = subprocess.Popen(
            words, env=self.environment, cwd=self.work / "run", stdout=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        return process.stdout.readline().split()[-1]

    def own_configuration(self, text):
        """The page's file, with the simulators in place of the servers that it names."""
        path = self.work / CONFIGURATION[1:]
        path.write_text(self.here(text))
        path.chmod(0o600)
        return {
            "OHIP_CONFIG": str(path),
            "OHIP_GATEWAY_URL": self.gateway,
            "KAFKA_BOOTSTRAP_SERVERS": self.brokers,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "OHIP_SPOOL_DIR": str(self.work / "spool"),
        }

    def here(self, text):
        """Files below /etc/ohip-poll are the world's."""
        return text.replace("/etc/ohip-poll/", f"{self.etc}/")


def example():
    """README's configuration, on which the others build."""
    for block in blocks_of(ROOT / "README.md"):
        if block.told("file") == CONFIGURATION:
            return block.text
    raise WrongError(f"README.md: no block is the file {CONFIGURATION}")


def names(text):
    return {x.removesuffix("_FILE") for x in re.findall(r"^(\w+)=", text, re.MULTILINE)}


def completed(text):
    """A part of a configuration, and the rest of it from README."""
    others = [x for x in example().splitlines() if not names(x) & names(text)]
    return "\n".join([*others, text])


def try_configuration(world, block):
    """A replay of an empty spool reads all of it, and asks nobody."""
    path = world.work / "part.env"
    path.write_text(world.here(completed(block.text)))
    result = subprocess.run(
        ["ohip-poll", "--replay", "--config", str(path), "--spool-dir", str(world.work / "none")],
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise WrongError(f"{block.place}: ohip-poll ends with {result.returncode}: {result.stderr}")


def cron_script(text):
    commands = []
    for line in text.splitlines():
        if re.match(r"[*0-9]", line):
            command = line.split(None, 6)[6]
            commands.append(re.sub(r"/usr/bin/|/usr/local/bin/", "", command))
    return "\n".join(commands).replace("--run-for 55s", "--run-for 1s")


def exports(environment):
    return [f"export {name}='{value}'" for name, value in environment.items()]


def script_of(world, blocks):
    """For bash: a mark before each block; what has to end with N is in a shell of its own."""
    lines = ["set -euo pipefail", 'sudo() { "$@"; }', f"cd {world.work / 'here'}"]
    if all(block.told("file") != CONFIGURATION for block in blocks):
        lines += exports(world.own_configuration(example()))
    for number, block in enumerate(blocks):
        lines.append(f"printf '{MARK}%s\\n' {number}; printf '{MARK}%s\\n' {number} >&2")
        if block.told("file") == CONFIGURATION:
            lines += exports(world.own_configuration(block.text))
        if block.told("not run") is not None:
            continue
        if block.language not in ("sh", "cron"):
            continue
        body = cron_script(block.text) if block.language == "cron" else block.text
        status = block.told("ends with")
        body = world.here(body)
        if status:
            lines.append(f"set +e; ( set -e\n{body}\n); s=$?; set -e")
            lines.append(f'[ $s = {status} ] || {{ echo "ended with $s, not {status}"; exit 99; }}')
        else:
            lines.append(body)
    lines.append(f"printf '{MARK}end\\n'")
    return "\n".join(lines) + "\n"


def run(world, blocks):
    """The output of each block that was begun, and whether all ended as they should."""
    script = world.work / "script"
    script.write_text(script_of(world, blocks))
    with (world.work / "output").open("w+") as output:
        process = subprocess.Popen(
            ["bash", str(script)],
            env=world.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            status = "a time-out"
        with contextlib.suppress(ProcessLookupError):  # what a block left in the background
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output.seek(0)
        text = output.read()
    outputs = {}
    for part in text.split(MARK)[1:]:
        number, _, said = part.partition("\n")
        outputs[number] = outputs.get(number, "") + said
    return outputs, status


def pattern(line):
    return ".*".join(re.escape(x) for x in line.rstrip().split("…"))


def check_output(block, said):
    """Each line in its order; what a block prints besides is left out of the page with a line …"""
    wanted = "\n".join(pattern(x) for x in block.text.splitlines())
    wanted = re.sub(r"(?m)^\.\*$", r"(?s:.*)", wanted)
    if not re.fullmatch(wanted, re.sub(r"[ \t]+$", "", said, flags=re.MULTILINE).rstrip("\n")):
        raise WrongError(f"{block.place}: what is printed is another text:\n{said[:2000]}")


def check_reason(block):
    reason = block.told("not run")
    if not reason:
        raise WrongError(f"{block.place}: say why it is not run")
    for path in re.findall(r"\b(?:scripts|tests|cron|docs)/[\w./@-]*\w", reason):
        if not (ROOT / path).exists():
            raise WrongError(f"{block.place}: there is no {path}")


def check_block(world, block, before, outputs, number):
    if block.told("not run") is not None:
        check_reason(block)
    elif block.language == "env":
        try_configuration(world, block)
    elif block.language == "json":
        try:
            json.loads(block.text)
        except ValueError as error:
            raise WrongError(f"{block.place}: {error}") from error
    elif block.language == "text":
        if before is None or str(before) not in outputs:
            raise WrongError(f"{block.place}: no block before it is run")
        check_output(block, outputs[str(before)])
    elif block.language not in ("sh", "cron", "mermaid"):
        raise WrongError(
            f"{block.place}: `{block.language}` is not run: say why, <!-- not run: … -->"
        )


def anchors(page):
    """As GitHub makes them of headings."""
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", x.lower()).replace(" ", "-") for x in headings}


def check_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        there = page.parent / path if path else page
        if not there.exists():
            raise WrongError(f"{page.relative_to(ROOT)}: there is no {path}")
        if anchor and anchor not in anchors(there):
            raise WrongError(f"{page.relative_to(ROOT)}: {there.name} has no heading #{anchor}")


def check_page(programs, page):
    check_links(page)
    blocks = blocks_of(page)
    if not blocks:
        return
    with World(programs) as world:
        outputs, status = run(world, blocks)
        if "end" not in outputs:
            last = max((int(x) for x in outputs), default=0)
            raise WrongError(
                f"{blocks[last].place}: fails ({status}):\n{outputs[str(last)][-2000:]}"
            )
        before = None
        for number, block in enumerate(blocks):
            check_block(world, block, before, outputs, number)
            if block.language in ("sh", "cron"):
                before = number if block.told("not run") is None else None


def main():
    programs = Path(sys.argv[1]).resolve()
    pages = [Path(x).resolve() for x in sys.argv[2:]]
    failed = False
    for page in pages or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        begin = time.monotonic()
        try:
            check_page(programs, page)
            result = "ok"
        except WrongError as wrong:
            failed, result = True, f"FAILED: {wrong}"
        print(f"{page.relative_to(ROOT)}: {time.monotonic() - begin:.1f} s: {result}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
