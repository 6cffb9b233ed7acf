"""The locks are whole, current, and what is installed. None of this asks the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from scripts import bootstrap, lock_requirements
from scripts.common import locks as _locks
from scripts.common.locks import BUILDS, CUDA, LOCKS, TORCH, TORCH_NAMES, Entry

ROOT = Path(__file__).resolve().parents[3]
PYTHONS = ("cp311", "cp312", "cp313")
NEEDED = {
    "": ("macosx_14_0_arm64", "manylinux_2_28_aarch64", "manylinux_2_28_x86_64", "win_amd64"),
    "cpu": ("manylinux_2_28_aarch64", "manylinux_2_28_x86_64"),
    "cu130": ("win_amd64",),
}
"""The builds of torch and torchvision that are meant, and the systems that each is for."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def of(name: str) -> list[Entry]:
    return _locks.entries(text_of(name))


def here(entry: Entry) -> bool:
    """Whether it is for this system and Python."""
    return not entry.marker or Marker(entry.marker).evaluate()


def pinned(lock: str) -> dict[str, str]:
    lines = [line for name in LOCKS[lock] if name != BUILDS for line in _locks.pins(text_of(name))]
    return {_locks.canonical(name): version for name, version in (x.split("==") for x in lines)}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_was_made_from_its_files_as_they_are(name: str) -> None:
    assert _locks.is_current(name), f"run 'make lock': {name} is older than {LOCKS[name]}"


@pytest.mark.parametrize(
    ("edit", "current"),
    [("# why\n\nb==2  # why\r\na==1\n", True), ("a==1\nb==3\n", False), ("a==1\n", False)],
)
def test_an_edited_pin_makes_a_lock_old(tmp_path: Path, edit: str, current: bool) -> None:
    (tmp_path / "requirements").mkdir()
    name = "requirements/run.lock"
    edited = tmp_path / "requirements.txt"
    edited.write_text("a==1\nb==2\n", encoding="utf-8")
    (tmp_path / name).write_text(_locks.inputs_line(LOCKS[name], tmp_path), encoding="utf-8")
    assert _locks.is_current(name, tmp_path)
    edited.write_bytes(edit.encode())
    assert _locks.is_current(name, tmp_path) == current


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_understood(name: str) -> None:
    """Each package at one exact version with hashes; nothing but that, and no place to get it."""
    text = text_of(name)
    rest = text
    found = of(name)
    assert found
    for entry in found:
        assert entry.hashes, entry.name
        assert len(set(entry.hashes)) == len(entry.hashes), entry.name
        rest = rest.replace(entry.text, "")
        lines = entry.text.splitlines()[1:]
        assert all(re.match(r"    (--hash=sha256:[0-9a-f]{64}( \\)?$|#)", line) for line in lines)
    options = [line for line in rest.splitlines() if line and not line.startswith("#")]
    assert options[:2] == ["--require-hashes", "--only-binary :all:"]
    assert options[2:] == (["--no-binary grad-cam"] if name == "requirements/bench.lock" else [])
    assert not re.search(r"https?:|file:|index-url|find-links|\b\w+\.(org|io|com)\b", text)


@pytest.mark.parametrize("name", sorted(set(LOCKS) - {CUDA}))
def test_what_is_pinned_by_hand_is_locked_at_that_version(name: str) -> None:
    locked = {entry.name: entry.version for entry in of(name)}
    wanted = pinned(name)
    for package in TORCH_NAMES:
        # These two are in a lock of their own, and in no other.
        assert (package in locked) == (name == TORCH)
        if name != TORCH:
            wanted.pop(package, None)
    if name == TORCH:
        assert all(e.version.partition("+")[0] == wanted[e.name] for e in of(name))
        return
    assert {package: locked.get(package) for package in wanted} == wanted


def test_the_locks_of_one_environment_agree() -> None:
    folders: dict[str, list[str]] = {}
    for folder, names in bootstrap.PURPOSES.values():
        folders.setdefault(folder, []).extend(names)
    assert {name for locks in folders.values() for name in locks} | {CUDA} == set(LOCKS)
    for locks in folders.values():
        seen: dict[tuple[str, str], str] = {}
        for entry in [entry for name in {*locks} - {TORCH} for entry in of(name)]:
            hashes = "".join(sorted(entry.hashes)) + entry.version
            assert seen.setdefault((entry.name, entry.marker), hashes) == hashes, entry.name
    wide = {entry.name for entry in of("requirements/test.lock")}
    assert {entry.name for entry in of("requirements/run.lock")} < wide
    assert {entry.name for entry in of("requirements/extras.lock")} < wide


def needed(names: set[str]) -> Iterator[metadata.Distribution]:
    """What is installed here of these packages and of all that they need, here and now."""
    waiting = [Requirement(name) for name in sorted(names)]
    done: set[tuple[str, str]] = set()
    while waiting:
        asked = waiting.pop()
        name = _locks.canonical(asked.name)
        for extra in ("", *asked.extras):
            if (name, extra) in done:
                continue
            done.add((name, extra))
            distribution = metadata.distribution(name)
            if not extra:
                yield distribution
            for line in distribution.requires or ():
                requirement = Requirement(line)
                if not requirement.marker or requirement.marker.evaluate({"extra": extra}):
                    waiting.append(requirement)


def test_all_that_is_installed_and_needed_is_locked() -> None:
    """Every package that the pinned ones need, and theirs, down to the last."""
    name = "requirements/test.lock"
    locked = {e.name: e.version for lock in (name, CUDA) for e in of(lock) if here(e)}
    locked |= {e.name: e.version for e in of(TORCH) if not e.build}
    wrong = {}
    count = 0
    for distribution in needed(set(pinned(name))):
        package = _locks.canonical(distribution.metadata["Name"])
        version = distribution.version.partition("+")[0]
        count += 1
        if locked.get(package) != version:
            wrong[package] = f"installed {version}, locked {locked.get(package)}"
    assert not wrong
    assert count > 60


def test_every_build_of_torch_that_is_meant_is_locked() -> None:
    lines = re.findall(r"^# ([0-9a-f]{12})  (\S+\.whl)$", text_of(TORCH), re.MULTILINE)
    files = {file: start for start, file in lines}
    assert len(files) == len(lines)
    by_name = {(entry.name, entry.build): entry for entry in of(TORCH)}
    assert set(by_name) == {(name, build) for name in TORCH_NAMES for build in NEEDED}
    for (name, build), entry in by_name.items():
        own = {f: s for f, s in files.items() if f.startswith(f"{name}-{entry.version}-cp")}
        assert sorted(own.values()) == sorted(sha256[:12] for sha256 in entry.hashes)
        for python in PYTHONS:
            for system in NEEDED[build]:
                assert f"{name}-{entry.version}-{python}-{python}-{system}.whl" in own
    listed = dict(line.split("  ") for line in _locks.pins(text_of(BUILDS)))
    assert set(listed) == {h for e in of(TORCH) if e.build for h in e.hashes}
    assert all(files[file] == sha256[:12] for sha256, file in listed.items())
    assert {entry.build for entry in of(TORCH)} == {"", *_locks.BUILD_OF.values()}


def test_what_cuda_needs_is_apart_and_for_linux_alone() -> None:
    names = {entry.name for entry in of(CUDA)}
    assert {"triton", "nvidia-cudnn-cu13", "nvidia-cublas"} <= names
    assert all("sys_platform == 'linux'" in entry.marker for entry in of(CUDA))
    for lock in set(LOCKS) - {CUDA}:
        assert not names & {entry.name for entry in of(lock)}
        assert not [e.name for e in of(lock) if e.name.startswith(("nvidia-", "cuda-"))]


def test_a_lock_that_uv_writes_is_read_as_it_is() -> None:
    written = (
        "networkx==3.6.1 ; python_full_version < '3.12' \\\n"
        f"    --hash=sha256:{'1' * 64} \\\n    --hash=sha256:{'2' * 64}\n    # via torch\n"
        f"torch==2.13.0+cpu \\\n    --hash=sha256:{'3' * 64}\n    # via\n    #   timm\n"
    )
    first, second = _locks.entries(written)
    assert first.text + second.text == written
    assert (first.name, first.version, first.build) == ("networkx", "3.6.1", "")
    assert first.marker == "python_full_version < '3.12'"
    assert first.hashes == ["1" * 64, "2" * 64]
    assert (second.name, second.version, second.build) == ("torch", "2.13.0+cpu", "cpu")


@pytest.mark.parametrize(
    ("file", "meant"),
    [
        ("torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("torch-2.13.0%2Bcpu-cp311-cp311-win_amd64.whl", False),
        ("torch-2.13.0%2Bcu130-cp313-cp313-win_amd64.whl", True),
        ("torch-2.13.0%2Bcu130-cp313-cp313-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0%2Bcpu-cp310-cp310-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0-cp311-cp311-macosx_14_0_arm64.whl", False),
    ],
)
def test_only_the_builds_that_are_meant_are_taken(file: str, meant: bool) -> None:
    assert lock_requirements.is_meant(file.replace("%2B", "+")) == meant


def test_another_torch_asks_for_its_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pin that was edited, while the other builds are still those of the version before."""
    monkeypatch.setattr(lock_requirements, "wheels", lambda _: {"torch.whl": "0" * 64})
    with pytest.raises(SystemExit, match=r"torch-builds\.txt has torch-2\.13\.0.*--builds"):
        lock_requirements.torch_lock({"torch": "2.14.0", "torchvision": "0.29.0"})


def test_what_keeps_the_locks_has_its_reason() -> None:
    record = text_of("docs/decisions/0003-dependencies.md")
    for name in ("upkeep", "release", "browser"):
        name = f"requirements-{name}.txt"
        for package in [line.partition("==")[0] for line in _locks.pins(text_of(name))]:
            assert f"`{package}`" in record, package


def test_the_browser_is_of_the_version_of_qt_and_of_no_other_lock() -> None:
    """It is for checks: what is packaged is collected from environments that do not have it."""
    (pin,) = _locks.pins(text_of("requirements-browser.txt"))
    addons, version = pin.split("==")
    assert f"PySide6-Essentials=={version}" in _locks.pins(text_of("requirements.txt"))
    having = [
        name
        for name in _locks.LOCKS
        if any(one.name == _locks.canonical(addons) for one in _locks.entries(text_of(name)))
    ]
    assert having == ["requirements/browser.lock"]
    assert bootstrap.PURPOSES["browser"] == (".venv-browser", tuple(having))
