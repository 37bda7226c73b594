"""Show the server's answers: lists, descriptions, statuses, and errors with the place underlined."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from ksqlengine.shell.client import ServerError
from ksqlengine.shell.layout import GAP, Head, cell, cut, fit, fold, header_lines, pad, record_lines, row_lines
from ksqlengine.shell.screen import Screen

_Fields = tuple[tuple[str, str], ...]
_SOURCE: _Fields = (
    ("Kafka Topic", "topic"), ("Key Format", "keyFormat"), ("Value Format", "valueFormat"), ("Windowed", "isWindowed"),
)  # fmt: skip
# kind of answer: what there are none of, the list in it, (title, field) of each column
_LISTS: dict[str, tuple[str, str, _Fields]] = {
    "streams": ("streams", "streams", (("Stream Name", "name"), *_SOURCE)),
    "tables": ("tables", "tables", (("Table Name", "name"), *_SOURCE)),
    "kafka_topics": (
        "topics", "topics", (("Kafka Topic", "name"), ("Partitions", "#"), ("Partition Replicas", "replicaInfo")),
    ),
    "kafka_topics_extended": (
        "topics", "topics",
        (("Kafka Topic", "name"), ("Partitions", "#"), ("Partition Replicas", "replicaInfo"),
         ("Consumers", "consumerCount"), ("Consumer Groups", "consumerGroupCount")),
    ),
    "variables": ("variables", "variables", (("Variable Name", "name"), ("Value", "value"))),
    "connector_list": (
        "connectors", "connectors",
        (("Connector Name", "name"), ("Type", "type"), ("Class", "className"), ("Status", "state")),
    ),
    "connector_plugins_list": (
        "connector plugins", "connectorsPlugins", (("Class", "className"), ("Type", "type"), ("Version", "version")),
    ),
}  # fmt: skip
_NUMERIC = {"#", "consumerCount", "consumerGroupCount"}
_STATE_STYLES = {"RUNNING": "green", "ERROR": "bold red", "PAUSED": "yellow", "FAILED": "bold red"}


def show_entity(screen: Screen, entity: dict[str, Any]) -> None:
    """Show one answer of ``/ksql``."""
    kind = str(entity.get("@type", ""))
    if kind in _LISTS:
        what, key, fields = _LISTS[kind]
        rows = [[_field(row, name) for _, name in fields] for row in entity[key]]
        table(
            screen,
            [Head(t, "INT" if n in _NUMERIC else "STRING") for t, n in fields],
            rows,
            none=f"There are no {what}.",
        )
    elif kind in _SHOWN:
        _SHOWN[kind](screen, entity)
    elif "message" in entity:
        screen.say(str(entity["message"]), "yellow" if kind == "warning_entity" else "")
    else:
        screen.json({k: v for k, v in entity.items() if k not in {"@type", "statementText", "warnings"}})
    for warning in entity.get("warnings") or ():
        screen.say(f"WARNING: {warning.get('message', warning) if isinstance(warning, dict) else warning}", "yellow")


def table(screen: Screen, heads: Sequence[Head], rows: Sequence[Sequence[str]], *, none: str = "") -> None:
    """Show a table that fits the terminal; rows as blocks when the columns do not fit side by side."""
    if not rows:
        screen.say(none, "dim")
        return
    widths = fit(heads, rows, screen.width)
    if widths is None:
        for number, row in enumerate(rows, start=1):
            screen.lines(record_lines(heads, row, number, screen.width))
        return
    screen.lines(header_lines(heads, widths))
    for row in rows:
        screen.lines(row_lines(heads, row, widths, wrap=True))


def _field(row: dict[str, Any], name: str) -> str:
    if name == "#":
        return str(len(row.get("replicaInfo") or ()))
    value = row.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(str(v) for v in dict.fromkeys(value))
    return "" if value is None else cell(" ".join(str(value).split()))


# -- statuses --------------------------------------------------------------------------------------------------------
def _status(screen: Screen, entity: dict[str, Any]) -> None:
    status = entity["commandStatus"]
    good = status["status"] in {"SUCCESS", "EXECUTING", "QUEUED", "PARSING", "TERMINATED", "RUNNING"}
    screen.say(str(status["message"]), "green" if good else "red")


def _asserted(screen: Screen, entity: dict[str, Any]) -> None:
    what = entity.get("topicName") or entity.get("subject") or entity.get("id") or ""
    kind = "Topic" if "topicName" in entity else "Schema"
    screen.say(f"{kind} {what} {'exists' if entity.get('exists') else 'does not exist'}.", "green")


# -- lists of their own ----------------------------------------------------------------------------------------------
def _queries(screen: Screen, entity: dict[str, Any]) -> None:
    rows = entity["queries"]
    if not rows:
        screen.say("There are no queries.", "dim")
        return
    heads = [Head("Query ID"), Head("Status"), Head("Sink Name"), Head("Type"), Head("Sink Kafka Topic")]
    cells = [
        [
            str(row["id"]),
            ", ".join(f"{state}:{n}" for state, n in (row.get("statusCount") or {}).items())
            or str(row.get("state", "")),
            ", ".join(row.get("sinks") or ()),
            str(row.get("queryType", "")),
            ", ".join(row.get("sinkKafkaTopics") or ()),
        ]
        for row in rows
    ]
    while len(heads) > 3 and _natural(heads, cells) > screen.width:  # the last columns can be spared
        heads, cells = heads[:-1], [shown[:-1] for shown in cells]
    widths = fit(heads, cells, screen.width)
    if widths is not None:
        screen.lines(header_lines(heads, widths))
    for number, (row, shown) in enumerate(zip(rows, cells, strict=True), start=1):
        state = _STATE_STYLES.get(str(row.get("state", "")), "")
        if widths is None:
            screen.lines(record_lines(heads, shown, number, screen.width, style=state))
        else:
            screen.lines(row_lines(heads, shown, widths, wrap=True, style=state if state != "green" else ""))
        screen.lines([Text(cut(f"  {_one_line(row['queryString'])}", screen.width), style="dim")])
    screen.say("EXPLAIN <Query ID>; shows one in full.", "dim")


def _natural(heads: Sequence[Head], rows: Sequence[Sequence[str]]) -> int:
    """Give the width at which nothing is folded."""
    return sum(fit(heads, rows, 1_000_000) or ()) + GAP * (len(heads) - 1)


def _one_line(text: str) -> str:
    return cell(" ".join(str(text).split()))


def _functions(screen: Screen, entity: dict[str, Any]) -> None:
    rows = [[row["name"], str(row.get("category") or ""), str(row.get("type", ""))] for row in entity["functions"]]
    if any(row[1] for row in rows):
        table(screen, [Head("Function Name"), Head("Category"), Head("Type")], rows, none="There are no functions.")
        return
    for kind in dict.fromkeys(row[2] for row in rows):
        screen.say(f"{kind.capitalize()} functions", "bold")
        grid(screen, [row[0] for row in rows if row[2] == kind])


def grid(screen: Screen, words: Sequence[str]) -> None:
    """Show words in as many columns as fit, read downwards."""
    width = max((cell_len(w) for w in words), default=1) + 2
    columns = max(1, min(screen.width, 160) // width)
    rows = -(-len(words) // columns)
    for i in range(rows):
        screen.lines([Text("".join(pad(w, width) for w in words[i::rows]).rstrip())])


def _function(screen: Screen, entity: dict[str, Any]) -> None:
    facts = [
        ("Name", entity["name"]), ("Author", entity.get("author")), ("Version", entity.get("version")),
        ("Overview", entity.get("description")), ("Type", entity.get("type")), ("Jar", entity.get("path")),
    ]  # fmt: skip
    _facts(screen, facts)
    screen.say("Variations", "bold")
    for variant in entity["functions"]:
        given = ", ".join(
            f"{a.get('name') or ''} {a['type']}{'[]' if a.get('isVariadic') else ''}".strip()
            for a in variant["arguments"]
        )
        screen.lines(
            [Text.assemble("  ", (entity["name"], "bold"), f"({given}) → ", (str(variant["returnType"]), "cyan"))]
        )
        if variant.get("description"):
            screen.say(f"    {variant['description']}", "dim")
        for argument in variant["arguments"]:
            if argument.get("description"):
                screen.say(f"    {argument['name']}: {argument['description']}", "dim")


def _properties(screen: Screen, entity: dict[str, Any]) -> None:
    changed = set(entity.get("overwrittenProperties") or ())
    rows = []
    for row in entity["properties"]:
        session = row["name"] in changed or row.get("level") in {"QUERY", "SESSION"}
        rows.append(
            [
                row["name"],
                "SESSION" if session else str(row.get("level") or row.get("scope") or ""),
                _field(row, "value"),
            ]
        )
    table(screen, [Head("Property"), Head("Level"), Head("Value")], rows, none="There are no properties.")


def _types(screen: Screen, entity: dict[str, Any]) -> None:
    rows = [[name, type_text(schema)] for name, schema in entity["types"].items()]
    table(screen, [Head("Type Name"), Head("Schema")], rows, none="There are no types.")


def type_text(schema: dict[str, Any]) -> str:
    """Print a type as SQL."""
    kind = schema["type"]
    if kind == "STRUCT":
        return "STRUCT<" + ", ".join(f"{f['name']} {type_text(f['schema'])}" for f in schema["fields"] or []) + ">"
    if kind in {"ARRAY", "MAP"}:
        inner = type_text(schema["memberSchema"])
        return f"ARRAY<{inner}>" if kind == "ARRAY" else f"MAP<STRING, {inner}>"
    if kind == "DECIMAL" and schema.get("parameters"):
        return f"DECIMAL({schema['parameters']['precision']}, {schema['parameters']['scale']})"
    return "VARCHAR(STRING)" if kind == "STRING" else str(kind)


# -- descriptions ----------------------------------------------------------------------------------------------------
def _facts(screen: Screen, facts: Sequence[tuple[str, Any]]) -> None:
    """Show names and values, leaving out what is not known."""
    known = [(name, cell(" ".join(str(v).split()))) for name, v in facts if v not in (None, "", 0, [])]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        for i, piece in enumerate(fold(value, max(screen.width - width - 3, 20))):
            screen.lines(
                [Text.assemble((pad(name if i == 0 else "", width), "bold"), " : " if i == 0 else "   ", piece)]
            )


def _columns(screen: Screen, fields: Sequence[dict[str, Any]], *, is_table: bool) -> None:
    names = {"KEY": "primary key" if is_table else "key", "HEADER": "headers", "HEADERS": "headers"}
    rows = [
        [f["name"], type_text(f["schema"]), names.get(str(f.get("type", "")).upper(), str(f.get("type") or "").lower())]
        for f in fields
    ]
    if not any(row[2] for row in rows):
        table(screen, [Head("Field"), Head("Type")], [row[:2] for row in rows], none="It has no columns.")
        return
    table(screen, [Head("Field"), Head("Type"), Head("")], rows, none="It has no columns.")


def _source(screen: Screen, description: dict[str, Any]) -> None:
    is_table = description["type"] == "TABLE"
    facts: list[tuple[str, Any]] = [("Name", description["name"])]
    if description.get("extended"):
        spread = f"partitions: {description['partitions']}, replication: {description['replication']}"
        timestamp = description.get("timestamp") or "not set: the record's own"
        facts += [
            ("Type", description["type"]), ("Timestamp field", timestamp),
            ("Key format", description["keyFormat"]), ("Value format", description["valueFormat"]),
            ("Window", description.get("windowType")), ("Kafka topic", f"{description['topic']} ({spread})"),
            ("Needed by", ", ".join(description.get("sourceConstraints") or ())),
        ]  # fmt: skip
    _facts(screen, facts)
    _columns(screen, description["fields"], is_table=is_table)
    if not description.get("extended"):
        screen.say(f"For runtime statistics and query details run: DESCRIBE {description['name']} EXTENDED;", "dim")
        return
    if description.get("statement"):
        screen.say("Statement", "bold")
        screen.say(str(description["statement"]))
    for title, key in (("Queries that read from it", "readQueries"), ("Queries that write to it", "writeQueries")):
        if description[key]:
            screen.say(title, "bold")
            for query in description[key]:
                text = f"  {query['id']} ({query['state']}): {_one_line(query['queryString'])}"
                screen.lines([Text(cut(text, screen.width))])
    offsets = [
        [summary["groupId"], topic["kafkaTopic"], str(o["partition"]), str(o["logStartOffset"]), str(o["logEndOffset"]),
         str(o["consumerOffset"]), str(o["logEndOffset"] - o["consumerOffset"])]
        for summary in description.get("queryOffsetSummaries") or ()
        for topic in summary.get("topicSummaries") or ()
        for o in topic.get("offsets") or ()
    ]  # fmt: skip
    if offsets:
        screen.say("Consumer groups", "bold")
        titles = ("Group", "Topic", "Partition", "Start", "End", "Offset", "Lag")
        table(screen, [Head(t, "STRING" if i < 2 else "BIGINT") for i, t in enumerate(titles)], offsets)
    for title, key in (("Local runtime statistics", "statistics"), ("Errors", "errorStats")):
        if description.get(key):
            screen.say(title, "bold")
            screen.say(str(description[key]))


def _query(screen: Screen, description: dict[str, Any]) -> None:
    state = str(description.get("state") or "")
    hosts = ", ".join(f"{host} {s}" for host, s in (description.get("ksqlHostQueryStatus") or {}).items())
    facts = [
        ("ID", description.get("id")), ("Query Type", description.get("queryType")), ("Status", state),
        ("Streams state", description.get("streamsState")), ("Host Query Status", hosts),
        ("Sources", ", ".join(description.get("sources") or ())), ("Sinks", ", ".join(description.get("sinks") or ())),
        ("Window", description.get("windowType")),
    ]  # fmt: skip
    _facts(screen, facts)
    screen.say("SQL", "bold")
    screen.say(str(description["statementText"]))
    if description["fields"]:
        screen.say("Columns", "bold")
        _columns(screen, description["fields"], is_table=False)
    for title, key in (("Execution plan", "executionPlan"), ("Processing topology", "topology")):
        if description.get(key):
            screen.say(title, "bold")
            screen.lines(
                Text(line, style="dim" if key == "topology" else "")
                for line in str(description[key]).rstrip().splitlines()
            )
    overrides = description.get("overriddenProperties") or {}
    if overrides:
        screen.say("Overridden properties", "bold")
        table(screen, [Head("Property"), Head("Value")], [[k, cell(v)] for k, v in overrides.items()])
    for error in description.get("queryErrors") or ():
        screen.say(f"{error.get('type', 'ERROR')}: {error.get('errorMessage', '')}", "red")


def _connector(screen: Screen, entity: dict[str, Any]) -> None:
    status = entity.get("status") or {}
    connector = status.get("connector") or {}
    _facts(
        screen,
        [
            ("Name", status.get("name")), ("Class", entity.get("connectorClass")), ("Type", status.get("type")),
            ("State", connector.get("state")), ("Worker", connector.get("worker_id")),
            ("Related topics", ", ".join(entity.get("topics") or ())),
        ],
    )  # fmt: skip
    rows = [[str(t.get("id")), str(t.get("state")), cell(str(t.get("trace") or ""))] for t in status.get("tasks") or ()]
    table(screen, [Head("Task ID", "INT"), Head("State"), Head("Error Trace")], rows, none="It has no tasks.")


def _created_connector(screen: Screen, entity: dict[str, Any]) -> None:
    screen.say(f"Created connector {(entity.get('info') or {}).get('name', '')}", "green")


def _each(key: str, show: Callable[[Screen, dict[str, Any]], None]) -> Callable[[Screen, dict[str, Any]], None]:
    def shown(screen: Screen, entity: dict[str, Any]) -> None:
        for number, description in enumerate(entity[key]):
            if number:
                screen.say("")
            show(screen, description)
        if not entity[key]:
            screen.say("There are none.", "dim")

    return shown


_SHOWN: dict[str, Callable[[Screen, dict[str, Any]], None]] = {
    "currentStatus": _status,
    "queries": _queries,
    "function_names": _functions,
    "describe_function": _function,
    "properties": _properties,
    "type_list": _types,
    "sourceDescription": lambda screen, entity: _source(screen, entity["sourceDescription"]),
    "source_descriptions": _each("sourceDescriptions", _source),
    "queryDescription": lambda screen, entity: _query(screen, entity["queryDescription"]),
    "query_descriptions": _each("queryDescriptions", _query),
    "assert_topic": _asserted,
    "assert_schema": _asserted,
    "connector_description": _connector,
    "created_connector": _created_connector,
    "connector_info": _created_connector,
    "drop_connector": lambda screen, entity: screen.say(
        f"Dropped connector {entity.get('connectorName', '')}", "green"
    ),
}


# -- errors ----------------------------------------------------------------------------------------------------------
_CONTEXT = 2  # lines shown before the one with the fault
_NAMED = re.compile(
    r"[`'\"]([\w.$@-]{2,})[`'\"]|\b([A-Z_][A-Z0-9_]{2,}) does not exist|: ([A-Z_][A-Z0-9_]{2,})$", re.MULTILINE
)
_WORD = re.compile(r"[\w$@.]+|\S")
_TARGET = re.compile(r"\AFailed to insert values into '[^']*'\.")  # what is wrong comes behind it


def show_error(screen: Screen, error: ServerError, *, origin: str = "", first_line: int = 1) -> None:
    """Show an error: the statement's lines with a mark under the place, and what the server says.

    ``origin`` is the file it stands in and ``first_line`` the line of the file on which the statement begins.
    """
    if screen.is_json:
        screen.json(error.body)
        return
    lines = [line.replace("\t", " ") for line in error.statement.splitlines()]
    place = _place(error, lines)
    if place is not None:
        line, column, length = place
        gutter = len(str(first_line + line))
        for i in range(max(0, line - _CONTEXT), line + 1):
            number = pad(str(first_line + i), gutter, right=True)
            room = max(screen.width - gutter - 4, 20)
            start = max(0, column + length - room + 1) if i == line else 0  # a long line is shown around the place
            text = cut(("…" if start else "") + lines[i][start + bool(start) :], room)
            screen.lines([Text.assemble((f" {number} │ ", "dim"), text)])
            if i == line:
                before = cell_len(lines[i][start:column])
                screen.lines(
                    [Text.assemble(" " * (gutter + 1), (" │ ", "dim"), " " * before, ("^" * length, "bold red"))]
                )
    elif len(lines) > 1 or (origin and lines):
        screen.lines([Text(cut(f" {lines[0]}{' …' if len(lines) > 1 else ''}", screen.width), style="dim")])
    where = ""
    if origin:
        row, column = (place[0], place[1] + 1) if place is not None else (0, 1)
        where = f"{origin}:{first_line + row}:{column}: "
    message = _without_statement(error)
    screen.say(
        where + (re.sub(r"\Aline:? \d+[:,] ?(col: )?\d+: ", "", message, flags=re.I) if where else message), "red"
    )


def _without_statement(error: ServerError) -> str:
    """Leave out the statement that the server repeats at its message's end: it stands above already."""
    return re.sub(r"\n?Statement: .*\Z", "", error.message, flags=re.S).strip() if error.statement else error.message


def _place(error: ServerError, lines: list[str]) -> tuple[int, int, int] | None:
    """Give line, column (both from 0) and length of what is wrong, when the server or its message says so."""
    line, column = find_place(error.message) or (error.line, error.column)
    if line == 1 and (column or 0) <= 1 and "yntax" not in error.message:
        line = None  # the whole statement, not its first word
    if line and column is not None and 0 < line <= len(lines):
        column = min(max(column - 1, 0), len(lines[line - 1]))
        word = _WORD.match(lines[line - 1], column)
        return line - 1, column, len(word.group(0)) if word else 1
    for name in _NAMED.findall(_TARGET.sub("", error.message)):
        wanted = re.compile(rf"(?<![\w']){re.escape(next(filter(None, name)))}(?![\w'])", re.I)
        places = [(i, m.start(), len(m.group(0))) for i, text in enumerate(lines) for m in wanted.finditer(text)]
        if len(places) == 1:
            return places[0]
    return None


def find_place(message: str) -> tuple[int, int] | None:
    """Find ``line L:C`` in a message."""
    found = re.search(r"line:? (\d+)[:,] ?(?:col(?:umn)?:? ?)?(\d+)", message, re.I)
    return (int(found.group(1)), int(found.group(2))) if found else None
