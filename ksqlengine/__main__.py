"""The server: ``ksqlengine server --bootstrap-servers HOST:PORT --port 8088 --service-id default_ …``.

``python -m ksqlengine`` is the whole command line (``ksqlengine.cli``); options without a command are the server's.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import uvicorn

from ksqlengine import jvm
from ksqlengine.errors import KsqlError
from ksqlengine.server.access import Access, Guarded
from ksqlengine.server.backend import Backend
from ksqlengine.server.config import ServerConfig, read_properties
from ksqlengine.server.http import Api
from ksqlengine.server.listener import ListenerProtocol
from ksqlengine.server.service import KsqlService
from ksqlengine.server.settings import Listener, advertised, check_settings
from ksqlengine.server.tls import server_context

LOG = logging.getLogger("ksqlengine")
_EXIT_S = 10.0
_QUIET = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.streams.processor.internals."


def parse_arguments(arguments: list[str] | None = None) -> tuple[ServerConfig, argparse.Namespace]:
    """Read the command line and the properties file; the command line is the stronger."""
    parser = argparse.ArgumentParser(prog="ksqlengine server", description="A ksqlDB-compatible server.")
    parser.add_argument("--bootstrap-servers", default="", help="Kafka, host:port[,host:port]")
    parser.add_argument("--host", default="", help="address to listen on (default: that of listeners, or loopback)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: that of listeners, or 8088)")
    parser.add_argument("--service-id", default="", help="servers with one id share their queries (default: default_)")
    parser.add_argument("--state-dir", type=Path, default=Path("ksql-state"), help="folder of local state")
    parser.add_argument("--advertised", default="", help="host:port for the other servers of the service")
    parser.add_argument("--connect-url", default="", help="Kafka Connect, for CREATE CONNECTOR")
    parser.add_argument("--jars", type=Path, default=None, help="folder of the Java artefacts")
    parser.add_argument("--config", type=Path, default=None, help="a properties file like ksqlDB's server.properties")
    parser.add_argument("--heap", default="256m", help="the JVM's maximum heap")
    parser.add_argument("--in-memory", action="store_true", help="no broker: topics in this process, for tests")
    parser.add_argument("--log-level", default="INFO")
    given = parser.parse_args(arguments)
    properties = read_properties(given.config) if given.config else {}
    bootstrap = given.bootstrap_servers or properties.get("bootstrap.servers", "")
    if not bootstrap and not given.in_memory:
        parser.error("--bootstrap-servers is missing (or bootstrap.servers in --config, or --in-memory)")
    listener = Listener.of(properties, given.host, given.port)
    config = ServerConfig(
        bootstrap_servers=bootstrap or "localhost:0",
        host=listener.host,
        port=listener.port,
        service_id=given.service_id or properties.get("ksql.service.id", "default_"),
        state_dir=given.state_dir,
        advertised=given.advertised or advertised(properties, listener),
        connect_url=given.connect_url,
        in_memory=given.in_memory,
        properties=properties,
    )
    return config, given


class Server(uvicorn.Server):
    """A uvicorn that ends the push queries as soon as it is told to stop, so that their clients do not hold it up."""

    def __init__(self, config: uvicorn.Config, service: KsqlService) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End push queries, then stop as uvicorn does."""
        self._service.ready = False
        threading.Thread(target=self._service.end_transient, name="end-push-queries", daemon=True).start()
        super().handle_exit(sig, frame)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; give the exit code."""
    config, given = parse_arguments(arguments)
    logging.basicConfig(
        level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    for warning in check_settings(config):
        LOG.warning("%s", warning)
    access = Access.of(config)
    start_jvm(given.jars, heap=given.heap, in_memory=config.in_memory)
    secure = server_context(config) if Listener.of(config.properties).secure else None
    service = KsqlService(config, open_backend(config))
    failed: list[BaseException] = []
    server = Server(
        uvicorn.Config(
            Guarded(Api(service).application(), access) if access else Api(service).application(),
            host=config.host,
            port=config.port,
            http=ListenerProtocol,
            ssl_context_factory=(lambda _, __: secure) if secure else None,
            log_level="warning",
            timeout_graceful_shutdown=5,
            lifespan="off",
        ),
        service,
    )

    place = f"{'https' if secure else 'http'}://{config.host}:{config.port}"

    def start() -> None:
        try:
            service.start()
            # JPype runs Python's collector after each of Java's: what start made for good must not be walked each time.
            gc.freeze()
            LOG.info("ksqlDB-compatible server %s on %s", config.service_id, place)
        except KsqlError as error:  # it says what is wrong and where to look: no traceback
            LOG.error("the server cannot start: %s", error.message)
            failed.append(error)
            server.should_exit = True
        except Exception as error:  # the process must end with a reason, not hang half-started
            LOG.exception("the server cannot start")
            failed.append(error)
            server.should_exit = True

    threading.Thread(target=start, name="start", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again when it has served: its default would end the process before the queries
        # have left their groups, and their work would wait for the session time-out
        signal.signal(number, lambda *_: None)
    server.run()
    service.stop()
    code = 1 if failed else 0
    # Java waits for the threads of a query that did not end in time, for ever
    last = threading.Timer(_EXIT_S, os._exit, (code,))
    last.daemon = True
    last.start()
    if any(not thread.daemon and thread is not threading.current_thread() for thread in threading.enumerate()):
        LOG.warning("a request was still being worked on: it ends with the server")
        sys.stderr.flush()
        os._exit(code)  # Python would wait for it
    return code


def start_jvm(jars: Path | None, *, heap: str = "256m", in_memory: bool = False) -> None:
    """Start the JVM; ``jars`` is the folder that holds ``engine/`` and ``ecj/``, or ``engine/`` itself."""
    if jars is not None:
        os.environ["KSQLENGINE_JARS"] = str(jars if (jars / "engine").is_dir() else jars.parent)
    level = (f"{jvm.LOG_LEVEL}=error",) if in_memory else ()  # skipped records are what tests are about
    # signals stay Python's; a record that cannot be read is told of in the processing log, not by a stack trace each
    jvm.start(test_driver=in_memory, heap=heap, options=("-Xrs", f"{_QUIET}RecordDeserializer=off", *level))


def open_backend(config: ServerConfig) -> Backend:
    """Give the backend that the configuration asks for."""
    if config.in_memory:
        from ksqlengine.server.memory import MemoryBackend

        return MemoryBackend(config)
    from ksqlengine.server.kafka import KafkaBackend

    return KafkaBackend(config)


if __name__ == "__main__":
    from ksqlengine import cli

    sys.exit(cli.main())
