"""Class names from text, CSV and JSON files, good and bad."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.loading.class_name_files import MAX_BYTES
from engine.loading.class_names import read_class_names

CATS = ("cat", "dog", "Übergrößenträger", "tench, Tinca tinca")


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


GOOD: dict[str, tuple[str, str | bytes]] = {
    "lines": ("a.txt", "cat\ndog\nÜbergrößenträger\ntench, Tinca tinca\n"),
    "lines of Windows": ("a.txt", "cat\r\ndog\r\nÜbergrößenträger\r\ntench, Tinca tinca\r\n\r\n"),
    "no last line end, odd spaces": ("a.TXT", "cat \n dog\nÜbergrößenträger\ntench,  Tinca tinca"),
    "byte order mark": ("a.txt", "\ufeffcat\ndog\nÜbergrößenträger\ntench, Tinca tinca"),
    "UTF-16": ("a.txt", "cat\ndog\nÜbergrößenträger\ntench, Tinca tinca".encode("utf-16")),
    "Windows-1252": ("a.txt", "cat\ndog\nÜbergrößenträger\ntench, Tinca tinca".encode("cp1252")),
    "CSV with header": (
        "a.csv",
        'index,name\n0,cat\n1,dog\n2,Übergrößenträger\n3,"tench, Tinca tinca"\n',
    ),
    "CSV without header, any order": (
        "a.csv",
        '2,Übergrößenträger\n3,"tench, Tinca tinca"\n1,dog\n0,cat\n',
    ),
    "CSV of names": ("a.csv", 'cat\ndog\nÜbergrößenträger\n"tench, Tinca tinca"\n'),
    "CSV of names with header": (
        "a.csv",
        'name\ncat\ndog\nÜbergrößenträger\n"tench, Tinca tinca"\n',
    ),
    "CSV, the name first": (
        "a.csv",
        'name,id\ncat,0\ndog,1\n"tench, Tinca tinca",3\nÜbergrößenträger,2\n',
    ),
    "CSV with semicolons": (
        "a.csv",
        "id;label\n0;cat\n1;dog\n2;Übergrößenträger\n3;tench, Tinca tinca\n",
    ),
    "CSV with tabs": ("a.csv", "0\tcat\n1\tdog\n2\tÜbergrößenträger\n3\ttench, Tinca tinca\n"),
    "CSV with more columns": (
        "a.csv",
        'index,wnid,name\n0,n1,cat\n1,n2,dog\n2,n3,Übergrößenträger\n3,n4,"tench, Tinca tinca"\n',
    ),
    "CSV, byte order mark": (
        "a.csv",
        '\ufeffindex,name\n0,cat\n1,dog\n2,Übergrößenträger\n3,"tench, Tinca tinca"',
    ),
    "list": ("a.json", json.dumps(CATS)),
    "index to name": ("a.json", json.dumps(dict(enumerate(CATS)))),
    "name to index": ("a.json", json.dumps({name: n for n, name in enumerate(CATS)})),
    "index to wordnet and name": (
        "a.json",
        json.dumps({n: [f"n{n}", name] for n, name in enumerate(CATS)}),
    ),
    "id2label of a configuration": (
        "config.json",
        json.dumps(
            {
                "model_type": "vit",
                "image_size": 224,
                "label2id": {name: n for n, name in enumerate(CATS)},
                "id2label": dict(enumerate(CATS)),
            }
        ),
    ),
    "nested list": ("a.json", json.dumps({"version": 1, "names": CATS})),
    "records": (
        "a.json",
        json.dumps([{"id": n, "name": name} for n, name in reversed(list(enumerate(CATS)))]),
    ),
    "pairs": ("a.json", json.dumps([[n, name] for n, name in enumerate(CATS)])),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_read(kind: str, tmp_path: Path) -> None:
    assert read_class_names(written(tmp_path, *GOOD[kind])) == CATS


def test_two_classes_may_have_one_name(tmp_path: Path) -> None:
    """As ImageNet's crane, the bird and the machine."""
    assert read_class_names(written(tmp_path, "a.txt", "crane\nbus\ncrane")) == (
        "crane",
        "bus",
        "crane",
    )
    text = '{"crane": 0, "bus": 1, "crane": 2}'
    assert read_class_names(written(tmp_path, "a.json", text)) == ("crane", "bus", "crane")


def test_halves_of_characters_become_question_marks(tmp_path: Path) -> None:
    names = read_class_names(written(tmp_path, "a.json", '["a\\ud800b", "c"]'))
    assert names == ("a?b", "c")


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "empty": ("a.txt", "", "contains no class names"),
    "blank": ("a.txt", "\n \n", "contains no class names"),
    "empty CSV": ("a.csv", "\n\n", "contains no class names"),
    "empty list": ("a.json", "[]", "contains no class names"),
    "empty object": ("a.json", "{}", "contains no class names"),
    "gap in a text": ("a.txt", "cat\n\ndog\n", "the name of class 1 is empty"),
    "long line": ("a.txt", "cat\n" + "x" * 501, "class 1 has 501 characters"),
    "picture": ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
    "undefined bytes": ("a.txt", b"cat\n\x81\x8d\n", "not a text file"),
    "half of UTF-16": ("a.txt", b"\xff\xfec\0a", "not a text file"),
    "another suffix": ("a.xlsx", "cat", r"\.txt, \.csv or \.json"),
    "missing index": ("a.csv", "index,name\n0,cat\n2,dog\n", "index 1 is missing"),
    "from one": ("a.csv", "1,cat\n2,dog\n", "index 0 is missing; indices start at 0"),
    "twice": ("a.csv", "0,cat\n1,dog\n1,cow\n", "row 3: index 1 is given twice"),
    "no index": ("a.csv", "0,cat\none,dog\n", "row 2: 'one' is not an index"),
    "too large an index": ("a.csv", "0,cat\n999999,dog\n", "index 999999 is out of range"),
    "open quote": ("a.csv", '0,"cat\n1,dog\n', "malformed CSV"),
    "missing key": ("a.json", '{"0": "cat", "2": "dog"}', "index 1 is missing"),
    "key twice": ("a.json", '{"0": "cat", "0": "dog"}', "key 0: index 0 is given twice"),
    "value twice": ("a.json", '{"cat": 0, "dog": 0}', "'dog': index 0 is given twice"),
    "negative": ("a.json", '{"cat": 0, "dog": -1}', "'-1' is not an index"),
    "broken": ("a.json", '{"cat": 0', "malformed JSON"),
    "deep": ("a.json", "[" * 100_000, "malformed JSON"),
    "number": ("a.json", "12", "no class names found"),
    "mixed": ("a.json", '["cat", 1]', "no class names found"),
    "other things": ("a.json", '{"model_type": "vit"}', "no class names found"),
    "fractions": ("a.json", '{"cat": 0.5}', "no class names found"),
    "huge number": ("a.json", '{"cat": ' + "9" * 5000 + "}", "malformed JSON"),
    "too large": ("a.txt", b"x\n" * (MAX_BYTES // 2 + 1), "larger than"),
    "too many": ("a.txt", "x\n" * 200_001, "more than 200,000 class names"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused(kind: str, tmp_path: Path) -> None:
    name, content, words = BAD[kind]
    path = written(tmp_path, name, content)
    with pytest.raises(ModelError, match=words) as caught:
        read_class_names(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_class_names(tmp_path / "none.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(ModelError, match="this is a folder"):
        read_class_names(tmp_path / "folder.txt")


@pytest.mark.parametrize("suffix", ["txt", "csv", "json"])
def test_21000_classes_are_read(suffix: str, tmp_path: Path) -> None:
    names = tuple(f"species number {n}, of some length" for n in range(21_000))
    text = {
        "txt": "\n".join(names),
        "csv": "index,name\n" + "".join(f'{n},"{name}"\n' for n, name in enumerate(names)),
        "json": json.dumps({"id2label": dict(enumerate(names))}),
    }[suffix]
    path = written(tmp_path, f"many.{suffix}", text)
    assert read_class_names(path) == names


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_give_names_or_one_clear_error(seed: int, tmp_path: Path) -> None:
    """Bytes of good files are changed, cut and doubled."""
    chance = random.Random(seed)
    name, content = chance.choice(list(GOOD.values()))
    data = bytearray(content if isinstance(content, bytes) else content.encode("utf-8"))
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[place] = chance.randrange(256)
            case 1:
                del data[place : place + chance.randint(1, 20)]
            case 2:
                data[place:place] = data[place : place + 30]
            case _:
                data[place:place] = bytes(chance.choices(range(256), k=5))
        if not data:
            data = bytearray(b"x")
    path = written(tmp_path, name, bytes(data))
    names: tuple[str, ...] = ("none",)
    fault = str(path)
    try:
        names = read_class_names(path)
    except ModelError as error:
        fault = str(error)
    assert names
    assert all(names)
    assert fault.startswith(str(path))
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0 cat\n1 dog\n", ("cat", "dog")),
        ("1: dog\n0: cat\n", ("cat", "dog")),
        ("0\tcat\n1\tdog's\n", ("cat", "dog's")),
        ("{0: 'cat', 1: \"dog's\", 2: 'a, b: c'}", ("cat", "dog's", "a, b: c")),
        ("{'cat': 0,\n 'dog': 1,\n}", ("cat", "dog")),
        ("['cat', 'it\\'s']", ("cat", "it's")),
        ("3 wheeler\n4 wheeler\n", ("3 wheeler", "4 wheeler")),
        ("{0: open('x').read()}", ("{0: open('x').read()}",)),
    ],
)
def test_numbered_lines_and_literals(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    path = tmp_path / "classes.txt"
    path.write_text(text)
    assert read_class_names(path) == names


def test_a_literal_with_a_missing_index_is_named(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("{0: 'cat', 2: 'dog'}")
    with pytest.raises(ModelError, match="index 1 is missing"):
        read_class_names(path)
