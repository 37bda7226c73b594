"""TLS on the listener with ksqlDB's settings: ``ssl.keystore.location`` and its companions, as Java names them.

A Java keystore (JKS, PKCS12) is opened by Java itself; ``ssl.keystore.type=PEM`` is a file with key and certificates.
"""

from __future__ import annotations

import ssl
import tempfile
from base64 import encodebytes
from pathlib import Path
from typing import Any

import jpype

from ksqlengine.errors import KsqlError
from ksqlengine.jvm import java
from ksqlengine.server.config import ServerConfig

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def server_context(config: ServerConfig) -> ssl.SSLContext:
    """Make the listener's TLS context. Raises KsqlError when a setting is missing or cannot be honoured."""
    settings = config.properties
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    _load(context, key_and_chain(config), settings.get("ssl.key.password", ""))
    named = [v.strip() for v in settings.get("ssl.enabled.protocols", "TLSv1.2,TLSv1.3").split(",") if v.strip()]
    versions = sorted(_VERSIONS[v] for v in named if v in _VERSIONS)
    if not versions:
        raise KsqlError(f"ssl.enabled.protocols={','.join(named)}: TLSv1.2 and TLSv1.3 are supported.")
    context.minimum_version, context.maximum_version = versions[0], versions[-1]
    old = "REQUIRED" if settings.get("ssl.client.auth", "false").lower() == "true" else "NONE"
    clients = settings.get("ssl.client.authentication", old).upper()
    if clients not in {"NONE", "REQUESTED", "REQUIRED"}:
        raise KsqlError(f"ssl.client.authentication={clients}: NONE, REQUESTED or REQUIRED.")
    if clients != "NONE":
        context.load_verify_locations(cadata=trusted(config))
        context.verify_mode = ssl.CERT_REQUIRED if clients == "REQUIRED" else ssl.CERT_OPTIONAL
    return context


def peer_context(config: ServerConfig) -> ssl.SSLContext:
    """Make the context with which another server of the service is asked: it has the same certificates."""
    pem = key_and_chain(config)
    context = ssl.create_default_context(cadata=_certificates(pem))
    context.check_hostname = False  # the certificate is what counts: it is our own
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load(context, pem, config.properties.get("ssl.key.password", ""))
    return context


def _certificates(pem: str) -> str:
    mark = "-----BEGIN CERTIFICATE-----"
    end = "-----END CERTIFICATE-----"
    return "".join(mark + part.split(end)[0] + end + "\n" for part in pem.split(mark)[1:])


def _load(context: ssl.SSLContext, pem: str, password: str) -> None:
    """Load a key and its certificates; the ssl module reads them from a file only."""
    with tempfile.TemporaryDirectory(prefix="ksql-tls-") as folder:  # only its owner may look into it
        file = Path(folder, "key.pem")
        file.touch(mode=0o600)
        file.write_text(pem, encoding="ascii")
        try:
            context.load_cert_chain(file, password=password or None)
        except (ssl.SSLError, OSError) as error:
            raise KsqlError(f"The key of ssl.keystore.location cannot be used: {error}") from error


def key_and_chain(config: ServerConfig) -> str:
    """Give the listener's private key and certificates as PEM."""
    settings = config.properties
    location = settings.get("ssl.keystore.location", "")
    if not location:
        raise KsqlError("An https listener needs ssl.keystore.location (and ssl.keystore.password).")
    if settings.get("ssl.keystore.type", "JKS").upper() == "PEM":
        return _read(location)
    store = _open(location, settings.get("ssl.keystore.password", ""))
    alias = settings.get("ksql.ssl.keystore.alias.external", "")
    names = [str(name) for name in store.aliases() if store.isKeyEntry(name) and (not alias or str(name) == alias)]
    if not names:
        raise KsqlError(f"{location} has no private key{f' named {alias}' if alias else ''}.")
    password = settings.get("ssl.key.password") or settings.get("ssl.keystore.password", "")
    key = _java(f"The key {names[0]} of {location}", lambda: store.getKey(names[0], _chars(password)))
    parts = [_pem("PRIVATE KEY", key.getEncoded())]
    parts += [_pem("CERTIFICATE", certificate.getEncoded()) for certificate in store.getCertificateChain(names[0])]
    return "".join(parts)


def trusted(config: ServerConfig) -> str:
    """Give the certificates that clients' certificates must come from, as PEM."""
    settings = config.properties
    location = settings.get("ssl.truststore.location", "")
    if not location:
        raise KsqlError("ssl.client.authentication needs ssl.truststore.location.")
    if settings.get("ssl.truststore.type", "JKS").upper() == "PEM":
        return _read(location)
    store = _open(location, settings.get("ssl.truststore.password", ""))
    found = [store.getCertificate(name) for name in store.aliases()]
    return "".join(_pem("CERTIFICATE", certificate.getEncoded()) for certificate in found if certificate is not None)


def _read(location: str) -> str:
    try:
        return Path(location).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KsqlError(f"{location} cannot be read as PEM: {error}") from error


def _open(location: str, password: str) -> Any:
    file, store = java("java.io.File")(location), java("java.security.KeyStore")
    return _java(f"The keystore {location}", lambda: store.getInstance(file, _chars(password)))


def _java(what: str, step: Any) -> Any:
    try:
        return step()
    except jpype.JException as error:
        raise KsqlError(f"{what} cannot be read: {error.getMessage()}") from None


def _chars(password: str) -> Any:
    return jpype.JString(password).toCharArray()


def _pem(kind: str, data: Any) -> str:
    return f"-----BEGIN {kind}-----\n{encodebytes(bytes(data)).decode('ascii')}-----END {kind}-----\n"
