"""The contract's files, held against what the programs write: docs/schema/, docs/asyncapi.yaml and
the table of docs/consumers/README.md."""

import copy
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from jsonschema import Draft202012Validator
from world import ROOT, World, headers_of, world

BUSINESS_EVENT = "urn:ohip-poll:business-event:1"
NEW_EVENT = "urn:ohip-poll:new-event:1"
SPECS = Path(os.environ.get("OHIP_POLL_SPECS", ROOT.parent / "shared/specs"))

# Answers of OHIP: what its schema, its examples and its users' reports have that careless readers
# stumble over. Each holds one event.
ODD_ANSWERS = [
    # Nothing but an id; it is a number that no double holds.
    '{"businessEventData":[{"businessEventId":{"id":12345678901234567890123}}]}',
    # Numbers for strings and strings for numbers; data value mappings, in both spellings.
    (
        '{"businessEventData":[{"businessEvent":{"header":{"moduleName":14,'
        '"actionType":"UPDATE PROFILE","actionId":"561139","primaryKey":4711,'
        '"parentActionId":"561138","publisherId":"57489","createdDateTime":"2021-07-08 10:50:04.0",'
        '"hotelId":"ABC"}},"businessEventId":{"id":"m1"}}],'
        '"DataValueMapping":[{"dataElement":"ROOM TYPE","operaValue":"DLXK","externalValue":1234}]}'
    ),
    (
        '{"dataValueMapping":[{"dataElement":"RATE CODE","externalValue":"Tarif été"}],'
        '"businessEventData":[{"businessEvent":{"header":{"moduleName":"RATE","actionType":"NEW"}},'
        '"businessEventId":{"id":"m2"}}]}'
    ),
    # Members that are null, unknown members, an unknown module, no primaryKey, no hotel.
    (
        '{"businessEventData":[{"businessEvent":{"header":{"moduleName":"RoomRotation 2",'
        '"primaryKey":null,"hotelId":null,"zone":"+01:00","more":{"a":[1]}},"details":null,"links":[]},'
        '"businessEventId":{"id":"n1","type":"BE","idContext":"OPERA","version":2},"extra":true}]}'
    ),
    # Details: values that are absent, equal, numbers; an element of another hotel.
    (
        '{"businessEventData":[{"businessEvent":{"header":{"moduleName":"Block","primaryKey":"7/7",'
        '"hotelId":"ÄÖ"},"details":[{"dataElement":"WEBPAGE"},{"dataElement":"NAME","oldValue":"a",'
        '"newValue":"a"},{"dataElement":"ADULTS","newValue":2,"elementSequence":"1","hotelId":"DEF"},'
        '{}]},"businessEventId":{"id":"d1"}}]}'
    ),
]

ODD_NEW_EVENTS = [
    # As in Oracle's examples, with what a newer schema adds.
    (
        '{"moduleName":"RESERVATION","eventName":"NEW RESERVATION","primaryKey":"1","timestamp":'
        '"28-APR-24 06.18.59.028027 AM","hotelId":null,"publisherId":null,"actionInstanceId":"9",'
        '"detail":[{"elementName":"NAME","oldValue":"","newValue":"O&apos;Neil","scopeFrom":null}],'
        '"dataValueMapping":[{"dataElement":"A","operaValue":"B","externalValue":"C"}]}'
    ),
    # The least there is.
    '{"moduleName":"","eventName":"","primaryKey":"","timestamp":"","detail":[]}',
]


def values(text: bytes) -> dict:
    return json.loads(text)


def with_texts(text: bytes) -> dict:
    """Numbers as they are written."""
    return json.loads(text, parse_int=str, parse_float=str)


def at(value, path: str):
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def move_everything(place: World) -> None:
    """Both programs, both kinds of queue, made and odd events."""
    place.ask("/sim/events?hotel=ABC&count=60")
    for answer in ODD_ANSWERS:
        place.ask("/sim/answer?hotel=ABC", answer.encode())
    place.ask("/sim/events?hotel=ABC&queue=chain&count=20")
    place.ask("/sim/answer?hotel=ABC&queue=chain", ODD_ANSWERS[3].replace("n1", "n2").encode())
    for event in ODD_NEW_EVENTS:
        place.ask("/sim/stream?chain=DEMO", event.encode())
    place.run("ohip-poll", "--hotel", "ABC", "--drain", OHIP_LIMIT="19")
    for _ in ODD_ANSWERS:  # a drain ends with an answer that is not full
        place.run("ohip-poll", "--hotel", "ABC", "--once")
    for _ in range(2):
        place.run("ohip-poll", "--hotel", "ABC", "--queue", "chain", "--drain")
    place.run("ohip-stream", "--chain", "DEMO", "--drain")


def watch(place: World) -> str:
    """What the first command of the README prints, told to end at the topic's."""
    text = (ROOT / "docs/consumers/README.md").read_text()
    command = re.search(r"^(kcat .*)$", text, re.MULTILINE)[1]
    command = "set -o pipefail; " + command.replace("kcat -C", "kcat -C -e")
    environment = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": place.brokers}
    result = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    return result.stdout


def shown_of(record) -> tuple[str, str]:
    return record.key().decode(), headers_of(record)["ce_type"]


def asyncapi(*documents: Path) -> list[dict]:
    parser = Path(__file__).with_name("asyncapi.mjs")
    result = subprocess.run(
        ["node", str(parser), *map(str, documents)],
        cwd=os.environ["OHIP_POLL_ASYNCAPI"],
        capture_output=True,
        check=True,
    )
    return json.loads(result.stdout)


def rows_of_table() -> dict[str, tuple[list[str], list[str]]]:
    """Header: its places in a business event and in a newEvent."""

    def paths(cell: str) -> list[str]:
        found = re.findall(r"`([A-Za-z]*\.?[A-Za-z.]+)`", cell)
        return [found[0].rpartition(".")[0] + x if x[0] == "." else x for x in found]

    text = (ROOT / "docs/consumers/README.md").read_text()
    rows = re.findall(r"^\| `(ce_\w+)` \|([^|]*)\|([^|]*)\|$", text, re.MULTILINE)
    return {header: (paths(event), paths(new)) for header, event, new in rows}


def from_value(header: str, there: list, key: str) -> str | None:
    """What the table says that the header is; None: it is not there."""
    if header == "ce_dataschema":
        return BUSINESS_EVENT if "id" in there[0] else NEW_EVENT
    if header == "ce_type":
        words = [re.sub(rb"[^a-z0-9]", b"-", (x or "unknown").encode().lower()) for x in there]
        return b".".join([b"com.oracle.opera", *words]).decode()
    first = key.partition("/")[0] if header == "ce_hotelid" else ""
    return there[0] or first or None


class Contract(unittest.TestCase):
    """The contract's files, and how a record is held against them."""

    @classmethod
    def setUpClass(cls):
        files = [ROOT / "docs/schema" / name for name in ("business-event.json", "new-event.json")]
        schemas = [json.loads(file.read_text()) for file in files]
        cls.schemas = {schema["$id"]: schema for schema in schemas}
        [cls.document] = asyncapi(ROOT / "docs/asyncapi.yaml")
        cls.messages = {message["name"]: message for message in cls.document["messages"]}

    def value_errors(self, name: str, value) -> list[str]:
        return [e.message for e in Draft202012Validator(self.schemas[name]).iter_errors(value)]

    def header_errors(self, name: str, headers: dict[str, str]) -> list[str]:
        validator = Draft202012Validator(self.messages[name]["headers"])
        return [e.message for e in validator.iter_errors(headers)]

    def listed_headers(self, name: str) -> set[str]:
        parts = self.messages[name]["headers"]["allOf"]
        return {header for part in parts for header in part["properties"]}

    def record_errors(self, key: bytes, headers: dict[str, str], value: bytes) -> list[str]:
        name = headers.get("ce_dataschema")
        if name not in self.schemas:
            return [f"no schema {name!r}"]
        errors = self.value_errors(name, values(value)) + self.header_errors(name, headers)
        if not re.search(self.messages[name]["key"]["pattern"], key.decode()):
            errors.append(f"key {key!r}")
        return errors + [f"header {h}" for h in sorted(set(headers) - self.listed_headers(name))]


class Moved(Contract):
    """What both programs write between simulators."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as directory, world(Path(directory)) as place:
            move_everything(place)
            cls.handed_out = place.handed_out() + place.handed_out("queue=chain")
            cls.streamed = place.streamed()
            cls.records = place.records()
            cls.watched = watch(place)

    def records_of(self, name: str) -> list:
        return [r for r in self.records if headers_of(r)["ce_dataschema"] == name]

    def test_the_schemas_are_schemas_and_are_named_by_the_records(self):
        for schema in self.schemas.values():
            Draft202012Validator.check_schema(schema)
        self.assertEqual({BUSINESS_EVENT, NEW_EVENT}, set(self.schemas))
        named = {headers_of(record)["ce_dataschema"] for record in self.records}
        self.assertEqual(named, set(self.schemas))

    def test_the_asyncapi_document_is_one_and_its_messages_have_these_schemas(self):
        self.assertEqual([], self.document["problems"])
        self.assertEqual(
            {name: name for name in self.schemas},
            {name: message["payload"] for name, message in self.messages.items()},
        )

    def test_all_that_ohip_handed_out_is_there_to_be_validated(self):
        self.assertEqual(85 + 1, len(self.handed_out))
        self.assertEqual(len(self.handed_out), len(self.records_of(BUSINESS_EVENT)))
        self.assertEqual(len(self.streamed), len(self.records_of(NEW_EVENT)))
        self.assertGreater(len(self.streamed), 80)
        mapped = [r for r in self.records if b'"dataValueMapping":' in r.value()]
        self.assertEqual(3, len(mapped))

    def test_the_readme_has_a_line_that_shows_key_type_and_value(self):
        shown = sorted(tuple(line.split("\t")) for line in self.watched.splitlines())
        self.assertEqual(len(self.records), len(shown))
        for key, kind, _ in shown:
            self.assertIn((key, kind), {shown_of(record) for record in self.records})
        self.assertIn('"businessEventId"', shown[0][2] + shown[-1][2])

    def test_every_record_is_valid(self):
        for record in self.records:
            with self.subTest(key=record.key(), value=record.value()):
                found = self.record_errors(record.key(), headers_of(record), record.value())
                self.assertEqual([], found)

    def test_the_table_says_where_each_header_is_in_the_value(self):
        table = rows_of_table()
        listed = {name for record in self.records for name in headers_of(record)}
        self.assertEqual(listed - {"content-type"}, set(table))
        for record in self.records:
            headers, value = headers_of(record), with_texts(record.value())
            is_new = headers["ce_dataschema"] == NEW_EVENT
            for header, places in table.items():
                if places[is_new]:
                    there = [at(value, place) for place in places[is_new]]
                    expected = from_value(header, there, record.key().decode())
                    self.assertEqual(headers.get(header), expected, record.value())

    def test_the_key_says_hotel_module_and_primary_key(self):
        for record in self.records:
            headers = headers_of(record)
            value = with_texts(record.value())
            is_new = headers["ce_dataschema"] == NEW_EVENT
            module = at(value, "moduleName" if is_new else "businessEvent.header.moduleName")
            in_type = headers["ce_type"].split(".")[3]
            parts = [
                headers.get("ce_hotelid", ""),
                in_type if module else "",
                headers.get("ce_subject", ""),
            ]
            self.assertEqual("/".join(parts), record.key().decode())

    def test_what_oracle_may_add_is_valid(self):
        for name in self.schemas:
            for record in self.records_of(name)[:20]:
                self.assertEqual(
                    [], self.value_errors(name, with_additions(values(record.value())))
                )

    def test_the_samples_for_oracle_integration_have_every_member(self):
        text = (ROOT / "docs/consumers/oic.md").read_text()
        samples = [json.loads(x) for x in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
        for name, sample in zip((BUSINESS_EVENT, NEW_EVENT), samples, strict=True):
            self.assertEqual([], self.value_errors(name, sample))
            self.assertEqual(members_of_schema(self.schemas[name]), members_of(sample))

    def test_oracles_own_examples_are_valid(self):
        file = SPECS / "poll-api.swagger.json"
        if not file.exists():
            self.skipTest(f"no {file}")
        examples = list(events_in(json.loads(file.read_text())))
        self.assertGreater(len(examples), 3)
        for example in examples:
            self.assertEqual([], self.value_errors(BUSINESS_EVENT, example))

    def test_a_value_that_is_no_event_is_refused(self):
        for name, spoil in BAD_VALUES:
            value = values(self.full_record(name).value())
            self.assertEqual([], self.value_errors(name, value))
            value = spoil(value)
            with self.subTest(name=name, value=value):
                self.assertNotEqual([], self.value_errors(name, value))

    def test_each_schema_refuses_the_other_kind(self):
        for name, other in ((BUSINESS_EVENT, NEW_EVENT), (NEW_EVENT, BUSINESS_EVENT)):
            for record in self.records_of(other):
                self.assertNotEqual([], self.value_errors(name, values(record.value())))

    def test_a_record_without_a_needed_header_or_with_a_wrong_one_is_refused(self):
        needed = [
            "content-type",
            "ce_specversion",
            "ce_id",
            "ce_source",
            "ce_type",
            "ce_time",
            "ce_dataschema",
        ]
        own = {BUSINESS_EVENT: "ce_requestid", NEW_EVENT: "ce_ohipoffset"}
        for name in self.schemas:
            good = headers_of(self.full_record(name))
            for header in [*needed, own[name]]:
                without = {n: v for n, v in good.items() if n != header}
                self.assertNotEqual([], self.header_errors(name, without), header)
            for header, wrong in BAD_HEADERS:
                self.assertNotEqual(
                    [], self.header_errors(name, good | {header: wrong}), (header, wrong)
                )

    def test_a_wrong_asyncapi_document_is_refused(self):
        text = (ROOT / "docs/asyncapi.yaml").read_text().replace("./schema", "../docs/schema")
        good_and_bad = (
            ("action: receive", "action: get"),
            ("address:", "adress:"),
            ("/new-event.json", "/none.json"),
            ("required: [ce_requestid]", "required: ce_requestid"),
        )
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
            files = [Path(directory) / f"{number}.yaml" for number in range(len(good_and_bad))]
            for file, (good, bad) in zip(files, good_and_bad, strict=True):
                self.assertIn(good, text)
                file.write_text(text.replace("../docs", str(ROOT / "docs")).replace(good, bad))
            for document, (_, bad) in zip(asyncapi(*files), good_and_bad, strict=True):
                self.assertNotEqual([], document["problems"], bad)

    def full_record(self, name: str):
        """One with details."""
        return next(r for r in self.records_of(name) if re.search(rb'"details?":\[{"', r.value()))


class Published(Contract):
    """What the end-to-end tests in C++ have found in their topics: tests/e2e/published.h."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.records = {}
        for file in Path(os.environ["OHIP_POLL_PUBLISHED"]).iterdir():
            for line in file.read_text().splitlines():
                cls.records.setdefault(line, published(line))

    def test_there_are_records_of_both_programs_with_extras(self):
        for name, events, unlisted in (
            (BUSINESS_EVENT, 500, b'"zone"'),
            (NEW_EVENT, 200, b'"extra"'),
        ):
            of = [(k, v) for k, h, v in self.records.values() if h.get("ce_dataschema") == name]
            self.assertGreater(len(of), events)
            self.assertTrue([v for _, v in of if b'"dataValueMapping":' in v])
            self.assertTrue([v for _, v in of if unlisted in v])
            modules = {key.split(b"/")[1] for key, _ in of}
            self.assertLessEqual({b"reservation", b"profile"}, modules)

    def test_every_record_is_valid(self):
        wrong = {}
        for record in self.records.values():
            for error in self.record_errors(*record):
                wrong.setdefault(error[-200:], str(record)[:1000])
        self.assertFalse(wrong, "\n".join(f"{error}: {record}" for error, record in wrong.items()))
        print(f"\nschema: {len(self.records)} different records of the end-to-end tests are valid")


def published(line: str) -> tuple[bytes, dict[str, str], bytes]:
    parts = [part.split(":") for part in line.split(" ")]
    (_, key), (_, value), *headers = [(name, bytes.fromhex(text)) for name, text in parts]
    return key, {name: text.decode() for name, text in headers}, value


def members_of_schema(schema: dict, path: str = "") -> set[str]:
    schema = schema.get("items", schema)
    inner = schema.get("properties", {}).items()
    return {path}.union(*(members_of_schema(part, f"{path}.{name}") for name, part in inner))


def members_of(value, path: str = "") -> set[str]:
    value = value[0] if isinstance(value, list) else value
    inner = value.items() if isinstance(value, dict) else ()
    return {path}.union(*(members_of(part, f"{path}.{name}") for name, part in inner))


def events_in(node):
    if isinstance(node, dict):
        if "businessEventId" in node and "id" in node["businessEventId"]:
            yield node
        node = list(node.values())
    for part in node if isinstance(node, list) else []:
        yield from events_in(part)


def with_additions(value):
    """The same, with a member more in each object."""
    if isinstance(value, dict):
        return {n: with_additions(v) for n, v in value.items()} | {"xNew": {"a": [1, None, "b"]}}
    return [with_additions(part) for part in value] if isinstance(value, list) else value


def put(path: str, new):
    """value with that there; new ... takes the member away."""

    def spoil(value):
        value = copy.deepcopy(value)
        *way, last = path.split(".")
        node = value
        for name in way:
            node = node[int(name)] if isinstance(node, list) else node[name]
        if new is ...:
            del node[last]
        else:
            node[int(last) if isinstance(node, list) else last] = new
        return value

    return spoil


BAD_VALUES = [
    (BUSINESS_EVENT, put("businessEventId", ...)),
    (BUSINESS_EVENT, put("businessEventId", "1")),
    (BUSINESS_EVENT, put("businessEventId.id", ...)),
    (BUSINESS_EVENT, put("businessEventId.id", "")),
    (BUSINESS_EVENT, put("businessEventId.id", None)),
    (BUSINESS_EVENT, put("businessEventId.id", {"id": "1"})),
    (BUSINESS_EVENT, put("businessEvent", [])),
    (BUSINESS_EVENT, put("businessEvent.header", "Reservation")),
    (BUSINESS_EVENT, put("businessEvent.header.moduleName", ["Reservation"])),
    (BUSINESS_EVENT, put("businessEvent.header.primaryKey", {"id": 1})),
    (BUSINESS_EVENT, put("businessEvent.header.createdDateTime", True)),
    (BUSINESS_EVENT, put("businessEvent.details", {"dataElement": "NAME"})),
    (BUSINESS_EVENT, put("businessEvent.details", ["NAME"])),
    (BUSINESS_EVENT, put("businessEvent.details.0.newValue", ["a"])),
    (BUSINESS_EVENT, put("dataValueMapping", [])),
    (BUSINESS_EVENT, put("dataValueMapping", ["ROOM TYPE"])),
    (BUSINESS_EVENT, lambda value: [value]),
    (BUSINESS_EVENT, lambda value: {"businessEventData": [value]}),
    (BUSINESS_EVENT, json.dumps),
    (NEW_EVENT, put("metadata", ...)),
    (NEW_EVENT, put("metadata.offset", ...)),
    (NEW_EVENT, put("metadata.offset", "12a")),
    (NEW_EVENT, put("metadata.uniqueEventId", ...)),
    (NEW_EVENT, put("metadata.uniqueEventId", "")),
    (NEW_EVENT, put("moduleName", {"name": "RESERVATION"})),
    (NEW_EVENT, put("timestamp", ["28-APR-24"])),
    (NEW_EVENT, put("detail", {})),
    (NEW_EVENT, put("detail.0", "NAME")),
    (NEW_EVENT, put("detail.0.oldValue", {})),
    (NEW_EVENT, lambda value: {"newEvent": value}),
]

BAD_HEADERS = [
    ("content-type", "text/plain"),
    ("ce_specversion", "0.3"),
    ("ce_id", ""),
    ("ce_source", "OHIPDEMO"),
    ("ce_source", "//gateway.example/elsewhere/OHIPDEMO"),
    ("ce_type", "com.oracle.opera.Reservation.New Reservation"),
    ("ce_time", "2026-03-01 10:00:00"),
    ("ce_time", "2026-03-01T10:00:00+01:00"),
    ("ce_dataschema", "urn:ohip-poll:business-event:2"),
    ("ce_subject", ""),
]

if __name__ == "__main__":
    unittest.main()
