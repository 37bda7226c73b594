"""Talk to ksqlDB, or to the embedded engine, over ksqlDB's REST API.

The same client and the same ``ksql/*.sql`` serve the embedded, compose and external profiles. Statements are sent one
by one, so that an error names the one that failed. Running a file again changes nothing: the statements say
``IF NOT EXISTS``, and when what exists was made by another text, :class:`NotAsExpectedError` says so instead of keeping
the stale one silently (the embedded engine keeps the text as it was sent; real ksqlDB reformats it, so there the check
is left out).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from headway.errors import NotAsExpectedError, UnavailableError
from headway.settings import Settings
from headway.waiting import wait_until

CONTENT_TYPE = "application/vnd.ksql.v1+json"
# a table that is made after a replay counts that replay too
FROM_BEGINNING = {"ksql.streams.auto.offset.reset": "earliest"}
_CREATES = re.compile(
    r"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:SOURCE\s+)?(STREAM|TABLE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(`[^`]+`|\w+)", re.I
)


@dataclass(frozen=True)
class StatementResult:
    """What the server answered to one statement."""

    text: str
    entity: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Give ksqlDB's ``@type`` of the answer."""
        return str(self.entity.get("@type", ""))

    @property
    def message(self) -> str:
        """Give what a person should read about it."""
        status = self.entity.get("commandStatus")
        return str(status["message"] if status else self.entity.get("message", ""))


@dataclass(frozen=True)
class Query:
    """One persistent query as SHOW QUERIES lists it."""

    id: str
    state: str
    sinks: tuple[str, ...] = ()
    sql: str = field(default="", repr=False)


class KsqlClient:
    """Run statements, pull and push queries, and wait until persistent queries run.

    Raises :class:`UnavailableError` when the server does not answer and :class:`NotAsExpectedError` when it refuses a
    statement (with the statement's text, and line and column when the server gives them).
    """

    def __init__(self, settings: Settings, *, timeout_s: float = 60.0) -> None:
        self.url = settings.ksql.url
        self._auth = settings.ksql.auth()
        self._timeout = timeout_s
        self._trust_env = settings.profile != "embedded"  # no HTTP_PROXY between parts of one machine
        self._http: httpx.Client | None = None

    # -- life cycle ----------------------------------------------------------------------------------------------
    def __enter__(self) -> KsqlClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    @property
    def http(self) -> httpx.Client:
        """Give the HTTP client, made at first use."""
        if self._http is None:
            self._http = httpx.Client(
                base_url=self.url,
                auth=self._auth,
                timeout=httpx.Timeout(self._timeout, connect=5.0),
                headers={"Content-Type": CONTENT_TYPE, "Accept": CONTENT_TYPE},
                trust_env=self._trust_env,
            )
        return self._http

    # -- statements ----------------------------------------------------------------------------------------------
    def run_file(self, path: Path, properties: Mapping[str, Any] | None = None) -> list[StatementResult]:
        """Run the statements of a file (or of a folder's ``*.sql`` in name order); again is harmless."""
        files = sorted(path.glob("*.sql")) if path.is_dir() else [path]
        if not files:
            raise NotAsExpectedError(
                "There is no KSQL statement to run.", where=str(path), next_step="put *.sql files there"
            )
        results: list[StatementResult] = []
        for file in files:
            try:
                text = file.read_text(encoding="utf-8")
            except OSError as error:
                raise NotAsExpectedError(
                    f"The KSQL file cannot be read: {error.strerror}.", where=str(file), next_step="check the path"
                ) from error
            results += self.run(text, properties, where=str(file))
        return results

    def run(self, text: str, properties: Mapping[str, Any] | None = None, *, where: str = "") -> list[StatementResult]:
        """Run statements in order and stop at the first that fails."""
        results = []
        sequence = -1
        version = ""
        for statement in split_statements(text):
            body: dict[str, Any] = {"ksql": statement, "streamsProperties": FROM_BEGINNING | dict(properties or {})}
            if sequence >= 0:
                body["commandSequenceNumber"] = sequence
            for entity in self._post("/ksql", body, statement, where):
                results.append(StatementResult(statement, entity))
                sequence = max(sequence, int(entity.get("commandSequenceNumber") or -1))
                status = entity.get("commandStatus") or {}
                if status.get("status") == "ERROR":
                    raise _refused(statement, str(status.get("message")), where or self.url)
            if (created := _CREATES.match(statement)) and results[-1].kind == "warning_entity":
                version = version or self._version()
                if "headway" in version:
                    self._check_same(statement, created.group(2), where)
        return results

    def _check_same(self, statement: str, name: str, where: str) -> None:
        described = self._post("/ksql", {"ksql": f"DESCRIBE {name};", "streamsProperties": {}}, statement, where)
        existing = str(described[0].get("sourceDescription", {}).get("statement", ""))
        if existing and normalise(existing) != normalise(statement):
            raise NotAsExpectedError(
                f"{name} exists already, made by another statement than the one given.",
                where=where or self.url,
                next_step=f"DROP it with `headway ksql` (DROP TABLE {name} DELETE TOPIC;) and run this again, "
                "or start a new generation",
            )

    def terminate_and_drop(self, kind: str, name: str, *, delete_topic: bool = False) -> None:
        """Drop a stream or table and the query that fills it, if they exist."""
        suffix = " DELETE TOPIC" if delete_topic else ""
        for query in self.queries():
            if name.upper() in query.sinks:
                self.run(f"TERMINATE {query.id};")
        self.run(f"DROP {kind} IF EXISTS {name}{suffix};")

    # -- queries -------------------------------------------------------------------------------------------------
    def pull(self, sql: str, properties: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a pull query to its end and give its rows as dictionaries by column name."""
        with self._rows(sql, properties) as rows:
            return list(rows)

    def push(
        self, sql: str, limit: int | None = None, properties: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Give the rows of a push query as they come; leaving the loop ends the query at the server."""
        with self._rows(sql, properties, endless=True) as rows:
            for number, row in enumerate(rows, start=1):
                yield row
                if limit is not None and number >= limit:
                    return

    @contextmanager
    def _rows(
        self, sql: str, properties: Mapping[str, Any] | None, *, endless: bool = False
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Open ``/query-stream`` and give an iterator over its rows."""
        body = {"sql": sql, "properties": dict(properties or {})}
        timeout = httpx.Timeout(self._timeout, connect=5.0, read=None if endless else self._timeout)
        headers = {"Accept": "application/vnd.ksqlapi.delimited.v1"}
        try:
            with self.http.stream(
                "POST", "/query-stream", content=json.dumps(body), timeout=timeout, headers=headers
            ) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise _refused(sql, _message(response), self.url)
                yield self._decode(sql, response.iter_lines())
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _decode(self, sql: str, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        names: list[str] = []
        for line in lines:
            if not line.strip():
                continue
            item = json.loads(line)
            if isinstance(item, list):
                yield dict(zip(names, item, strict=True))
            elif "columnNames" in item:
                names = item["columnNames"]
            elif "error_code" in item or item.get("@type", "").endswith("error"):
                raise _refused(sql, str(item.get("message")), self.url)

    # -- state ---------------------------------------------------------------------------------------------------
    def healthy(self) -> bool:
        """Say whether the server answers and calls itself healthy."""
        try:
            response = self.http.get("/healthcheck", timeout=5.0)
            return response.status_code == httpx.codes.OK and bool(response.json().get("isHealthy"))
        except (httpx.HTTPError, ValueError):
            return False

    def queries(self) -> list[Query]:
        """List the persistent queries with their states."""
        entity = self.run("SHOW QUERIES;")[0].entity
        return [
            Query(
                id=str(row["id"]),
                state=str(row.get("state", "")),
                sinks=tuple(row.get("sinks", ())),
                sql=str(row.get("queryString", "")),
            )
            for row in entity["queries"]
            if row.get("queryType", "PERSISTENT") == "PERSISTENT"
        ]

    def wait_query_running(self, sink: str | None = None, *, timeout_s: float = 60.0) -> list[Query]:
        """Wait until the queries that write ``sink`` (or all of them) are RUNNING.

        Raises :class:`NotAsExpectedError` when there is none, one is in ERROR, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            queries = [q for q in self.queries() if sink is None or sink.upper() in q.sinks]
            if queries and all(q.state == "RUNNING" and self._processes(q) for q in queries):
                return queries
            broken = [q for q in queries if q.state in {"ERROR", "UNRESPONSIVE"}]
            if broken or time.monotonic() >= deadline:
                states = ", ".join(f"{q.id} {q.state or 'unknown'}" for q in broken or queries) or "there is none"
                raise NotAsExpectedError(
                    f"The KSQL queries{f' of {sink}' if sink else ''} do not run: {states}.",
                    where=self.url,
                    next_step="`headway ksql` and EXPLAIN <query id>; the log of the ksql part has the reason",
                )
            time.sleep(0.2)

    def _processes(self, query: Query) -> bool:
        """Say whether a query really runs: ksqlDB says RUNNING for a query that still gets its partitions."""
        entity = self.run(f"EXPLAIN {query.id};")[0].entity
        return str(entity.get("queryDescription", {}).get("streamsState", "RUNNING")) == "RUNNING"

    def wait_healthy(self, *, timeout_s: float = 60.0) -> None:
        """Wait until the server is healthy, or raise :class:`UnavailableError`."""
        late = UnavailableError(
            f"ksqlDB is not healthy after {timeout_s:.0f} s.",
            where=self.url,
            next_step="`headway status`, then `headway logs ksql`",
        )
        wait_until(self.healthy, timeout_s, lambda _: late)

    # -- wire ----------------------------------------------------------------------------------------------------
    def _version(self) -> str:
        try:
            return str(self.http.get("/info").json()["KsqlServerInfo"]["version"])
        except (httpx.HTTPError, ValueError, KeyError):
            return ""

    def _post(self, path: str, body: Mapping[str, Any], statement: str, where: str) -> list[dict[str, Any]]:
        try:
            response = self.http.post(path, content=json.dumps(body))
        except httpx.HTTPError as error:
            raise self._away(error) from error
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise UnavailableError(
                f"ksqlDB is not ready: {_message(response)}", where=self.url, next_step="wait, or `headway status`"
            )
        if response.status_code != httpx.codes.OK:
            raise _refused(statement, _message(response), where or self.url)
        entities: list[dict[str, Any]] = response.json()
        return entities

    def _away(self, error: httpx.HTTPError) -> UnavailableError:
        return UnavailableError(
            f"ksqlDB does not answer: {type(error).__name__} {error}".rstrip(),
            where=self.url,
            next_step="`headway status`, then `headway logs ksql`",
        )


def split_statements(text: str) -> list[str]:
    """Split a script at the semicolons that are outside quotes and comments; comments are left out."""
    out: list[str] = []
    start: list[str] = []
    pos = 0
    for match in re.finditer(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|;", text, re.S):
        piece = match.group()
        start.append(text[pos : match.start()])
        pos = match.end()
        if piece == ";":
            statement = "".join(start).strip()
            if statement:
                out.append(statement + ";")
            start = []
        elif piece.startswith(("--", "/*")):
            start.append(" ")
        else:
            start.append(piece)
    rest = "".join([*start, text[pos:]]).strip()
    if rest:
        out.append(rest + ";")
    return out


def normalise(statement: str) -> str:
    """Reduce a statement to its tokens, upper-cased outside quotes, so that layout and comments do not count."""
    parts = []
    pos = 0
    text = statement.strip().rstrip(";")
    for match in re.finditer(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|`[^`]*`", text, re.S):
        parts.append(text[pos : match.start()].upper())
        parts.append(" " if match.group().startswith(("--", "/*")) else match.group())
        pos = match.end()
    parts.append(text[pos:].upper())
    joined = re.sub(r"\s+", " ", "".join(parts))
    return re.sub(r"\s*([(),=])\s*", r"\1", joined).strip()


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json().get("message", response.text))
    except (ValueError, AttributeError):
        return response.text[:500]


def _refused(statement: str, message: str, where: str) -> NotAsExpectedError:
    shown = statement if len(statement) < 600 else statement[:600] + " …"
    return NotAsExpectedError(
        f"ksqlDB refused a statement: {message.rstrip('.')}.",
        where=f"{where}\n{shown}",
        next_step="correct the statement; `headway ksql` is a shell to try it in",
    )
