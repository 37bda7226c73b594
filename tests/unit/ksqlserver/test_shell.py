"""What the shell shows, reads and remembers."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from rich.cells import cell_len
from rich.console import Console

from ksqlengine.shell import commands
from ksqlengine.shell.client import ServerError, ShellClient, read_messages
from ksqlengine.shell.layout import Head, cell, fit, fold, heads_of
from ksqlengine.shell.prompt import NameCompleter, is_complete, private_file
from ksqlengine.shell.render import show_entity, show_error
from ksqlengine.shell.repl import Shell
from ksqlengine.shell.rows import Rows
from ksqlengine.shell.screen import Screen


def screen(width: int = 80) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(Console(file=out, width=width, color_system=None)), out


class Server(ShellClient):
    """A server that answers what the test says, and notes what it was asked."""

    def __init__(self, *answers: list[dict[str, Any]] | Exception, stream: list[str] | None = None) -> None:
        super().__init__("http://127.0.0.1:1")
        self.asked: list[str] = []
        self._answers, self._pieces = list(answers), stream or []

    def ksql(self, text: str) -> list[dict[str, Any]]:
        self.asked.append(text)
        answer = self._answers.pop(0) if self._answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    def check_property(self, name: str, value: str) -> None:
        if name.startswith("bad"):
            raise ServerError(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'")

    def stream(self, text: str, timeout_s: float | None = None) -> Any:
        import contextlib

        self.asked.append(text)
        return contextlib.nullcontext(iter(self._pieces))

    def fellow(self) -> ShellClient:
        return Server()


def shell(server: Server, width: int = 80, **options: Any) -> tuple[Shell, io.StringIO]:
    out = io.StringIO()
    return Shell(server, Console(file=out, width=width, color_system=None), **options), out


# -- errors ----------------------------------------------------------------------------------------------------------
def test_marks_the_place_of_an_error_and_shows_the_line_before_it() -> None:
    terminal, out = screen()
    show_error(terminal, ServerError("line 2:7: Syntax Error", "SELECT *\nFROM  WHERE x = 1;", 2, 7))
    assert out.getvalue().splitlines() == [
        " 1 │ SELECT *",
        " 2 │ FROM  WHERE x = 1;",
        "   │       ^^^^^",
        "line 2:7: Syntax Error",
    ]


def test_finds_the_place_in_the_message() -> None:
    terminal, out = screen()
    show_error(terminal, ServerError("line 1:8: Syntax Error", "SELECT FROM x;"))
    assert out.getvalue().splitlines()[1] == "   │        ^^^^"


def test_underlines_the_name_that_a_message_is_about() -> None:
    terminal, out = screen()
    show_error(terminal, ServerError("Column 'CUSTMER' cannot be resolved.", "SELECT id,\n  custmer FROM orders;"))
    assert out.getvalue().splitlines()[:3] == [" 1 │ SELECT id,", " 2 │   custmer FROM orders;", "   │   ^^^^^^^"]


def test_underlines_what_is_wrong_with_values_and_not_their_target() -> None:
    message = "Failed to insert values into 'ORDERS'. Expected type INTEGER for field `TOTAL` but got STRING(much)"
    terminal, out = screen()
    show_error(terminal, ServerError(message, "INSERT INTO orders (total) VALUES ('much');", 1, 0))
    assert out.getvalue().splitlines()[1] == "   │                     ^^^^^"


def test_shows_a_long_line_around_the_place() -> None:
    terminal, out = screen(40)
    statement = "SELECT " + "a, " * 60 + "wrong FROM x;"
    show_error(terminal, ServerError("Syntax Error", statement, 1, statement.index("wrong") + 1))
    line, mark = out.getvalue().splitlines()[:2]
    assert line[mark.index("^") : mark.index("^") + 5] == "wrong"
    assert cell_len(line) <= 40


def test_mark_stands_under_its_word_behind_wide_characters() -> None:
    terminal, out = screen()
    show_error(terminal, ServerError("Syntax Error", "SELECT '日本' frm x;", 1, 13))
    line, mark = out.getvalue().splitlines()[:2]
    assert cell_len(mark[: mark.index("^")]) == cell_len(line[: line.index("frm")])


def test_message_with_escape_codes_is_shown_not_obeyed() -> None:
    terminal, out = screen()
    show_error(terminal, ServerError("bad value: \x1b]0;owned\x07"))
    assert out.getvalue() == "bad value: \\u001b]0;owned\\u0007\n"


def test_error_in_a_script_names_file_line_and_column(tmp_path: Path) -> None:
    script = tmp_path / "a.sql"
    script.write_text("SHOW STREAMS;\n\n-- next\nSELEC 1;\n", encoding="utf-8")
    talk, out = shell(Server([], ServerError("line 1:1: Syntax Error", "SELEC 1;", 1, 1)), 120)
    assert not talk.run_file(script)
    assert f"{script}:4:1: Syntax Error" in out.getvalue().replace("\n", "")


# -- rows ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("width", [40, 60, 80, 160])
@pytest.mark.parametrize("endless", [True, False])
def test_rows_fit_the_terminal(width: int, endless: bool) -> None:
    terminal, out = screen(width)
    rows = Rows(terminal, "`ID` STRING KEY, `LONG` STRING, `S` STRUCT<`A` INTEGER, `B` STRING>", endless=endless)
    rows.row(["a", "x" * 300, {"A": 1, "B": "日本語" * 9}])
    rows.end()
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= width
    assert out.getvalue().count("x") >= 300  # long values are folded, nothing is lost


def test_more_columns_than_fit_are_shown_as_blocks() -> None:
    terminal, out = screen(60)
    rows = Rows(terminal, ", ".join(f"`COLUMN_{i}` BIGINT" for i in range(30)), endless=False)
    rows.row(list(range(30)))
    rows.end()
    assert "─[ row 1 ]" in out.getvalue()
    assert "COLUMN_29 │ 29" in out.getvalue()


def test_wrap_off_cuts_long_values() -> None:
    terminal, out = screen(40)
    terminal.wrap = False
    rows = Rows(terminal, "`A` STRING", endless=True)
    rows.row(["x" * 100])
    assert out.getvalue().splitlines()[-1].endswith("…")


def test_deleted_row_shows_tombstones() -> None:
    terminal, out = screen()
    rows = Rows(terminal, "`K` STRING KEY, `N` BIGINT", endless=True)
    rows.row(["a", None], deleted=True)
    assert "<TOMBSTONE>" in out.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        ("null", "null"),
        ({"A": [1, None], "É": "ü"}, '{"A": [1, null], "É": "ü"}'),
        ("two\nlines\ttab", "two\\nlines\\ttab"),
        ("\x1b[31mred\x07", "\\u001b[31mred\\u0007"),
        (True, "true"),
        (0.1, "0.1"),
    ],
)
def test_shows_a_value_on_one_line_and_obeys_nothing_in_it(value: Any, shown: str) -> None:
    assert cell(value) == shown


@pytest.mark.parametrize(
    ("schema", "heads"),
    [
        ("`A` INTEGER, `B` STRING", [Head("A", "INTEGER"), Head("B", "STRING")]),
        (
            "`S` STRUCT<`X` INTEGER, `Y` MAP<STRING, INTEGER>> KEY, `T` DECIMAL(4, 2)",
            [Head("S", "STRUCT<`X` INTEGER, `Y` MAP<STRING, INTEGER>>"), Head("T", "DECIMAL(4, 2)")],
        ),
        ("`a, b` STRING", [Head("a, b", "STRING")]),
        ("", []),
    ],
)
def test_reads_the_columns_of_a_schema(schema: str, heads: list[Head]) -> None:
    assert heads_of(schema) == heads


def test_folds_at_spaces_and_loses_no_character() -> None:
    text = "the quick brown fox jumps over the lazy dog"
    assert fold(text, 12) == ["the quick", "brown fox", "jumps over", "the lazy dog"]
    assert "".join(fold("日本語テキスト", 5)) == "日本語テキスト"


def test_columns_are_as_narrow_as_what_they_show() -> None:
    assert fit([Head("A"), Head("B", "BIGINT")], [["abc", "12345"]], 80) == [3, 5]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_reads_messages_wherever_the_pieces_are_cut(size: int) -> None:
    text = (
        '[{"header":{"schema":"`A` INTEGER"}},\n{"row":{"columns":[1,[2],"],"]}},\n{"finalMessage":"Limit Reached"}]\n'
    )
    pieces = (text[i : i + size] for i in range(0, len(text), size))
    assert [next(iter(m)) for m in read_messages(pieces)] == ["header", "row", "finalMessage"]


def test_a_row_is_shown_before_the_next_one_begins() -> None:
    def pieces() -> Any:
        yield '[{"row":{"columns":[1]}}'
        raise AssertionError("asked for more")

    assert next(read_messages(pieces())) == {"row": {"columns": [1]}}


# -- answers ---------------------------------------------------------------------------------------------------------
def test_lists_streams_as_a_table() -> None:
    terminal, out = screen(100)
    stream = {"name": "S", "topic": "t", "keyFormat": "KAFKA", "valueFormat": "JSON", "isWindowed": False}
    show_entity(terminal, {"@type": "streams", "streams": [stream], "warnings": []})
    assert out.getvalue().splitlines()[0].split(" │ ")[0] == "Stream Name"
    assert all(word in out.getvalue() for word in ("KAFKA", "false"))


def test_says_when_a_list_is_empty_and_shows_warnings() -> None:
    terminal, out = screen()
    show_entity(terminal, {"@type": "tables", "tables": [], "warnings": [{"message": "careful"}]})
    assert out.getvalue().splitlines() == ["There are no tables.", "WARNING: careful"]


def test_query_list_keeps_its_texts_on_one_line() -> None:
    terminal, out = screen(60)
    query = {
        "id": "CTAS_A_1", "queryType": "PERSISTENT", "state": "RUNNING", "statusCount": {"RUNNING": 1},
        "sinks": ["A"], "sinkKafkaTopics": ["A"], "queryString": "CREATE TABLE a AS\n  SELECT " + "x, " * 80,
    }  # fmt: skip
    show_entity(terminal, {"@type": "queries", "queries": [query]})
    assert max(cell_len(line) for line in out.getvalue().splitlines()) <= 60
    assert "  CREATE TABLE a AS SELECT x, x," in out.getvalue()


def test_an_answer_of_an_unknown_kind_is_shown_as_json() -> None:
    terminal, out = screen()
    show_entity(terminal, {"@type": "news", "statementText": "…", "answer": 42})
    assert '"answer": 42' in out.getvalue()


# -- commands --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    ["help", "HELP;", "exit", "output json", "run script 'a.sql'", "server http://x:1", "spool off", "cli wrap off",
     "request pipelining on", "history", "version;", "SET CLI WRAP OFF"],
)  # fmt: skip
def test_commands_of_the_shell_need_no_semicolon(text: str) -> None:
    assert commands.needs_no_semicolon(text)
    assert is_complete(text)


@pytest.mark.parametrize("text", ["SELECT 1", "SET 'a'='b'", "SERVERS", "CREATE STREAM version (", "SHOW STREAMS"])
def test_statements_wait_for_their_semicolon(text: str) -> None:
    assert not commands.needs_no_semicolon(text)
    assert not is_complete(text)
    assert is_complete(f"{text};")


@pytest.mark.parametrize("text", ["SELECT ';", "SELECT 1 -- the end;", "SELECT 1 /* ;", "SELECT `a;"])
def test_semicolon_in_a_string_or_comment_ends_nothing(text: str) -> None:
    assert not is_complete(text)


def test_set_define_and_their_opposites_stay_in_the_shell() -> None:
    server = Server()
    talk, out = shell(server, 200)
    talk.execute("DEFINE who = 'it''s'; SET 'auto.offset.reset'='${who}'; SHOW VARIABLES;")
    assert server.variables == {"who": "it's"}
    assert server.properties == {"auto.offset.reset": "it's"}
    assert "Successfully changed local property 'auto.offset.reset' to 'it's'." in out.getvalue()
    talk.execute("UNSET 'auto.offset.reset'; UNDEFINE who;")
    assert (server.variables, server.properties, server.asked) == ({}, {}, [])


def test_property_that_the_server_does_not_know_is_not_set() -> None:
    server = Server()
    talk, out = shell(server)
    assert not talk.execute("SET 'bad.name'='1';")
    assert "bad.name" in out.getvalue()
    assert server.properties == {}


def test_output_json_writes_what_the_server_said() -> None:
    talk, out = shell(Server([{"@type": "streams", "streams": []}]), output="json")
    talk.execute("SHOW STREAMS;")
    assert out.getvalue() == '[{"@type": "streams", "streams": []}]\n'


def test_spool_copies_statements_and_answers(tmp_path: Path) -> None:
    target = tmp_path / "session.txt"
    talk, _ = shell(Server([{"@type": "streams", "streams": []}]))
    talk.execute(f"spool '{target}'")
    talk.screen.echo("SHOW STREAMS;")
    talk.execute("SHOW STREAMS;")
    talk.execute("spool off")
    talk.execute("version")
    assert target.read_text().splitlines()[-2:] == ["ksql> SHOW STREAMS;", "There are no streams."]


def test_script_stops_at_its_first_error(tmp_path: Path) -> None:
    script = tmp_path / "a.sql"
    script.write_text("SHOW STREAMS;\nBAD;\nSHOW TABLES;\n")
    server = Server([], ServerError("no", "BAD;"))
    talk, _ = shell(server)
    assert not talk.execute(f"RUN SCRIPT '{script}';")
    assert server.asked == ["SHOW STREAMS;", "BAD;"]
    assert talk.failures == 1


def test_scripts_that_run_each_other_end(tmp_path: Path) -> None:
    script = tmp_path / "a.sql"
    script.write_text(f"RUN SCRIPT '{script}';\n")
    talk, out = shell(Server())
    assert not talk.execute(f"RUN SCRIPT '{script}';")
    assert "run each other" in out.getvalue()


def test_server_that_is_away_is_named_and_the_next_statement_tries_again() -> None:
    server = Server(httpx.ConnectError("Connection refused"), [{"@type": "tables", "tables": []}])
    talk, out = shell(server)
    assert not talk.execute("SHOW TABLES;")
    assert "http://127.0.0.1:1 does not answer: Connection refused" in out.getvalue()
    talk.execute("SHOW TABLES;")
    assert "There are no tables." in out.getvalue()


def test_error_in_the_middle_of_rows_shows_the_rows_and_fails() -> None:
    pieces = ['[{"header":{"schema":"`A` INTEGER"}},{"row":{"columns":[7]}},', '{"errorMessage":{"message":"broke"}}]']
    talk, out = shell(Server(stream=pieces))
    assert not talk.execute("SELECT * FROM t;")
    assert "7" in out.getvalue()
    assert "broke" in out.getvalue()


def test_query_ends_at_the_row_limit_that_was_asked_for() -> None:
    pieces = ['[{"header":{"schema":"`A` INTEGER"}}', *(f',{{"row":{{"columns":[{i}]}}}}' for i in range(9))]
    talk, out = shell(Server(stream=pieces), row_limit=3)
    talk.execute("SELECT * FROM s EMIT CHANGES;")
    assert "3 rows" in out.getvalue()


# -- the prompt ------------------------------------------------------------------------------------------------------
def completions(text: str) -> list[str]:
    talk, _ = shell(Server())
    talk.names = {
        "sources": ["ORDERS"],
        "topics": ["orders-topic"],
        "queries": ["CTAS_A_1"],
        "functions": ["SUBSTRING"],
    }
    talk._columns = {"ORDERS": ["ORDER_ID", "CUSTOMER"]}
    found = NameCompleter(talk).get_completions(Document(text), CompleteEvent(completion_requested=True))
    return [c.text for c in found]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SELECT * FROM o", "ORDERS"),
        ("PRINT ", "orders-topic"),
        ("TERMINATE c", "CTAS_A_1"),
        ("sel", "select"),
        ("SEL", "SELECT"),
        ("SELECT subs", "substring"),
        ("SET 'auto", "auto.offset.reset"),
        ("SELECT * FROM orders WHERE cust", "CUSTOMER"),
    ],
)
def test_completes_what_may_stand_at_the_cursor(text: str, first: str) -> None:
    assert completions(text)[0] == first


def test_history_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "history"
    private_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    private_file(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
