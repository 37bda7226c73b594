"""Errors of the engine, in ksqlDB's words.

KsqlError                      anything the engine says about a statement
├── KsqlStatementError         a statement that parses but is not allowed
└── ParseFailedError           a text that is not a statement
SetupError                     something outside of any statement: Java, jars, files
"""

from __future__ import annotations

from typing import Any

STATEMENT_ERROR = 40001
BAD_REQUEST = 40000
SERVER_ERROR = 50000


class KsqlError(Exception):
    """Carry ksqlDB's message, the statement it is about and where in it the fault is.

    `line` and `column` are 1-based and 0-based as ksqlDB prints them; None when unknown.
    """

    java_type = "io.confluent.ksql.util.KsqlException"
    error_code = BAD_REQUEST

    def __init__(
        self,
        message: str,
        statement: str = "",
        line: int | None = None,
        column: int | None = None,
        error_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.statement = statement
        self.line = line
        self.column = column
        self.entities: list[dict[str, Any]] = []  # what the server answered to the statements before this one
        if error_code is not None:
            self.error_code = error_code


class KsqlStatementError(KsqlError):
    """Report a statement that ksqlDB would reject when it analyses or plans it."""

    java_type = "io.confluent.ksql.util.KsqlStatementException"
    error_code = STATEMENT_ERROR


class ParseFailedError(KsqlError):
    """Report a text that is not a statement of the language."""

    java_type = "io.confluent.ksql.parser.exception.ParseFailedException"
    error_code = STATEMENT_ERROR


class SetupError(Exception):
    """Say what is missing or wrong outside of any statement (Java, jars, files), where, and what to do next."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what, self.where, self.next_step = what, where, next_step
        super().__init__(
            "\n".join(x for x in (what, where and f"Where: {where}", next_step and f"Next: {next_step}") if x)
        )
