"""Compile expressions: find the type, apply ksqlDB's rules, write Java.

Java code is over `r`, the row (Object[]); every value is boxed and null is a value.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from ksqlengine import tree as t
from ksqlengine.codegen import coercion
from ksqlengine.codegen.java_types import cast_code, java_type, literal_code, widen
from ksqlengine.codegen.names import format_expression
from ksqlengine.errors import KsqlError
from ksqlengine.functions.library import RETURN_RULES, SCALARS
from ksqlengine.functions.registry import LAMBDA, Signature, bind, match
from ksqlengine.functions.units import CHRONO_UNITS
from ksqlengine.types import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    NULL,
    STRING,
    SqlType,
    array,
    map_of,
    struct,
)  # fmt: skip

_COMPARISONS = {
    "=": ("eq", "EQUAL"), "<>": ("ne", "NOT_EQUAL"), "<": ("lt", "LESS_THAN"), "<=": ("le", "LESS_THAN_OR_EQUAL"),
    ">": ("gt", "GREATER_THAN"), ">=": ("ge", "GREATER_THAN_OR_EQUAL"),
    "IS DISTINCT FROM": ("distinct", "IS_DISTINCT_FROM"),
    "IS NOT DISTINCT FROM": ("!distinct", "IS_NOT_DISTINCT_FROM"),
}  # fmt: skip
UNTYPED_NULL = "Can't infer a type of null. Please explicitly cast it to a required type, e.g. CAST(null AS VARCHAR)."
_DEEPEST_CASE = 30  # branches; more are written one after the other
_ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}


@dataclass(frozen=True)
class Code:
    """Be a compiled expression: Java text and SQL type (NULL for an untyped null)."""

    java: str
    type: SqlType


def attempt(expr: t.Expr, java: str, kind: str, constants: Constants) -> str:
    """Let a function call inside an expression fail by itself: it is null then, as in ksqlDB."""
    return guarded(expr, java, kind, constants) if isinstance(expr, t.Call | t.Cast | t.Arithmetic) else java


def guarded(expr: t.Expr, java: str, kind: str, constants: Constants) -> str:
    """Return Java that is null, and logged, where the given Java fails and may."""
    if constants.strict:
        return java
    part = f"new ksql.runtime.Lambda() {{ public Object call(final Object[] none) {{ return {java}; }} }}"
    place = f"{literal_code(constants.query, STRING)}, {literal_code(format_expression(expr), STRING)}"
    return f"(({kind}) ksql.runtime.Ops.attempt({part}, {place}))"


Resolver = Callable[[t.Column], Code]


@dataclass
class Constants:
    """Collect the static fields that a generated class needs; `query` is whose problems its expressions log, where they
    are not strict: then what fails throws, however deep inside."""

    fields: dict[str, str] = field(default_factory=dict)
    query: str = ""
    strict: bool = False

    def constant(self, java_type_: str, java: str) -> str:
        """Return the name of a field that holds a value."""
        return "Types." + self.fields.setdefault(f"static final {java_type_} %s = {java};", f"T{len(self.fields)}")

    def sql_type(self, type_: SqlType) -> str:
        """Return the name of a field that holds a type."""
        text = '"' + str(type_).replace("\\", "\\\\").replace('"', '\\"') + '"'
        return "Types." + self.fields.setdefault(
            f"static final ksql.runtime.SqlType %s = ksql.runtime.SqlType.of({text});", f"T{len(self.fields)}"
        )

    def declarations(self) -> str:
        """Return the fields as Java."""
        return "\n".join(declaration % name for declaration, name in self.fields.items())


class Compiler:
    """Compile expressions whose columns `resolve` knows."""

    def __init__(self, resolve: Resolver, constants: Constants | None = None) -> None:
        self._resolve = resolve
        self.constants = constants or Constants()
        self._lambda_scopes: list[dict[str, Code]] = []
        self._numbers = itertools.count(1)

    def compile(self, expr: t.Expr) -> Code:
        """Return Java and type. Raises KsqlError in ksqlDB's words."""
        method = getattr(self, "_" + type(expr).__name__.lower())
        code: Code = method(expr)
        return code

    def cast_to(self, code: Code, wanted: SqlType) -> str:
        """Return Java that has the wanted type (same, wider number, or a typed null)."""
        return widen(code.java, code.type, wanted, self.constants.sql_type)

    # ---- leaves
    def _literal(self, e: t.Literal) -> Code:
        if e.type.base == "TOO_LARGE":
            raise KsqlError(f"Invalid numeric literal: {e.value}")
        return Code(literal_code(e.value, e.type), e.type)

    def _column(self, e: t.Column) -> Code:
        if e.source is None:
            for scope in reversed(self._lambda_scopes):
                if e.name in scope:
                    return scope[e.name]
        return self._resolve(e)

    # ---- structures
    def _deref(self, e: t.Deref) -> Code:
        base = self.compile(e.base)
        if base.type.base != "STRUCT":
            raise KsqlError(f"Expected STRUCT type, got: {base.type}")
        found = base.type.field(e.name)
        if found is None:
            raise KsqlError(
                f"Could not find field '{e.name}' in '{format_expression(e.base)}'. Available fields: "
                + ", ".join(n for n, _ in base.type.fields)
            )
        name = literal_code(e.name, STRING)
        return Code(f"(({java_type(found)}) ksql.runtime.Ops.field({base.java}, {name}))", found)

    def _subscript(self, e: t.Subscript) -> Code:
        base, index = self.compile(e.base), self.compile(e.index)
        element = base.type.element
        if base.type.base == "ARRAY" and element is not None:
            if index.type.base not in ("INTEGER", "BIGINT"):
                raise KsqlError(f"Unsupported index type {index.type} for array: expected INTEGER")
            at = cast_code(index.java, index.type, INTEGER, self.constants.sql_type)
            return Code(f"(({java_type(element)}) ksql.runtime.Ops.element({base.java}, {at}))", element)
        if base.type.base == "MAP" and element is not None:
            return Code(f"(({java_type(element)}) ksql.runtime.Ops.entry({base.java}, {index.java}))", element)
        if base.type.base == "STRUCT" and isinstance(e.index, t.Literal):
            return self._deref(t.Deref(e.base, str(e.index.value)))
        raise KsqlError(f"Subscript expression only apply to ARRAY, MAP or STRUCT, got: {base.type}")

    def _arrayof(self, e: t.ArrayOf) -> Code:
        if not e.items:
            raise KsqlError(
                "Array constructor cannot be empty. Please supply at least one element "
                "(see https://github.com/confluentinc/ksql/issues/4239)."
            )
        codes, element = coercion.common([(i, self.compile(i)) for i in e.items], self)
        if element == NULL:
            raise KsqlError(
                "Cannot construct an array with all NULL elements (see https://github.com/confluentinc/ksql/"
                "issues/4239). As a workaround, you may cast a NULL value to the desired type."
            )
        codes = [attempt(i, c, "Object", self.constants) for i, c in zip(e.items, codes, strict=True)]
        return Code(f"ksql.runtime.Ops.list(new Object[] {{{', '.join(codes)}}})", array(element))

    def _mapof(self, e: t.MapOf) -> Code:
        if not e.entries:
            raise KsqlError(
                "Map constructor cannot be empty. Please supply at least one key value pair "
                "(see https://github.com/confluentinc/ksql/issues/4239)."
            )
        keys, key = coercion.common([(k, self.compile(k)) for k, _ in e.entries], self)
        values, value = coercion.common([(v, self.compile(v)) for _, v in e.entries], self)
        if key == NULL or value == NULL:
            what = "keys" if key == NULL else "values"
            raise KsqlError(
                "Cannot construct a map with all NULL " + what + " (see https://github.com/confluentinc/ksql/"
                "issues/4239). As a workaround, you may cast a NULL " + what[:-1] + " to the desired type."
            )
        values = [attempt(x, v, "Object", self.constants) for (_, x), v in zip(e.entries, values, strict=True)]
        parts = ", ".join(f"{k}, {v}" for k, v in zip(keys, values, strict=True))
        return Code(f"ksql.runtime.Ops.map(new Object[] {{{parts}}})", map_of(key, value))

    def _structof(self, e: t.StructOf) -> Code:
        names = [n for n, _ in e.fields]
        if len(set(names)) != len(names):
            raise KsqlError(f"Duplicate field names found in STRUCT: '{format_expression(e)}'.")
        codes = [self.compile(v) for _, v in e.fields]
        type_ = struct(zip(names, (c.type for c in codes), strict=True))
        if type_.is_open:
            raise KsqlError(UNTYPED_NULL)
        values = ", ".join(
            attempt(v, c.java, "Object", self.constants) for (_, v), c in zip(e.fields, codes, strict=True)
        )
        return Code(f"new ksql.runtime.Struct({self.constants.sql_type(type_)}, new Object[] {{{values}}})", type_)

    # ---- arithmetic
    def _arithmetic(self, e: t.Arithmetic) -> Code:
        left, right = self.compile(e.left), self.compile(e.right)
        if e.op == "+" and left.type.base == "STRING" and right.type.base == "STRING":
            return Code(f"ksql.functions.Strings.plus({left.java}, {right.java})", STRING)
        if "NULL" in (left.type.base, right.type.base):
            shown = ["null" if c.type.base == "NULL" else str(c.type) for c in (left, right)]
            raise KsqlError(
                f"Error processing expression: {format_expression(e)}. "
                f"Arithmetic on types {shown[0]} and {shown[1]} are not supported."
            )
        if not left.type.is_numeric or not right.type.is_numeric:
            raise KsqlError(
                f"Error processing expression: {format_expression(e)}. Unsupported arithmetic types. "
                f"{left.type} {right.type}"
            )
        name = _ARITHMETIC[e.op]
        bases = {left.type.base, right.type.base}
        if "DOUBLE" not in bases and "DECIMAL" in bases:
            type_ = coercion.decimal_result(e.op, left.type, right.type)
            sides = [f"ksql.runtime.Casts.wide({c.java})" for c in (left, right)]
            return Code(f"ksql.runtime.Ops.{name}({sides[0]}, {sides[1]}, {type_.precision}, {type_.scale})", type_)
        type_ = DOUBLE if "DOUBLE" in bases else BIGINT if "BIGINT" in bases else INTEGER
        return Code(f"ksql.runtime.Ops.{name}({self.cast_to(left, type_)}, {self.cast_to(right, type_)})", type_)

    def _negate(self, e: t.Negate) -> Code:
        value = self.compile(e.value)
        if not value.type.is_numeric:
            raise KsqlError(
                f"Error processing expression: {format_expression(e)}. Unsupported arithmetic types. {value.type}"
            )
        return Code(f"ksql.runtime.Ops.negate({value.java})", value.type)

    # ---- truth
    def truth(self, expr: t.Expr) -> str:
        """Return Java of type boolean; a null truth value is an error at run time."""
        if isinstance(expr, t.Logical | t.Not | t.Compare | t.IsNull | t.Between | t.InList | t.Like):
            return self._condition(expr)
        code = self.compile(expr)
        if code.type.base not in ("BOOLEAN", "NULL"):
            raise KsqlError(f"Unexpected boolean expression: {format_expression(expr)} is {code.type}")
        return f"ksql.runtime.Ops.truth((Boolean) {code.java})"

    def _condition(self, e: t.Expr) -> str:
        if isinstance(e, t.Logical):
            return f"({self.truth(e.left)} {'&&' if e.op == 'AND' else '||'} {self.truth(e.right)})"
        if isinstance(e, t.Not):
            return f"(!{self.truth(e.value)})"
        if isinstance(e, t.IsNull):
            return f"({self.compile(e.value).java} {'!=' if e.negated else '=='} null)"
        if isinstance(e, t.Between):
            low, high = (
                self._compared(t.Compare(">=", e.value, e.low)),
                self._compared(t.Compare("<=", e.value, e.high)),
            )
            return f"({'!' if e.negated else ''}({low} && {high}))"
        if isinstance(e, t.InList):
            first, *items = coercion.in_list(e, self)
            joined = ", ".join(items)
            return f"({'!' if e.negated else ''}ksql.runtime.Ops.in({first}, new Object[] {{{joined}}}))"
        if isinstance(e, t.Like):
            value, pattern = self.compile(e.value), self.compile(e.pattern)
            if value.type.base not in ("STRING", "NULL") or pattern.type.base not in ("STRING", "NULL"):
                raise KsqlError(f"Like condition must be between strings: {format_expression(e)}")
            escape = literal_code(e.escape or "", STRING)
            return f"({'!' if e.negated else ''}ksql.runtime.Ops.like({value.java}, {pattern.java}, {escape}))"
        assert isinstance(e, t.Compare)  # noqa: S101 - the caller asked only for conditions
        return self._compared(e)

    def _compared(self, e: t.Compare) -> str:
        left, right = self.compile(e.left), self.compile(e.right)
        method, name = _COMPARISONS[e.op]
        first, second = coercion.comparison(e, left, right, name, self)
        mark, method = ("!", method[1:]) if method.startswith("!") else ("", method)
        return f"{mark}ksql.runtime.Ops.{method}({first}, {second})"

    def _boolean(self, e: t.Expr) -> Code:
        return Code(f"Boolean.valueOf({self._condition(e)})", BOOLEAN)

    _logical = _not = _compare = _isnull = _between = _inlist = _like = _boolean

    def _case(self, e: t.Case) -> Code:
        results = [(v, self.compile(v)) for _, v in e.whens]
        for condition, _ in e.whens if e.operand is None else ():
            kind = self.compile(condition).type
            if kind.base not in ("BOOLEAN", "NULL"):
                raise KsqlError(
                    f"WHEN operand type should be boolean.\nType for '{format_expression(condition)}' is {kind}"
                )
        default = None if e.default is None else (e.default, self.compile(e.default))
        type_ = coercion.case_type(e.whens, [code for _, code in results], default)
        results += [default] if default is not None else []
        java = self.cast_to(results.pop()[1], type_) if e.default is not None else f"(({java_type(type_)}) null)"
        if len(e.whens) > _DEEPEST_CASE:
            return Code(self._flat_case(e, results, java, type_), type_)
        for (condition, _), (_, result) in reversed(list(zip(e.whens, results, strict=True))):
            test = self.truth(condition if e.operand is None else t.Compare("=", e.operand, condition))
            java = f"({test} ? ({java_type(type_)}) {self.cast_to(result, type_)} : ({java_type(type_)}) {java})"
        return Code(java, type_)

    def _flat_case(self, e: t.Case, results: list[tuple[t.Expr, Code]], default: str, type_: SqlType) -> str:
        """Write a long CASE as statements: Janino does not nest as deep as its branches would."""
        lines = []
        for (condition, _), (_, result) in zip(e.whens, results, strict=True):
            test = self.truth(condition if e.operand is None else t.Compare("=", e.operand, condition))
            lines.append(f"if ({test}) {{ return {self.cast_to(result, type_)}; }}")
        body = " ".join([*lines, f"return {default};"])
        call = f"new ksql.runtime.Lambda() {{ public Object call(final Object[] none) {{ {body} }} }}.call(null)"
        return f"(({java_type(type_)}) {call})"

    def _cast(self, e: t.Cast) -> Code:
        value = self.compile(e.value)
        if isinstance(e.value, t.Call) and value.type != NULL:
            value = Code(attempt(e.value, value.java, java_type(value.type), self.constants), value.type)
        return Code(cast_code(value.java, value.type, e.type, self.constants.sql_type), e.type)

    # ---- functions
    def _unit(self, e: t.Unit) -> Code:
        return Code(f"java.time.temporal.ChronoUnit.{CHRONO_UNITS[e.name]}", SqlType("UNIT"))

    def _lambda(self, e: t.Lambda) -> Code:
        raise KsqlError("Lambda expressions are only allowed as arguments of functions.")

    def _call(self, e: t.Call) -> Code:
        if e.name not in SCALARS:
            raise KsqlError(f"Can't find any functions with the name '{e.name}'")
        codes: list[Code | None] = []
        for arg in e.args:
            if isinstance(arg, t.Lambda):
                codes.append(None)
            else:
                code = self.compile(arg)
                codes.append(Code(attempt(arg, code.java, java_type(code.type), self.constants), code.type))
        types = [
            c.type if c is not None else SqlType(LAMBDA, fields=tuple((p, NULL) for p in a.params))  # type: ignore[attr-defined]
            for c, a in zip(codes, e.args, strict=True)
        ]
        signature, bound = SCALARS.resolve(e.name, types)
        params = signature.expand(len(types)) or ()
        for i, (param, arg) in enumerate(zip(params, e.args, strict=True)):
            if isinstance(arg, t.Lambda):
                body = self._lambda_code(arg, param, bound)
                codes[i] = body
                wanted = param.element or NULL
                if wanted.base == "VAR" and bind(wanted, bound).base == "NULL":
                    bound[wanted.fields[0][0]] = body.type
                elif match(bind(wanted, bound), body.type, {}) is None:
                    taken = tuple((p, bind(t_, bound)) for p, (_, t_) in zip(arg.params, param.fields, strict=True))
                    types[i] = SqlType(LAMBDA, fields=taken, element=body.type)
                    raise KsqlError(SCALARS.no_match(e.name, types))
        types = [c.type if c is not None else NULL for c in codes]
        returns = RETURN_RULES[signature.rule](types) if signature.rule else bind(signature.returns or NULL, bound)
        if returns != NULL and returns.is_open:
            raise KsqlError(UNTYPED_NULL)
        args = self.arguments(signature, params, [c for c in codes if c is not None], bound)
        if "typed" in signature.options:
            args.append(self.constants.sql_type(returns))
        cast = java_type(returns) if returns != NULL else "Object"
        return Code(f"(({cast}) {signature.java}({', '.join(args)}))", returns)

    def arguments(
        self, signature: Signature, params: tuple[SqlType, ...], codes: list[Code], bound: dict[str, SqlType]
    ) -> list[str]:
        javas = []
        for param, code in zip(params, codes, strict=True):
            if param.base in (LAMBDA, "UNIT"):
                javas.append(code.java)
            elif param.base == "ANY":
                javas.append(code.java if code.type != NULL else "((Object) null)")
            else:
                wanted = bind(param, bound)
                if wanted.base == "DECIMAL" and not wanted.precision:
                    javas.append(f"ksql.runtime.Casts.wide({code.java})")
                elif wanted.element is not None and wanted.element.base == "DECIMAL" and not wanted.element.precision:
                    javas.append(code.java)
                else:
                    javas.append(self.cast_to(code, wanted) if wanted != NULL else "((Object) null)")
        if signature.variadic is None:
            return javas
        i, count = signature.variadic, len(codes) - (len(signature.params) + len(signature.initial) - 1)
        element = signature.params[i]
        kind = "Object" if element.base in ("VAR", "ANY") else java_type(element)
        repeated = f"new {kind}[] {{{', '.join(javas[i : i + count])}}}"
        return [*javas[:i], repeated, *javas[i + count :]]

    def _lambda_code(self, e: t.Lambda, param: SqlType, bound: dict[str, SqlType]) -> Code:
        name = f"a{next(self._numbers)}"
        scope = {}
        for i, (label, (_, pattern)) in enumerate(zip(e.params, param.fields, strict=True)):
            type_ = bind(pattern, bound)
            scope[label] = Code(f"(({java_type(type_)}) {name}[{i}])", type_)
        self._lambda_scopes.append(scope)
        try:
            body = self.compile(e.body)
        finally:
            self._lambda_scopes.pop()
        wanted = bind(param.element, bound) if param.element is not None else NULL
        java = self.cast_to(body, wanted) if wanted.is_numeric and body.type.is_numeric else body.java
        call = f"public Object call(final Object[] {name}) {{ return {java}; }}"
        return Code(f"new ksql.runtime.Lambda() {{ {call} }}", body.type)
