"""Plan GROUP BY: the new key, the state row of a group, windows, HAVING."""

from __future__ import annotations

from dataclasses import replace

from ksqlengine import tree as t
from ksqlengine.catalog import WindowInfo
from ksqlengine.codegen.expressions import UNTYPED_NULL, Code, Constants, guarded
from ksqlengine.codegen.java_types import java_type, literal_code
from ksqlengine.codegen.names import children, columns, format_bare, format_expression, rewrite, walk
from ksqlengine.errors import KsqlError
from ksqlengine.functions.library import AGGREGATES, RETURN_RULES
from ksqlengine.functions.registry import bind
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.projection import Item, canonical, default_name
from ksqlengine.planner.relation import (
    WINDOW_BOUNDS,
    KeyColumn,
    Relation,
    Scope,
    Slot,
    check_known,
    truth,
)
from ksqlengine.types import BIGINT, INTEGER, NULL, SqlType

_LIMIT = 2**31 - 1  # how many values COLLECT_LIST and COLLECT_SET keep where the configuration says nothing


def plan(
    query: t.Query, items: list[Item], relation: Relation, builder: PlanBuilder, sink: str | None
) -> tuple[list[Item], Relation]:
    """Group, aggregate and filter by HAVING; the items then read keys, states and window bounds."""
    groups = [canonical(g, relation) for g in query.group_by or ()]
    bounds_known = WINDOW_BOUNDS if query.window is not None else ()  # of the window that this query makes
    for g in groups:
        check_known(g, relation, "GROUP BY")
    if query.having is not None:
        check_known(query.having, relation, "HAVING", bounds_known)
    for item in items:
        check_known(item.expr, relation, "SELECT", bounds_known)
    items = [replace(i, expr=canonical(i.expr, relation)) for i in items]
    having = canonical(query.having, relation) if query.having is not None else None
    used = [i.expr for i in items] + ([having] if having is not None else [])
    calls: list[t.Call] = []
    for expr in used:
        for x in walk(expr):
            if isinstance(x, t.Call) and x.name in AGGREGATES and x not in calls:
                calls.append(x)
    for call in calls:
        _check_bounds(call, relation, " and can not be passed to aggregate functions")
    if having is not None:
        _check_bounds(having, relation, "")
    if not groups and calls and sink is None:
        groups = [t.Literal(1, INTEGER)]  # a push query may aggregate all there is
    kind = "TABLE" if sink is not None and not query.group_by else relation.kind
    if groups and not calls:
        raise KsqlError("GROUP BY requires aggregate functions in either the SELECT or HAVING clause.")
    if groups or calls:
        _check(items, having, groups, query, relation)
    if not groups:
        shown = ", ".join(dict.fromkeys(map(format_bare, calls)))
        raise KsqlError(
            f"CREATE {kind} AS SELECT statement does not support aggregate function [{shown}] without a GROUP "
            f"BY clause."
            if calls
            else "HAVING requires a GROUP BY clause"
        )
    for i, g in enumerate(groups):
        if g in groups[:i]:
            raise KsqlError(f"Duplicate GROUP BY expression: {format_expression(g)}")
    if query.window is not None and relation.kind == "TABLE":
        raise KsqlError("Windowing not supported for table aggregations.")
    relation, keys = _group(groups, items, relation, builder)
    states, udafs = _states(calls, relation, builder)
    slots = [Slot(None, f"KSQL_GROUP_{i}", k.type, "STATE") for i, k in enumerate(keys)]
    for i, (result, _) in enumerate(states):
        index = f"Udafs.f{i}"
        slots.append(
            Slot(None, f"KSQL_AGG_VARIABLE_{i}", result, "STATE", java=f"(({java_type(result)}) {index}.result(r[%d]))")
        )
    windowed = query.window is not None
    if windowed:
        slots += [Slot(None, n, BIGINT, "STATE") for n in WINDOW_BOUNDS]
    builder.classes.append("final class Udafs {\n" + "\n".join(udafs) + "\n}")
    source_scope = Scope(relation, "GROUP BY", builder.constants)
    bounds = slots[len(keys) + len(states) :]
    step: dict[str, object] = {}

    def body() -> str:
        sets = {i: source_scope.compiler.compile(g).java for i, g in enumerate(groups) if slots[i].used}
        if any(b.used for b in bounds):
            step["bounds"] = [len(keys) + len(states), len(keys) + len(states) + 1]
        return _aggregation(len(keys), sets, [s for _, s in states], len(slots), builder)

    aggregation = builder.defer("Aggregation", body)
    step.update(relation.step)
    step.update(
        op="aggregate",
        aggregation=aggregation,
        store="Aggregate-Aggregate-Materialize",
        emit_final=query.emit == "FINAL",
        width=len(slots),
        window=_window(query.window),
        groups=[format_expression(g) for g in groups],
        functions=[format_expression(c) for c in calls],
    )

    text = format_expression if relation.joined else format_bare

    def change(x: t.Expr) -> t.Expr | None:
        if x in groups:
            return t.Column(f"KSQL_GROUP_{groups.index(x)}", shown=text(x))
        if isinstance(x, t.Call) and x in calls:
            return t.Column(f"KSQL_AGG_VARIABLE_{calls.index(x)}")
        return None

    window = (
        WindowInfo(query.window.kind, query.window.size_ms if query.window.kind != "SESSION" else None)
        if query.window
        else None
    )
    for i, key in enumerate(keys):
        key.expressions = [t.Column(f"KSQL_GROUP_{i}")]
        key.label = text(groups[i])
    grouped = replace(
        relation, step=step, kind="TABLE", slots=slots, keys=keys, window=window, key_kind="group",
        joined=relation.joined, synthetic_key=False,
    )  # fmt: skip
    if having is not None:
        scope = Scope(grouped, "HAVING", builder.constants)
        java = truth(rewrite(having, change), scope, "HAVING", shown=format_bare(having))
        name = builder.predicate(java, format_expression(having))
        grouped.step = {"op": "filter", "in": grouped.step, "kind": "TABLE", "predicate": name}
    changed = [replace(i, expr=rewrite(i.expr, change)) for i in items]
    return changed, grouped


def _check_bounds(expr: t.Expr, relation: Relation, more: str) -> None:
    """Refuse window bounds where the window's rows are still open; those of a windowed source are plain columns."""
    for c in columns(expr):
        if c.name in WINDOW_BOUNDS and not relation.find(c):
            hint = f"{more}\nSee https://github.com/confluentinc/ksql/issues/4397" if more else ""
            raise KsqlError(
                f"Window bounds column {c.name} can only be used in the SELECT clause of windowed aggregations{hint}"
            )


def _check(items: list[Item], having: t.Expr | None, groups: list[t.Expr], query: t.Query, relation: Relation) -> None:
    """Refuse what is neither grouped nor aggregated."""

    def free(e: t.Expr) -> bool:
        if e in groups or (isinstance(e, t.Call) and e.name in AGGREGATES):
            return False
        if isinstance(e, t.Column):
            if e.name in WINDOW_BOUNDS and relation.joined and not relation.find(e):
                raise KsqlError(f"SELECT column '{e.name}' cannot be resolved.")
            return not (e.name in WINDOW_BOUNDS and query.window is not None and e.source is None)
        if isinstance(e, t.Lambda):
            return any(c for c in columns(e) if c not in groups)
        return any(free(c) for c in children(e))

    bad = [i.expr for i in items if free(i.expr)]
    if bad:
        shown = ", ".join(map(format_bare, bad))
        raise KsqlError(
            f"Non-aggregate SELECT expression(s) not part of GROUP BY: {shown}\n"  # noqa: S608 - a message, no SQL
            "Either add the column(s) to the GROUP BY or remove them from the SELECT."
        )
    if having is not None and free(having):
        found = [c for c in columns(having) if c not in groups]
        raise KsqlError(
            f"Non-aggregate HAVING expression not part of GROUP BY: {format_bare(found[0] if found else having)}"
        )


def _group(
    groups: list[t.Expr], items: list[Item], relation: Relation, builder: PlanBuilder
) -> tuple[Relation, list[KeyColumn]]:
    scope = Scope(relation, "GROUP BY", builder.constants)
    compiled: list[Code] = []
    for g in groups:
        marks = [s.used for s in relation.slots]
        compiled.append(scope.compiler.compile(g))
        if isinstance(g, t.Column):
            for slot, mark in zip(relation.slots, marks, strict=True):
                slot.used = mark
    keys = []
    for i, (g, code) in enumerate(zip(groups, compiled, strict=True)):
        name = next((item.name for item in items if item.expr == g), None) or default_name(g) or f"KSQL_COL_{i}"
        keys.append(KeyColumn(name, code.type, [g]))
    same = len(groups) == len(relation.keys) and all(
        g in k.expressions for g, k in zip(groups, relation.keys, strict=True)
    )
    step: dict[str, object] = {"in": relation.step, "kind": relation.kind}
    if not same or relation.kind == "TABLE" or relation.window is not None:
        for g in groups:
            scope.compiler.compile(g)
        exprs = [(c.java, format_expression(g)) for c, g in zip(compiled, groups, strict=True)]
        step["group_key"] = builder.row_function(exprs)
    step["types"] = [[k.name, str(k.type)] for k in keys]
    return replace(relation, step=step), keys


def _states(
    calls: list[t.Call], relation: Relation, builder: PlanBuilder
) -> tuple[list[tuple[SqlType, str]], list[str]]:
    """Return (result type, Java of the argument) of each aggregate and the Java that makes its function."""
    scope = Scope(relation, "SELECT", builder.constants)
    states, udafs = [], []
    for i, call in enumerate(calls):
        codes = [_argument(scope.compiler.compile(a), a, builder.constants) for a in call.args]
        types = [c.type for c in codes]
        signature, bound = AGGREGATES.resolve(call.name, types)
        params = signature.expand(len(types)) or ()
        if relation.kind == "TABLE" and "undo" not in signature.options:
            names = [c.name for c in calls if not any("undo" in s.options for s in AGGREGATES.functions[c.name])]
            names = list(dict.fromkeys(names))
            listed = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
            raise KsqlError(
                f"The aggregation function{'s' if len(names) > 1 else ''} {listed} cannot be applied to a table "
                f"source, "
                "only to a stream source."
            )
        returns = RETURN_RULES[signature.rule](types) if signature.rule else bind(signature.returns or NULL, bound)
        if any(type_.base == "NULL" for type_ in types[: len(types) - len(signature.initial)]):
            raise KsqlError(UNTYPED_NULL)
        count = len(call.args) - len(signature.initial)
        arguments = []
        for param, code in zip(params[:count], codes[:count], strict=True):
            wanted = bind(param, bound)
            plain = param.base == "ANY" or wanted == NULL or (wanted.base == "DECIMAL" and not wanted.precision)
            arguments.append(code.java if plain else scope.compiler.cast_to(code, wanted))
        initial: list[str] = []
        for param, arg in zip(params[count:], call.args[count:], strict=True):
            if not isinstance(arg, t.Literal) or arg.value is None:
                raise KsqlError(
                    f"Parameter {count + len(initial) + 1} passed to function {call.name} must be a literal "
                    f"constant, but was expression: '{format_bare(arg)}'"
                )
            if "positive" in signature.options and param == INTEGER and arg.value < 1:
                raise KsqlError(f"{signature.param_names[len(signature.params) + len(initial)]} must be 1 or greater")
            initial.append(literal_code(arg.value, param if param.base in ("INTEGER", "BIGINT") else arg.type))
        if "limited" in signature.options:
            limit = builder.config.get(f"ksql.functions.{call.name.lower()}.limit")
            initial.append(f"Integer.valueOf({int(limit) if limit is not None else _LIMIT})")
        if "typed" in signature.options:
            initial.append(builder.constants.sql_type(returns))
        made = ", ".join(initial)
        udafs.append(f"  static final ksql.runtime.Udaf f{i} = new {signature.java}({made});")
        java = "null" if not arguments else arguments[0]
        if len(arguments) > 1 or signature.variadic is not None:
            java = f"new Object[] {{{', '.join(arguments)}}}"
        states.append((returns, java))
        builder.states.append((call.name, signature.state or str(returns)))
    return states, udafs


def _argument(code: Code, expr: t.Expr, constants: Constants) -> Code:
    """Let an argument that fails be null: lists collect it, counts do not."""
    if isinstance(expr, t.Column | t.Literal) or code.type == NULL:
        return code
    return Code(guarded(expr, code.java, java_type(code.type), constants), code.type)


def _aggregation(n: int, sets_of: dict[int, str], states: list[str], width: int, builder: PlanBuilder) -> str:
    inits = " ".join(f"a[{n + i}] = Udafs.f{i}.init();" for i in range(len(states)))
    adds: list[str] = []
    undos: list[str] = []
    for i, java in enumerate(states):
        log = builder.log(f"aggregate {i}")
        for name, lines in (("add", adds), ("undo", undos)):
            lines.append(
                f"try {{ a[{n + i}] = Udafs.f{i}.{name}(a[{n + i}], {java}); }} catch (RuntimeException e) {{ {log} }}"
            )
    sets = " ".join(f"if (a[{i}] == null) a[{i}] = {g};" for i, g in sets_of.items())
    merges = " ".join(
        [f"a[{i}] = x[{i}] == null ? y[{i}] : x[{i}];" for i in range(n)]
        + [f"a[{n + i}] = Udafs.f{i}.merge(x[{n + i}], y[{n + i}]);" for i in range(len(states))]
    )
    start, copy = f"Object[] a = new Object[{width}];", "Object[] a = (Object[]) s.clone();"
    return "\n".join([
        f"  public Object[] init() {{ {start} {inits} return a; }}",
        f"  public Object[] add(final Object[] r, final Object[] s) {{ {copy} {sets} {' '.join(adds)} return a; }}",
        f"  public Object[] undo(final Object[] r, final Object[] s) {{ {copy} {' '.join(undos)} return a; }}",
        f"  public Object[] merge(final Object[] x, final Object[] y) {{ {start} {merges} return a; }}",
    ])  # fmt: skip


def _window(window: t.Window | None) -> dict[str, object] | None:
    if window is None:
        return None
    _check_window(window)
    return {"kind": window.kind, "size_ms": window.size_ms, "advance_ms": window.advance_ms,
            "retention_ms": window.retention_ms, "grace_ms": window.grace_ms}  # fmt: skip


def _check_window(window: t.Window) -> None:
    """Refuse what Kafka Streams would refuse, in its words."""
    size, advance = window.size_ms, window.advance_ms
    if window.kind == "SESSION":
        if size <= 0:
            raise KsqlError("Gap time (gapMs) cannot be zero or negative.")
        return
    if size <= 0:
        raise KsqlError("Window size (sizeMs) must be larger than zero.")
    if advance is not None and not 0 < advance <= size:
        raise KsqlError(
            f"Window advancement interval should be more than zero and less than window duration which is {size} ms, "
            f"but given advancement interval is: {advance} ms"
        )
    # the default grace is what is left of a day, as ksqlDB takes it
    grace = window.grace_ms
    if window.retention_ms is not None and grace is not None and window.retention_ms < size + grace:
        raise KsqlError(
            "The retention period of the window store Aggregate-Aggregate-Materialize must be no smaller than its "
            f"window size plus the grace period. Got size=[{size}], grace=[{grace}], retention=[{window.retention_ms}]"
        )
