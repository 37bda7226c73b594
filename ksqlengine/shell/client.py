"""The shell's connection to a ksqlDB server (this one or a real one)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

_JSON = "application/vnd.ksql.v1+json"


class ServerError(Exception):
    """The server refused a statement: its message, and where in the text when it says so."""

    def __init__(self, message: str, statement: str = "", line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.statement, self.line, self.column = message, statement, line, column


class ShellClient:
    """Send statements, keep what SET and DEFINE have set."""

    def __init__(self, url: str, auth: tuple[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.properties: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self._http = httpx.Client(base_url=self.url, auth=auth, timeout=httpx.Timeout(60.0, connect=5.0))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def info(self) -> dict[str, Any]:
        """Give the server's version and service."""
        out: dict[str, Any] = self._http.get("/info").raise_for_status().json()["KsqlServerInfo"]
        return out

    def ksql(self, text: str) -> list[dict[str, Any]]:
        """Run statements other than SELECT and PRINT."""
        answer = self._http.post("/ksql", json=self._body(text), headers={"Accept": _JSON})
        if answer.status_code != httpx.codes.OK:
            raise self._refused(answer, text)
        out: list[dict[str, Any]] = answer.json()
        return out

    @contextmanager
    def stream(self, text: str) -> Iterator[Iterator[str]]:
        """Run a SELECT or PRINT and give its lines; leaving the block ends it at the server."""
        timeout = httpx.Timeout(None, connect=5.0)
        with self._http.stream(
            "POST", "/query", json=self._body(text), headers={"Accept": _JSON}, timeout=timeout
        ) as answer:
            if answer.status_code != httpx.codes.OK:
                answer.read()
                raise self._refused(answer, text)
            yield answer.iter_lines()

    def _body(self, text: str) -> dict[str, Any]:
        return {"ksql": text, "streamsProperties": self.properties, "sessionVariables": self.variables}

    @staticmethod
    def _refused(answer: httpx.Response, text: str) -> ServerError:
        try:
            body = answer.json()
        except ValueError:
            return ServerError(f"HTTP {answer.status_code}: {answer.text[:500]}", text)
        return ServerError(
            str(body.get("message", "")), str(body.get("statementText") or text), body.get("line"), body.get("column")
        )

    def names(self) -> list[str]:
        """Give the names of streams, tables, topics and queries, for completion."""
        found: list[str] = []
        try:
            for entity in self.ksql("SHOW STREAMS; SHOW TABLES; SHOW QUERIES; SHOW TOPICS;"):
                for key in ("streams", "tables", "topics"):
                    found += [row["name"] for row in entity.get(key, [])]
                found += [row["id"] for row in entity.get("queries", [])]
        except (httpx.HTTPError, ServerError):
            return found
        return found


def parse_row_line(line: str) -> dict[str, Any] | None:
    """Read one line of ``/query``'s chunked array; None for what is only punctuation."""
    bare = line.strip().removeprefix("[").removesuffix("]").strip().strip(",").strip()
    if not bare:
        return None
    try:
        out = json.loads(bare)
    except ValueError:
        out = json.loads(bare + "]}") if bare.endswith(("[", "]")) else None
    return out if isinstance(out, dict) else None
