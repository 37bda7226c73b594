"""``ksqlengine shell [URL]``: a prompt on a ksqlDB server, or statements from the command line, files or a pipe."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from ksqlengine.server.config import read_properties
from ksqlengine.shell.client import ServerError, ShellClient
from ksqlengine.shell.repl import Shell

DEFAULT_URL = "http://localhost:8088"


def default_history() -> Path:
    """Give the file of what was typed."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "ksqlengine" / "history"


def parser(prog: str = "ksqlengine shell", url: str = DEFAULT_URL) -> argparse.ArgumentParser:
    """Give the options: those of ksqlDB's own command line, and --set."""
    options = argparse.ArgumentParser(
        prog=prog,
        description="Talk to a ksqlDB server. Without -e, -f and a pipe: a prompt with history and completion.",
    )
    options.add_argument("server", nargs="?", default=url, help=f"address of the server (default: {url})")
    options.add_argument("-e", "--execute", action="append", default=[], metavar="TEXT", help="run these statements")
    options.add_argument("-f", "--file", action="append", default=[], type=Path, help="run the statements of a file")
    options.add_argument("-d", "--define", action="append", default=[], metavar="NAME=VALUE", help="replaces ${NAME}")
    options.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="as SET does")
    options.add_argument("--output", type=str.upper, choices=["TABULAR", "JSON"], default="TABULAR")
    options.add_argument("-u", "--user", default="", help="name for basic authentication")
    options.add_argument("-p", "--password", default="", help="password (or the variable KSQL_PASSWORD)")
    options.add_argument("--config-file", type=Path, help="properties: ssl.ca.location, the others as SET does")
    options.add_argument("--query-row-limit", type=int, metavar="N", help="end each query after so many rows")
    options.add_argument("--query-timeout", type=int, metavar="MS", help="end each query after so many milliseconds")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the shell; 0 when every statement succeeded."""
    given = parser().parse_args(arguments)
    auth = (given.user, given.password or os.environ.get("KSQL_PASSWORD", "")) if given.user else None
    return talk(given, auth=auth, history=default_history())


def talk(
    given: argparse.Namespace,
    *,
    auth: tuple[str, str] | None,
    history: Path,
    before_query: Callable[[], None] | None = None,
) -> int:
    """Do what the options say; ``before_query`` is called before each SELECT and PRINT."""
    piped = not sys.stdin.isatty()
    batch = bool(given.execute or given.file or piped)
    console = Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else _pipe_width())
    try:
        pairs = {option: dict(_pair(text, option) for text in getattr(given, option)) for option in ("define", "set")}
        properties = read_properties(given.config_file) if given.config_file else {}
    except (ValueError, OSError) as error:
        sys.stderr.write(f"ksql: {error}\n")
        return 2
    authority = properties.pop("ssl.ca.location", "")
    client = ShellClient(given.server, auth, verify=authority or True)
    client.properties |= properties | pairs["set"]
    client.variables |= pairs["define"]
    shell = Shell(
        client,
        console,
        history,
        output=given.output,
        row_limit=given.query_row_limit,
        timeout_s=given.query_timeout / 1000 if given.query_timeout is not None else None,
        errors=Console(stderr=True, highlight=False) if batch else None,
        before_query=before_query,
    )
    try:
        if not batch:
            shell.run()
            return 0
        return 0 if _batch(shell, given, piped=piped) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        client.close()


def _batch(shell: Shell, given: argparse.Namespace, *, piped: bool) -> bool:
    for file in given.file:
        try:
            if not shell.run_file(file):
                return False
        except ServerError as error:
            shell.errors.say(error.message, "red")
            return False
    for text in given.execute:
        whole = text if text.rstrip().endswith(";") else f"{text};"
        if not shell.leaving and not shell.execute(whole):
            return False
    if piped and not (given.file or given.execute):
        return shell.execute(sys.stdin.read())
    return True


def _pipe_width() -> int:
    wanted = os.environ.get("COLUMNS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) > 0 else 100_000


def _pair(text: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name.strip():
        raise ValueError(f"--{option} takes NAME=VALUE, not {text!r}")
    value = value.strip()
    quoted = len(value) >= 2 and value[0] == value[-1] == "'"
    return name.strip().strip("'"), value[1:-1] if quoted else value


if __name__ == "__main__":
    sys.exit(main())
