"""The shell's connection to a ksqlDB server (this one or a real one)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx

_JSON = "application/vnd.ksql.v1+json"
_CONNECT_S, _ANSWER_S = 5.0, 120.0


class ServerError(Exception):
    """A statement was refused: the message, and where in the text when the server says so."""

    def __init__(
        self,
        message: str,
        statement: str = "",
        line: int | None = None,
        column: int | None = None,
        body: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.statement, self.line, self.column = message, statement, line, column
        self.body = body or {"@type": "generic_error", "message": message, "statementText": statement}


class ShellClient:
    """Send statements, keep what SET and DEFINE have set."""

    def __init__(
        self, url: str, auth: tuple[str, str] | None = None, *, verify: bool | str = True, pipelining: bool = False
    ) -> None:
        self._auth, self._verify = auth, verify
        self.pipelining = pipelining
        self.properties: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self.connect(url)

    def fellow(self) -> ShellClient:
        """Give another client of the same server, for another thread."""
        return ShellClient(self.url, self._auth, verify=self._verify)

    def connect(self, url: str) -> None:
        """Talk to another server from now on."""
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self._sequence = -1
        self._http = httpx.Client(
            base_url=self.url,
            auth=self._auth,
            verify=self._verify,
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            transport=httpx.HTTPTransport(retries=1, verify=self._verify),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def info(self) -> dict[str, Any]:
        """Give the server's version and service."""
        answer = self._http.get("/info")
        if answer.status_code != httpx.codes.OK:
            raise self._refused(answer, "")
        out: dict[str, Any] = answer.json()["KsqlServerInfo"]
        return out

    def check_property(self, name: str, value: str) -> None:
        """Ask the server whether a property may have a value: later each statement would fail. Raises ServerError."""
        quoted = (text.replace("'", "''") for text in (name, value))
        answer = self._http.post("/ksql", json={"ksql": "SET '{}'='{}';".format(*quoted)}, headers={"Accept": _JSON})
        if answer.status_code != httpx.codes.OK:
            raise self._refused(answer, "")

    def ksql(self, text: str) -> list[dict[str, Any]]:
        """Run statements other than SELECT and PRINT."""
        body = self._body(text)
        if not self.pipelining and self._sequence >= 0:
            body["commandSequenceNumber"] = self._sequence  # see the effect of what was sent before
        answer = self._http.post("/ksql", json=body, headers={"Accept": _JSON})
        if answer.status_code != httpx.codes.OK:
            raise self._refused(answer, text)
        out: list[dict[str, Any]] = answer.json()
        self._sequence = max([self._sequence, *(e.get("commandSequenceNumber") or -1 for e in out)])
        return out

    @contextmanager
    def stream(self, text: str, timeout_s: float | None = None) -> Iterator[Iterator[str]]:
        """Run a SELECT or PRINT and give what comes, in pieces; leaving the block ends it at the server.

        After ``timeout_s`` the pieces end, whether more would have come or not.
        """
        timeout = httpx.Timeout(timeout_s, connect=_CONNECT_S)
        with self._http.stream(
            "POST", "/query", json=self._body(text), headers={"Accept": _JSON}, timeout=timeout
        ) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise self._refused(answer, text)
            yield _until(answer.iter_text(), timeout_s)

    def _body(self, text: str) -> dict[str, Any]:
        return {"ksql": text, "streamsProperties": self.properties, "sessionVariables": self.variables}

    @staticmethod
    def _refused(answer: httpx.Response, text: str) -> ServerError:
        if answer.status_code in {401, 403}:
            return ServerError(f"The server wants other credentials (HTTP {answer.status_code}): -u USER -p PASSWORD.")
        try:
            body = answer.json()
        except ValueError:
            return ServerError(f"HTTP {answer.status_code}: {answer.text[:500]}", text)
        statement = str(body.get("statementText") or text)
        return ServerError(str(body.get("message", "")), statement, body.get("line"), body.get("column"), body)

    # -- for completion ----------------------------------------------------------------------------------------------
    def names(self) -> dict[str, list[str]]:
        """Give the names of sources, topics, queries and functions; what the server does not tell is left out."""
        found: dict[str, list[str]] = {"sources": [], "topics": [], "queries": [], "functions": []}
        try:
            for entity in self.ksql("SHOW STREAMS; SHOW TABLES; SHOW QUERIES; SHOW TOPICS; SHOW FUNCTIONS;"):
                found["sources"] += [row["name"] for key in ("streams", "tables") for row in entity.get(key, ())]
                found["topics"] += [row["name"] for row in entity.get("topics", ())]
                found["queries"] += [row["id"] for row in entity.get("queries", ())]
                found["functions"] += [row["name"] for row in entity.get("functions", ())]
        except (httpx.HTTPError, ServerError, LookupError, ValueError):
            return found
        return found

    def columns(self, source: str) -> list[str]:
        """Give the columns of a source; none when it does not exist."""
        try:
            described = self.ksql(f"DESCRIBE {source};")[0]["sourceDescription"]
        except (httpx.HTTPError, ServerError, LookupError, ValueError):
            return []
        return [field["name"] for field in described["fields"]]


def _until(pieces: Iterator[str], timeout_s: float | None) -> Iterator[str]:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        for piece in pieces:
            yield piece
            if deadline is not None and time.monotonic() >= deadline:
                return
    except httpx.ReadTimeout:
        return


def read_messages(pieces: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Give the objects of ``/query``'s array as soon as each is whole, wherever the pieces are cut.

    Fractions keep their digits (Decimal): 12.50 is not 12.5 for a DECIMAL(4, 2).
    """
    decoder, buffer = json.JSONDecoder(parse_float=Decimal), ""
    for piece in pieces:
        buffer += piece
        position = 0
        while True:
            while position < len(buffer) and buffer[position] in "[], \r\n\t":
                position += 1
            if position >= len(buffer):
                break
            try:
                message, position = decoder.raw_decode(buffer, position)
            except ValueError:
                break  # its end has not come yet
            if isinstance(message, dict):
                yield message
        buffer = buffer[position:]
