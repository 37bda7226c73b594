"""Say what is wrong with a text that is no statement, in ksqlDB's words."""

from __future__ import annotations

import difflib
import re

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ksqlengine.errors import ParseFailedError

# the words that begin a statement
COMMANDS = (
    "SELECT", "CREATE", "INSERT", "DESCRIBE", "PRINT", "EXPLAIN", "SHOW", "LIST", "TERMINATE", "PAUSE", "RESUME",
    "SET", "UNSET", "DEFINE", "UNDEFINE", "RUN", "DROP", "ALTER", "ASSERT",
)  # fmt: skip
# words that are never a name unless quoted (the grammar's IDENT leaves them out, and NULL)
RESERVED = frozenset((
    "SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "AS", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS",
    "TRUE", "FALSE", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "CREATE", "INSERT", "INTO", "JOIN", "ON",
    "WITH", "WITHIN", "DROP",
))  # fmt: skip
_NAMES = {"IDENT", "DIGIT_IDENT", "QUOTED", "BACKQUOTED", "MAP", "ARRAY", "STRUCT"}
_SHOWN = {
    "LPAR": "'('", "RPAR": "')'", "COMMA": "','", "SEMICOLON": "';'", "EQUAL": "'='", "LSQB": "'['", "RSQB": "']'",
    "LESSTHAN": "'<'", "MORETHAN": "'>'", "STAR": "'*'", "DOT": "'.'", "__ANON_0": "';'", "INTEGER_VALUE":
    "INTEGER_VALUE", "STRING": "STRING", "IDENT": "IDENTIFIER",
}  # fmt: skip


def syntax_error(error: UnexpectedInput, text: str) -> ParseFailedError:
    """Turn lark's finding into ksqlDB's message: where, what was there, and what could have been there."""
    line, column = error.line, error.column
    ended = False
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        word = str(error.token)
    elif isinstance(error, UnexpectedCharacters):
        found = re.match(r"\w+|.", text[error.pos_in_stream :], re.DOTALL)
        word = found.group() if found else ""
    else:
        ended = True
        before = text[: len(text)]
        line, column = before.count("\n") + 1, len(text) - (before.rfind("\n") + 1) + 1
        word = "<EOF>"
    parser = getattr(error, "interactive_parser", None)
    expected = set(parser.accepts() if parser is not None else ()) - {"$END"}
    said = _finding(error, text, word, f"line {line}:{column}", expected, ended=ended)
    return ParseFailedError(
        f"line {line}:{column}: Syntax Error\n{said}\nStatement: {text.strip()}", text, line, column
    )


def _finding(error: UnexpectedInput, text: str, word: str, place: str, expected: set[str], *, ended: bool) -> str:
    before = text[: _offset(text, error)].split()
    if not before and not ended and word[:1].isalpha():
        best = difflib.get_close_matches(word.upper(), COMMANDS, 1, 0.0)
        return f"Unknown statement '{word}'\nDid you mean '{best[0]}'?"
    if ended:
        return "Syntax error at or near \";\"\n'}', ']', or ')' is missing"
    missing = _missing(error, expected)
    if missing:
        return f"missing {missing} at '{word}'"
    if word.upper() in RESERVED and expected - {"IF"} <= _NAMES:
        return (
            f'"{word}" is a reserved keyword and it can\'t be used as an identifier. '
            f"You can use it as an identifier by escaping it as '{word}' "
        )
    # a name, an expression or a type could begin here, or it was still open which statement this is
    if expected & _NAMES or len(before) == 1 or not expected:
        return f"Syntax error at or near '{word}' at {place}"
    if len(expected) <= 3:
        listed = sorted(_SHOWN.get(e, f"'{e}'") for e in expected)
        return "Expecting " + (listed[0] if len(listed) == 1 else "{" + ", ".join(listed) + "}")
    return ""


def _offset(text: str, error: UnexpectedInput) -> int:
    lines = text.split("\n")
    return sum(len(x) + 1 for x in lines[: error.line - 1]) + error.column - 1 if error.line > 0 else len(text)


def _missing(error: UnexpectedInput, expected: set[str]) -> str:
    """Give the one word that would have made the text go on, if there is such a word."""
    if len(expected) != 1 or not isinstance(error, UnexpectedToken) or error.interactive_parser is None:
        return ""
    wanted = next(iter(expected))
    here = error.interactive_parser.as_immutable()  # type: ignore[no-untyped-call]  # lark has no hint there
    going_on = here.feed_token(Token(wanted, ""))
    accepts = going_on.accepts()
    if error.token.type in accepts or (error.token.type == "IDENT" and "IDENT" in accepts):
        return _SHOWN.get(wanted, f"'{wanted}'")
    return ""
