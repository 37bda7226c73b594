"""The prompt: completion by what may stand at the cursor, colours, keys, history."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from ksqlengine.shell.commands import needs_no_semicolon

if TYPE_CHECKING:
    from ksqlengine.shell.repl import Shell

KEYWORDS = """
ADD ADVANCE ALL ALTER AND ARRAY AS ASSERT BEGINNING BETWEEN BIGINT BOOLEAN BY BYTES CASE CAST CHANGES CLI COLUMN
CONNECTOR CONNECTORS CREATE DATE DAYS DECIMAL DEFINE DELETE DESCRIBE DISTINCT DOUBLE DROP ELSE EMIT END EXISTS EXPLAIN
EXTENDED FALSE FINAL FROM FULL FUNCTION FUNCTIONS GRACE GROUP HAVING HEADERS HOPPING HOURS IF IN INNER INSERT INTEGER
INTO IS JOIN KAFKA_TOPIC KEY KEY_FORMAT LEFT LIKE LIMIT LIST MAP MINUTES NOT NULL ON OR OUTER OUTPUT PARTITION
PARTITIONS PAUSE PERIOD PLUGINS PRIMARY PRINT PROPERTIES QUERIES REPLACE REPLICAS RESUME RETENTION RIGHT RUN SCRIPT
SECONDS SELECT SERVER SESSION SET SHOW SINK SIZE SOURCE SPOOL STREAM STREAMS STRING STRUCT TABLE TABLES TERMINATE THEN
TIME TIMESTAMP TOPIC TOPICS TRUE TUMBLING TYPE TYPES UNDEFINE UNSET VALUES VALUE_FORMAT VARCHAR VARIABLES WHEN WHERE
WINDOW WINDOWEND WINDOWSTART WITH WITHIN
""".split()  # noqa: SIM905 - a list of words reads better as words
_PROPERTIES = """
auto.offset.reset cache.max.bytes.buffering commit.interval.ms ksql.query.pull.table.scan.enabled num.stream.threads
processing.guarantee
""".split()  # noqa: SIM905
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))|(?P<string>'(?:[^']|'')*'?)|(?P<name>`[^`]*`?)|(?P<variable>\$\{\w*\}?)"
    r"|(?P<number>\b\d+(?:\.\d+)?\b)|(?P<word>[A-Za-z_]\w*)",
    re.S,
)
_STYLE = Style.from_dict(
    {
        "keyword": "bold ansiblue",
        "function": "ansicyan",
        "string": "ansigreen",
        "number": "ansimagenta",
        "comment": "italic ansibrightblack",
        "variable": "ansiyellow",
        "prompt": "bold ansigreen",
        "continuation": "ansibrightblack",
    }
)


def is_complete(text: str) -> bool:
    """Say whether Enter should send a text: it ends with a semicolon that is no part of a string or comment."""
    if not text.strip() or needs_no_semicolon(text):
        return True
    bare = re.sub(r"'(?:[^']|'')*'|`[^`]*`|--[^\n]*|/\*.*?\*/", " ", text, flags=re.S).rstrip()
    return bare.endswith(";") and "/*" not in bare and not {"'", "`"} & set(bare)


def make(shell: Shell, history: Path | None) -> PromptSession[str]:
    """Make the prompt of a conversation."""
    return PromptSession(
        history=FileHistory(str(private_file(history))) if history else InMemoryHistory(),
        auto_suggest=AutoSuggestFromHistory(),
        completer=NameCompleter(shell),
        complete_while_typing=False,
        multiline=True,
        key_bindings=_bindings(),
        lexer=SqlLexer(lambda: set(shell.names["functions"])),
        style=_STYLE,
        message=[("class:prompt", "ksql> ")],
        prompt_continuation=lambda width, _line, _wrap: [("class:continuation", ">".rjust(width - 1) + " ")],
        enable_open_in_editor=True,
    )


def private_file(path: Path) -> Path:
    """Make sure that a file is there and that nobody else can read it: statements may hold secrets."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_APPEND, 0o600))
    path.chmod(0o600)
    return path


def _bindings() -> KeyBindings:
    """Let Enter send what is whole, and start a new line otherwise; Alt-Enter always sends."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    @keys.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return keys


class SqlLexer(Lexer):
    """Colour keywords, functions, strings, numbers and comments."""

    def __init__(self, functions: Callable[[], set[str]]) -> None:
        self._functions, self._keywords = functions, set(KEYWORDS)

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Give the colours of each line."""
        lines: list[StyleAndTextTuples] = [[]]
        functions = self._functions()

        def add(style: str, text: str) -> None:
            for i, part in enumerate(text.split("\n")):
                if i:
                    lines.append([])
                if part:
                    lines[-1].append((style, part))

        position = 0
        for found in _TOKEN.finditer(document.text):
            add("", document.text[position : found.start()])
            kind, word = str(found.lastgroup), found.group(0)
            if kind == "word":
                upper = word.upper()
                kind = "keyword" if upper in self._keywords else "function" if upper in functions else ""
            add(f"class:{kind}" if kind else "", word)
            position = found.end()
        add("", document.text[position:])
        return lambda number: lines[number] if number < len(lines) else []


class NameCompleter(Completer):
    """Complete with what the words before the cursor allow."""

    def __init__(self, shell: Shell) -> None:
        self._shell, self._paths = shell, PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Give the words that fit, what is likelier first."""
        before = document.text_before_cursor
        path = re.search(r"(?:RUN\s+SCRIPT|SPOOL)\s+'?([^']*)\Z", before, re.I)
        if path:
            yield from self._paths.get_completions(Document(path.group(1)), complete_event)
            return
        word = re.search(r"[\w.$@-]*\Z", before)
        typed = word.group(0) if word else ""
        lower = typed.islower()
        for text, meta in self._candidates(before[: len(before) - len(typed)], document.text):
            if text.upper().startswith(typed.upper()) and text.upper() != typed.upper():
                shown = text.lower() if lower and meta in {"keyword", "function"} else text
                yield Completion(shown, -len(typed), display_meta=meta if meta != "keyword" else "")

    def _candidates(self, before: str, text: str) -> Iterable[tuple[str, str]]:
        names = self._shell.names
        last = re.findall(r"[\w']+", before.upper())[-2:]
        if re.search(r"\b(?:UN)?SET\s+'\Z", before, re.I):
            yield from ((name, "property") for name in [*self._shell.client.properties, *_PROPERTIES])
            return
        if last[-1:] == ["PRINT"]:
            yield from ((name, "topic") for name in names["topics"])
            return
        if last[-1:] in (["TERMINATE"], ["PAUSE"], ["RESUME"], ["EXPLAIN"]):
            yield from ((name, "query") for name in names["queries"])
            if last[-1] != "EXPLAIN":
                yield "ALL", "keyword"
                return
        sources = [(name, "source") for name in names["sources"]]
        if last[-1:] in (["FROM"], ["JOIN"], ["INTO"], ["DESCRIBE"]) or last in (["DROP", "STREAM"], ["DROP", "TABLE"]):
            yield from sources
            sources = []
        else:
            mentioned = [name for name in names["sources"] if re.search(rf"\b{re.escape(name)}\b", text, re.I)]
            known: dict[str, str] = {}
            for source in mentioned or names["sources"]:
                for column in self._shell.columns(source):
                    known[column] = f"{known[column]}, {source}" if column in known else f"of {source}"
            yield from known.items()
        yield from ((word, "keyword") for word in KEYWORDS)
        yield from sources
        yield from ((name, "function") for name in names["functions"])
