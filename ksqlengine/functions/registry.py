"""Which functions there are: signatures as one line of text each, resolved as ksqlDB resolves overloads.

A scalar function:   NAME(TYPE, TYPE...) -> RETURN : Class.method
A table function:    the same in TABLE_FUNCTIONS; the Java method returns a java.util.List
An aggregate:        NAME(TYPE; INITIAL) -> RETURN : Class [undo] [state=TYPE]

See README.md of this folder for types, type variables, variadics and null handling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ksqlengine.errors import KsqlError
from ksqlengine.types import ALIASES, NUMERIC_ORDER, PRIMITIVES, SqlType, decimal

VARIABLE = "VAR"  # base of a type variable; its name is in `fields[0][0]`
MOMENTS = ("DATE", "TIME", "TIMESTAMP")  # a text is read as one of them where a function asks for it
LAMBDA = "LAMBDA"  # params in `fields`, result in `element`
_LABEL = re.compile(r"^(.*[\w>).])\s+([a-z]\w*)$")
_LINE = re.compile(r"^(\w+)\((.*)\)\s*->\s*(.+?)\s*:\s*([\w.]+)(.*)$")


@dataclass(frozen=True)
class Signature:
    """Be one overload. `variadic` is the index of the parameter that repeats, or None."""

    name: str
    params: tuple[SqlType, ...]
    variadic: int | None
    returns: SqlType | None
    rule: str | None  # name of a Python rule in RETURN_RULES when the type depends on more than variables
    java: str
    initial: tuple[SqlType, ...] = ()  # literal arguments at the end that make the aggregate
    options: frozenset[str] = frozenset()
    state: str | None = None
    param_names: tuple[str, ...] = ()

    def expand(self, count: int) -> tuple[SqlType, ...] | None:
        """Return the parameter types for a number of arguments, None if it cannot be."""
        params = self.params + self.initial
        if self.variadic is None:
            return params if len(params) == count else None
        repeat = count - (len(params) - 1)
        if repeat < 0:
            return None
        i = self.variadic
        return params[:i] + (params[i],) * repeat + params[i + 1 :]


ReturnRule = Callable[[list[SqlType]], SqlType]
RETURN_RULES: dict[str, ReturnRule] = {}


def return_rule(name: str) -> Callable[[ReturnRule], ReturnRule]:
    """Register a rule that computes a return type from the argument types; used as `@name` in a signature."""

    def add(rule: ReturnRule) -> ReturnRule:
        RETURN_RULES[name] = rule
        return rule

    return add


def parse_pattern(text: str) -> SqlType:
    """Read a type of a signature: T, K, V, U … are variables; DECIMAL any decimal; ANY; LAMBDA(T, K)->U; UNIT."""
    text = text.strip()
    if text.startswith("LAMBDA("):
        head, _, result = text[7:].partition(")->")
        return SqlType(
            LAMBDA, fields=tuple(("", parse_pattern(p)) for p in head.split(",")), element=parse_pattern(result)
        )
    upper = text.upper()
    if upper.startswith("ARRAY<"):
        return SqlType("ARRAY", element=parse_pattern(text[6:-1]))
    if upper.startswith("MAP<"):
        key, value = _split(text[4:-1])
        return SqlType("MAP", key=parse_pattern(key), element=parse_pattern(value))
    if upper.startswith("STRUCT<"):
        pairs = [p.strip().split(" ", 1) for p in _split(text[7:-1])]
        return SqlType("STRUCT", fields=tuple((n, parse_pattern(t)) for n, t in pairs))
    if upper.startswith("DECIMAL("):
        precision, scale = text[8:-1].split(",")
        return SqlType("DECIMAL", int(precision), int(scale))
    known = ALIASES.get(upper, upper)
    if known in PRIMITIVES or known in ("DECIMAL", "ANY", "UNIT", "STRUCT"):
        return SqlType(known)
    return SqlType(VARIABLE, fields=((text, SqlType("ANY")),))


def _split(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth, current = [], 0, ""
    for c in text:
        depth += c in "<("
        depth -= c in ">)" and not current.endswith("-")
        if c == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += c
    return [p for p in [*parts, current] if p.strip()]


def parse_signature(line: str, package: str = "ksql.functions.") -> Signature:
    """Read one line of a table of functions. ValueError when it is none."""
    match = _LINE.match(line.strip())
    if not match:
        raise ValueError(f"not a function signature: {line!r}")
    name, params, returns, java, rest = match.groups()
    main, _, initial = params.partition(";")
    types, names, variadic = [], [], None
    for i, part in enumerate(_split(main)):
        label = _LABEL.match(part.strip())
        part = label.group(1) if label else part.strip()
        names.append(label.group(2) if label else "")
        if part.endswith("..."):
            variadic, part = i, part[:-3]
        types.append(parse_pattern(part))
    literals = []
    for part in _split(initial):
        label = _LABEL.match(part.strip())
        literals.append(parse_pattern(label.group(1) if label else part))
        names.append(label.group(2) if label else "")
    words = rest.split()
    return Signature(
        name,
        tuple(types),
        variadic,
        None if returns.startswith("@") else parse_pattern(returns),
        returns[1:] if returns.startswith("@") else None,
        package + java,
        tuple(literals),
        frozenset(w for w in words if "=" not in w),
        next((w[6:] for w in words if w.startswith("state=")), None),
        tuple(names),
    )


@dataclass
class Library:
    """Hold functions of one kind by name; `widens` says that a narrower number may stand for a wider one."""

    widens: bool = True
    functions: dict[str, list[Signature]] = field(default_factory=dict)

    def add(self, table: str) -> None:
        """Add the functions of a text, one on each line (a long one goes on with `  ->`); `#` starts a comment."""
        for line in table.replace("\n  ->", " ->").splitlines():
            line = line.split("#")[0].strip()
            if line:
                signature = parse_signature(line)
                self.functions.setdefault(signature.name, []).append(signature)

    def __contains__(self, name: str) -> bool:
        return name in self.functions

    def resolve(self, name: str, args: list[SqlType]) -> tuple[Signature, dict[str, SqlType]]:
        """Choose the overload for argument types. Raises KsqlError in ksqlDB's words."""
        best: list[tuple[tuple[int, ...], Signature, dict[str, SqlType]]] = []
        for signature in self.functions[name]:
            params = signature.expand(len(args))
            if params is None:
                continue
            bound: dict[str, SqlType] = {}
            cost = 0
            for param, arg in zip(params, args, strict=True):
                step = match(param, arg, bound)
                if step is None or (step and not self.widens):
                    break
                cost += step
            else:
                generic = sum(_is_generic(p) for p in params)
                best.append(((signature.variadic is not None, cost, generic), signature, bound))
        if not best:
            raise KsqlError(self.no_match(name, args))
        best.sort(key=lambda b: b[0])
        if len(best) > 1 and best[0][0] == best[1][0] and any(a.base == "NULL" for a in args) is False:
            raise KsqlError(
                f"Function '{name.lower()}' cannot be resolved due to ambiguous method parameters "
                f"{show(args)}.\nValid alternatives are:\n{self._alternatives(name)}"
                f"\nFor detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"
            )
        return best[0][1], best[0][2]

    def _alternatives(self, name: str) -> str:
        lines = []
        for s in self.functions[name]:
            params = []
            for i, p in enumerate(s.params + s.initial):
                label = s.param_names[i] if s.param_names[i] else ""
                repeats = "..." if i == s.variadic else ""
                params.append(f"{declared_text(p)}{repeats}{' ' + label if label else ''}")
            lines.append(f"{name.lower()}({', '.join(params)})")
        return "\n".join(lines)

    def no_match(self, name: str, args: list[SqlType]) -> str:
        return (
            f"Function '{name.lower()}' does not accept parameters {show(args)}.\nValid alternatives are:\n"
            f"{self._alternatives(name)}\n"
            "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;"
        )


def _is_generic(pattern: SqlType) -> bool:
    """Tell whether a parameter takes any type somewhere inside."""
    return pattern.base in (VARIABLE, "ANY") or any(
        p is not None and _is_generic(p) for p in (pattern.element, pattern.key)
    )


def show(args: list[SqlType]) -> str:
    """Print argument types as ksqlDB does in messages."""
    return "(" + ", ".join("null" if a.base == "NULL" else pattern_text(a) for a in args) + ")"


_DECLARED = {"STRING": "VARCHAR", "INTEGER": "INT"}


def declared_text(pattern: SqlType) -> str:
    """Print a parameter's type as ksqlDB lists and describes functions: VARCHAR and INT, where values are STRING …"""
    return pattern_text(pattern, _DECLARED)


def pattern_text(pattern: SqlType, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Print a type of a value or signature."""
    if pattern.base == VARIABLE:
        return pattern.fields[0][0]
    if pattern.base == LAMBDA:
        if pattern.element is None:
            return "LAMBDA"
        inputs = ", ".join(pattern_text(p, names) for _, p in pattern.fields)
        return f"LAMBDA ({inputs}) => {pattern_text(pattern.element, names)}"
    if pattern.base == "UNIT":
        return "INTERVALUNIT"
    if pattern.base == "DECIMAL" and not pattern.precision:
        return "DECIMAL"
    if pattern.base == "ARRAY" and pattern.element is not None:
        return f"ARRAY<{pattern_text(pattern.element, names)}>"
    if pattern.base == "MAP" and pattern.key is not None and pattern.element is not None:
        return f"MAP<{pattern_text(pattern.key, names)}, {pattern_text(pattern.element, names)}>"
    return names.get(pattern.base) or str(pattern)


def _wider(a: SqlType, b: SqlType) -> SqlType:
    from ksqlengine.codegen.coercion import common_type

    return common_type(a, b) or a


def match(param: SqlType, arg: SqlType, bound: dict[str, SqlType]) -> int | None:
    """Say what it costs to pass an argument for a parameter: 0 exact, more for a wider number, None impossible."""
    if LAMBDA in (param.base, arg.base) or "UNIT" in (param.base, arg.base):
        return 0 if param.base == arg.base and len(param.fields) == len(arg.fields) else None
    if param.base == "ANY" or arg.base == "NULL":
        return 0
    if param.base == VARIABLE:
        name = param.fields[0][0]
        known = bound.get(name)
        if known is None or known.base == "NULL":
            bound[name] = arg
            return 0
        if known == arg:
            return 0
        if known.base == arg.base == "DECIMAL":
            scale = max(known.scale, arg.scale)
            digits = max(known.precision - known.scale, arg.precision - arg.scale)
            bound[name] = decimal(digits + scale, scale)
            return 1
        if known.is_numeric and arg.is_numeric:
            bound[name] = _wider(known, arg)
            return 1
        return 1 if known.base in MOMENTS and arg.base == "STRING" else None
    if param.base in NUMERIC_ORDER and arg.base in NUMERIC_ORDER:
        distance = NUMERIC_ORDER[param.base] - NUMERIC_ORDER[arg.base]
        return distance if distance >= 0 else None
    if param.base != arg.base:
        return 10 if param.base in MOMENTS and arg.base == "STRING" else None
    if param.base == "ARRAY" and param.element is not None and arg.element is not None:
        return exact(param.element, arg.element, bound)
    if param.base == "MAP" and param.element is not None and arg.element is not None and param.key and arg.key:
        first, second = exact(param.key, arg.key, bound), exact(param.element, arg.element, bound)
        return None if first is None or second is None else first + second
    if param.base == "STRUCT":
        return 0 if not param.fields or param == arg else None
    return 0


def exact(param: SqlType, arg: SqlType, bound: dict[str, SqlType]) -> int | None:
    """Match an inner type: numbers are not widened inside arrays and maps."""
    if param.base in NUMERIC_ORDER and param.base != arg.base:
        return None
    cost = match(param, arg, bound)
    return cost if not cost else None


def bind(pattern: SqlType, bound: dict[str, SqlType]) -> SqlType:
    """Put types in for a pattern's variables."""
    if pattern.base == VARIABLE:
        return bound.get(pattern.fields[0][0], SqlType("NULL"))
    if pattern.base == "ARRAY" and pattern.element is not None:
        return SqlType("ARRAY", element=bind(pattern.element, bound))
    if pattern.base == "MAP" and pattern.element is not None and pattern.key is not None:
        return SqlType("MAP", key=bind(pattern.key, bound), element=bind(pattern.element, bound))
    if pattern.base == "STRUCT":
        return SqlType("STRUCT", fields=tuple((n, bind(t, bound)) for n, t in pattern.fields))
    return pattern


SCALARS = Library()
AGGREGATES = Library(widens=False)
TABLE_FUNCTIONS = Library()
