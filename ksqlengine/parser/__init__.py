"""Read statements: split a text, put variables in, parse each into a syntax tree."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, VisitError

from ksqlengine import tree
from ksqlengine.errors import KsqlError, ParseFailedError
from ksqlengine.parser.problems import syntax_error
from ksqlengine.parser.statements import StatementsToTree
from ksqlengine.types import SqlType

# a comment that never ends is one piece, or each "/*" in it would look through the rest of the text
_PIECE = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"])*\"|`[^`]*`|--[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/|/\*.*|;|[^'\"`;/-]+|.", re.DOTALL
)
_LONGEST = 8 * 1024 * 1024
_VARIABLE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_TOO_DEEP = "The statement is nested too deeply."


@functools.cache
def _parser() -> Lark:
    grammar = (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=False, maybe_placeholders=False,
                start=["start", "expr"])  # fmt: skip


def split(text: str) -> list[tuple[str, int, int]]:
    """Cut a text at its semicolons: (statement with semicolon, line, column), comments kept."""
    text = text.removeprefix("\ufeff")  # some editors begin a file with it
    found: list[tuple[str, int, int]] = []
    current, position, meaningful = "", 0, False
    place, counted, line, newline = (1, 0), 0, 1, -1  # counted on from statement to statement: a text may have many
    for match in _PIECE.finditer(text):
        piece = match.group()
        comment = piece.startswith("--") or (piece.startswith("/*") and piece.endswith("*/") and len(piece) > 3)
        if not meaningful and not comment and piece.strip():
            meaningful = True
            start = match.start() + len(piece) - len(piece.lstrip())
            line += text.count("\n", counted, start)
            newline = max(newline, text.rfind("\n", counted, start))
            counted, place = start, (line, start - newline - 1)
            current = piece.lstrip()
        elif meaningful:
            current += piece
        position = match.end()
        if piece == ";" and meaningful:
            found.append((current, *place))
            current, meaningful = "", False
    if meaningful:
        found.append((text[counted:position].rstrip(), *place))
    return [f for f in found if f[0] != ";"]


def substitute(text: str, variables: dict[str, str]) -> str:
    """Replace `${name}` by the variable's value; unknown names stay, and `$${name}` is `${name}` itself."""
    folded = {name.lower(): value for name, value in variables.items()}
    size = len(text)

    def value(found: re.Match[str]) -> str:
        nonlocal size
        if found.group(1):
            return found.group()[1:]
        given = folded.get(found.group(2).lower(), found.group())
        size += len(given)
        if size > _LONGEST:  # variables made of variables grow tenfold with each line
            raise KsqlError(f"The statement is longer than {_LONGEST} characters with its variables' values.")
        return given

    return _VARIABLE.sub(value, text)


def parse(text: str, types: dict[str, SqlType] | None = None, line: int = 1, column: int = 0) -> tree.Statement:
    """Parse one statement that stands at a line (from 1) and column (from 0). Raises ParseFailedError (syntax) "
    "or KsqlError (a literal or type that cannot be)."""
    node = _run("\n" * (line - 1) + " " * column + text, "start", types)
    if not isinstance(node, tree.Statement):
        raise ParseFailedError("Syntax Error", text)
    return node


def parse_expression(text: str, types: dict[str, SqlType] | None = None) -> tree.Expr:
    """Parse one expression."""
    node = _run(text, "expr", types)
    assert isinstance(node, tree.Expr)  # noqa: S101 - the grammar's start rule says so
    return node


def _run(text: str, start: str, types: dict[str, SqlType] | None) -> Any:
    try:
        parsed: Tree[Token] = _parser().parse(text, start=start)
        return StatementsToTree(types or {}).transform(parsed)
    except VisitError as error:
        if isinstance(error.orig_exc, KsqlError):
            problem = error.orig_exc
            message = problem.message
            if "Syntax Error" in message:
                message += f"\nStatement: {text.strip()}"
            raise ParseFailedError(message, text, problem.line, problem.column) from error
        if isinstance(error.orig_exc, RecursionError):
            raise ParseFailedError(_TOO_DEEP, text) from error
        if isinstance(error.orig_exc, ValueError):  # Python reads no integer of that many digits
            raise ParseFailedError("A number of the statement has too many digits.", text) from error
        raise
    except RecursionError as error:
        raise ParseFailedError(_TOO_DEEP, text) from error
    except UnexpectedInput as error:
        raise syntax_error(error, text) from error
