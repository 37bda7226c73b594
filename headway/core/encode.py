"""Encode events quickly: whatever is constant is made once, a row's payload is one join of a few pieces.

The bytes are exactly those of ``orjson.dumps`` on the event's dictionary (a test says so). What is constant for a
template's row (most of it, the hash of its identity included) is made when the table is loaded; what is constant for a
(service day, UTC hour) once an hour; what is left is the time within the hour and, for arrivals, the delay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from headway.core.clock import HOUR_MS, from_ms
from headway.core.feeds import Feed, MonthDayHourCalendar
from headway.core.plan import Chunk
from headway.core.table import Coded, Ints, Table

Objects = NDArray[np.object_]
Kind = Literal["text", "row", "slot", "clock", "delay"]
ID_BYTES = 12


@dataclass
class _Token:
    """A piece of the payload: by what it varies, and its bytes before the varying part."""

    kind: Kind
    parts: list[Any]


@dataclass(frozen=True)
class Encoded:
    """A chunk's events, ready to send."""

    keys: list[bytes]
    values: list[bytes]
    timestamps: list[int]


class Encoder:
    """Encodes the events of one feed's table."""

    def __init__(self, feed: Feed, table: Table) -> None:
        self._feed, self._table = feed, table
        texts = [_key_text(value, feed.transport) for value in table.columns[feed.message_key].values]
        self._keys = table.columns[feed.message_key].objects(list(texts))
        self._clock = _objects(b"%02d:%02d.000Z" % divmod(second, 60) for second in range(3600))
        self._runs = [self._prepared(token) for token in _merge(self._tokens())]

    def encode(self, chunk: Chunk) -> Encoded:
        """Encode a chunk's events in their order."""
        hour = chunk.event_ms // HOUR_MS
        slots, slot = np.unique((hour - hour.min(initial=0)) * len(chunk.days) + chunk.day, return_inverse=True)
        first = np.zeros(len(slots), dtype=np.int64)
        first[slot[::-1]] = np.arange(len(slot))[::-1]
        context = _Context(chunk, slot, [(int(hour[at]), chunk.days[int(chunk.day[at])]) for at in first.tolist()])
        pieces: list[Iterable[bytes]] = [run(context) for run in self._runs]
        return Encoded(
            keys=self._keys[chunk.rows].tolist(),
            values=list(map(b"".join, zip(*pieces, strict=False))),  # a constant piece repeats for ever
            timestamps=chunk.event_ms.tolist(),
        )

    def _tokens(self) -> list[_Token]:
        tokens = []
        for number, name in enumerate(self._feed.schema_.fields):
            tokens.append(_Token("text", [b"," * bool(number) or b"{", orjson.dumps(name), b":"]))
            if name == "event_id":
                tokens += [_Token("row", [b'"', self._identities()]), _Token("slot", [lambda _, day: day[1] + '"'])]
            elif name == "event_time":
                tokens.append(_Token("slot", [lambda hour, _: f'"{from_ms(hour * HOUR_MS):%Y-%m-%dT%H}:']))
                tokens += [_Token("clock", []), _Token("text", [b'"'])]
            elif name == "service_date":
                tokens.append(_Token("slot", [lambda _, day: f'"{day[0]}"']))
            elif self._feed.delays and name == "delay_s":
                tokens.append(_Token("delay", [orjson.dumps]))
            elif self._feed.delays and name == "train_status":
                tokens.append(_Token("delay", [lambda delay: orjson.dumps(self._status(delay))]))
            else:
                tokens.append(_Token("row", [self._table.columns[name]]))
        return [*tokens, _Token("text", [b"}"])]

    def _status(self, delay_s: int) -> str:
        return train_status(self._feed, delay_s)

    def _identities(self) -> list[bytes]:
        return [text.encode() for text in identity_hashes(self._feed, self._table)]

    def _prepared(self, token: _Token) -> Callable[[_Context], Iterable[bytes]]:
        parts = token.parts
        if token.kind == "text":
            constant = b"".join(parts)
            return lambda context: repeat(constant, len(context.chunk.rows))
        if token.kind == "clock":
            return self._clocks
        if token.kind == "row":
            size = len(self._table)
            columns = [_fragments(part, size) for part in parts]
            fragments = _objects(map(b"".join, zip(*columns, strict=True)), size)
            return lambda context: fragments[context.chunk.rows].tolist()
        if token.kind == "slot":
            return lambda context: _objects(
                b"".join(p if isinstance(p, bytes) else p(hour, day).encode() for p in parts)
                for hour, day in context.slots
            )[context.slot].tolist()
        return lambda context: context.by_delay(
            lambda delay: b"".join(p if isinstance(p, bytes) else p(delay) for p in parts)
        )

    def _clocks(self, context: _Context) -> list[bytes]:
        within = context.chunk.event_ms % HOUR_MS
        if not (within % 1000).any():
            return list(self._clock[within // 1000].tolist())
        return [b"%02d:%02d.%03dZ" % (ms // 60_000, ms // 1000 % 60, ms % 1000) for ms in within.tolist()]


@dataclass(frozen=True)
class _Context:
    """A chunk and its (service day, UTC hour) slots."""

    chunk: Chunk
    slot: Ints
    slots: list[tuple[int, tuple[str, str]]]

    def by_delay(self, render: Callable[[int], bytes]) -> list[bytes]:
        delays, codes = np.unique(self.chunk.delay_s, return_inverse=True)
        return list(_objects(map(render, delays.tolist()), len(delays))[codes].tolist())


def train_status(feed: Feed, delay_s: int) -> str:
    """Give a train's status from its delay."""
    return "delayed" if feed.delays and delay_s >= feed.delays.delayed_from_s else "in_service"


def identity_hashes(feed: Feed, table: Table) -> Iterable[str]:
    """Yield each row's hash: of the feed, its business key and its service time, never of its row number.

    A template's event ids have the service date (or hour) as a suffix; a dated row's instant is in the hash.
    """
    columns = [table.columns[name].objects().tolist() for name in feed.business_key]
    if isinstance(feed.calendar, MonthDayHourCalendar):
        columns += [table.columns[name].objects().tolist() for name in feed.calendar.columns]
    else:  # the day type is not part of it: the service date, in the suffix, decides it
        columns.append(table.time_ms.tolist())
    for key in zip(*columns, strict=True):
        yield blake2b(orjson.dumps([feed.name, *key]), digest_size=ID_BYTES).hexdigest()


def _fragments(part: bytes | list[bytes] | Coded, size: int) -> Iterable[bytes]:
    """Give a part's bytes row by row: constant, ready, or a column's values as JSON."""
    if isinstance(part, bytes):
        return repeat(part, size)
    if isinstance(part, list):
        return part
    return list(part.objects([orjson.dumps(value) for value in part.values]).tolist())


def _merge(tokens: list[_Token]) -> list[_Token]:
    """Join neighbours that vary alike; constant text goes to the neighbour before it, or the one after."""
    merged: list[_Token] = []
    pending: list[Any] = []
    for token in tokens:
        if token.kind == "text":
            if merged and merged[-1].kind != "clock" and not pending:
                merged[-1].parts += token.parts
            else:
                pending += token.parts
        elif merged and merged[-1].kind == token.kind and not pending and token.kind != "clock":
            merged[-1].parts += token.parts
        elif token.kind == "clock":
            if pending:
                merged.append(_Token("text", pending))
            merged.append(token)
            pending = []
        else:
            merged.append(_Token(token.kind, [*pending, *token.parts]))
            pending = []
    return [*merged, _Token("text", pending)] if pending else merged


def _key_text(value: Any, transport: str) -> bytes:
    text = value if isinstance(value, str) else str(value)
    return orjson.dumps(text) if transport == "rest-proxy" else text.encode()


def _objects(values: Iterable[Any], size: int | None = None) -> Objects:
    found = list(values)
    array = np.empty(len(found) if size is None else size, dtype=object)
    array[:] = found
    return array
