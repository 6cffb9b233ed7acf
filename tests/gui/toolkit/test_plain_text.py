"""The door between texts and Qt, and that nothing of gui/ goes round it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence, Qt, QTextDocument
from PySide6.QtWidgets import QApplication, QInputDialog, QLabel, QMenu
from pytestqt.qtbot import QtBot

from gui.toolkit import plain_text
from gui.toolkit.labels import Label, LinkLabel

GUI = Path(__file__).resolve().parents[3] / "gui"

# --- what it makes of texts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<img src='file:///etc/x.png'>",
        "<b>bold</b> & more",
        "&lt;b&gt;",
        "<!doctype html>",
        "<?xml version='1.0'?><html>",
        "a <i>b</i>\n<u>c</u>",
        "<h1>",
    ],
)
def test_a_tooltip_shows_the_text_it_was_given(text: str) -> None:
    tip = plain_text.tip(text)
    if Qt.mightBeRichText(tip):
        document = QTextDocument()
        document.setHtml(tip)
        assert document.toPlainText() == text
        assert "<img" not in tip
    else:
        assert tip == text


@pytest.mark.parametrize("text", ["", "layer4.1", "a & b", "Probability < 0.1 %\nLogit 3", "1 > 0"])
def test_an_honest_tooltip_is_left_alone(text: str) -> None:
    assert plain_text.tip(text) == text


def test_long_lines_of_a_tooltip_are_folded_and_lose_nothing() -> None:
    for text in ("word " * 100, "x" * 1_500, "a path/" * 200):
        lines = plain_text.tip(text).split("\n")
        assert max(map(len, lines)) <= 120
        assert "".join(lines) == text
    assert plain_text.tip("x\n" * 10_000).count("\n") < 50


def test_words_without_end_are_shortened_and_sentences_are_not() -> None:
    sentence = "This picture cannot be read, since its file ends too early. " * 5
    assert plain_text.paragraph(sentence) == sentence
    path = "/data/models/2024-05-01/a_rather_long_name_of_a_run/best_checkpoint_of_all.pth: no"
    assert plain_text.paragraph(path) == path
    said = plain_text.paragraph(f"Open {'w' * 500}end.pth?")
    assert max(map(len, said.split())) <= 65
    assert said.endswith("end.pth?")


def test_nothing_in_a_menu_becomes_a_shortcut(qtbot: QtBot) -> None:
    menu = QMenu()
    qtbot.addWidget(menu)
    action = menu.addAction(plain_text.entry("cats & dogs\tCtrl+Q"))
    assert QKeySequence.mnemonic(action.text()).isEmpty()
    assert "\t" not in action.text()


def test_a_title_has_all_of_a_name(qtbot: QtBot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    label.setWindowTitle(plain_text.title("a[*]b.png — Hookscope"))
    label.show()
    assert label.windowHandle().title() == "a[*]b.png — Hookscope"


def test_a_question_is_text(qtbot: QtBot) -> None:
    dialog = QInputDialog()
    qtbot.addWidget(dialog)
    plain_text.ask(dialog, "<b>x</b> & y")
    dialog.show()
    (label,) = [one for one in dialog.findChildren(QLabel) if "x" in one.text()]
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert QKeySequence.mnemonic(label.text()).isEmpty()


def test_a_link_leads_where_it_says_and_nowhere_else(qtbot: QtBot) -> None:
    link = LinkLabel()
    qtbot.addWidget(link)
    link.show_link("https://terms.invalid/?a=1&b='\"><img src=x>", "at <b>terms</b>")
    document = QTextDocument()
    document.setHtml(link.text())
    assert document.toPlainText() == "at <b>terms</b>"
    link.show_text("not <i>named</i>")
    document.setHtml(link.text())
    assert document.toPlainText() == "not <i>named</i>"


def test_a_word_without_end_widens_no_window(qtbot: QtBot) -> None:
    label = Label("\\x" * 2_000)
    qtbot.addWidget(label)
    label.setWordWrap(True)
    QApplication.processEvents()
    assert label.minimumSizeHint().width() < 600


# --- nobody goes round it ------------------------------------------------------------------------

HELPERS = {"line", "paragraph", "report", "tip", "title", "entry"}
ANY = frozenset(HELPERS - {"tip"})
"""What hides nothing; which of them suits is seen by the other tests."""
TIP = frozenset({"tip"})

METHODS: dict[str, tuple[int, frozenset[str]]] = {
    # The place of the text among the arguments, and what it has to come from.
    "setText": (0, ANY),
    "setToolTip": (-1, TIP),
    "setStatusTip": (0, ANY),
    "setWindowTitle": (0, frozenset({"title"})),
    "setAccessibleName": (0, ANY),
    "setAccessibleDescription": (0, ANY),
    "setPlaceholderText": (0, ANY),
    "setPrefix": (0, ANY),
    "setSuffix": (0, ANY),
    "setTitle": (0, frozenset({"entry"})),
    "setInformativeText": (0, ANY),
    "setDetailedText": (0, ANY),
    "setPlainText": (0, ANY),
    "appendPlainText": (0, ANY),
    "setItemText": (1, ANY),
    "setTabText": (1, frozenset({"entry"})),
    "addTab": (1, frozenset({"entry"})),
    "setHeaderLabels": (0, ANY),
    "setOkButtonText": (0, frozenset({"entry"})),
    "addItems": (0, ANY),
    "addMenu": (0, frozenset({"entry"})),
    "addAction": (0, frozenset({"entry"})),
    "addItem": (0, ANY),
    "insertItem": (1, ANY),
    "setTextValue": (0, ANY),
    "setComboBoxItems": (0, ANY),
}
MAKERS = {
    "QPushButton": frozenset({"entry"}),
    "QToolButton": frozenset({"entry"}),
    "QCheckBox": frozenset({"entry"}),
    "QRadioButton": frozenset({"entry"}),
    "QGroupBox": frozenset({"entry"}),
    "QAction": frozenset({"entry"}),
    "QMenu": frozenset({"entry"}),
    "QListWidgetItem": ANY,
    "QTreeWidgetItem": ANY,
    "QStandardItem": ANY,
    "QPlainTextEdit": ANY,
    "QLineEdit": ANY,
}
_MIDDLE = "Qt.TextElideMode.ElideMiddle"
_GALLERY = "[model.name for model in engine.formats.torchvision.gallery]"
OWN = {
    # Titles of the program's own commands, whose '&' are meant; and what is no text.
    ("actions.py", "addMenu", "command.text"),
    ("actions.py", "addMenu", "f'&{title}'"),
    ("actions.py", "QAction", "command.text"),
    ("actions.py", "addAction", "self._actions.get(command.id) or self._add(command)"),
    ("actions.py", "addMenu", "actions.menu('recent_models')"),
    ("actions.py", "addAction", "action"),
    ("actions.py", "setText", "text"),  # a button of the toolbar
    ("actions.py", "QMenu", "button"),
    ("layer_menu.py", "QMenu", "parent"),
    ("layer_menu.py", "addAction", "action"),
    ("layer_menu.py", "addMenu", "_layouts(node, choose, menu)"),
    ("image_canvas.py", "addItem", "item"),  # of a scene
    ("guide_window.py", "addItem", "item"),
    ("status_bar.py", "setText", f"words.elidedText(said, {_MIDDLE}, _MOST_WIDTH)"),
    # What goes to the clipboard has been through the door before.
    ("layer_menu.py", "setText", "copied"),
    ("check_dialog.py", "setText", "self._report"),
    ("crash_dialog.py", "setText", "self._report.toPlainText()"),
    ("dialogs.py", "setText", "self._text"),  # versions and the log's place
    # Names of torchvision's classifiers.
    ("model_questions.py", "setComboBoxItems", f"{_GALLERY} if engine else []"),
    ("model_questions.py", "setTextValue", "f'{question.channels or 3}x224x224'"),
}
ELSEWHERE = {
    # Where these may stand at all; each takes a text for rich text, or asks Qt to show one.
    "QLabel": {"labels.py", "plain_text.py", "notice_bar.py", "check_dialog.py"},
    "QTextBrowser": {"guide_page.py"},
    "QTextDocument": {"guide_page.py"},
    "QMessageBox": {"dialogs.py"},
    "QToolTip": set(),
    "QWhatsThis": set(),
    "QTextEdit": set(),
    "QErrorMessage": set(),
    "QSplashScreen": set(),
    "QGraphicsTextItem": set(),
    "QProgressDialog": set(),
    "QStaticText": set(),
    "setTextFormat": {"labels.py", "plain_text.py"},
    "RichText": {"labels.py"},
    "AutoText": set(),
    "setHtml": set(),
    "setMarkdown": {"guide_page.py"},
    "insertHtml": set(),
    "setWhatsThis": set(),
    "setLabelText": {"plain_text.py"},
    "getText": set(),
    "getItem": set(),
}
DOOR = {"plain_text.py", "labels.py"}


def is_own(node: ast.expr, names: set[str]) -> bool:
    """Whether a text is one that stands in the program: a literal, or a choice of them.

    names: those of the file's constants that are.
    """
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.IfExp):
        return is_own(node.body, names) and is_own(node.orelse, names)
    if isinstance(node, ast.JoinedStr):
        return all(isinstance(part, ast.Constant) for part in node.values)
    return isinstance(node, ast.Name) and node.id in names


def is_safe(node: ast.expr, helpers: frozenset[str], names: set[str]) -> bool:
    if is_own(node, names):
        return True
    if isinstance(node, ast.IfExp):
        return is_safe(node.body, helpers, names) and is_safe(node.orelse, helpers, names)
    if isinstance(node, ast.ListComp):
        return is_safe(node.elt, helpers, names)
    if isinstance(node, ast.List):
        return all(is_safe(part, helpers, names) for part in node.elts)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "plain_text"
        and node.func.attr in helpers
    )


def text_given(call: ast.Call) -> tuple[str, ast.expr, frozenset[str]] | None:
    """Of a call that shows a text: its name, the text, and what that has to come from."""
    if not call.args:
        return None
    if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
        place, helpers = METHODS[call.func.attr]
        if call.func.attr == "addItem" and len(call.args) == 3:  # with an icon before it
            place = 1
        if place < len(call.args):
            return call.func.attr, call.args[place], helpers
    if isinstance(call.func, ast.Attribute) and call.func.attr == "addButton":
        button = isinstance(call.args[0], ast.Name | ast.Attribute)
        return None if button else ("addButton", call.args[0], frozenset({"entry"}))
    if isinstance(call.func, ast.Name) and call.func.id in MAKERS:
        return call.func.id, call.args[0], MAKERS[call.func.id]
    if isinstance(call.func, ast.Attribute) and call.func.attr == "setItemData":
        return "setItemData", call.args[1], TIP
    return None


def constants(tree: ast.Module) -> set[str]:
    """Names of the texts that a file has at its top."""
    found: set[str] = set()
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.expr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if is_own(value, found):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def round_the_door(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = constants(tree)
    for node in ast.walk(tree):
        given = text_given(node) if isinstance(node, ast.Call) else None
        if given is None:
            continue
        what, text, helpers = given
        said = ast.unparse(text)
        if (path.name, what, said) not in OWN and not is_safe(text, helpers, names):
            yield f"{path.name}:{node.lineno}: {what}({said})"


def misplaced(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = ""
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
        if path.name not in ELSEWHERE.get(name, {path.name}):
            yield f"{path.name}:{node.lineno}: {name}"


FILES = sorted(path for path in GUI.glob("*.py") if path.name not in DOOR)


def test_every_text_goes_through_the_door() -> None:
    assert [fault for path in FILES for fault in round_the_door(path)] == []


def test_what_takes_text_for_rich_text_is_where_it_is_known() -> None:
    assert [fault for path in GUI.glob("*.py") for fault in misplaced(path)] == []


@pytest.mark.parametrize(
    "code",
    [
        "widget.setToolTip(name)",
        "widget.setToolTip(plain_text.line(name))",
        "item.setToolTip(0, str(path))",
        "label.setText(f'{name} is here')",
        "window.setWindowTitle(name + ' — Hookscope')",
        "menu.addAction(path.name)",
        "menu.addAction(plain_text.line(path.name))",
        "QPushButton(offer)",
        "box.addItem(place or 'none', place)",
        "rows.addItems([name for name in names])",
        "box.setItemData(0, tip, Qt.ItemDataRole.ToolTipRole)",
        "QTreeWidgetItem(list(texts))",
    ],
)
def test_who_goes_round_it_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "some.py").write_text(f"from gui import plain_text\n{code}\n", encoding="utf-8")
    assert list(round_the_door(tmp_path / "some.py"))


@pytest.mark.parametrize(
    "code", ["label = QLabel(name)", "QMessageBox.warning(None, title, text)", "page.setHtml(text)"]
)
def test_what_would_be_rich_text_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "some.py").write_text(f"{code}\n", encoding="utf-8")
    assert list(misplaced(tmp_path / "some.py"))
