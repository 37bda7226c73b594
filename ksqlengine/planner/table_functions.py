"""Plan table functions: each row becomes as many as the longest of their results."""

from __future__ import annotations

from dataclasses import replace

from ksqlengine import tree as t
from ksqlengine.codegen.expressions import Compiler
from ksqlengine.codegen.names import format_bare, format_expression, rewrite, walk
from ksqlengine.errors import KsqlError
from ksqlengine.functions.library import RETURN_RULES, TABLE_FUNCTIONS
from ksqlengine.functions.registry import bind
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.projection import Item
from ksqlengine.planner.relation import Relation, Scope, Slot
from ksqlengine.types import NULL, SqlType


def _scalar_only(x: t.Expr) -> None:
    """Refuse table functions where one value is wanted for each row."""
    if not isinstance(x, t.Case | t.Lambda):
        return
    if any(isinstance(y, t.Call) and y.name in TABLE_FUNCTIONS for y in walk(x)):
        where = "CASE" if isinstance(x, t.Case) else "lambda expressions"
        raise KsqlError(f"Table functions cannot be used in {where}: {format_bare(x)}")


def plan(items: list[Item], relation: Relation, builder: PlanBuilder) -> tuple[list[Item], Relation]:
    """Put the functions' results behind the row and let the items read them there."""
    scope = Scope(relation, "SELECT", builder.constants)
    calls: list[t.Call] = []
    for item in items:
        for x in walk(item.expr):
            _scalar_only(x)
            if isinstance(x, t.Call) and x.name in TABLE_FUNCTIONS and x not in calls:
                if any(isinstance(y, t.Call) and y.name in TABLE_FUNCTIONS for a in x.args for y in walk(a)):
                    raise KsqlError("Nested table functions are not supported")
                calls.append(x)
    compiled = [_compile(c, scope.compiler) for c in calls]
    function = builder.table_function(
        [(java, format_expression(c)) for (java, _), c in zip(compiled, calls, strict=True)]
    )
    slots = list(relation.slots)
    for i, (_, type_) in enumerate(compiled):
        slots.append(Slot(None, f"KSQL_UDTF_{i}", type_, "SYNTHETIC"))
    for slot in relation.slots:
        slot.used = True  # the row is copied as it stands
    names = {c: t.Column(f"KSQL_UDTF_{i}", shown=format_expression(c)) for i, c in enumerate(calls)}

    def change(x: t.Expr) -> t.Expr | None:
        return names.get(x) if isinstance(x, t.Call) else None

    step = {
        "op": "flat_map", "in": relation.step, "function": function, "functions": [format_expression(c) for c in calls],
    }  # fmt: skip
    changed = [replace(i, expr=rewrite(i.expr, change)) for i in items]
    return changed, replace(relation, step=step, slots=slots)


def _compile(call: t.Call, compiler: Compiler) -> tuple[str, SqlType]:
    codes = [compiler.compile(a) for a in call.args]
    types = [c.type for c in codes]
    signature, bound = TABLE_FUNCTIONS.resolve(call.name, types)
    params = signature.expand(len(types)) or ()
    returns = RETURN_RULES[signature.rule](types) if signature.rule else bind(signature.returns or NULL, bound)
    args = compiler.arguments(signature, params, codes, bound)
    if "typed" in signature.options:
        args.append(compiler.constants.sql_type(returns))
    return f"{signature.java}({', '.join(args)})", returns
