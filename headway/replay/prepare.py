"""Prepare a feed for replay: load its workbook, check it, plan it, and sign what it is made from."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

from headway.core.encode import Encoder
from headway.core.feeds import Feed
from headway.core.plan import Plan
from headway.core.table import Table
from headway.replay.ledger import feed_named
from headway.settings import Settings
from headway.workbooks.load import file_sha256, load_table
from headway.workbooks.precheck import check_container

KEPT_TABLES = 3
_tables: OrderedDict[tuple[str, bytes], Table] = OrderedDict()


@dataclass(frozen=True)
class Prepared:
    """A feed that is ready to replay."""

    feed: Feed
    table: Table
    plan: Plan
    seed: int
    checksum: str

    @cached_property
    def encoder(self) -> Encoder:
        """Give the encoder, made at its first use."""
        return Encoder(self.feed, self.table)


def prepare(settings: Settings, feed_name: str, seed: int | None = None) -> Prepared:
    """Load, check and plan a feed.

    Raises :class:`FeedError` or :class:`WorkbookError` that says where and what to do. A workbook that did not change
    is not read again by the same process.
    """
    feed = feed_named(settings, feed_name)
    path = feed.workbook_path(settings.data_dir)
    check_container(path)
    description = feed.fingerprint(settings.timezone)
    sha256 = file_sha256(path)
    table = _tables.get((sha256, description))
    if table is None:
        table = load_table(feed, settings.data_dir, settings.timezone)
        _tables[table.workbook_sha256, description] = table
        while len(_tables) > KEPT_TABLES:
            _tables.popitem(last=False)
    seed = settings.replay.seed if seed is None else seed
    signed = hashlib.sha256(f"{table.workbook_sha256}\n{seed}\n".encode() + description).hexdigest()
    return Prepared(feed, table, Plan(feed, table, seed, settings.timezone), seed, signed)
