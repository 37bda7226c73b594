"""Run ksqlDB's REST cases: statements, then queries, through the server's own code.

Each case gets a server of its own on the in-memory backend (the topologies are Kafka Streams', run by its test driver),
so that 268 cases take seconds and no case sees another's topics. What HTTP adds is tested elsewhere.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from ksqlengine import tree
from ksqlengine.catalog import Source
from ksqlengine.conformance.cases import not_here
from ksqlengine.conformance.records import decode, encode, headers, same, window_bytes
from ksqlengine.conformance.report import Progress, Report, Task, no_progress, run_all
from ksqlengine.conformance.run import Mismatch
from ksqlengine.errors import KsqlError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import KSQL_JSON, RequestError, error_body
from ksqlengine.server.memory import MemoryBackend
from ksqlengine.server.service import KsqlService, Session
from ksqlengine.server.streams import RowStream

_DECLARES = re.compile(r"\s*CREATE\s+(OR\s+REPLACE\s+)?(SOURCE\s+)?(STREAM|TABLE)\s", re.I)
_PARTITIONS = 4  # of topics that ksqlDB's own runner makes
_PUSH_WAIT_S = 10.0


def run_folder(folder: Path, only: str = "", progress: Progress = no_progress) -> Report:
    """Run every case of a folder in scope; `only` is a pattern of `file: case`."""
    from ksqlengine.__main__ import start_jvm

    start_jvm(None, in_memory=True)
    found = (
        Task(file, str(case["name"]), out_of_scope(case), "expectedError" in case, partial(run_case, case))
        for file, case in cases(folder)
    )
    return run_all(found, only, progress)


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
    if any("queryProto" in response for response in case.get("responses", ())):
        return "rows as protobuf"
    return not_here("\n".join(case["statements"]))


def run_case(case: dict[str, Any]) -> None:
    """Run one case. Raises Mismatch when it does not do what it should."""
    with tempfile.TemporaryDirectory(prefix="ksql-rest-") as folder:
        config = ServerConfig("localhost:0", service_id="rest_", state_dir=Path(folder), in_memory=True)
        service = KsqlService(config, MemoryBackend(config))
        service.start()
        try:
            _Case(service, case).run()
        finally:
            service.stop()


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
        """Read a query to its end; without a broker a push query has all its rows by now."""
        out: list[dict[str, Any]] = _objects(rows.header(KSQL_JSON))
        quiet = time.monotonic()
        try:
            while True:
                taken, ended = rows.take()
                if taken:
                    quiet = time.monotonic()
                    out += [_row(text) for text in taken]
                elif ended or push:
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
            key = encode(record.get("key"), source.key_format, source.schema.key)
            if record.get("window"):
                key = window_bytes(key, record["window"])
            value = encode(record.get("value"), source.value_format, source.schema.value)
            when = record.get("timestamp", 0)
            self.service.backend.produce(record["topic"], key, value, when, tuple(headers(record)))

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
                key = decode(got.key, source.key_format, source.schema.key)
                value = decode(got.value, source.value_format, source.schema.value)
                for part, came in (("key", key), ("value", value)):
                    if part in want and not same(want[part], came):
                        raise Mismatch(f"{topic} {part}: expected {want[part]}, got {came}")
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
