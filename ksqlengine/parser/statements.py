"""Turn lark's parse tree of whole statements into the syntax tree."""

from __future__ import annotations

from typing import Any

from lark import Token, v_args

from ksqlengine import tree as t
from ksqlengine.parser.transform import Flag, Name, Part, SyntaxProblemError, ToTree, text_of
from ksqlengine.types import SqlType

_EXTENDED = {"STREAMS", "TABLES", "TOPICS", "ALL TOPICS", "QUERIES"}
_SHOWN = _EXTENDED | {
    "PROPERTIES", "TYPES", "VARIABLES", "FUNCTIONS", "CONNECTORS", "SOURCE CONNECTORS", "SINK CONNECTORS",
    "CONNECTOR PLUGINS",
}  # fmt: skip


def _first_wrong(words: tuple[Any, ...]) -> Any:
    """Return the first word behind which no form of SHOW goes on."""
    forms = [f.split() for f in _SHOWN] + [[*f.split(), "EXTENDED"] for f in _EXTENDED]
    for i, word in enumerate(words):
        if not any(form[: i + 1] == [str(w) for w in words[: i + 1]] for form in forms):
            return word
    return words[-1]


def _unexpected(word: Any) -> SyntaxProblemError:
    place = f"line {word.line}:{word.column}"
    text = getattr(word, "raw", str(word))
    problem = f"{place}: Syntax Error\nSyntax error at or near '{text}' at {place}"
    return SyntaxProblemError(problem, word)


@v_args(inline=True)
class StatementsToTree(ToTree):
    """Add the statements to the expressions and queries."""

    def start(self, statement: t.Statement) -> t.Statement:
        return statement

    # ---- optional words
    def or_replace(self) -> Flag:
        return Flag("or_replace")

    def source_word(self) -> Flag:
        return Flag("read_only")

    def if_not_exists(self) -> Flag:
        return Flag("if_not_exists")

    def if_exists(self) -> Flag:
        return Flag("if_exists")

    def delete_topic(self) -> Flag:
        return Flag("delete_topic")

    def from_beginning(self) -> Flag:
        return Flag("from_beginning")

    def exists_not(self) -> Flag:
        return Flag("not_exists")

    def kind_stream(self) -> Part:
        return Part(("kind", "STREAM"))

    def kind_table(self) -> Part:
        return Part(("kind", "TABLE"))

    # ---- sources
    def primary_key(self) -> Part:
        return Part(("constraint", ("PRIMARY KEY", None)))

    def key(self) -> Part:
        return Part(("constraint", ("KEY", None)))

    def headers(self) -> Part:
        return Part(("constraint", ("HEADERS", None)))

    def header(self, key: Token) -> Part:
        return Part(("constraint", ("HEADER", text_of(key))))

    def element(self, name: Name, type_: SqlType, constraint: Part | None = None) -> t.Element:
        kind, header = constraint[1] if constraint else ("", None)
        return t.Element(str(name), type_, kind, header, name.line, name.column)

    def elements(self, *elements: t.Element) -> Part:
        return Part(("elements", elements))

    def neg_prop(self, number: t.Literal) -> t.Literal:
        return t.Literal(-number.value, number.type)

    def ident_prop(self, name: Name) -> str:
        return str(name)

    def prop(self, name: Name | Token, value: t.Literal | str) -> Part:
        key = text_of(name).upper() if isinstance(name, Token) else str(name).upper()
        return Part(("prop", (key, value.value if isinstance(value, t.Literal) else value)))

    def with_props(self, *props: Part) -> Part:
        return Part(("properties", dict(p[1] for p in props)))

    def as_query(self, query: t.Query) -> t.Query:
        return query

    @staticmethod
    def _sort(parts: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, bool], list[Any]]:
        named = {p[0]: p[1] for p in parts if isinstance(p, Part)}
        flags = {str(p): True for p in parts if isinstance(p, Flag)}
        return named, flags, [p for p in parts if not isinstance(p, Part | Flag)]

    def create_source(self, *parts: Any) -> t.CreateSource:
        named, flags, rest = self._sort(parts)
        return t.CreateSource(
            named["kind"], str(rest[0]), named.get("elements"), named.get("properties", {}),
            rest[1] if len(rest) > 1 else None, **flags,
        )  # fmt: skip

    create_as = create_source

    def insert_select(self, name: Name, *parts: Any) -> t.InsertSelect:
        named, _, rest = self._sort(parts)
        return t.InsertSelect(str(name), named.get("properties", {}), rest[0], name.line, name.column)

    def column_names(self, *names: Name) -> Part:
        return Part(("columns", tuple(str(n) for n in names)))

    def insert_values(self, name: Name, *parts: Any) -> t.InsertValues:
        named, _, rest = self._sort(parts)
        return t.InsertValues(str(name), named.get("columns", ()), tuple(rest))

    def drop_source(self, *parts: Any) -> t.DropSource:
        named, flags, rest = self._sort(parts)
        return t.DropSource(named["kind"], str(rest[0]), "if_exists" in flags, "delete_topic" in flags)

    def create_type(self, *parts: Any) -> t.CreateType:
        _, flags, rest = self._sort(parts)
        return t.CreateType(str(rest[0]), rest[1], "if_not_exists" in flags)

    def drop_type(self, *parts: Any) -> t.DropType:
        _, flags, rest = self._sort(parts)
        return t.DropType(str(rest[0]), "if_exists" in flags)

    def alter_option(self, name: Name, type_: SqlType) -> Part:
        return Part(("column", (str(name), type_)))

    def alter_source(self, kind: Part, name: Name, *options: Part) -> t.AlterSource:
        return t.AlterSource(kind[1], str(name), tuple(o[1] for o in options))

    def alter_system(self, name: Token, value: Token) -> t.Admin:
        return self._words("ALTER_SYSTEM", (name, value))

    def select_statement(self, query: t.Query) -> t.Select:
        return t.Select(query)

    # ---- administration
    def _words(self, verb: str, words: tuple[Any, ...], **details: Any) -> t.Admin:
        texts = tuple(text_of(w) if isinstance(w, Token) else str(w) for w in words)
        return t.Admin(verb, texts, details)

    def show(self, *words: Any) -> t.Admin:
        found = [str(w) for w in words]
        kind = [w for w in found if w != "EXTENDED"]
        known = " ".join(kind) in _SHOWN and (
            kind == found or (" ".join(kind) in _EXTENDED and found[-1] == "EXTENDED")
        )
        if not known:
            raise _unexpected(_first_wrong(words))
        return self._words("SHOW", words)

    def describe(self, *words: Any) -> t.Admin:
        first = str(words[0])
        lasts = {"FUNCTION": 2, "CONNECTOR": 2}.get(first, 1) if len(words) > 1 else 1
        rest = [str(w) for w in words[lasts:]]
        if rest not in ([], ["EXTENDED"]) or (rest and lasts == 2):
            raise _unexpected(words[lasts])
        return self._words("DESCRIBE", words)

    def explain(self, what: Any) -> t.Admin:
        if isinstance(what, str):
            return t.Admin("EXPLAIN", (str(what),))
        node = t.Select(what) if isinstance(what, t.Query) else what
        return t.Admin("EXPLAIN", (), {"statement": node})

    def terminate(self, word: Any) -> t.Admin:
        return self._words("TERMINATE", (word,))

    def pause(self, word: Any) -> t.Admin:
        return self._words("PAUSE", (word,))

    def resume(self, word: Any) -> t.Admin:
        return self._words("RESUME", (word,))

    def set_property(self, name: Token, value: Token) -> t.Admin:
        return self._words("SET", (name, value))

    def unset_property(self, name: Token) -> t.Admin:
        return self._words("UNSET", (name,))

    def define(self, name: Name, value: Token) -> t.Admin:
        return self._words("DEFINE", (name.raw, value))

    def undefine(self, name: Name) -> t.Admin:
        return self._words("UNDEFINE", (name.raw,))

    def print_interval(self, count: Token) -> Part:
        return Part(("interval", int(count)))

    def print_topic(self, topic: Any, *parts: Any) -> t.Admin:
        named, flags, _ = self._sort(parts)
        if isinstance(topic, Name) and not topic.quoted:
            topic = topic.raw  # topic names keep their case
        return self._words("PRINT", (topic,), **named, **flags)

    def run_script(self, path: Token) -> t.Admin:
        return self._words("RUN_SCRIPT", (path,))

    def assert_is_topic(self) -> Part:
        return Part(("kind", "TOPIC"))

    def assert_is_schema(self) -> Part:
        return Part(("kind", "SCHEMA"))

    def assert_ids(self, value: Any) -> Part:
        return Part(("id", text_of(value) if str(value).startswith("'") else str(value)))

    def timeout(self, size: int) -> Part:
        return Part(("timeout_ms", size))

    def assert_topic(self, *parts: Any) -> t.Admin:
        named, flags, rest = self._sort(parts)
        rest = [r.raw if isinstance(r, Name) and not r.quoted else r for r in rest]
        return self._words("ASSERT", tuple(rest), **named, **flags)

    def source_connector(self) -> Part:
        return Part(("kind", "SOURCE"))

    def sink_connector(self) -> Part:
        return Part(("kind", "SINK"))

    def create_connector(self, *parts: Any) -> t.Admin:
        named, flags, rest = self._sort(parts)
        return self._words("CREATE_CONNECTOR", (rest[0],), **named, **flags)

    def drop_connector(self, *parts: Any) -> t.Admin:
        _, flags, rest = self._sort(parts)
        return self._words("DROP_CONNECTOR", (rest[0],), **flags)
