"""Who may come in, where the server listens, and settings that have no effect."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ksqlengine.__main__ import parse_arguments
from ksqlengine.errors import KsqlError
from ksqlengine.server.access import PEER, Access
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.settings import Listener, advertised, check_settings
from ksqlengine.server.tls import peer_context, server_context


def config(**properties: str) -> ServerConfig:
    return ServerConfig("broker:9092", service_id="t_", properties=properties)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    users = tmp_path / "password.properties"
    md5 = hashlib.md5(b"blah").hexdigest()  # noqa: S324 - the file's format
    users.write_text(
        "# the first password is that of the documentation\n"
        f"fred: OBF:1w8t1tvf1w261w8v1w1c1tvn1w8x,user,admin\nharry: changeme,user\ndick: MD5:{md5},guest\n"
    )
    jaas = tmp_path / "jaas.conf"
    jaas.write_text(
        "Other { some.Module required; };\nKsqlServer-Props {\n  org.eclipse.jetty.jaas.spi.PropertyFileLoginModule "
        f'required\n  file="{users}"\n  debug="false";\n}};\n'
    )
    return {
        "authentication.method": "BASIC",
        "authentication.realm": "KsqlServer-Props",
        "authentication.roles": "user,developer",
        "java.security.auth.login.config": str(jaas),
    }


def asked(access: Access, user: str = "", path: str = "/ksql") -> int:
    headers = {b"authorization": b"Basic " + base64.b64encode(user.encode())} if user else {}
    refused = access.refusal(path, headers)
    return refused[0] if refused else 200


def test_passwords_are_not_printed(settings: dict[str, str]) -> None:
    configured = config(**settings, **{"ssl.keystore.password": "hidden-1"})
    access = Access.of(configured)
    assert access is not None
    printed = f"{configured!r} {access!r}"
    assert "harry" in printed
    assert not [secret for secret in ("hidden-1", "changeme", "OBF:", access.peer) if secret in printed]


@pytest.mark.parametrize(
    ("user", "status"),
    [("fred:letmein", 200), ("harry:changeme", 200), ("dick:blah", 403), ("harry:", 401), ("nobody:x", 401), ("", 401)],
)
def test_users_come_in_by_password_and_role(settings: dict[str, str], user: str, status: int) -> None:
    access = Access.of(config(**settings))
    assert access is not None
    assert asked(access, user) == status


def test_servers_of_one_service_know_each_other(settings: dict[str, str]) -> None:
    one, other = Access.of(config(**settings)), Access.of(config(**settings))
    assert one is not None
    assert other is not None
    assert one.refusal("/ksql", {PEER.encode(): other.peer.encode()}) is None
    assert one.refusal("/ksql", {PEER.encode(): b"guessed"}) is not None


def test_some_paths_may_be_open(settings: dict[str, str]) -> None:
    access = Access.of(config(**settings, **{"authentication.skip.paths": "/info, /health*"}))
    assert access is not None
    assert [asked(access, path=p) for p in ("/info", "/healthcheck", "/ksql")] == [200, 200, 401]


@pytest.mark.parametrize(
    ("name", "value"),
    [("authentication.method", "BEARER"), ("authentication.realm", "Else"), ("java.security.auth.login.config", "/no")],
)
def test_authentication_that_cannot_be_honoured_stops_the_start(
    settings: dict[str, str], name: str, value: str
) -> None:
    with pytest.raises(KsqlError):
        Access.of(config(**settings | {name: value}))


def test_listens_where_the_properties_say_and_the_command_line_is_stronger(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text("bootstrap.servers=b:9092\nlisteners=http://0.0.0.0:8090\nksql.advertised.listener=http://me:99\n")
    got, _ = parse_arguments(["--config", str(file)])
    assert (got.host, got.port, got.address) == ("0.0.0.0", 8090, "me:99")  # noqa: S104 - as the file says
    got, _ = parse_arguments(["--config", str(file), "--port", "7", "--host", "127.0.0.1"])
    assert (got.host, got.port) == ("127.0.0.1", 7)
    assert Listener.of({"listeners": "https://:443"}).secure


@pytest.mark.parametrize("value", ["ftp://h:1", "http://h:99999", "http://a:1,http://b:2", "8088"])
def test_listeners_that_cannot_be_served_stop_the_start(value: str) -> None:
    with pytest.raises(KsqlError, match="listeners="):
        Listener.of({"listeners": value})


def test_other_servers_are_told_a_name_when_all_addresses_are_listened_to() -> None:
    assert advertised({}, Listener("127.0.0.1", 1, secure=False)) == ""
    assert not advertised({}, Listener("0.0.0.0", 1, secure=False)).startswith("0.0.0.0")  # noqa: S104


def test_settings_without_effect_are_named_and_those_one_relies_on_refused() -> None:
    named = check_settings(config(**{"ksql.schema.registry.url": "http://x", "ksql.streams.num.stream.threads": "2"}))
    assert len(named) == 1
    assert "ksql.schema.registry.url" in named[0]
    with pytest.raises(KsqlError, match=r"ksql\.queries\.file"):
        check_settings(config(**{"ksql.queries.file": "/q.sql"}))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with a key and its certificate for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(kind, form, serialization.NoEncryption()) + made.public_bytes(kind))
    return file


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost") -> str | None:
    """Connect two contexts in memory and give the protocol that they chose. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].selected_alpn_protocol()


def test_https_listener_offers_http2_to_clients_and_peers(certificate: Path) -> None:
    given = config(**{"ssl.keystore.location": str(certificate), "ssl.keystore.type": "PEM"})
    client = ssl.create_default_context(cafile=str(certificate))
    client.set_alpn_protocols(["h2", "http/1.1"])
    assert shake_hands(server_context(given), client) == "h2"
    shake_hands(server_context(given), peer_context(given), "another-name")


def test_https_listener_may_ask_clients_for_certificates(certificate: Path) -> None:
    store = {"ssl.keystore.location": str(certificate), "ssl.keystore.type": "PEM"}
    trust = {"ssl.truststore.location": str(certificate), "ssl.truststore.type": "PEM"}
    server = server_context(config(**store, **trust, **{"ssl.client.authentication": "REQUIRED"}))
    stranger = ssl.create_default_context(cafile=str(certificate))
    with pytest.raises(ssl.SSLError):
        shake_hands(server, stranger)
    stranger.load_cert_chain(certificate)
    shake_hands(server, stranger)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"ssl.keystore.location": "/no/such.pem", "ssl.keystore.type": "PEM"},
        {"ssl.enabled.protocols": "SSLv3"},
        {"ssl.client.authentication": "REQUIRED"},
        {"ssl.client.authentication": "MAYBE"},
    ],
)
def test_tls_that_cannot_be_honoured_stops_the_start(certificate: Path, wrong: dict[str, str]) -> None:
    store = {"ssl.keystore.location": str(certificate), "ssl.keystore.type": "PEM"} if wrong else {}
    with pytest.raises(KsqlError):
        server_context(config(**store | wrong))
