"""The Kafka REST proxy (Confluent's API v2): produce JSON records over HTTP and account for each of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import orjson

from headway.errors import DeliveryError, NotAsExpectedError, UnavailableError
from headway.settings import Settings

CONTENT_TYPE = "application/vnd.kafka.json.v2+json"
ACCEPT = "application/vnd.kafka.v2+json"
MAX_RECORDS = 500
# busy or restarting, by HTTP's own meaning; Confluent's proxy uses 429 and 503 likewise
TRY_AGAIN = {429, 502, 503, 504}


class RestProxyClient:
    """Send records through the proxy; nothing counts as delivered that the proxy did not give an offset for."""

    def __init__(
        self,
        settings: Settings,
        *,
        give_up_after_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = settings.rest_proxy.url
        self._max_bytes = settings.rest_proxy.max_body_bytes
        self._give_up_after_s = give_up_after_s
        self._clock, self._sleep = clock, sleep
        self._client = httpx.Client(
            base_url=self._url,
            auth=settings.rest_proxy.auth(),
            timeout=40.0,
            trust_env=settings.profile != "embedded",  # no HTTP_PROXY between parts of one machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def produce(self, topic: str, records: Sequence[tuple[Any, Any]]) -> list[dict[str, Any]]:
        """Send (key, value) pairs in order; give one ``{"partition", "offset", …}`` a record.

        Keys and values are JSON values; ``bytes`` are taken as ready JSON text. Several requests are made when one
        would be too large. A request that got no answer, or "try again", is repeated with the same content until
        ``give_up_after_s``: at least once on the wire, so give every record an id. Raises
        :class:`DeliveryError` when any record failed (those before it were delivered) and
        :class:`UnavailableError` when the proxy stays away.
        """
        offsets: list[dict[str, Any]] = []
        for body, size in self._bodies(records):
            answer = self._post(f"/topics/{topic}", body)
            given = answer.get("offsets") or []
            if len(given) != size:
                raise DeliveryError(
                    f"The REST proxy answered {len(given)} offsets for {size} records.",
                    where=f"{topic} at {self._url}",
                    next_step="see `headway logs rest-proxy`, then run the task again: repeats add nothing",
                )
            for index, entry in enumerate(given):
                if entry.get("error_code") is not None or entry.get("offset") is None:
                    failed = sum(1 for other in given if other.get("error_code") is not None)
                    raise DeliveryError(
                        f"The REST proxy did not deliver {max(failed, 1)} of {size} records: {entry.get('error')} "
                        f"(error code {entry.get('error_code')}).",
                        where=f"{topic}, record {len(offsets) + index} of {len(records)}, at {self._url}",
                        next_step="see `headway logs rest-proxy` and `headway status`, then run the task again",
                    )
            offsets += given
        return offsets

    def topics(self) -> list[str]:
        """Give the names of all topics."""
        return list(self._request("GET", "/topics"))

    def healthy(self) -> bool:
        """Tell whether the proxy answers and reaches a broker (works with Confluent's proxy too)."""
        try:
            answer = self._client.get("/brokers", headers={"Accept": ACCEPT}, timeout=5.0)
            return answer.status_code == 200 and bool(answer.json().get("brokers"))
        except (httpx.HTTPError, ValueError):
            return False

    def _bodies(self, records: Sequence[tuple[Any, Any]]) -> Iterator[tuple[bytes, int]]:
        parts: list[bytes] = []
        size = len(b'{"records":[]}')
        for key, value in records:
            part = orjson.dumps({"key": _ready(key), "value": _ready(value)})
            if parts and (size + len(part) + 1 > self._max_bytes or len(parts) >= MAX_RECORDS):
                yield b'{"records":[' + b",".join(parts) + b"]}", len(parts)
                parts, size = [], len(b'{"records":[]}')
            parts.append(part)
            size += len(part) + 1
        if parts:
            yield b'{"records":[' + b",".join(parts) + b"]}", len(parts)

    def _post(self, path: str, body: bytes) -> dict[str, Any]:
        answer = self._request("POST", path, content=body, headers={"Content-Type": CONTENT_TYPE, "Accept": ACCEPT})
        return answer if isinstance(answer, dict) else {}

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        began = self._clock()
        pause = 0.1
        while True:
            reason = ""
            try:
                response = self._client.request(method, path, **arguments)
                if response.status_code not in TRY_AGAIN:
                    return self._checked(response, path)
                reason = f"HTTP {response.status_code}: {response.text[:200]}"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            waited = self._clock() - began
            if waited + pause > self._give_up_after_s:
                raise UnavailableError(
                    f"The REST proxy has not answered for {waited:.0f} s ({reason}).",
                    where=self._url,
                    next_step="see `headway status` and `headway logs rest-proxy`",
                )
            self._sleep(pause)
            pause = min(pause * 2, 5.0)

    def _checked(self, response: httpx.Response, path: str) -> Any:
        if response.status_code == 200:
            return response.json()
        try:
            body = response.json()
            reason = f"{body.get('message')} (error code {body.get('error_code')})"
        except (ValueError, AttributeError):
            reason = response.text[:200]
        kind = DeliveryError if response.request.method == "POST" else NotAsExpectedError
        raise kind(
            f"The REST proxy refused the request with HTTP {response.status_code}: {reason}.",
            where=f"{path} at {self._url}",
            next_step="see `headway topics` and `headway logs rest-proxy`",
        )


def _ready(value: Any) -> Any:
    return orjson.Fragment(value) if isinstance(value, bytes) else value
