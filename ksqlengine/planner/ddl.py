"""Plan CREATE STREAM/TABLE without a query, DROP, ALTER and types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import Catalog, FormatInfo, Source
from ksqlengine.errors import KsqlError
from ksqlengine.planner import formats
from ksqlengine.planner.properties import SourceProperties, check_properties, default_format, make_format
from ksqlengine.planner.relation import PSEUDO, WINDOW_BOUNDS
from ksqlengine.types import HEADERS_TYPE, Column, Schema, quote


def plan_create(node: t.CreateSource, config: dict[str, Any], text: str) -> Source:
    """Return the source that a CREATE declares. Raises KsqlError."""
    elements = node.elements or ()
    with_ = check_properties(node.properties)
    known = {c.upper() for c in (*PSEUDO, *WINDOW_BOUNDS)}
    for e in elements:
        if e.name in known:
            raise KsqlError(f"'{e.name}' is a reserved column name. You cannot use it as a name for a column.")
    wrong, right = ("KEY", "PRIMARY KEY") if node.kind == "TABLE" else ("PRIMARY KEY", "KEY")
    for e in elements:
        if e.constraint == wrong:
            raise KsqlError(
                f"Line: {e.line}, Col: {e.column}: Column `{e.name}` is a '{wrong}' column: please use '{right}' for "
                f"{node.kind.lower()}s.\nTables have PRIMARY KEYs, which are unique and NON NULL.\n"
                "Streams have KEYs, which have no uniqueness or NON NULL constraints."
            )
    for which in ("KEY", "VALUE"):
        name = with_.format_name(which)
        if name is not None:
            make_format(name, with_, which)
    if not elements:
        raise KsqlError("No columns supplied.")
    names = [e.name for e in elements]
    double = list(dict.fromkeys(quote(n) for n in names if names.count(n) > 1))
    if double:
        raise KsqlError(f"Duplicate column names: {', '.join(double)}")
    columns: list[Column] = []
    for e in elements:
        if e.namespace == "HEADERS":
            _check_header(e)
            _check_one_header(e, columns)
        columns.append(Column(e.name, e.type, e.namespace, e.header_key))
    schema = Schema(tuple(columns))
    if node.kind == "TABLE" and not schema.key:
        raise KsqlError("Tables require a PRIMARY KEY. Please define the PRIMARY KEY.")
    if with_.get("KAFKA_TOPIC") is None:
        raise KsqlError('Missing required property "KAFKA_TOPIC" which has no default value.')
    window = with_.window()
    if window is not None and not schema.key:
        raise KsqlError("Windowed sources require a key column.")
    key_format, value_format = source_formats(with_, config, schema)
    formats.check_key(key_format, schema)
    formats.check_value(value_format, schema)
    check_timestamp(with_, schema)
    value_format = settle_wrap(value_format, schema, config)
    partitions = config.get("ksql.topic.partitions") or {}  # of topics that exist, where the caller knows
    return Source(
        node.name, node.kind, str(with_.get("KAFKA_TOPIC")), schema, key_format, value_format, window,
        timestamp_name(with_), with_.get("TIMESTAMP_FORMAT"), node.read_only, None, text,
        int(with_.get("PARTITIONS") or partitions.get(str(with_.get("KAFKA_TOPIC"))) or 0),
        int(with_.get("REPLICAS") or 0),
    )  # fmt: skip


def settle_wrap(fmt: FormatInfo, schema: Schema, config: dict[str, Any]) -> FormatInfo:
    """Put the configured default of wrapping in where a single JSON value has none."""
    default = config.get("ksql.persistence.wrap.single.values")
    if fmt.wrap is None and len(schema.value) == 1 and fmt.name == "JSON" and default is not None:
        return replace(fmt, wrap=str(default).lower() == "true")
    return fmt


def timestamp_name(with_: SourceProperties) -> str | None:
    """Return the timestamp column's name, upper-cased unless quoted."""
    name = with_.get("TIMESTAMP")
    if name is None:
        return None
    text = str(name)
    if text[:1] in '`"' and text[:1]:
        return text[1:-1]
    return text.upper()


def check_timestamp(with_: SourceProperties, schema: Schema) -> None:
    """Refuse a timestamp column that is none."""
    name = timestamp_name(with_)
    if name is None:
        return
    column = schema.find(name)
    if column is None:
        raise KsqlError(f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'")
    if column.type.base == "STRING" and with_.get("TIMESTAMP_FORMAT"):
        return
    if column.type.base not in ("BIGINT", "TIMESTAMP"):
        raise KsqlError(
            f"Timestamp column, `{name}`, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format "
            f"specified"
        )
    if with_.get("TIMESTAMP_FORMAT"):
        raise KsqlError(
            "TIMESTAMP_FORMAT set in the WITH clause can only be used when the timestamp column is of type STRING."
        )


def source_formats(with_: SourceProperties, config: dict[str, Any], schema: Schema) -> tuple[FormatInfo, FormatInfo]:
    """Return key and value format of a declared source."""
    key_name = with_.format_name("KEY")
    value_name = with_.format_name("VALUE") or default_format(config, "VALUE")
    if value_name is None:
        raise KsqlError(
            "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide one or set a "
            "default "
            "via the 'ksql.persistence.default.format.value' config."
        )
    explicit = with_.get("KEY_FORMAT")
    if explicit is not None and not schema.key and str(explicit).upper() != "NONE":
        raise KsqlError("Key format specified for stream without key columns.")
    if not schema.key and key_name is None:
        key_name = "NONE"
    key_name = key_name or default_format(config, "KEY") or "KAFKA"
    return make_format(key_name, with_, "KEY"), make_format(value_name, with_, "VALUE")


def _check_header(e: t.Element) -> None:
    if e.constraint == "HEADERS":
        if str(e.type) != str(HEADERS_TYPE):
            raise KsqlError(
                f"Invalid type for HEADERS column: expected ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>>, got {e.type}"
            )
    elif e.type.base != "BYTES":
        raise KsqlError(f"Invalid type for HEADER('{e.header_key}') column: expected BYTES, got {e.type}")


def _check_one_header(e: t.Element, before: list[Column]) -> None:
    """Refuse all headers beside another header column, and one header twice."""
    headers = [c.header_key for c in before if c.namespace == "HEADERS"]
    if headers and (None in headers or e.header_key is None):
        raise KsqlError("Schema already contains a HEADERS column.")
    if e.header_key in headers:
        raise KsqlError(f"Schema already contains a HEADER('{e.header_key}') column.")


def refuse_replace(kind: str, name: str) -> None:
    """Refuse CREATE OR REPLACE of a read-only source."""
    kind = kind.lower()
    raise KsqlError(f"Cannot add {kind} '{name}': CREATE OR REPLACE is not supported on source {kind}s.")


def check_replace(existing: Source, new: Source, or_replace: bool) -> None:
    """Refuse a second source of a name unless it replaces the first and may."""
    kind = existing.kind.lower()
    if not or_replace:
        article = f"A {kind}"
        raise KsqlError(f"Cannot add {new.kind.lower()} '{new.name}': {article} with the same name already exists")
    if existing.read_only or new.read_only:
        refuse_replace(kind, new.name)
    for shown, old, now in (
        ("type", _kind(existing), _kind(new)),
        ("topic", topic_text(existing), topic_text(new)),
        ("timestampColumn", _timestamp_text(existing), _timestamp_text(new)),
    ):
        if old != now:
            raise _not_upgradeable(existing.name, shown, old, now)
    problems = [str(c) for c in existing.schema.columns if c not in new.schema.columns]
    problems += _reordered(existing.schema, new.schema)
    if problems:
        raise _not_upgradeable(
            existing.name,
            "schema",
            str(existing.schema),
            f"{new.schema}. (The following columns are changed, missing or reordered: [{', '.join(problems)}])",
        )


def _not_upgradeable(name: str, what: str, old: str, now: str) -> KsqlError:
    return KsqlError(
        f"Cannot upgrade data source: DataSource '{name}' has {what} = {old} which is not upgradeable to {now}"
    )


def _kind(source: Source) -> str:
    return "KTABLE" if source.is_table else "KSTREAM"


def _reordered(old: Schema, new: Schema) -> list[str]:
    """Return the columns that both have but in another order."""
    ours, theirs = ([c for c in a.columns if c in b.columns] for a, b in ((old, new), (new, old)))
    return [str(a) for a, b in zip(ours, theirs, strict=True) if a != b]


def _timestamp_text(source: Source) -> str:
    if source.timestamp_column is None:
        return "Optional.empty"
    form = f"Optional[{source.timestamp_format}]" if source.timestamp_format else "Optional.empty"
    return f"Optional[TimestampColumn{{column=`{source.timestamp_column}`, format={form}}}]"


def topic_text(source: Source) -> str:
    """Return a source's topic with its formats as ksqlDB's messages show it."""

    def format_text(fmt: FormatInfo, single: bool) -> str:
        inner = ", ".join(f"{k}={v}" for k, v in fmt.properties)
        features = "UNWRAP_SINGLES" if single else ""
        if fmt.wrap is not None:
            features = "WRAP_SINGLES" if fmt.wrap else "UNWRAP_SINGLES"
        return f"format=FormatInfo{{format={fmt.name}, properties={{{inner}}}}}, features=[{features}]"

    window = "Optional.empty"
    if source.window is not None:
        size = "Optional.empty" if source.window.size_ms is None else f"Optional[PT{source.window.size_ms / 1000:g}S]"
        window = f"Optional[WindowInfo{{type={source.window.kind}, size={size}, emitStrategy=Optional.empty}}]"
    key = format_text(source.key_format, len(source.schema.key) == 1 and source.key_format.name == "JSON")
    return (
        f"KsqlTopic{{kafkaTopicName='{source.topic}', keyFormat=KeyFormat{{{key}, window={window}}}, "
        f"valueFormat=ValueFormat{{{format_text(source.value_format, False)}}}}}"
    )


def plan_alter(node: t.AlterSource, catalog: Catalog) -> Source:
    """Return a source with more columns."""
    source = catalog.get(node.name)
    if source is None:
        raise KsqlError(f"Source {node.name} does not exist.")
    if source.kind != node.kind:
        raise KsqlError(f"Incompatible data source type is {source.kind}, but statement was ALTER {node.kind}")
    if source.read_only:
        raise KsqlError(
            f"Cannot alter {node.kind.lower()} '{node.name}': ALTER operations are not supported on source "
            f"{node.kind.lower()}s."
        )
    if source.created_by is not None:
        raise KsqlError("ALTER command is not supported for CREATE ... AS statements.")
    columns = list(source.schema.columns)
    for name, type_ in node.columns:
        if name in PSEUDO or name in WINDOW_BOUNDS:
            raise KsqlError(f"'{name}' is a reserved column name. You cannot use it as a name for a column.")
        if any(c.name == name for c in columns):
            raise KsqlError(f"Cannot add column `{name}` to schema. A column with the same name already exists.")
        columns.append(Column(name, type_))
    schema = Schema(tuple(columns))
    formats.check_value(source.value_format, schema)
    return replace(source, schema=schema)


def plan_drop(node: t.DropSource, catalog: Catalog) -> Source | None:
    """Return the source to drop; None where IF EXISTS finds none."""
    source = catalog.get(node.name)
    if source is None:
        if node.if_exists:
            return None
        raise KsqlError(f"{node.kind.title()} {node.name} does not exist.")
    if source.kind != node.kind:
        raise KsqlError(f"Incompatible data source type is {source.kind}, but statement was DROP {node.kind}")
    made = {s.created_by: s.name for s in catalog.sources.values() if s.created_by}
    derived = sorted(made[q] for q in catalog.readers(node.name) if q in made)
    if derived:
        raise KsqlError(
            f"Cannot drop {node.name}.\nThe following streams and/or tables read from this source: "
            f"[{', '.join(derived)}].\nYou need to drop them before dropping {node.name}."
        )
    readers = catalog.readers(node.name)
    writers = [q for q in catalog.writers(node.name) if q != source.created_by]
    if readers or writers:
        raise KsqlError(
            f"Cannot drop {node.name}.\nThe following queries read from this source: [{', '.join(sorted(readers))}].\n"
            f"The following queries write into this source: [{', '.join(sorted(writers))}].\n"
            f"You need to terminate them before dropping {node.name}."
        )
    if node.delete_topic and source.read_only:
        raise KsqlError(f"Cannot delete topic for read-only source: {node.name}")
    others = sorted(s.name for s in catalog.sources.values() if s.topic == source.topic and s.name != source.name)
    if node.delete_topic and others:
        raise KsqlError(
            f"Refusing to delete topic. Found other data sources ({', '.join(others)}) using topic {source.topic}"
        )
    return source
