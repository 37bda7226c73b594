"""Collect the steps and generated classes of one query's plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.expressions import Constants
from ksqlengine.codegen.java_types import literal_code
from ksqlengine.planner.relation import PSEUDO, WINDOW_BOUNDS, KeyColumn, Relation, Slot, source_columns
from ksqlengine.types import STRING


class PlanBuilder:
    """Write the classes of one query and remember what has to be settled when all code is known."""

    def __init__(self, query_id: str, config: dict[str, Any] | None = None, *, strict: bool = False) -> None:
        self.config = config or {}
        self.query_id = query_id
        self.classes: list[str] = []
        self.constants = Constants(query=query_id, strict=strict)
        self._open_sources: list[tuple[dict[str, Any], list[Slot], Source]] = []
        self._names = 0
        self.states: list[tuple[str, str]] = []  # (aggregate, type of its intermediate value)
        self._deferred: list[tuple[int, Callable[[], str]]] = []

    def _class(self, interface: str, body: str) -> str:
        name = f"F{len(self.classes)}"
        self.classes.append(f"public final class {name} implements ksql.runtime.{interface} {{\n{body}\n}}")
        return name

    def code(self) -> str:
        """Return the Java text of all classes."""
        text = "\n".join(self.classes)
        types = f"final class Types {{\n{self.constants.declarations()}\n}}"
        return types + "\n" + text

    def row_function(self, expressions: list[tuple[str, str]]) -> str:
        """Write a function from row to row; each column is (Java, text for the log); a failed one is null, or throws
        where the builder is strict."""
        lines = [f"Object[] o = new Object[{len(expressions)}];"]
        for i, (java, text) in enumerate(expressions):
            plain = java.startswith("((") and java.endswith("])") and java.count("(") == 2
            if self.constants.strict:
                lines.append(f"o[{i}] = {java};")
                continue
            if plain:
                lines.append(f"o[{i}] = {java[java.index(')') + 2 : -1]};")
                continue
            log = self.log(text)
            lines.append(f"try {{ o[{i}] = {java}; }} catch (RuntimeException e) {{ {log} }}")
        body = "\n    ".join([*lines, "return o;"])
        return self._class("RowFunction", f"  public Object[] apply(final Object[] r) {{\n    {body}\n  }}")

    def predicate(self, java: str, text: str) -> str:
        """Write a predicate; one that fails is false."""
        body = f"try {{ return {java}; }} catch (RuntimeException e) {{ {self.log(text)} return false; }}"
        return self._class("RowPredicate", f"  public boolean test(final Object[] r) {{\n    {body}\n  }}")

    def table_function(self, calls: list[tuple[str, str]]) -> str:
        """Write the expansion of a row by its table functions."""
        lines = [f"java.util.List[] o = new java.util.List[{len(calls)}];"]
        for i, (java, text) in enumerate(calls):
            log = self.log(text)
            lines.append(f"try {{ o[{i}] = (java.util.List) {java}; }} catch (RuntimeException e) {{ {log} }}")
        body = "\n    ".join([*lines, "return o;"])
        return self._class("TableFunction", f"  public java.util.List[] expand(final Object[] r) {{\n    {body}\n  }}")

    def defer(self, interface: str, body: Callable[[], str]) -> str:
        """Reserve a class whose body is written when it is known which slots are read."""
        name = self._class(interface, "")
        self._deferred.append((len(self.classes) - 1, body))
        return name

    def log(self, text: str) -> str:
        """Return Java that reports an expression's error `e`."""
        query, expression = literal_code(self.query_id, STRING), literal_code(text, STRING)
        return f"ksql.runtime.ProcessingLog.badExpression({query}, {expression}, e);"

    def name(self, prefix: str) -> str:
        """Return a store's or step's name, unique in the query."""
        self._names += 1
        return f"{prefix}-{self._names}"

    def scan(
        self, source: Source, alias: str, wanted: set[tuple[str | None, str]] | None, store: str | None = None
    ) -> Relation:
        """Start from a source: only the columns that the query names get a place in the row (None: all)."""

        def needed(name: str) -> bool:
            return wanted is None or (None, name) in wanted or (alias, name) in wanted

        slots = []
        for column in source_columns(source):
            if needed(column.name):
                slots.append(Slot(alias, column.name, column.type, column.namespace, column.header_key))
        pseudo = {**PSEUDO, **(WINDOW_BOUNDS if source.window else {})}
        for name, type_ in pseudo.items():
            if needed(name) and source.schema.find(name) is None:
                slots.append(Slot(alias, name, type_, "PSEUDO"))
        step: dict[str, Any] = {
            "op": "source",
            "source": source.to_json(),
            "store": store or self.name(f"{alias}-source"),
        }
        self._open_sources.append((step, slots, source))
        keys = [KeyColumn(c.name, c.type, [t.Column(c.name, alias)]) for c in source.schema.key]
        return Relation(
            step, source.kind, slots, keys, source.key_format, source.value_format, source.window, [(alias, source)]
        )

    def settle(self) -> None:
        """Say in each source's step which slots have to be filled, now that all code is written."""
        for at, body in self._deferred:
            head = self.classes[at].partition("{")[0]
            self.classes[at] = f"{head}{{\n{body()}\n}}"
        for step, slots, source in self._open_sources:
            value_names = [c.name for c in source.schema.value]
            key_names = [c.name for c in source.schema.key]
            places: dict[str, Any] = {"width": len(slots), "values": {}, "keys": [], "pseudo": {}, "headers": []}
            keep_all = source.is_table
            for i, slot in enumerate(slots):
                if not slot.used and not keep_all:
                    continue
                if slot.kind == "VALUE":
                    places["values"][str(value_names.index(slot.name))] = i
                elif slot.kind == "KEY":
                    places["keys"].append([key_names.index(slot.name), i])
                elif slot.kind == "HEADERS":
                    places["headers"].append([slot.header_key or "", i])
                else:
                    places["pseudo"][slot.name] = i
            if source.timestamp_column in value_names:
                index = str(value_names.index(source.timestamp_column))
                if index not in places["values"]:
                    places["values"][index] = places["width"]
                    places["width"] += 1
                places["timestamp_slot"] = places["values"][index]
            elif source.timestamp_column in key_names:
                places["timestamp_key"] = key_names.index(source.timestamp_column)
            step["places"] = places
            step["slots"] = len(slots)
