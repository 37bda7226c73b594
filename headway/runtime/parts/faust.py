"""The Faust workers: one active, the others standbys. Airflow starts them; `up` only registers them."""

from __future__ import annotations

from headway.runtime.environment import python
from headway.runtime.parts.part import NotReadyError, Part, http_status
from headway.runtime.program import ProgramSpec
from headway.settings import LOOPBACK, PROJECT_DIR, Settings


class FaustWorker(Part):
    """One worker, with a web port and a data folder of its own."""

    title = "Faust worker"
    depends = ("kafka",)
    started_by_up = False

    def __init__(self, settings: Settings, number: int) -> None:
        self.number = number
        self.name = f"faust-worker-{number}"
        super().__init__(settings)
        self.folder = settings.state_dir.resolve() / "faust" / str(number)

    @property
    def port(self) -> int:
        """Give its web port."""
        return self.settings.faust.web_port + self.number - 1

    @property
    def address(self) -> str:
        """Give the address of its web server."""
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Make the parent of its data folder, which Faust does not."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def spec(self) -> ProgramSpec:
        """Give the worker's program."""
        command = [python(self.settings, "faust"), "-m", "faust_app", "worker", "--web-port", str(self.port)]
        command += ["--datadir", str(self.folder)]
        return ProgramSpec(self.name, tuple(command), self.environment(), PROJECT_DIR, stop_seconds=20)

    def probe(self) -> str:
        """Ask its web server."""
        status, _ = http_status(f"{self.address}/", timeout_s=3)
        if status >= 500:
            raise NotReadyError(f"{self.address} answers {status}")
        return "answers"
