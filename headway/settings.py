"""The one typed settings object.

Sources, strongest first: process environment (``HEADWAY__KAFKA__BOOTSTRAP_SERVERS=…``), the project's ``.env``, the
secrets that the embedded runtime made at its first start (``<state_dir>/secrets.env``), defaults. Every address and
credential that any part uses is here; ``headway config`` prints it with secrets masked.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from headway.errors import SettingsError

PROJECT_DIR = Path(__file__).resolve().parent.parent
PREFIX = "HEADWAY__"
LOOPBACK = "127.0.0.1"


def in_project(path: Path) -> Path:
    """Give a path that does not depend on the working directory: a relative one counts from the project's folder."""
    return PROJECT_DIR / path.expanduser()


Place = Annotated[Path, AfterValidator(in_project)]


class KafkaSettings(BaseModel):
    """Kafka as every client sees it; the security fields are librdkafka's own names with the dots as underscores."""

    port: int = Field(9092, description="port of the embedded broker")
    controller_port: int = Field(9093, description="port of the embedded controller")
    bootstrap_servers: str = Field("", description="host:port list; empty: the embedded broker")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="as in Kafka's clients"
    )
    sasl_mechanism: str = Field("", description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512")
    sasl_username: str = Field("", description="user of a SASL cluster")
    sasl_password: SecretStr = Field(SecretStr(""), description="its password")
    ssl_ca_location: str = Field("", description="PEM file of the certificate authority")
    replication_factor: int = Field(1, description="of the topics that Headway creates")

    @model_validator(mode="after")
    def _address(self) -> KafkaSettings:
        self.bootstrap_servers = self.bootstrap_servers or f"{LOOPBACK}:{self.port}"
        return self

    def librdkafka(self) -> dict[str, Any]:
        """Give the connection part of a confluent-kafka configuration (secrets in the clear: never log it)."""
        out: dict[str, Any] = {"bootstrap.servers": self.bootstrap_servers, "security.protocol": self.security_protocol}
        if self.sasl_mechanism:
            out |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password.get_secret_value(),
            }
        if self.ssl_ca_location:
            out["ssl.ca.location"] = self.ssl_ca_location
        return out

    def java(self) -> dict[str, str]:
        """Give the same for a JVM client (Connect, Kafka Streams, Spark with the prefix ``kafka.``)."""
        out = {"bootstrap.servers": self.bootstrap_servers, "security.protocol": self.security_protocol}
        if self.sasl_mechanism:
            module = "plain.PlainLoginModule" if self.sasl_mechanism == "PLAIN" else "scram.ScramLoginModule"
            password = self.sasl_password.get_secret_value().replace("\\", "\\\\").replace('"', '\\"')
            out |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.jaas.config": f"org.apache.kafka.common.security.{module} required "
                f'username="{self.sasl_username}" password="{password}";',
            }
        if self.ssl_ca_location:
            out |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": self.ssl_ca_location}
        return out


class PostgresSettings(BaseModel):
    """The database that holds ``stations`` (and, in another database of the server, Airflow's own tables)."""

    host: str = Field(LOOPBACK, description="the server")
    port: int = Field(5433, description="its port")
    database: str = Field("transit", description="the database that holds `stations`")
    user: str = Field("headway", description="owner of the databases; needs REPLICATION for Connect")
    password: SecretStr = Field(SecretStr(""), description="generated at first start when embedded")
    airflow_database: str = Field("airflow", description="the database of Airflow itself")
    # What Connect uses to reach the same server; under compose it is another host name than ours.
    connect_host: str = Field("", description="the server as Kafka Connect sees it; empty: the same host")
    connect_port: int = Field(0, description="its port as Kafka Connect sees it; 0: the same port")

    def dsn(self, database: str = "") -> str:
        """Give a libpq connection URL (holds the password: never log it)."""
        from urllib.parse import quote

        password = quote(self.password.get_secret_value(), safe="")
        return f"postgresql://{quote(self.user)}:{password}@{self.host}:{self.port}/{database or self.database}"


class HttpServiceSettings(BaseModel):
    """An HTTP service: embedded at ``port``, or anywhere at ``url``."""

    port: int = Field(description="port of the embedded service")
    url: str = Field("", description="base URL; empty: the embedded service")
    username: str = Field("", description="user, where the service asks for one")
    password: SecretStr = Field(SecretStr(""), description="its password")

    @model_validator(mode="after")
    def _address(self) -> HttpServiceSettings:
        self.url = (self.url or f"http://{LOOPBACK}:{self.port}").rstrip("/")
        return self

    def auth(self) -> tuple[str, str] | None:
        """Give (user, password) for HTTP basic authentication, or None."""
        return (self.username, self.password.get_secret_value()) if self.username else None


class ConnectSettings(HttpServiceSettings):
    """Kafka Connect's REST API."""

    port: int = Field(8083, description="port of the embedded worker")


class RestProxySettings(HttpServiceSettings):
    """The Kafka REST proxy (Confluent v2 JSON)."""

    port: int = Field(8082, description="port of the embedded proxy")
    max_body_bytes: int = Field(1_048_576, description="a larger request is refused with 413")


class KsqlSettings(HttpServiceSettings):
    """ksqlDB, or the embedded engine."""

    port: int = Field(8088, description="port of the embedded engine")
    service_id: str = Field("headway_", description="ksqlDB's `ksql.service.id`")


class AirflowSettings(HttpServiceSettings):
    """Airflow's API server; user and password are those of its login page."""

    port: int = Field(8080, description="port of the API server and UI")
    log_server_port: int = Field(8793, description="port of the worker log server")
    triggerer_log_port: int = Field(8794, description="port of the triggerer's log server")
    scheduler_health_port: int = Field(8974, description="port of the scheduler's health check")
    username: str = Field("admin", description="user of the UI")
    jwt_secret: SecretStr = Field(SecretStr(""), description="signs tokens; generated at first start when embedded")
    fernet_key: SecretStr = Field(SecretStr(""), description="encrypts connections; generated when embedded")
    parallelism: int = Field(6, description="tasks that run at once")
    watch: bool = Field(True, description="whether the DAG `transit_health` is on from the start")


class SparkSettings(BaseModel):
    """The standalone cluster and what a job gets by default."""

    master_port: int = Field(7077, description="port of the embedded master")
    master_ui_port: int = Field(8180, description="port of its page")
    worker_ui_port: int = Field(8181, description="port of the worker's page")
    driver_ui_port: int = Field(4040, description="UI port of the running driver")
    master_url: str = Field("", description="spark://host:port; empty: the embedded master")
    worker_cores: int = Field(4, description="cores offered by the embedded worker (more than it has, on purpose)")
    worker_memory: str = Field("3g", description="memory offered by the embedded worker")
    driver_memory: str = Field("512m", description="of a job, unless it says otherwise")
    executor_memory: str = Field("768m", description="of a job, unless it says otherwise")
    executor_cores: int = Field(2, description="cores of one executor (one JVM with two is 0.6 GB less than two)")
    total_executor_cores: int = Field(2, description="spark.cores.max of one application")
    shuffle_partitions: int = Field(4, description="spark.sql.shuffle.partitions")
    jars_dir: Place | None = Field(None, description="folder of the Kafka connector's jars; empty: the installed ones")
    driver_host: str = Field("", description="the driver's address as executors elsewhere reach it; embedded: loopback")

    @model_validator(mode="after")
    def _address(self) -> SparkSettings:
        self.master_url = self.master_url or f"spark://{LOOPBACK}:{self.master_port}"
        return self


class FaustSettings(BaseModel):
    """The Faust workers (the web port is that of the first, the next worker has the next)."""

    # not Faust's own 6066: a standalone Spark master answers there
    web_port: int = Field(6166, description="web port of the first worker")
    workers: int = Field(2, description="one active and its standbys")
    worker_urls: str = Field("", description="base URLs of the workers, separated by commas; empty: the embedded ones")

    def urls(self) -> list[str]:
        """Give the base URL of each worker's web server."""
        given = [url.strip().rstrip("/") for url in self.worker_urls.split(",") if url.strip()]
        return given or [f"http://{LOOPBACK}:{self.web_port + number}" for number in range(self.workers)]


class ReplaySettings(BaseModel):
    """Defaults of a replay."""

    seed: int = Field(7, description="of what is drawn (train delays)")
    commit_rows: int = Field(20_000, ge=1, description="rows of one transaction at the most")
    commit_ms: int = Field(500, ge=10, description="milliseconds of one transaction at the most")
    wait_s: float = Field(60, gt=0, description="seconds to wait for a broker or proxy that is away")
    feeds_file: Place = Field(PROJECT_DIR / "data" / "feeds.toml", description="the description of the feeds")


class Settings(BaseSettings):
    """Everything that differs between machines and between the embedded, compose and external profiles."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore")

    profile: Literal["embedded", "compose", "external"] = Field("embedded", description="who runs the parts")
    install_dir: Place = Field(PROJECT_DIR / ".headway" / "install", description="environments and Java artefacts")
    state_dir: Place = Field(
        PROJECT_DIR / ".headway" / "state", description="data, logs, secrets of the embedded parts"
    )
    data_dir: Place = Field(PROJECT_DIR / "data", description="where workbooks named in feeds.toml are looked up")
    output_dir: Place | None = Field(None, description="Spark's files; empty: <state_dir>/output")
    timezone: str = Field("America/Chicago", description="time zone of the service days")

    kafka: KafkaSettings = KafkaSettings()
    postgres: PostgresSettings = PostgresSettings()
    connect: ConnectSettings = ConnectSettings()
    rest_proxy: RestProxySettings = RestProxySettings()
    ksql: KsqlSettings = KsqlSettings()
    airflow: AirflowSettings = AirflowSettings()
    spark: SparkSettings = SparkSettings()
    faust: FaustSettings = FaustSettings()
    replay: ReplaySettings = ReplaySettings()

    @property
    def output(self) -> Path:
        """Give the folder of Spark's output."""
        return self.output_dir or self.state_dir / "output"

    @property
    def secrets_file(self) -> Path:
        """Give the file of generated passwords (mode 600)."""
        return self.state_dir / "secrets.env"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, ``.env``, generated secrets."""
        user_env = DotEnvSettingsSource(settings_cls, env_file=PROJECT_DIR / ".env")
        # the secrets are where the state is, whichever source says where that is
        said = (source().get("state_dir") for source in (init_settings, env_settings, user_env))
        state_dir = in_project(Path(next(filter(None, said), cls.model_fields["state_dir"].default)))
        generated = DotEnvSettingsSource(settings_cls, env_file=state_dir / "secrets.env")
        return init_settings, env_settings, user_env, generated


@lru_cache(maxsize=1)
def load() -> Settings:
    """Load the settings once a process.

    Raises :class:`SettingsError` that names the variable when a value makes no sense.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "__".join(str(part).upper() for part in first["loc"])
        raise SettingsError(
            f"The setting {name} makes no sense: {first['msg']}.",
            where="the environment, .env or secrets.env",
            next_step=f"correct {name}; `headway config` lists every setting with its default",
        ) from error
