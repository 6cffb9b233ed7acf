"""The options that say what is asked about the image: a class, a question, a score."""

from __future__ import annotations

import argparse

from engine.errors import TargetError
from engine.records.asked import Question, Score
from engine.targets.typed import checked, parse_cell, parse_unit


def add_question(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--class", dest="target", help="index or label (default: the top class)")
    add_asked(parser)


def add_asked(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is asked, but for the class."""
    parser.add_argument(
        "--question",
        metavar="NAME",
        help="what to ask about the class, as listed by 'questions' (default: class)",
    )
    parser.add_argument(
        "--against",
        metavar="CLASS",
        help="ask for the contrast with this class (of --question contrast, by default: the most "
        "probable other class)",
    )
    parser.add_argument(
        "--score",
        choices=[score.value for score in Score],
        help="what to take of a class (default: the logit, for Score-CAM and its kin the "
        "probability)",
    )
    parser.add_argument(
        "--unit",
        metavar="LAYER:CHANNEL[:ROW,COLUMN]",
        help="ask for one channel of a layer, or one cell of it",
    )
    parser.add_argument(
        "--cell", metavar="ROW,COLUMN", help="ask for the class at one cell of the output"
    )


def question_of(options: argparse.Namespace) -> Question:
    """The question that the options ask. Raises TargetError for those that do not fit together."""
    unit = None if options.unit is None else parse_unit(options.unit)
    cell = None if options.cell is None else parse_cell(options.cell)
    implied = [
        (options.against, "contrast"),
        (unit, "unit"),
        (cell, "cell"),
        (True, "class"),
    ]
    slug = options.question or next(name for given, name in implied if given is not None)
    score = None if options.score is None else Score(options.score)
    return checked(Question(slug, options.against, score, unit, cell))


def check_expected(options: argparse.Namespace) -> None:
    """Reject a question beside --expected, which asks three of its own. Raises TargetError."""
    for name in ("question", "against", "unit", "cell"):
        if options.expected is not None and getattr(options, name) is not None:
            raise TargetError(
                f"--expected compares two classes by itself; leave out --{name}, or --expected"
            )
