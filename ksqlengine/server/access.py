"""HTTP basic authentication, with ksqlDB's settings and the password file that its documentation describes.

``authentication.method=BASIC`` asks for a JAAS file (``java.security.auth.login.config``, in the properties or as
``-D…`` in ``KSQL_OPTS``) whose section ``authentication.realm`` names a password file: ``user: password[,role…]``, the
password plain, ``MD5:…`` or ``OBF:…``. ``authentication.roles`` are those that may come in (``*``: any user).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from ksqlengine.errors import KsqlError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import KSQL_JSON, generic_error

PEER = "x-ksql-peer"  # how the servers of a service know each other
_LOGIN_CONFIG = "java.security.auth.login.config"


@dataclass(frozen=True)
class User:
    """A line of the password file."""

    secret: str = field(repr=False)
    roles: frozenset[str]

    def has(self, password: str) -> bool:
        """Compare a password with the file's, in constant time."""
        given = password.encode()
        if self.secret.startswith("MD5:"):
            wanted, given = self.secret[4:].lower().encode(), hashlib.md5(given).hexdigest().encode()  # noqa: S324
        elif self.secret.startswith("OBF:"):
            wanted = _clear(self.secret[4:])
        else:
            wanted = self.secret.encode()
        return hmac.compare_digest(wanted, given)


def _clear(text: str) -> bytes:
    """Undo Jetty's obfuscation: four digits of base 36 hold a byte."""
    out = bytearray()
    for at in range(0, len(text) - 3, 4):
        high, low = divmod(int(text[at : at + 4], 36), 256)
        out.append((high + low - 254) // 2 & 0xFF)
    return bytes(out)


@dataclass(frozen=True)
class Access:
    """Who may come in."""

    realm: str
    users: dict[str, User]
    roles: frozenset[str]
    skipped: tuple[str, ...]
    peer: str = field(repr=False)  # the word by which another server of the service is known

    @staticmethod
    def of(config: ServerConfig) -> Access | None:
        """Read the settings; None when anybody may come in. Raises KsqlError when they cannot be honoured."""
        settings = config.properties
        method = settings.get("authentication.method", "NONE").upper()
        if method == "NONE":
            return None
        if method != "BASIC":
            raise KsqlError(f"authentication.method={method} is not supported here: NONE or BASIC.")
        realm = settings.get("authentication.realm", "")
        file = _password_file(settings.get(_LOGIN_CONFIG) or _from_environment(), realm)
        text = file.read_text(encoding="utf-8")
        users = _users(text, file)
        roles = frozenset(r.strip() for r in settings.get("authentication.roles", "*").split(",") if r.strip())
        skipped = tuple(p.strip() for p in settings.get("authentication.skip.paths", "").split(",") if p.strip())
        peer = hmac.new(text.encode(), f"peer of {config.service_id}".encode(), "sha256").hexdigest()
        return Access(realm, users, roles, skipped, peer)

    def refusal(self, path: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Say why a request may not come in: (HTTP status, message), or None when it may."""
        if any(fnmatchcase(path, pattern) for pattern in self.skipped):
            return None
        if hmac.compare_digest(headers.get(PEER.encode(), b""), self.peer.encode()):
            return None
        scheme, _, encoded = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"basic":
            return 401, "Unauthorized"
        try:
            name, _, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return 401, "Unauthorized"
        user = self.users.get(name)
        if user is None or not user.has(password):
            return 401, "Unauthorized"
        if "*" in self.roles or "**" in self.roles or self.roles & user.roles:
            return None
        return 403, f"{name} has none of the roles that may use this server (authentication.roles)."


def _from_environment() -> str:
    found = re.search(r"-Djava\.security\.auth\.login\.config=(\S+)", os.environ.get("KSQL_OPTS", ""))
    return found.group(1) if found else ""


def _password_file(jaas: str, realm: str) -> Path:
    if not jaas or not realm:
        raise KsqlError(
            f"authentication.method=BASIC needs authentication.realm and a JAAS file ({_LOGIN_CONFIG}, in the "
            "properties or as -D option in KSQL_OPTS)."
        )
    try:
        text = Path(jaas).read_text(encoding="utf-8")
    except OSError as error:
        raise KsqlError(f"The JAAS file cannot be read: {error}") from error
    section = re.search(rf"(?:^|\s){re.escape(realm)}\s*\{{(.*?)\}}\s*;", text, re.DOTALL)
    file = re.search(r'PropertyFileLoginModule\b[^;]*?\bfile\s*=\s*"([^"]+)"', section.group(1)) if section else None
    if file is None:
        raise KsqlError(f'{jaas} has no section {realm} with a PropertyFileLoginModule and its file="…".')
    if not Path(file.group(1)).is_file():
        raise KsqlError(f"The password file {file.group(1)} that {jaas} names does not exist.")
    return Path(file.group(1))


def _users(text: str, file: Path) -> dict[str, User]:
    users = {}
    for line in text.splitlines():
        name, separator, rest = line.strip().partition(":")
        if not separator or name.startswith("#"):
            continue
        secret, *roles = [part.strip() for part in rest.split(",")]
        if secret.startswith("CRYPT:"):
            raise KsqlError(f"{file}: the password of {name} is CRYPT:, which is not supported: plain, MD5: or OBF:.")
        users[name.strip()] = User(secret, frozenset(roles))
    if not users:
        raise KsqlError(f"{file} has no user.")
    return users


class Guarded:
    """The application behind a check of who asks."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer 401 or 403."""
        refusal = self._access.refusal(scope["path"], dict(scope["headers"])) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, message = refusal
        body = json.dumps(generic_error(status * 100, message)).encode()
        headers = [(b"content-type", KSQL_JSON.encode()), (b"content-length", str(len(body)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", f'Basic realm="{self._access.realm}"'.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
