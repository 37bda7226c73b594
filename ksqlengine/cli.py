"""The command line: ``ksqlengine install | server | shell | run | conformance`` (or ``python -m ksqlengine …``)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ksqlengine.errors import KsqlError, SetupError

_USAGE = """usage: ksqlengine COMMAND …

  install      bring the Java artefacts that the engine needs (once; checksums are verified)
  server       serve ksqlDB's REST API, on a Kafka cluster or without a broker (--in-memory)
  shell        talk to a server: this one or a real ksqlDB
  run          run files of statements and show the results, without a broker unless one is named
  conformance  run test cases in ksqlDB's format and say which pass

`ksqlengine COMMAND --help` says more.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; a mistake of the caller ends with a message, not a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_USAGE)
        return 0 if given else 2
    if given[0] == "--version":
        from ksqlengine import __version__

        sys.stdout.write(f"ksqlengine {__version__}\n")
        return 0
    name, rest = ("server", given) if given[0].startswith("-") else (given[0], given[1:])
    command = _COMMANDS.get(name)
    if command is None:
        sys.stderr.write(f"ksqlengine: there is no command {name!r}.\n\n{_USAGE}")
        return 2
    try:
        return command(rest)
    except (SetupError, KsqlError) as error:
        sys.stderr.write(f"ksqlengine: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def install(arguments: Sequence[str]) -> int:
    """Bring the Java artefacts; again does nothing."""
    from ksqlengine import artifacts, maven

    parser = argparse.ArgumentParser(
        prog="ksqlengine install",
        description="Bring the locked Java artefacts (about 100 MB) and verify their checksums. Again does nothing.",
    )
    parser.add_argument(
        "--jars", type=Path, help="the folder they go to (default: KSQLENGINE_JARS, or ~/.local/share/ksqlengine/java)"
    )
    parser.add_argument(
        "--repository",
        default="",
        help=f"address or folder of a Maven repository (default: {maven.VARIABLE}, or the mirror in Maven's settings, "
        "or Maven's central one)",
    )
    given = parser.parse_args(arguments)
    named = given.jars or os.environ.get("KSQLENGINE_JARS")
    folder = (Path(named) if named else artifacts.default_directory()).expanduser().resolve()
    locked = artifacts.read_lock()
    try:
        artifacts.fetch(folder, locked, maven.transport(given.repository), _say)
    except OSError as error:
        raise SetupError(f"The artefacts cannot be stored: {error}", where=str(folder)) from error
    sys.stdout.write(f"{len(locked)} Java artefacts, as locked, in {folder}\n")
    from ksqlengine import jvm

    previous = os.environ.get("KSQLENGINE_JARS")
    os.environ["KSQLENGINE_JARS"] = str(folder)
    jvm.prepare()
    if named and not previous:
        sys.stdout.write(f"Tell the engine where they are: export KSQLENGINE_JARS={folder}\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"ksqlengine: {text}\n")


def server(arguments: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT."""
    from ksqlengine.__main__ import main as serve

    return serve(list(arguments))


def shell(arguments: Sequence[str]) -> int:
    """Talk to a server."""
    from ksqlengine.shell.__main__ import main as talk

    return talk(list(arguments))


def run(arguments: Sequence[str]) -> int:
    """Run files of statements against a ksqlDB that lives as long as they run, or against a server."""
    parser = argparse.ArgumentParser(
        prog="ksqlengine run",
        description="Run files of statements in order and show what comes. Without --url and --bootstrap-servers the "
        "topics are in this process and gone afterwards.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--url", default="", help="a ksqlDB server")
    parser.add_argument(
        "--bootstrap-servers", default="", help="Kafka, host:port[,host:port]; topics are removed after"
    )
    parser.add_argument("--output", choices=["tabular", "json"], default="tabular")
    parser.add_argument("-d", "--define", action="append", default=[], metavar="NAME=VALUE", help="replaces ${NAME}")
    given = parser.parse_args(arguments)
    missing = [str(file) for file in given.files if not file.is_file()]
    if missing:
        raise SetupError(f"There is no file {', '.join(missing)}.", where=str(Path.cwd()))
    options = [part for definition in given.define for part in ("--define", definition)] + ["--output", given.output]
    for file in given.files:
        options += ["--file", str(file)]
    if given.url:
        return shell([*options, given.url])
    import ksqlengine
    from ksqlengine.shell.__main__ import default_history, talk
    from ksqlengine.shell.__main__ import parser as shell_parser

    with ksqlengine.embedded(given.bootstrap_servers) as ksql:
        chosen = shell_parser().parse_args(["--set", "auto.offset.reset=earliest", *options, ksql.url])
        # a file is read from top to bottom: what it has written counts in what it asks next
        return talk(chosen, auth=None, history=default_history(), before_query=ksql.settle)


def conformance(arguments: Sequence[str]) -> int:
    """Run test cases in ksqlDB's format."""
    from ksqlengine.conformance.__main__ import main as check

    return check(list(arguments))


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "install": install,
    "server": server,
    "shell": shell,
    "run": run,
    "conformance": conformance,
}
