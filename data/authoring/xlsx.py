"""Write a workbook as the same bytes every time.

openpyxl stamps the time of writing into the file, takes 10 s for our million cells and writes other bytes when lxml
is installed. What we need of the format (strings, numbers, booleans, a few number formats, frozen and filtered
headers) is small, so it is written here; ``tests/unit/data`` reads the result with openpyxl and calamine.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
STAMP = (1980, 1, 1, 0, 0, 0)  # zip's own epoch: no time of writing

# Number formats of columns; the cell style of format i is 2 + i (0 is plain, 1 is the header, 'wrap' is last).
FORMATS = ("0", "#,##0", "0.0", "0.000000")
WRAP = 2 + len(FORMATS)
TITLE = WRAP + 1


@dataclass(frozen=True)
class Column:
    """A column: its header (with the unit), its width in characters, the number format of its cells."""

    header: str
    width: float
    number_format: str = ""

    @property
    def style(self) -> int:
        """Give the cell style's index."""
        return 2 + FORMATS.index(self.number_format) if self.number_format else 0


@dataclass(frozen=True)
class Sheet:
    """A table: header in row 1, frozen and filtered; or, without ``table``, a page of text with a title on top."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]
    table: bool = True


def write_workbook(path: Path, title: str, sheets: Sequence[Sheet]) -> None:
    """Write ``sheets`` to ``path``; the same input gives the same bytes (with the same zlib).

    Cells may be str, int, float, bool or None (no cell). Raises TypeError for anything else.
    """
    strings: dict[str, int] = {}
    parts = {f"xl/worksheets/sheet{i}.xml": _sheet(sheet, strings, i == 1) for i, sheet in enumerate(sheets, 1)}
    parts |= {
        "[Content_Types].xml": _content_types(len(sheets)),
        "_rels/.rels": _relations(
            [
                ("officeDocument", f"{RELATIONS}/officeDocument", "xl/workbook.xml"),
                ("core", f"{PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
            ]
        ),
        "docProps/core.xml": _core(title),
        "xl/workbook.xml": _workbook(sheets),
        "xl/_rels/workbook.xml.rels": _relations(
            [(f"sheet{i}", f"{RELATIONS}/worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(sheets) + 1)]
            + [
                ("styles", f"{RELATIONS}/styles", "styles.xml"),
                ("strings", f"{RELATIONS}/sharedStrings", "sharedStrings.xml"),
            ]
        ),
        "xl/styles.xml": _styles(),
        "xl/sharedStrings.xml": _shared(strings),
    }
    with zipfile.ZipFile(path, "w") as file:
        # The content types come first, as Office writes them; some readers look there for the file's kind.
        for name in sorted(parts, key=lambda name: (name != "[Content_Types].xml", name)):
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            file.writestr(info, parts[name], compresslevel=9)


def _letter(index: int) -> str:
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _sheet(sheet: Sheet, strings: dict[str, int], first: bool) -> str:
    letters = [_letter(i) for i in range(len(sheet.columns))]
    styles = [f' s="{column.style}"' if column.style else "" for column in sheet.columns]
    lines: list[str] = []
    if sheet.table:
        headers = zip(letters, (column.header for column in sheet.columns), strict=True)
        cells = [f'<c r="{a}1" s="1" t="s"><v>{_index(text, strings)}</v></c>' for a, text in headers]
        lines.append(f'<row r="1">{"".join(cells)}</row>')
    for number, row in enumerate(sheet.rows, len(lines) + 1):
        if not sheet.table:
            styles = [f' s="{TITLE if number == 1 else WRAP}"'] * len(letters)
        cells = []
        for letter, style, value in zip(letters, styles, row, strict=True):
            if value is None:
                continue
            kind = type(value)
            if kind is str:
                text = f'<c r="{letter}{number}"{style} t="s"><v>{_index(str(value), strings)}</v></c>'
            elif kind is bool:
                text = f'<c r="{letter}{number}"{style} t="b"><v>{int(bool(value))}</v></c>'
            elif kind is int or kind is float:
                text = f'<c r="{letter}{number}"{style}><v>{value!r}</v></c>'
            else:
                raise TypeError(f"cell {sheet.name}!{letter}{number}: a {kind.__name__} has no place in a workbook")
            cells.append(text)
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    widths = "".join(
        f'<col min="{i}" max="{i}" width="{column.width}" customWidth="1"/>'
        for i, column in enumerate(sheet.columns, 1)
    )
    selected = ' tabSelected="1"' if first else ""
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' if sheet.table else ""
    grid = "" if sheet.table else ' showGridLines="0"'
    last = f"{letters[-1]}{len(lines)}"
    return (
        f'{HEAD}<worksheet xmlns="{MAIN}"><dimension ref="A1:{last}"/>'
        f'<sheetViews><sheetView workbookViewId="0"{selected}{grid}>{pane}</sheetView></sheetViews>'
        f'<sheetFormatPr defaultRowHeight="15"/><cols>{widths}</cols><sheetData>{"".join(lines)}</sheetData>'
        + (f'<autoFilter ref="A1:{last}"/>' if sheet.table else "")
        + "</worksheet>"
    )


def _index(text: str, strings: dict[str, int]) -> int:
    return strings.setdefault(text, len(strings))


def _shared(strings: dict[str, int]) -> str:
    items = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in strings)
    return f'{HEAD}<sst xmlns="{MAIN}" uniqueCount="{len(strings)}">{items}</sst>'


def _styles() -> str:
    formats = "".join(f'<numFmt numFmtId="{164 + i}" formatCode="{text}"/>' for i, text in enumerate(FORMATS))
    plain = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    header = '<xf numFmtId="0" fontId="1" fillId="2" borderId="0" xfId="0" applyFont="1" applyFill="1"/>'
    numbers = "".join(
        f'<xf numFmtId="{164 + i}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for i in range(len(FORMATS))
    )
    wrap = (
        '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" applyAlignment="1">'
        '<alignment vertical="top" wrapText="1"/></xf>'
    )
    title = '<xf numFmtId="0" fontId="2" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    font = '<sz val="{}"/><name val="Calibri"/><family val="2"/>'
    return (
        f'{HEAD}<styleSheet xmlns="{MAIN}"><numFmts count="{len(FORMATS)}">{formats}</numFmts>'
        f'<fonts count="3"><font>{font.format(11)}</font>'
        f'<font><b/><sz val="11"/><color rgb="FFFFFFFF"/><name val="Calibri"/><family val="2"/></font>'
        f"<font><b/>{font.format(16)}</font></fonts>"
        '<fills count="3"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid">'
        '<fgColor rgb="FF1F4E79"/><bgColor indexed="64"/></patternFill></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        f'<cellXfs count="{TITLE + 1}">{plain}{header}{numbers}{wrap}{title}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )


def _workbook(sheets: Sequence[Sheet]) -> str:
    names = "".join(
        f'<sheet name="{escape(sheet.name)}" sheetId="{i}" r:id="sheet{i}"/>' for i, sheet in enumerate(sheets, 1)
    )
    return (
        f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><bookViews><workbookView activeTab="0"/></bookViews>'
        f"<sheets>{names}</sheets></workbook>"
    )


def _relations(items: Sequence[tuple[str, str, str]]) -> str:
    links = "".join(f'<Relationship Id="{name}" Type="{kind}" Target="{target}"/>' for name, kind, target in items)
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'


def _core(title: str) -> str:
    return (
        f'{HEAD}<cp:coreProperties xmlns:cp="{PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>Headway</dc:creator></cp:coreProperties>"
    )


def _content_types(sheets: int) -> str:
    prefix = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = [("/xl/workbook.xml", f"{prefix}.sheet.main+xml")]
    overrides += [(f"/xl/worksheets/sheet{i}.xml", f"{prefix}.worksheet+xml") for i in range(1, sheets + 1)]
    overrides += [
        ("/xl/styles.xml", f"{prefix}.styles+xml"),
        ("/xl/sharedStrings.xml", f"{prefix}.sharedStrings+xml"),
        ("/docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml"),
    ]
    items = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in overrides)
    return (
        f'{HEAD}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{items}</Types>'
    )
