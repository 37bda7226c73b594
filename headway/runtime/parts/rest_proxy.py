"""The embedded Kafka REST proxy."""

from __future__ import annotations

from headway.runtime.environment import python
from headway.runtime.parts.part import NotReadyError, Part, http_json, write_if_changed
from headway.runtime.program import ProgramSpec
from headway.settings import PROJECT_DIR


class RestProxy(Part):
    """The HTTP front of Kafka that weather goes through."""

    name = "rest-proxy"
    title = "Kafka REST proxy"
    depends = ("kafka",)

    @property
    def address(self) -> str:
        """Give the base URL."""
        return self.settings.rest_proxy.url

    def ports(self) -> dict[str, int]:
        """Give the HTTP port."""
        return {"REST_PROXY__PORT": self.settings.rest_proxy.port}

    def prepare(self) -> None:
        """Write how it connects to Kafka."""
        connection = self.settings.kafka.librdkafka().items()
        write_if_changed(self.folder / "kafka.properties", "".join(f"{name}={value}\n" for name, value in connection))

    def spec(self) -> ProgramSpec:
        """Give the server's program."""
        proxy = self.settings.rest_proxy
        command = [python(self.settings), "-m", "restproxy", "--port", str(proxy.port)]
        command += ["--config", str(self.folder / "kafka.properties")]
        command += ["--max-body-bytes", str(proxy.max_body_bytes)]
        return ProgramSpec(self.name, tuple(command), self.environment(), PROJECT_DIR)

    def probe(self) -> str:
        """List the topics through it."""
        topics = http_json(f"{self.address}/topics")
        if not isinstance(topics, list):
            raise NotReadyError("the list of topics is not a list")
        return "produces"
