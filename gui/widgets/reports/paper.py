"""The paper that reports are printed on where nobody has chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale

if TYPE_CHECKING:
    from engine.records.workbench.reports import Sheet

# As Unicode's CLDR has it (supplemental data, paperSize); all others use A4.
_LETTER = frozenset(
    ["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"]
)


def usual_paper(locale: QLocale | None = None) -> Sheet:
    """The paper of a locale's country, by default of the user's."""
    country = (locale or QLocale.system()).territory()
    return "letter" if QLocale.territoryToCode(country) in _LETTER else "a4"


def paper_of(chosen: str, locale: QLocale | None = None) -> Sheet:
    """The paper that was chosen: 'a4' or 'letter', anything else for the country's."""
    match chosen:
        case "a4" | "letter":
            return chosen
    return usual_paper(locale)
