"""The objects of a PDF file, numbered, and the file that they make."""

from __future__ import annotations

import zlib


class Objects:
    """Objects by number, from 1."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    def reserve(self) -> int:
        """The number of an object that is put later."""
        self._bodies.append(b"")
        return len(self._bodies)

    def put(self, at: int, body: str | bytes) -> None:
        """The body of an object that was reserved."""
        self._bodies[at - 1] = body.encode("latin-1") if isinstance(body, str) else body

    def add(self, body: str | bytes) -> int:
        """A new object; returns its number."""
        at = self.reserve()
        self.put(at, body)
        return at

    def stream(self, data: bytes, facts: str = "") -> int:
        """A new stream of this content, compressed; facts: entries of its dictionary."""
        packed = zlib.compress(data, 6)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode {facts} >>\nstream\n"
        return self.add(head.encode("latin-1") + packed + b"\nendstream")

    def file(self, root: int, info: int) -> bytes:
        """The whole file. root, info: the numbers of the catalog and of the properties."""
        # Bytes above 127 in the second line say that the file is binary.
        parts, places = [b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"], []
        length = len(parts[0])
        for at, body in enumerate(self._bodies, start=1):
            places.append(length)
            parts.append(b"%d 0 obj\n" % at + body + b"\nendobj\n")
            length += len(parts[-1])
        count = len(places) + 1
        table = [b"xref\n0 %d\n" % count, b"0000000000 65535 f \n"]
        table += [b"%010d 00000 n \n" % place for place in places]
        trailer = (
            f"trailer\n<< /Size {count} /Root {root} 0 R /Info {info} 0 R >>\n"
            f"startxref\n{length}\n%%EOF\n"
        )
        return b"".join([*parts, *table, trailer.encode("ascii")])


def number(value: float) -> str:
    """A plain decimal: PDF knows no exponents."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def text_string(text: str) -> str:
    """A string in any script."""
    return f"<{(chr(0xFEFF) + text).encode('utf-16-be', 'replace').hex().upper()}>"
