"""Columns of an index by name, and conditions on them, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.folders.index.schema import as_bytes

_CURRENT = "r.content IS i.content"

JOINED = (
    f"FROM inputs i LEFT JOIN rows r ON r.job = :job AND r.input = i.id AND {_CURRENT} "
    "WHERE i.place IS NOT NULL"
)

ERROR = "CASE WHEN i.error <> '' THEN i.error ELSE coalesce(r.error, '') END"

MORE = (
    "CASE i.more WHEN '' THEN '' ELSE "
    "(SELECT coalesce(group_concat(key || ': ' || value, ', '), '') FROM json_each(i.more)) END"
)
"""Further columns of a table as one text, 'camera: B, age: 40'"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the rows. name: in the API and in table.csv. title: in words. sql: what it is.
    kind: 'text', 'number', 'class' (an index of the network's classes) or 'flag' (0 or 1).
    about: a sentence."""

    name: str
    title: str
    sql: str
    kind: str
    about: str = ""


_ALL = (
    Column("path", "Path", "i.path", "text", "Where the file is."),
    Column("name", "Name", "i.name", "text", "Below the folder that was opened."),
    Column("label", "Label", "i.label", "text", "As the folder or the table names it."),
    Column("class_label", "Class of the label", "r.label", "class", "Which class the label is."),
    Column("prediction", "Prediction", "r.prediction", "class", "The class with the most."),
    Column("probability", "Probability", "r.probability", "number", "Of the prediction, 0 to 1."),
    Column("correct", "Correct", "r.correct", "flag", "Whether the prediction is the label."),
    Column("class", "Explained class", "r.target", "class", "Whose map it is."),
    Column("value", "Score", "r.value", "number", "Logit of the explained class."),
    Column("margin", "Margin", "r.margin", "number", "First minus second probability."),
    Column("entropy", "Entropy", "r.entropy", "number", "Of the probabilities, in nats."),
    Column("loss", "Loss", "r.loss", "number", "Cross entropy with the label."),
    Column("border", "Border energy", "r.border", "number", "Of the map, in the outer eighth."),
    Column("corners", "Corner energy", "r.corners", "number", "Of the map, in the corners."),
    Column("spread", "Spread", "r.spread", "number", "Share of the grid that the map fills."),
    Column("width", "Width", "i.width", "number", "In pixels."),
    Column("height", "Height", "i.height", "number", "In pixels."),
    Column("brightness", "Brightness", "i.brightness", "number", "Mean of the luma, 0 to 1."),
    Column("contrast", "Contrast", "i.contrast", "number", "Standard deviation of the luma."),
    Column("blur", "Sharpness", "i.blur", "number", "Variance of the Laplacian; low is blurred."),
    Column("grey", "Grey", "i.grey", "flag", "Whether there is no colour."),
    Column("error", "Error", ERROR, "text", "Why there is no map."),
    Column("verdict", "Verdict", "r.verdict", "text", "Whether the map shows anything."),
    Column("tags", "Tags", "i.tags", "text", "Given by hand."),
    Column("more", "Table", MORE, "text", "Further columns of the table that names the files."),
    Column("place", "Order", "i.place", "number", "As found."),
)

COLUMNS = {column.name: column for column in _ALL}
"""The columns by name."""


@dataclass(frozen=True, slots=True)
class Where:
    """Rows that meet a condition on one column.

    low, high: both included, of numbers; None for no end. among: equal to one of these; with None
    among them, also those without a value. contains: a text, in any case of ASCII letters. given:
    whether there is a value, and a text is not empty; None for either.
    """

    column: str
    low: float | None = None
    high: float | None = None
    among: tuple[object, ...] | None = None
    contains: str = ""
    given: bool | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that meet all conditions. numbers: only these inputs (a lasso); None for all."""

    where: tuple[Where, ...] = ()
    numbers: tuple[int, ...] | None = None

    def also(self, *where: Where) -> Selection:
        """The same rows, as far as they meet these as well."""
        return Selection((*self.where, *where), self.numbers)


ALL = Selection()


def condition(selection: Selection, has_numbers: bool) -> tuple[str, dict[str, object]]:
    """The condition as SQL that begins with AND, with its values by name.

    has_numbers: whether the table temp.chosen holds the selection's numbers. Raises KeyError for an
    unknown column.
    """
    parts: list[str] = []
    values: dict[str, object] = {}

    def value(of: object) -> str:
        name = f"v{len(values)}"
        values[name] = of
        return f":{name}"

    for one in selection.where:
        column = COLUMNS[one.column]
        if one.low is not None:
            parts.append(f"{column.sql} >= {value(one.low)}")
        if one.high is not None:
            parts.append(f"{column.sql} <= {value(one.high)}")
        if one.contains:
            text = f"CAST({value(as_bytes(one.contains))} AS TEXT)"
            parts.append(f"instr(lower({column.sql}), lower({text})) > 0")
        if one.given is not None:
            parts.append(f"coalesce({column.sql}, '') {'<>' if one.given else '='} ''")
        if one.among is not None:
            parts.append(_among(column.sql, one.among, value))
    if has_numbers:
        parts.append("i.id IN (SELECT number FROM temp.chosen)")
    return "".join(f" AND ({part})" for part in parts), values


def _among(sql: str, among: Sequence[object], value: object) -> str:
    assert callable(value)
    marks = []
    for one in among:
        if isinstance(one, str):
            marks.append(f"CAST({value(as_bytes(one))} AS TEXT)")
        elif one is not None:
            marks.append(value(int(one) if isinstance(one, bool) else one))
    parts = [f"{sql} IN ({', '.join(marks)})"] if marks else []
    if None in among:
        parts.append(f"{sql} IS NULL")
    return " OR ".join(parts) or "0"
