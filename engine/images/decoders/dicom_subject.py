"""Whom and when a DICOM file shows, and in which forms a file name could say so.

Attributes and their types: DICOM PS3.6; names of persons and dates: PS3.5, 6.2.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

from engine.records.images import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydicom.dataset import Dataset

_NAMES = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName")
_NUMBERS = ("PatientID", "OtherPatientIDs", "AccessionNumber")
_STUDY_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate")
_DATES = ("PatientBirthDate", *_STUDY_DATES, "AcquisitionDateTime")
_TIMES = (
    *("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "InstanceCreationTime"),
    "PatientBirthTime",
)

_PART = re.compile(r"[^\W_]+")
_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)(\d{6})?")
_TIME = re.compile(r"(\d\d):?(\d\d):?(\d\d)")
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa"})
_SIGNS = ("", "-", "_", ".", " ")
_MOST_PARTS = 6
_MOST_TOKENS = 1000


def subject_of(data: Dataset) -> Subject:
    """The patient and the date, and everything personal that a file name could contain."""
    tokens: set[str] = set()
    for word in _NAMES:
        for name in _texts(data, word):
            tokens.update(_of_name(name))
    for word in _NUMBERS:
        for number in _texts(data, word):
            tokens.update(_of_number(number))
    for word in _DATES:
        for date in _texts(data, word):
            tokens.update(_of_date(date))
    for word in _TIMES:
        for time in _texts(data, word):
            tokens.update(_of_time(time))
    dates = [date for word in _STUDY_DATES for date in _texts(data, word)]
    name = " ".join(str(data.get("PatientName", "") or "").replace("^", " ").split())
    kept = sorted(tokens, key=lambda token: (-len(token), token))[:_MOST_TOKENS]
    return Subject(name[:200], dates[0][:40] if dates else "", tuple(kept))


def _texts(data: Dataset, word: str) -> list[str]:
    """The values of an attribute, which may have several; empty ones are left out."""
    from pydicom.multival import MultiValue

    value = data.get(word)
    several = value if isinstance(value, MultiValue) else [value]
    return [text for text in (str(one or "").strip() for one in several) if text]


def _of_name(name: str) -> Iterator[str]:
    """The parts of a name, its initials, and both run together; each writing of it by itself."""
    for writing in name.split("="):
        found = _PART.findall(unicodedata.normalize("NFC", writing.lower()))[:_MOST_PARTS]
        for spell in _SPELLINGS:
            parts = [part for part in map(spell, found) if part]
            yield from parts
            for pair in itertools.permutations(parts, 2):
                yield from _run_together(pair)
            yield from _run_together(parts)
            yield from _run_together(parts[1:] + parts[:1])


def _run_together(parts: tuple[str, ...] | list[str]) -> Iterator[str]:
    """'janeroe', 'jroe', 'janer', 'jr' and 'j.r' of ('jane', 'roe')."""
    if len(parts) < 2:
        return
    first, last = parts[0], parts[-1]
    yield "".join(parts)
    yield from (sign.join(part[0] for part in parts) for sign in _SIGNS)
    yield first[0] + last
    yield first + last[0]


def _decomposed(text: str) -> str:
    """As macOS stores names."""
    return unicodedata.normalize("NFD", text)


def _bare(text: str) -> str:
    return "".join(letter for letter in _decomposed(text) if not unicodedata.combining(letter))


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    _decomposed,
    _bare,
    lambda text: text.translate(_SPELLED),
)


def _of_number(number: str) -> Iterator[str]:
    """An identifier, without its separators, and its parts of two and more characters."""
    parts = _PART.findall(number.lower())
    yield from (part for part in parts if len(part) > 1)
    if len("".join(parts)) > 1:
        yield number.lower()
        yield "".join(parts)


def _of_date(text: str) -> Iterator[str]:
    """A date in the orders and with the separators that are in use."""
    found = _DATE.match(text)
    if found is None:
        return
    year, month, day, time = found.groups()
    for order in ((year, month, day), (day, month, year), (month, day, year)):
        yield from (sign.join(order) for sign in _SIGNS)
    yield f"{year[2:]}{month}{day}"
    if time:
        yield from _of_time(time)


def _of_time(text: str) -> Iterator[str]:
    found = _TIME.match(text)
    # Midnight stands for a time that was removed, and '000000' for a first number.
    if found is None or set("".join(found.groups())) == {"0"}:
        return
    yield from (sign.join(found.groups()) for sign in (*_SIGNS, ":"))
