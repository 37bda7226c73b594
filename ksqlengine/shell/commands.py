"""What only the shell understands: HELP, OUTPUT, SERVER, SPOOL, RUN SCRIPT, SET, DEFINE …"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from ksqlengine.shell.client import ServerError
from ksqlengine.shell.layout import Head, fold
from ksqlengine.shell.render import table

if TYPE_CHECKING:
    from ksqlengine.shell.repl import Shell

_STATEMENTS = """Statements end with a semicolon and may take several lines; Enter sends a whole one.
SHOW STREAMS | TABLES | QUERIES | TOPICS | FUNCTIONS | TYPES | PROPERTIES | CONNECTORS | VARIABLES;
DESCRIBE name [EXTENDED];  DESCRIBE FUNCTION name;  EXPLAIN query;
SELECT … [EMIT CHANGES] [LIMIT n];  PRINT topic [FROM BEGINNING] [LIMIT n];
CREATE STREAM | TABLE … [AS SELECT …];  INSERT INTO …;  DROP …;
TERMINATE | PAUSE | RESUME query;
SET 'auto.offset.reset'='earliest';  UNSET 'auto.offset.reset';
DEFINE name='value';  UNDEFINE name;"""
_OWN = (
    ("help", "this text"),
    ("clear", "clear the screen"),
    ("cli [wrap on|off]", "fold long values, or cut them"),
    ("cli [column-width n]", "the same width for all columns (0: what they need)"),
    ("exit, quit, Ctrl-D", "leave"),
    ("history", "what was typed"),
    ("output [json|tabular]", "how answers look"),
    ("request pipelining [on|off]", "on: send without waiting for the effect of the statement before"),
    ("run script 'file.sql'", "run the statements of a file"),
    ("server [url]", "which server, or talk to another"),
    ("spool 'file' | off", "copy the session into a file"),
    ("version", "the server's version"),
)
_KEYS = "Tab completes, Ctrl-R searches the history, Ctrl-C ends a running query or clears the line."

_ON = {"ON": True, "TRUE": True, "YES": True, "OFF": False, "FALSE": False, "NO": False}
_SET = re.compile(r"""\s*['"]?([\w.\-${}]+)['"]?\s*=\s*'((?:[^']|'')*)'\s*$""")
_ONE = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^;]+?))\s*$""")


def _word(rest: str) -> str:
    found = _ONE.match(rest)
    return next((g for g in found.groups() if g is not None), "").strip() if found else ""


def _switch(rest: str, verb: str) -> bool:
    value = _ON.get(_word(rest).upper())
    if value is None:
        raise ServerError(f"{verb} is ON or OFF, not {rest.strip()!r}.")
    return value


# -- one function a command ------------------------------------------------------------------------------------------
def _help(shell: Shell, rest: str) -> None:
    first, *statements = _STATEMENTS.splitlines()
    shell.screen.say(first, "bold")
    for line in statements:
        shell.screen.lines(
            Text(f"{'  ' if i == 0 else '      '}{part}") for i, part in enumerate(_folded(shell, line, 6))
        )
    shell.screen.say("The shell's own commands need none:", "bold")
    width = max(len(name) for name, _ in _OWN)
    for name, text in _OWN:
        for i, part in enumerate(_folded(shell, text, width + 4)):
            shell.screen.lines([Text.assemble(f"  {(name if i == 0 else ''):{width}}  ", (part, "dim"))])
    shell.screen.say(_KEYS, "bold")


def _folded(shell: Shell, text: str, taken: int) -> list[str]:
    return fold(text, max(shell.screen.width - taken, 16))


def _clear(shell: Shell, rest: str) -> None:
    shell.screen.console.clear()


def _exit(shell: Shell, rest: str) -> None:
    shell.leaving = True


def _history(shell: Shell, rest: str) -> None:
    for number, text in enumerate(shell.typed(), start=1):
        shell.screen.say(f"{number:5} {' '.join(text.split())}")


def _version(shell: Shell, rest: str) -> None:
    shell.screen.say(f"Version: {shell.client.info().get('version')}")


def _output(shell: Shell, rest: str) -> None:
    wanted = _word(rest).upper()
    if wanted and wanted not in {"JSON", "TABULAR"}:
        raise ServerError(f"Invalid output format: '{_word(rest)}' (valid formats: 'JSON', 'TABULAR')")
    if wanted:
        shell.screen.output = wanted
        shell.screen.say(f"Output format set to {wanted}")
    else:
        shell.screen.say(f"Current output format: {shell.screen.output}")


def _server(shell: Shell, rest: str) -> None:
    url = _word(rest)
    if not url:
        shell.screen.say(shell.client.url)
        return
    shell.client.connect(url)
    shell.greet()
    shell.refresh()


def _pipelining(shell: Shell, rest: str) -> None:
    if rest.strip():
        shell.client.pipelining = _switch(rest, "REQUEST PIPELINING")
    shell.screen.say(f"Request pipelining is {'ON' if shell.client.pipelining else 'OFF'}")


def _cli(shell: Shell, rest: str) -> None:
    screen = shell.screen
    name, _, value = rest.strip().partition(" ")
    value = value.strip().removeprefix("=").strip()
    if name.upper() == "WRAP" and value:
        screen.wrap = _switch(value, "WRAP")
    elif name.upper() == "COLUMN-WIDTH" and value:
        if not _word(value).isdigit():
            raise ServerError(f"COLUMN-WIDTH is a number of characters (0: as wide as fits), not {value!r}.")
        screen.column_width = int(_word(value))
    elif name and name.upper() not in {"WRAP", "COLUMN-WIDTH"}:
        raise ServerError(f"Undefined property: {name}. Valid properties are: WRAP, COLUMN-WIDTH")
    rows = [["WRAP", "ON" if screen.wrap else "OFF"], ["COLUMN-WIDTH", str(screen.column_width)]]
    table(screen, [Head("CLI Property"), Head("Value")], [r for r in rows if not name or r[0] == name.upper()])


def _spool(shell: Shell, rest: str) -> None:
    screen, target = shell.screen, _word(rest)
    if not target:
        screen.say(f"Session is spooled to {screen.spool_path}" if screen.spool_path else "Session is not spooled.")
    elif target.upper() == "OFF":
        if screen.spool_path is None:
            raise ServerError("Session is not spooled.")
        path = screen.spool_path
        screen.spool_off()
        screen.say(f"Session spooled to {path}")
    else:
        path = Path(target).expanduser().absolute()
        try:
            screen.spool_to(path)
        except OSError as error:
            raise ServerError(f"Cannot spool to {path}: {error.strerror}.") from error
        screen.say(f"Session will be spooled to {path}. SPOOL OFF ends it.")


def _script(shell: Shell, rest: str) -> None:
    shell.run_file(Path(_word(rest)).expanduser())


def _set(shell: Shell, rest: str) -> None:
    found = _SET.match(rest)
    if not found:
        raise ServerError("SET is written as: SET 'property'='value';", f"SET{rest};")
    name, value = (shell.substitute(g.replace("''", "'")) for g in found.groups())
    shell.client.check_property(name, value)
    before = shell.client.properties.get(name)
    shell.client.properties[name] = value
    was = "" if before is None else f" from '{before}'"
    shell.screen.say(
        f"Successfully changed local property '{name}'{was} to '{value}'. Use the UNSET command to revert your change."
    )


def _unset(shell: Shell, rest: str) -> None:
    name = _word(rest)
    if name not in shell.client.properties:
        raise ServerError(f"Cannot unset local property '{name}' which was never set before")
    value = shell.client.properties.pop(name)
    shell.screen.say(f"Successfully unset local property '{name}' (value was '{value}').")


def _define(shell: Shell, rest: str) -> None:
    found = _SET.match(rest)
    if not found:
        raise ServerError("DEFINE is written as: DEFINE name = 'value';", f"DEFINE{rest};")
    shell.client.variables[found.group(1)] = shell.substitute(found.group(2).replace("''", "'"))


def _undefine(shell: Shell, rest: str) -> None:
    if shell.client.variables.pop(_word(rest), None) is None:
        raise ServerError(f"Cannot undefine variable '{_word(rest)}' which was never defined before")


def _variables(shell: Shell, rest: str) -> None:
    rows = [[name, value] for name, value in sorted(shell.client.variables.items())]
    table(shell.screen, [Head("Variable Name"), Head("Value")], rows, none="There are no variables.")


_Command = Callable[["Shell", str], None]
_TABLE: tuple[tuple[str, _Command], ...] = (
    (r"HELP|\?", _help),
    (r"CLEAR", _clear),
    (r"EXIT|QUIT", _exit),
    (r"HISTORY", _history),
    (r"VERSION", _version),
    (r"OUTPUT", _output),
    (r"SERVER", _server),
    (r"REQUEST\s+PIPELINING", _pipelining),
    (r"(?:SET\s+|SHOW\s+)?CLI", _cli),
    (r"SPOOL", _spool),
    (r"RUN\s+SCRIPT", _script),
    (r"SET", _set),
    (r"UNSET", _unset),
    (r"DEFINE", _define),
    (r"UNDEFINE", _undefine),
    (r"(?:SHOW|LIST)\s+VARIABLES", _variables),
)
_ENDS_WITH_SEMICOLON = {_set, _unset, _define, _undefine, _variables}


def find(statement: str) -> tuple[_Command, str] | None:
    """Give the command that a statement is, and what follows its name; None when it is for the server."""
    text = re.sub(r"\A(?:\s|--[^\n]*\n|/\*.*?\*/)*", "", statement, flags=re.S).rstrip().removesuffix(";").rstrip()
    for pattern, command in _TABLE:
        found = re.match(rf"(?:{pattern})(?![\w.])(?P<rest>.*)\Z", text, re.I | re.S)
        if found:
            return command, found.group("rest")
    return None


def needs_no_semicolon(text: str) -> bool:
    """Say whether a line is a command that is whole without one."""
    found = find(text)
    return found is not None and found[0] not in _ENDS_WITH_SEMICOLON and "\n" not in text.strip()
