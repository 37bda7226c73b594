"""Look at a workbook's first bytes and zip directory before anything parses it.

What is refused here cannot cost memory: containers that are no workbook, password protection, archives whose
directory announces an attack (inflated size, ratio, entries of one name).
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

from headway.errors import WorkbookError

MAX_FILE_BYTES = 256 << 20
MAX_INFLATED_BYTES = 2 << 30
MAX_RATIO = 250.0  # real sheets of repeated rows reach about 60
RATIO_MATTERS_FROM = 1 << 20
MAX_ENTRIES = 10_000

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = b"PK\x03\x04"
RESAVE = "open it in Excel or LibreOffice and save it again as .xlsx"


def check_container(path: Path) -> None:
    """Refuse a file that cannot be a readable workbook; raise :class:`WorkbookError` that says why."""
    if not path.is_file():
        raise WorkbookError("The workbook does not exist.", where=str(path), next_step="check the name in feeds.toml")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise _refused(path, f"it has {size:,} bytes, more than {MAX_FILE_BYTES:,}", "split it into smaller workbooks")
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if start == OLE2:
                _check_ole2(path, file.read())
                return
    except OSError as error:
        raise _refused(path, f"it cannot be opened ({error.strerror})", "check the file's permissions") from error
    if start[:4] != ZIP:
        raise _refused(path, "it is not an Excel workbook (no zip archive)", RESAVE)
    _check_zip(path)


def _check_ole2(path: Path, body: bytes) -> None:
    if "EncryptedPackage".encode("utf-16-le") in body:
        raise _refused(path, "it is password-protected", "remove the password (File > Info > Protect Workbook)")
    if not any(name.encode("utf-16-le") in body for name in ("Workbook", "Book")):
        raise _refused(path, "it is an OLE2 container without a workbook", RESAVE)


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    # zipfile raises several kinds on broken directories, an out-of-range offset among them
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, OverflowError) as error:
        raise _refused(path, f"its zip directory is broken ({error})", RESAVE) from error
    if not entries:
        raise _refused(path, "its zip archive is empty", RESAVE)
    if len(entries) > MAX_ENTRIES:
        raise _refused(path, f"its zip archive has {len(entries):,} entries, more than {MAX_ENTRIES:,}", RESAVE)
    twice = sorted(name for name, count in Counter(entry.filename for entry in entries).items() if count > 1)
    if twice:
        raise _refused(path, f"its zip archive holds two entries named {twice[0]}", RESAVE)
    if any(entry.flag_bits & 1 for entry in entries):
        raise _refused(path, "it is password-protected", "remove the password")
    inflated = sum(entry.file_size for entry in entries)
    if inflated > MAX_INFLATED_BYTES:
        raise _refused(path, f"it inflates to {inflated:,} bytes, more than {MAX_INFLATED_BYTES:,}", RESAVE)
    for entry in entries:
        if entry.file_size > RATIO_MATTERS_FROM and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
            ratio = entry.file_size / max(1, entry.compress_size)
            raise _refused(path, f"its part {entry.filename} inflates {ratio:.0f}-fold, as an attack does", RESAVE)


def _refused(path: Path, why: str, next_step: str) -> WorkbookError:
    return WorkbookError(f"The workbook {path.name} cannot be read: {why}.", where=str(path), next_step=next_step)
