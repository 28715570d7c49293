"""Pseudonyms: raw participant ids never reach the graph.

A pseudonym is `"p"` and 24 hex digits of HMAC-SHA256(key, raw id). The key lies in a file of its own (mode 600), beside
the graph's folder content or, for a server, in the user's config folder; the graph knows only the key's fingerprint, so
that a wrong key is refused. A tombstone is the sha256 of an erased pseudonym: enough to recognise it, not to read it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import numpy as np
import pyarrow as pa

from graphengine.errors import WrongKeyError


def pseudonym(key: bytes, raw: str) -> str:
    """The pseudonym of a raw participant id.

    Example:
        >>> len(pseudonym(b"key", "R_1abc"))
        25
    """
    return "p" + hmac.digest(key, raw.encode(errors="surrogatepass"), "sha256").hex()[:24]


def pseudonyms(key: bytes, raw: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The pseudonyms of many raw participant ids, in their order.

    Example:
        >>> pseudonyms(b"key", pa.array(["R_1abc"]))[0].as_py() == pseudonym(b"key", "R_1abc")
        True
    """
    # HMAC by its definition (RFC 2104): both padded keys are hashed once, not once per participant.
    block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    found: list[bytes] = []
    for text in raw.to_pylist():
        digest = inner.copy()
        digest.update(text.encode())
        seal = outer.copy()
        seal.update(digest.digest())
        found.append(seal.digest()[:12])
    # All are 25 characters long, so the column is made at one stroke.
    characters = b"p" + b"p".join(digest.hex().encode() for digest in found) if found else b""
    starts = np.arange(len(found) + 1, dtype=np.int32) * 25
    return pa.StringArray.from_buffers(len(found), pa.py_buffer(starts), pa.py_buffer(characters))


def tombstone(user_id: str) -> str:
    """The sha256 of a pseudonym."""
    return hashlib.sha256(user_id.encode(errors="surrogatepass")).hexdigest()


def fingerprint(key: bytes) -> str:
    """What the graph knows of the key: enough to tell it from another."""
    return hmac.digest(key, b"graphengine key fingerprint", "sha256").hex()[:16]


def server_key_file(graph_id: str) -> Path:
    """Where the key of a graph on a server lies: the user's config folder."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "graphengine" / f"{graph_id}.key"


def make_key(path: Path) -> bytes:
    """A new key, written to a file that only its owner reads."""
    key = secrets.token_bytes(32)
    write_key(path, key)
    return key


def write_key(path: Path, key: bytes) -> None:
    """Write a key to a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(path.name + ".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_key(path: Path, expected: str) -> bytes:
    """The key of a graph.

    Args:
        path: The key's file.
        expected: The fingerprint that the graph knows.

    Raises:
        WrongKeyError: If the file is missing, unreadable, or holds another graph's key.
    """
    hint = f"put the key that belongs to this graph at {path}; without it no participant can be recognised"
    key = any_key(path, expected)
    if fingerprint(key) != expected:
        raise WrongKeyError(
            f"the pseudonym key {path} belongs to another graph", hint=hint, expected=expected, found=fingerprint(key)
        )
    return key


def any_key(path: Path, expected: str = "") -> bytes:
    """The key in a file, whichever graph it belongs to.

    Raises:
        WrongKeyError: If the file is missing or holds no key.
    """
    hint = f"put the key that belongs to this graph at {path}; without it no participant can be recognised"
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        raise WrongKeyError(f"the pseudonym key {path} is missing", hint=hint, expected=expected) from None
    except (OSError, ValueError) as error:
        raise WrongKeyError(f"the pseudonym key {path} can't be read: {error}", hint=hint, expected=expected) from None
    if not key:
        raise WrongKeyError(f"the pseudonym key {path} is empty", hint=hint, expected=expected)
    return key
