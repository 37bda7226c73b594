"""The agent: keep every stop's row, and write a station's merged row whenever one of its rows changes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from faust_app.merge import merge_station
from faust_app.models import from_state, read_row, read_stop_id, station_key, station_value, to_state
from headway.core.stations import StationRow
from headway.core.topics import dead_letters
from headway.errors import ContractError

TIME_ZERO = 0.0  # stream-table joins on simulated time find a row that is older than every event


class StationMerger:
    """State: stop_id → row, on disk and in a changelog. At least once in, idempotent out.

    Faust commits an offset only after it has flushed its producer, so a record whose rows may be missing is repeated
    and gives the same rows. Where the new state no longer knows the old station (a tombstone, a stop that moves), its
    row is acknowledged by the broker *before* the state changes: the repeated record could not find that station any
    more. A row that the broker refuses ends the worker; the next one writes every station again.
    """

    def __init__(self, app: Any, source: str, target: str) -> None:
        raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
        self.source_name = source
        self.processed = 0
        self.rejected = 0
        self.offset = -1
        self.ready = False
        self._app = app
        self._source = app.topic(source, partitions=1, compacting=True, **raw)
        self._target = app.topic(target, partitions=1, compacting=True, **raw)
        self._dead_letters = app.topic(dead_letters(source), partitions=1, **raw)
        self._stops = app.Table("stops", partitions=1, on_recover=self._recovered)
        self._by_station: dict[int, set[int]] | None = None
        self._on_their_way: set[asyncio.Future[Any]] = set()  # the event loop keeps no reference of its own
        app.on_partitions_revoked.connect(self._revoked)
        app.agent(self._source, name="station_lines")(self._merge)

    async def _merge(self, stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            place = f"{message.topic}/{message.partition}/{message.offset}"
            try:
                stop_id = read_stop_id(message.key, place)
                row = None if message.value is None else read_row(stop_id, message.value, place)
            except ContractError as error:
                self.rejected += 1
                await self._reject(message, error)
            else:
                await self._change(stop_id, row)
            self.processed += 1
            self.offset = message.offset

    async def _change(self, stop_id: int, row: StationRow | None) -> None:
        by_station = self._index()
        state = self._stops.get(str(stop_id))
        before = from_state(state) if state is not None else None
        forgets = before is not None and (row is None or row.station_id != before.station_id)
        sent = []
        for station_id in sorted({known.station_id for known in (before, row) if known is not None}):
            stops = {number: self._row(number) for number in by_station[station_id] if number != stop_id}
            if row is not None and row.station_id == station_id:
                stops[stop_id] = row
            sent.append(await self._write(station_id, merge_station(stops.values())))
        if forgets:
            await asyncio.gather(*sent)
        if before is not None:
            by_station[before.station_id].discard(stop_id)
        if row is not None:
            by_station[row.station_id].add(stop_id)
            self._stops[str(stop_id)] = to_state(row)
        elif before is not None:
            del self._stops[str(stop_id)]

    async def _write(self, station_id: int, row: dict[str, Any] | None) -> asyncio.Future[Any]:
        """Send a station's row; give what is done when the broker has it."""
        value = None if row is None else station_value(row)
        sent = await self._target.send(key=station_key(station_id), value=value, timestamp=TIME_ZERO)
        acknowledged: asyncio.Future[Any] = asyncio.ensure_future(sent)
        acknowledged.add_done_callback(self._acknowledged)
        self._on_their_way.add(acknowledged)
        return acknowledged

    def _acknowledged(self, sent: asyncio.Future[Any]) -> None:
        self._on_their_way.discard(sent)
        if not sent.cancelled() and sent.exception() is not None:
            self._on_their_way.add(asyncio.ensure_future(self._app.crash(sent.exception())))

    async def _reject(self, message: Any, error: ContractError) -> None:
        headers = {
            "why": error.what.encode(),
            "where": error.where.encode(),
            "when": datetime.now(UTC).isoformat(timespec="milliseconds").encode(),
        }
        sent = await self._dead_letters.send(key=message.key, value=message.value, headers=headers)
        await sent

    async def _recovered(self) -> None:
        """Write every station again once the state is back: a target that was made anew is whole at once."""
        self._by_station = None
        if any(tp.topic == self.source_name for tp in self._app.assignor.assigned_actives()):
            rows = {
                station_id: merge_station(self._row(number) for number in sorted(numbers))
                for station_id, numbers in sorted(self._index().items())
                if numbers
            }
            await asyncio.gather(*[await self._write(station_id, row) for station_id, row in rows.items()])
        self.ready = True

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self.ready = False
        self._by_station = None

    def _row(self, stop_id: int) -> StationRow:
        return from_state(self._stops[str(stop_id)])

    def _index(self) -> dict[int, set[int]]:
        """Give station_id → stop_ids, made from the table where it is not at hand."""
        if self._by_station is None:
            self._by_station = defaultdict(set)
            for number, state in self._stops.items():
                self._by_station[state["station_id"]].add(int(number))
        return self._by_station
