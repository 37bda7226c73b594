"""Start a worker: ``python -m faust_app worker --web-port 6166 --datadir DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

import faust

from faust_app.app import APP_ID, WorkerOptions, create_app
from headway.core.topics import STATION_LINES, STATIONS
from headway.settings import LOOPBACK, load


def main(argv: list[str] | None = None) -> None:
    """Read the options and work until TERM or INT."""
    options = _parser().parse_args(argv)
    app = create_app(
        load(),
        WorkerOptions(
            web_port=options.web_port,
            datadir=options.datadir.resolve(),
            web_bind=options.web_bind,
            app_id=options.app_id,
            source=options.source_topic,
            target=options.target_topic,
        ),
    )
    worker = faust.Worker(app, loglevel=options.log_level, redirect_stdouts=False)
    worker.execute_from_commandline()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faust_app", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    worker = commands.add_parser("worker", help="work until TERM; a second worker stands by")
    worker.add_argument("--web-port", type=int, required=True, help="port of /health")
    worker.add_argument("--web-bind", default=LOOPBACK, help="address of /health")
    worker.add_argument("--datadir", type=Path, required=True, help="this worker's own folder for its state")
    worker.add_argument("--app-id", default=APP_ID, help="consumer group and prefix of the changelog")
    worker.add_argument("--source-topic", default=STATIONS)
    worker.add_argument("--target-topic", default=STATION_LINES)
    worker.add_argument("--log-level", default="info")
    return parser


if __name__ == "__main__":
    main()
