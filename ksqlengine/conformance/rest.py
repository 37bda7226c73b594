"""Run ksqlDB's REST cases: statements, then queries, through the server's own code.

Each case gets a server of its own on the in-memory backend (the topologies are Kafka Streams', run by its test driver),
so that 268 cases take seconds and no case sees another's topics. What HTTP adds is tested elsewhere.
"""

from __future__ import annotations

import json
import re
import struct
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from ksqlengine import tree
from ksqlengine.catalog import Source
from ksqlengine.conformance.report import Progress, Report, is_chosen, no_progress
from ksqlengine.errors import KsqlError, KsqlStatementError, ParseFailedError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import RequestError, error_body
from ksqlengine.server.memory import MemoryBackend
from ksqlengine.server.service import KsqlService, Session
from ksqlengine.server.streams import KSQL_JSON, RowStream
from ksqlengine.types import SqlType

_NO_REGISTRY = ("AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR")
_TEST_FUNCTIONS = ("WHENCONDITION", "WHENRESULT", "TEST_UDTF", "BAD_UDF")
_DECLARES = re.compile(r"\s*CREATE\s+(OR\s+REPLACE\s+)?(SOURCE\s+)?(STREAM|TABLE)\s", re.I)
_PARTITIONS = 4  # of topics that ksqlDB's own runner makes
_PUSH_WAIT_S = 10.0


class Mismatch(Exception):  # noqa: N818 - it is a finding, not an error
    """What a case expected and what came differ."""


def run_folder(folder: Path, only: str = "", progress: Progress = no_progress) -> Report:
    """Run every case of a folder in scope; `only` is a pattern of `file: case`."""
    from ksqlengine.__main__ import start_jvm

    start_jvm(None, in_memory=True)
    report = Report()
    begun = time.monotonic()
    chosen = [(file, case) for file, case in cases(folder) if is_chosen(file, str(case["name"]), only)]
    for done, (file, case) in enumerate(chosen):
        progress(done, len(chosen))
        name = str(case["name"])
        if reason := out_of_scope(case):
            report.leave_out(file, name, reason)
        else:
            report.add(file, name, run_case(case), negative="expectedError" in case)
    report.seconds = time.monotonic() - begun
    return report


def cases(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give (file name, case), expanded over formats."""
    for file in sorted(folder.rglob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)["tests"]:
            if case.get("enabled") is False:
                continue
            for form in case.get("format") or [""]:
                expanded = dict(case)
                if form:
                    expanded["statements"] = [s.replace("{FORMAT}", str(form)) for s in case["statements"]]
                    expanded["name"] += f" - {form}"
                yield file.relative_to(folder).as_posix(), expanded


def out_of_scope(case: dict[str, Any]) -> str:
    """Say why a case is not for this engine, or nothing."""
    text = " ".join(case["statements"]).upper()
    for name in _NO_REGISTRY:
        if re.search(rf"FORMAT\s*=\s*'{name}'", text):
            return f"{name} needs a schema registry"
    for name in _TEST_FUNCTIONS:
        if re.search(rf"\b{name}\s*\(", text):
            return f"{name} exists only in ksqlDB's test classpath"
    if any("queryProto" in response for response in case.get("responses", ())):
        return "rows as protobuf"
    return ""


def run_case(case: dict[str, Any]) -> str:
    """Run one case and give what is wrong with it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="ksql-rest-") as folder:
        config = ServerConfig("localhost:0", service_id="rest_", state_dir=Path(folder), in_memory=True)
        service = KsqlService(config, MemoryBackend(config))
        service.start()
        try:
            _Case(service, case).run()
        except Mismatch as mismatch:
            return str(mismatch)
        except KsqlError as error:
            return f"unexpected error: {error.message}"
        except Exception as error:  # a crash is this case's failure, the others go on
            return f"{type(error).__name__}: {error}"
        finally:
            service.stop()
    return ""


class _Case:
    """One case on one server."""

    def __init__(self, service: KsqlService, case: dict[str, Any]) -> None:
        self.service, self.case = service, case
        properties = {"auto.offset.reset": "earliest"} | case.get("properties", {})
        self.session = Session(dict(properties))
        self.responses: list[dict[str, Any]] = []
        self.error: tuple[KsqlError, str] | None = None

    def run(self) -> None:
        """Do what the case says and compare."""
        self._topics()
        statements = list(self.case["statements"])
        queries = [s for s in statements if s.lstrip()[:6].upper() == "SELECT"]
        admin = statements[: len(statements) - len(queries)]
        waits = self.case.get("inputConditions", {}).get("waitForActivePushQuery")
        for text in admin:
            self._admin(text)
        if not waits:
            self._produce()
        for text in queries:
            self._query(text, produce=bool(waits))
        self._compare_error()
        self._compare_responses()
        self._compare_outputs()

    # -- do ----------------------------------------------------------------------------------------------------------
    def _topics(self) -> None:
        backend = self.service.backend
        for topic in self.case.get("topics", ()):
            backend.create_topic(topic["name"], topic.get("partitions", _PARTITIONS), 1, {})
        for text in self.case["statements"]:
            declares = _DECLARES.match(text) and not re.search(r"\bAS\s+SELECT\b", text, re.I)
            if declares and not re.search(r"\bpartitions\s*=", text, re.I):
                for name in re.findall(r"kafka_topic\s*=\s*'([^']+)'", text, re.I):
                    backend.create_topic(name, _PARTITIONS, 1, {})

    def _admin(self, text: str) -> None:
        try:
            for entity in self.service.execute(text, self.session):
                self.responses.append({"admin": entity})
        except KsqlError as error:
            self._failed(error, text)

    def _failed(self, error: KsqlError, text: str) -> None:
        if "expectedError" not in self.case:
            raise Mismatch(f"refused: {error.message} ({text})")
        self.error = (error, text)

    def _query(self, text: str, *, produce: bool) -> None:
        if self.error is not None:
            return
        try:
            statement = self.service.engine.parse(text, {})[0]
            if not isinstance(statement.node, tree.Select):
                raise Mismatch(f"not a SELECT: {text}")
            push = statement.node.query.emit is not None
            opener = self.service.push.open if push else self.service.pull.open
            rows = opener(statement, self.session.properties)
        except KsqlError as error:
            error.statement = error.statement or text
            self._failed(error, text)
            return
        if produce:
            self._produce()
        self.responses.append({"query": self._collect(rows, push=push)})

    def _collect(self, rows: RowStream, *, push: bool) -> list[dict[str, Any]]:
        """Read a query to its end; a push query that gives no more is stopped."""
        out: list[dict[str, Any]] = _objects(rows.header(KSQL_JSON))
        quiet = time.monotonic()
        try:
            while True:
                taken, ended = rows._take()
                if taken:
                    quiet = time.monotonic()
                    out += [_row(text) for text in taken]
                elif ended or (push and time.monotonic() - quiet > 0.5):
                    break
                else:
                    time.sleep(0.002)
                    if time.monotonic() - quiet > _PUSH_WAIT_S:
                        break
            out += _objects(rows.footer(KSQL_JSON))
        finally:
            rows.source.close()
        return out

    def _produce(self) -> None:
        for record in self.case.get("inputs", ()):
            source = self._source(record["topic"])
            key = encode(record.get("key"), source, "KEY")
            if record.get("window") and key is not None:
                key += window_bytes(record["window"])
            value = encode(record.get("value"), source, "VALUE")
            headers = tuple((h["KEY"], _base64(h["VALUE"])) for h in record.get("headers") or ())
            self.service.backend.produce(record["topic"], key, value, record.get("timestamp", 0), headers)

    def _source(self, topic: str) -> Source:
        found = [s for s in self.service.engine.catalog.sources.values() if s.topic == topic]
        if not found:
            raise Mismatch(f"no source declares the topic {topic}")
        return found[0]

    # -- compare -----------------------------------------------------------------------------------------------------
    def _compare_error(self) -> None:
        expected = self.case.get("expectedError")
        if expected is None:
            return
        if self.error is None:
            raise Mismatch(f"not refused; expected: {expected.get('message')}")
        error, _ = self.error
        body = error_body(error)
        # the case puts its own topic names into texts
        if expected.get("message") and expected["message"] not in body["message"]:
            raise Mismatch(f"message: expected {expected['message']!r}, got {body['message']!r}")
        kind = str(expected.get("type", "")).rsplit(".", 1)[-1]
        got = "KsqlStatementErrorMessage" if body["@type"] == "statement_error" else "KsqlErrorMessage"
        if kind == "KsqlStatementErrorMessage" and got != kind:
            raise Mismatch(f"type: expected {kind}, got {got}")
        status = error.status if isinstance(error, RequestError) else 400
        if expected.get("status") and status != expected["status"]:
            raise Mismatch(f"status: expected {expected['status']}, got {status}")

    def _compare_responses(self) -> None:
        expected = self.case.get("responses")
        if expected is None:
            return
        if "expectedError" in self.case:
            del self.responses[len(expected) :]
        if len(expected) != len(self.responses):
            raise Mismatch(f"{len(self.responses)} responses, expected {len(expected)}")
        ordered = bool(self.case.get("outputConditions", {}).get("verifyOrder"))
        for number, (want, got) in enumerate(zip(expected, self.responses, strict=True)):
            kind = next(iter(want))
            if kind not in got:
                raise Mismatch(f"response {number}: expected {kind}, got {next(iter(got))}")
            if kind == "admin":
                subset(want[kind], got[kind], f"response {number}", self.case["statements"][number])
            else:
                _compare_rows(want[kind], got[kind], number, ordered=ordered)

    def _compare_outputs(self) -> None:
        expected = self.case.get("outputs")
        if expected is None:
            return
        for topic in dict.fromkeys(r["topic"] for r in expected):
            source = self._source(topic)
            backend = self.service.backend
            records = backend.records(topic) if isinstance(backend, MemoryBackend) else []
            wanted = [r for r in expected if r["topic"] == topic]
            if len(records) != len(wanted):
                raise Mismatch(f"{topic}: {len(records)} records, expected {len(wanted)}")
            for want, got in zip(wanted, records, strict=True):
                for part, data in (("KEY", got.key), ("VALUE", got.value)):
                    value = decode(data, source, part)
                    if part.lower() in want and not same(want[part.lower()], value):
                        raise Mismatch(f"{topic} {part.lower()}: expected {want[part.lower()]}, got {value}")
                when = want.get("timestamp")
                if when and when != got.timestamp:
                    raise Mismatch(f"{topic} timestamp: expected {when}, got {got.timestamp}")


def _row(text: str) -> dict[str, Any]:
    """Give a row as /query writes it; ``!`` in front marks one that was deleted."""
    row: dict[str, Any] = {"columns": json.loads(text.removeprefix("!"), parse_float=Decimal)}
    return {"row": row | ({"tombstone": True} if text.startswith("!") else {})}


def _objects(line: bytes) -> list[dict[str, Any]]:
    """Give the object of the first or last line of /query's array, if there is one."""
    bare = line.decode().strip("[], \n")
    return [json.loads(bare, parse_float=Decimal)] if bare else []


def _compare_rows(want: list[dict[str, Any]], got: list[dict[str, Any]], number: int, *, ordered: bool) -> None:
    """Compare a query's answer: header, rows, final message."""
    where = f"response {number}"
    want_rows, got_rows = [m for m in want if "row" in m], [m for m in got if "row" in m]
    for message in got:
        if "errorMessage" in message:
            raise Mismatch(f"{where}: {message['errorMessage'].get('message')}")
    for key in ("header", "finalMessage"):
        wanted = [m[key] for m in want if key in m]
        came = [m[key] for m in got if key in m]
        if len(wanted) != len(came) and key == "finalMessage":
            raise Mismatch(f"{where}: {key}: expected {wanted}, got {came}; rows {len(got_rows)} of {len(want_rows)}")
        for a, b in zip(wanted, came, strict=False):
            subset(a, b, f"{where} {key}", "")
    if len(want_rows) != len(got_rows):
        raise Mismatch(f"{where}: {len(got_rows)} rows, expected {len(want_rows)}: {got_rows[:5]}")
    left = list(got_rows)
    for row in want_rows:
        candidates = left[:1] if ordered else left
        found = next((c for c in candidates if _contains(row, c)), None)
        if found is None:
            raise Mismatch(f"{where}: no row {row['row']}, got {[r['row'] for r in left][:5]}")
        left.remove(found)


def _contains(want: Any, got: Any) -> bool:
    try:
        subset(want, got, "", "")
    except Mismatch:
        return False
    return True


def subset(want: Any, got: Any, where: str, statement: str) -> None:
    """Check that everything wanted is there; keys may end in ``|starts_with``."""
    if isinstance(want, dict) and isinstance(got, dict):
        for key, value in want.items():
            name, _, mode = key.partition("|")
            if name not in got:
                raise Mismatch(f"{where}: no {name}")
            if mode == "starts_with":
                if not str(got[name]).startswith(str(value)):
                    raise Mismatch(f"{where}.{name}: {got[name]!r} does not start with {value!r}")
            else:
                subset(value, got[name], f"{where}.{name}", statement)
        return
    if isinstance(want, str) and "{STATEMENT}" in want:
        want = want.replace("{STATEMENT}", statement)
    if not same(want, got):
        raise Mismatch(f"{where}: expected {want!r}, got {got!r}")


def same(want: Any, got: Any) -> bool:
    """Compare JSON values: numbers within a millionth unless both are whole, names of either case."""
    if isinstance(want, bool) or isinstance(got, bool) or want is None or got is None:
        return want is got
    if isinstance(want, int | Decimal) and isinstance(got, int | Decimal):
        if isinstance(want, int) and isinstance(got, int):
            return want == got
        return abs(float(want) - float(got)) <= 1e-6
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(same(a, b) for a, b in zip(want, got, strict=True))
    if isinstance(want, dict) and isinstance(got, dict):
        return len(want) == len(got) and all(
            (k in got and same(v, got[k])) or (k.upper() in got and same(v, got[k.upper()])) for k, v in want.items()
        )
    return bool(want == got)


# -- records ---------------------------------------------------------------------------------------------------------
def encode(value: Any, source: Source, part: str) -> bytes | None:
    """Write an input as its source declares it."""
    columns = source.schema.key if part == "KEY" else source.schema.value
    form = (source.key_format if part == "KEY" else source.value_format).name
    if value is None or form == "NONE":
        return None
    if form == "DELIMITED":
        return str(value).encode()
    if form == "KAFKA":
        single = next(iter(value.values())) if isinstance(value, dict) else value
        return _kafka(single, columns[0].type if columns else SqlType("STRING"))
    return json.dumps(value, default=_number).encode()


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(str(value))


def _kafka(value: Any, kind: SqlType) -> bytes:
    if kind.base == "INTEGER":
        return struct.pack(">i", int(value))
    if kind.base == "BIGINT":
        return struct.pack(">q", int(value))
    if kind.base == "DOUBLE":
        return struct.pack(">d", float(value))
    return str(value).encode()


def decode(data: bytes | None, source: Source, part: str) -> Any:
    """Read what is in a topic as the case writes it."""
    columns = source.schema.key if part == "KEY" else source.schema.value
    form = (source.key_format if part == "KEY" else source.value_format).name
    if data is None:
        return None
    if form == "KAFKA":
        kind = columns[0].type.base if columns else "STRING"
        codes = {"INTEGER": ">i", "BIGINT": ">q", "DOUBLE": ">d"}
        return struct.unpack(codes[kind], data)[0] if kind in codes else data.decode()
    if form == "JSON":
        return json.loads(data, parse_float=Decimal)
    return data.decode()


def window_bytes(window: dict[str, Any]) -> bytes:
    """Give what follows a key's bytes in a windowed topic."""
    if str(window["type"]).lower() == "session":
        return struct.pack(">qq", window["end"], window["start"])
    return struct.pack(">q", window["start"])


def _base64(text: str | None) -> bytes | None:
    import base64

    return None if text is None else base64.b64decode(text)


__all__ = ["KsqlStatementError", "ParseFailedError", "cases", "run_case", "run_folder"]
