"""The bytes of a file: whether they are text that can be read, and their hash."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

from graphengine.errors import InputError

_CHUNK = 4 << 20
_LONGEST_LINE = 64 << 20
_OTHER_FILES = {
    b"PK\x03\x04": ("an Excel workbook or a zip file", "save the sheet as CSV UTF-8, or unpack the file"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV UTF-8 and import that"),
    b"\x1f\x8b": ("a gzip file", "unpack it first: gunzip FILE"),
    b"$FL2": ("an SPSS file", "save it as CSV UTF-8 and import that"),
    b"%PDF": ("a PDF", "import the table it was made from, as CSV UTF-8"),
}


@dataclass(frozen=True)
class Scan:
    """What a pass over the bytes shows.

    Attributes:
        encoding: `utf-8-sig` (UTF-8 with or without byte order mark), `utf-16` or `utf-32`.
        plain: Text in which every line is surely one row at most: no NUL, no blank line between others.
    """

    encoding: str
    plain: bool


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path) -> None:
    """Refuse what can't be an import at all.

    Raises:
        InputError: If there is no such file, or it is a folder, empty, unreadable, or of a kind that is not read here.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder", hint="name a file in it", file=str(path))
    if not path.is_file():
        raise InputError(f"there is no file {path}", hint="check the name; `ls` shows what is there", file=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise InputError(
            f"{path} can't be read: {error.strerror or error}", hint="check the file's permissions", file=str(path)
        ) from error
    if not head:
        raise InputError(f"{path} is empty", hint="`graphengine template` writes example files", file=str(path))
    for magic, (what, fix) in _OTHER_FILES.items():
        if head.startswith(magic):
            raise InputError(f"{path} is {what}, not text", hint=fix, file=str(path))


def scan_text(path: Path) -> Scan:
    """Check that the file is text in one encoding.

    Raises:
        InputError: If the bytes are not UTF-8 (or UTF-16/32 with a byte order mark), or a line is over 64 MB.
    """
    with path.open("rb") as file:
        encoding = _by_mark(file.read(4))
        file.seek(0)
        decoder = codecs.getincrementaldecoder(encoding)()
        offset = lines = run = 0
        plain, tail = encoding == "utf-8-sig", b""
        while chunk := file.read(_CHUNK):
            if encoding == "utf-8-sig" and offset == 0 and chunk[:4096].count(0) * 5 > len(chunk[:4096]):
                raise _wrong_encoding(path, chunk.index(0), 1, "UTF-16")
            waiting = len(decoder.getstate()[0])
            try:
                if waiting or offset == 0 or not chunk.isascii():
                    decoder.decode(chunk)
            except UnicodeDecodeError as error:
                place = max(error.start - waiting, 0)
                line = lines + chunk[:place].count(b"\n") + 1
                raise _wrong_encoding(path, offset + error.start - waiting, line, _guess(chunk, place)) from error
            if plain:
                joined = tail + chunk
                plain = not (b"\0" in chunk or b"\n\n" in joined or b"\n\r" in joined or b"\r\r" in joined)
                # Blank lines at the very end are no rows, but whether this is the end shows only with the next chunk.
                if not plain and b"\0" not in chunk and len(chunk) < _CHUNK:
                    joined = joined.rstrip(b"\r\n")
                    plain = not (b"\n\n" in joined or b"\n\r" in joined or b"\r\r" in joined)
                tail = chunk[-3:]
            run = 0 if b"\n" in chunk or b"\r" in chunk else run + len(chunk)
            if run > _LONGEST_LINE:
                raise InputError(
                    f"{path}, line {lines + 1}: a line of more than 64 MB; this is not a table",
                    hint="check that the file is the one you mean",
                    file=str(path), row=lines + 1,
                )
            lines += chunk.count(b"\n")
            offset += len(chunk)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise _wrong_encoding(path, offset - 1, lines + 1, "WINDOWS-1252") from error
    return Scan(encoding, plain)


def _by_mark(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _guess(chunk: bytes, place: int) -> str:
    """The encoding that bytes which are not UTF-8 are most likely in."""
    line = chunk[chunk.rfind(b"\n", 0, place) + 1 :]
    line = line[: line.find(b"\n")] if b"\n" in line else line[:4096]
    try:
        letters = [letter for letter in line.decode("gb18030") if letter > "\x7f"]
    except UnicodeDecodeError:
        return "WINDOWS-1252"
    chinese = sum("\u4e00" <= letter <= "\u9fff" or "\u3000" <= letter <= "\u303f" for letter in letters)
    # Accented letters of Western texts stand alone; two in a row by chance give rare ideographs, not a run of them.
    return "GB18030" if len(letters) >= 4 and chinese >= 0.9 * len(letters) else "WINDOWS-1252"


def _wrong_encoding(path: Path, offset: int, line: int, guess: str) -> InputError:
    return InputError(
        f"{path} is not UTF-8 text: byte {offset}, line {line}. It looks like {guess}",
        hint=f"iconv -f {guess} -t UTF-8 {path.name} > {path.stem}-utf8{path.suffix}   (or save it as CSV UTF-8)",
        file=str(path), offset=offset, row=line,
    )
