"""Opens weights files that come without their network: recognises the network.

What a training program stored beside them (class names, the architecture's name) is used where it
fits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import ChoiceNeeded, ModelError, UnrecognisedError, WeightsError
from engine.formats import rejections
from engine.formats.network import Network
from engine.formats.pickled.checkpoint_files import Checkpoint, described, noted
from engine.formats.timm import models as timm_models
from engine.formats.timm import recognition as timm_recognition
from engine.formats.torchvision import architectures, metadata
from engine.formats.torchvision import models as torchvision_models
from engine.lazy import extras
from engine.questions import WhichArchitecture
from engine.weights.state_dicts import StateDict, checksum, dropped

_log = logging.getLogger(__name__)

_WAYS = "open the network's Python file together with it, or save the network with torch.export"
_CHOICES_SHOWN = 6
# Weights that no architecture fits, for a reason that their names or values show.
_NAMED: tuple[tuple[str, Callable[[StateDict], bool]], ...] = (
    (
        "a LoRA adapter; merge it into its network before saving (merge_and_unload()), or open the "
        "folder with its adapter_config.json",
        lambda state: any(".lora_A." in key or ".lora_B." in key for key in state),
    ),
    (
        "quantised weights, which pass no gradient; open the float network",
        lambda state: any(
            tensor.is_quantized or key.endswith(("._packed_params", ".zero_point", ".qweight"))
            for key, tensor in state.items()
        ),
    ),
)


def open_checkpoint(found: Checkpoint, architecture: str | None) -> Network:
    """The classifier that a weights file was saved from, detected unless it is named.

    Raises ChoiceNeeded (WhichArchitecture), WeightsError, ModelError for an unknown name.
    """
    if architecture is not None:
        return described(named(architecture, found), found)
    return described(_detected(found), found)


def named(name: str, found: Checkpoint) -> Network:
    """The network of an architecture with these weights. Raises ModelError for an unknown name."""
    if name in metadata.names():
        return of_torchvision(name, found.state, found.path)
    if name.startswith("timm:") or (extras.installed("timm") and timm_models.knows(name)):
        return _named_of_timm(name, found)
    raise ModelError(f"there is no architecture '{name}'{metadata.nearest(name)}")


def _named_of_timm(name: str, found: Checkpoint) -> Network:
    if not timm_models.knows(name):
        return timm_models.network_of(name, found.path, found.state)
    seen = timm_recognition.under_timms_names(name, found.state)
    network = timm_models.network_of(name, found.path, seen.state)
    return noted(network, *seen.notices, dropped(network.module.state_dict(), seen.state))


def of_torchvision(name: str, state: StateDict, path: Path, entry: Any = None) -> Network:
    """torchvision's network of that name with these weights."""
    found = architectures.fitted(name, state)
    network = torchvision_models.network_of(
        name, found.state, path, checksum(path), entry, found.change
    )
    return noted(network, *found.notices)


def _detected(found: Checkpoint) -> Network:
    path = found.path
    seen = architectures.recognise(found.state)
    names = _as_stated(seen.names, found.facts.architecture)
    if len(names) > 1:
        raise ChoiceNeeded(
            f"{path}: these weights fit {' and '.join(names)}; choose one with --arch",
            WhichArchitecture(path, names),
        )
    if names:
        network = torchvision_models.network_of(
            names[0], seen.state, path, checksum(path), change=seen.change
        )
        return noted(network, *seen.notices)
    network_or_none = _stated(found) or _of_timm(found)
    if network_or_none is None:
        raise _unrecognised(found, seen)
    return network_or_none


def _as_stated(names: tuple[str, ...], stated: str) -> tuple[str, ...]:
    """The architecture that a checkpoint states, if it is among those that fit; else all."""
    plain = _plain(stated)
    chosen = tuple(name for name in names if _plain(name.removeprefix("timm:")) == plain)
    return chosen or names


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").partition(".")[0]


def _stated(found: Checkpoint) -> Network | None:
    """The network whose name the checkpoint states; None if there is none or it does not fit."""
    stated = found.facts.architecture
    known = {_plain(name): name for name in metadata.names()}
    name = known.get(_plain(stated), stated)
    if not name or (name not in known.values() and not timm_models.knows(name)):
        return None
    try:
        return noted(named(name, found), f"The file names its architecture: {name}.")
    except ModelError as error:
        _log.info("%s: the stated architecture does not fit: %s", found.path, error)
        return None


def _of_timm(found: Checkpoint) -> Network | None:
    """timm's network with these weights, if timm is installed and one fits."""
    seen = timm_recognition.recognise(found.state)
    names = _as_stated(seen.names, found.facts.architecture)
    if not names:
        return None
    if len(names) > 1:
        shown = " and ".join(names[:_CHOICES_SHOWN])
        more = len(names) - _CHOICES_SHOWN
        raise ChoiceNeeded(
            f"{found.path}: these weights fit {shown}{f' and {more} more' if more > 0 else ''}; "
            "choose one with --arch",
            WhichArchitecture(found.path, names),
        )
    network = timm_models.network_of(names[0], found.path, seen.state)
    return noted(network, *seen.notices)


def _unrecognised(found: Checkpoint, seen: architectures.Recognition) -> WeightsError:
    path = found.path
    for words, matches in _NAMED:
        if matches(found.state):
            return WeightsError(f"{path}: {words}")
    kind = rejections.kind_of_weights({key: tuple(t.shape) for key, t in found.state.items()})
    if kind:
        return WeightsError(f"{path}: weights of {kind}; {rejections.ONLY_CLASSIFIERS}")
    what = f"{path}: these weights fit no torchvision architecture"
    if (path.parent / "config.json").is_file():
        return UnrecognisedError(
            f"{what}, but there is a config.json beside them; open their folder, {path.parent.name}"
        )
    if seen.headless:
        return WeightsError(
            f"{path}: a {seen.headless} saved without its head, so it has no classes to explain; "
            "save the whole network's state_dict() and open that"
        )
    if not seen.closest:
        return UnrecognisedError(f"{what}; {_WAYS}")
    return UnrecognisedError(
        f"{what}; the closest is {seen.closest} ({seen.difference}); {_WAYS}, or name a timm "
        "architecture with --arch timm:NAME"
    )
