"""Text for a terminal, made safe: names and labels come from files and may hold any characters."""

from __future__ import annotations

import codecs
import io
import re
import sys
from typing import TextIO

__all__ = ["accept_any_encoding", "is_unicode", "json_safe", "print_line", "printable"]

# Control characters (ESC and CSI among them), lone surrogates, line and paragraph separators, and what turns the
# direction of reading round.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_HANDLER = "fourfold"
# Characters beyond ASCII in fourfold's sentences and tables.
_ASCII = {"×": "x", "–": "-", "−": "-", "…": "...", "’": "'", "·": ".", "±": "+-", "→": "->", "≤": "<=", "≥": ">="}


def printable(text: str) -> str:
    """Return `text` on one line, with characters that would steer a terminal written as code writes them."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def json_safe(text: str) -> str:
    """Return JSON with the same characters, which can stand within its strings alone, as JSON's own escapes."""
    return _UNSAFE.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def print_line(sentence: str, file: TextIO | None = None) -> None:
    """Print a sentence, on stdout unless another `file` is given."""
    print(printable(sentence), file=file)


def is_unicode(stream: TextIO) -> bool:
    """Whether a stream can hold every character."""
    return (stream.encoding or "").lower().replace("_", "-").startswith("utf")


def accept_any_encoding() -> None:
    """Let stdout and stderr write what their encoding lacks in other characters, rather than raise an error."""
    codecs.register_error(_HANDLER, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _substitute(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    characters = (_ASCII.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking)
    return "".join(characters), error.end
