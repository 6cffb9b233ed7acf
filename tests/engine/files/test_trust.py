"""What the user agreed to: by content and path, remembered, and asked again when it changed."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from engine.errors import ConsentNeeded
from engine.files.trust import NOBODY, Trust, store_file

RISK = "a file that could do things"


def asks(trust: Trust, path: Path, sha256: str) -> bool:
    try:
        trust.require(path, sha256, RISK)
    except ConsentNeeded:
        return True
    return False


def test_nobody_has_agreed_to_anything(tmp_path: Path) -> None:
    assert asks(NOBODY, tmp_path / "a.pt", "11")


def test_the_question_names_the_file_the_risk_and_what_it_asks_for(tmp_path: Path) -> None:
    with pytest.raises(ConsentNeeded, match=r"a\.pt: a file .*os\.system.*--trust") as caught:
        NOBODY.require(tmp_path / "a.pt", "11", RISK, ("os.system",))
    error = caught.value
    assert (error.path, error.sha256, error.risk) == (tmp_path / "a.pt", "11", RISK)
    assert error.names == ("os.system",)


def test_an_agreement_is_to_the_content(tmp_path: Path) -> None:
    trust = Trust()
    trust.agree(tmp_path / "a.pt", "11")
    assert not asks(trust, tmp_path / "a.pt", "11")
    assert asks(trust, tmp_path / "a.pt", "22"), "a changed file is asked for again"


def test_an_agreement_is_remembered_under_the_files_path(tmp_path: Path) -> None:
    store = tmp_path / "settings" / "trusted.json"
    Trust(store=store).agree(tmp_path / "a.pt", "11")
    later = Trust(store=store)
    assert not asks(later, tmp_path / "a.pt", "11")
    assert asks(later, tmp_path / "a.pt", "22")
    assert asks(later, tmp_path / "other.pt", "11")
    later.agree(tmp_path / "a.pt", "22")
    later.agree(tmp_path / "b.pt", "33")
    files = json.loads(store.read_text(encoding="utf-8"))["files"]
    assert files == {str(tmp_path / "a.pt"): "22", str(tmp_path / "b.pt"): "33"}


def test_trust_on_the_command_line_covers_the_named_files_only(tmp_path: Path) -> None:
    trust = Trust(named=[tmp_path / "a.pt"])
    assert not asks(trust, tmp_path / "a.pt", "11")
    assert asks(trust, tmp_path / "b.pt", "11")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": 3}', "\x00", '{"other": {}}'])
def test_an_unreadable_store_is_told_in_the_log_and_asks_again(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "trusted.json"
    store.write_text(content, encoding="utf-8")
    trust = Trust(store=store)
    with caplog.at_level(logging.WARNING):
        assert asks(trust, tmp_path / "a.pt", "11")
    assert "trusted.json" in caplog.text
    trust.agree(tmp_path / "a.pt", "11")
    assert not asks(Trust(store=store), tmp_path / "a.pt", "11")


def test_a_store_that_cannot_be_written_is_told_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    trust = Trust(store=tmp_path / "file" / "trusted.json")
    with caplog.at_level(logging.WARNING):
        trust.agree(tmp_path / "a.pt", "11")
    assert "consent cannot be stored" in caplog.text
    assert not asks(trust, tmp_path / "a.pt", "11")


def test_the_store_lies_in_the_users_configuration_folder() -> None:
    assert store_file().name == "trusted.json"
    assert store_file().parent.name == "hookscope"


def test_what_is_named_later_is_named_beside_what_was_before(tmp_path: Path) -> None:
    early, late = tmp_path / "a.pt", tmp_path / "b.pt"
    trust = Trust(named=[early])
    trust.agree(tmp_path / "c.pt", "33")
    assert not asks(trust, early, "11")
    trust.name([late])
    for path, sha256 in ((early, "11"), (late, "22"), (tmp_path / "c.pt", "33")):
        assert not asks(trust, path, sha256)
    # Named once more, what lies there now is meant.
    assert asks(trust, early, "44")
    trust.name([early])
    assert not asks(trust, early, "44")
    assert asks(trust, early, "11")
