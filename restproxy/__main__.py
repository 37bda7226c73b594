"""Start the proxy: ``python -m restproxy --port 8082 --bootstrap-servers localhost:9092``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import uvicorn

from restproxy.app import create_app
from restproxy.gateway import Gateway


def main(argv: list[str] | None = None) -> None:
    """Read the options and serve until TERM or INT, then finish what is in flight."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config: dict[str, Any] = read_properties(options.config) if options.config else {}
    if options.bootstrap_servers:
        config["bootstrap.servers"] = options.bootstrap_servers
    if not config.get("bootstrap.servers"):
        raise SystemExit(
            "No brokers are given: pass --bootstrap-servers host:port or put bootstrap.servers in --config."
        )

    def make_gateway() -> Gateway:
        return Gateway(
            config,
            delivery_timeout_s=options.delivery_timeout,
            max_in_flight_bytes=options.max_in_flight_bytes,
            on_fatal=lambda: os.kill(os.getpid(), signal.SIGTERM),
        )

    # uvicorn raises the signal again after its orderly end: that is an exit code of 0, not a death by signal
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.run(
        create_app(make_gateway, max_body_bytes=options.max_body_bytes),
        host=options.host,
        port=options.port,
        access_log=options.access_log,
        log_level="info",
        server_header=False,
        timeout_graceful_shutdown=round(options.delivery_timeout) + 5,
    )


def read_properties(path: Path) -> dict[str, str]:
    """Read ``name=value`` lines of librdkafka settings (``#`` starts a comment line)."""
    out: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, found, value = text.partition("=")
        if not found:
            raise SystemExit(f"{path}:{number} is not name=value.")
        out[name.strip()] = value.strip()
    return out


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m restproxy", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8082)
    parser.add_argument(
        "--bootstrap-servers", default="", help="host:port list; wins over the file's bootstrap.servers"
    )
    parser.add_argument("--config", type=Path, help="file of librdkafka settings: SASL, TLS, tuning")
    parser.add_argument("--max-body-bytes", type=int, default=1_048_576, help="a larger request is refused with 413")
    parser.add_argument(
        "--max-in-flight-bytes", type=int, default=64 * 1024 * 1024, help="more than this together is refused with 429"
    )
    parser.add_argument("--delivery-timeout", type=float, default=30.0, help="seconds until a record counts as failed")
    parser.add_argument("--access-log", action="store_true", help="log each request")
    return parser


if __name__ == "__main__":
    main()
