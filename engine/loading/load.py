"""Opens a model: network, input and output, each from the best source available."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from engine.errors import (
    ChoiceNeeded,
    ConsentNeeded,
    Late,
    LayerError,
    ModelError,
    OptionError,
)
from engine.files import presence
from engine.files.trust import NOBODY, Trust
from engine.formats import demo_opening
from engine.formats.network import Network
from engine.images import choices, presets
from engine.loading.class_names import read_class_names
from engine.loading.input_size import find_input
from engine.loading.prepared import Prepared, assumption, prepared
from engine.model import Model, default_method
from engine.passes import devices
from engine.profiles import store
from engine.profiles.format import ModelProfile
from engine.progress import CancelToken
from engine.reader import client
from engine.records.models import Origin
from engine.records.sources import ModelSource
from engine.weights.state_dicts import checksum

_log = logging.getLogger(__name__)

_NOTHING = ModelProfile()


def load_model(
    spec: str | Path,
    weights: str | Path | None = None,
    device: str = "auto",
    *,
    architecture: str | None = None,
    arguments: Mapping[str, str] | None = None,
    classes: str | Path | None = None,
    input: str | None = None,
    weights_key: str | None = None,
    output: str | None = None,
    trust: Trust = NOBODY,
    profile: ModelProfile | None = None,
    patience: float | None = client.PATIENCE,
) -> Model:
    """Open a model.

    spec: 'demo:photos', 'demo:shapes' or 'demo:shortcut'; the name of a torchvision classifier,
        or of a timm network if timm is installed; or a file or folder: weights (a state dict, or a
        training checkpoint that contains one), whose architecture is recognised; a network pickled
        whole; a Python file; a torch.export archive; ONNX; a Hugging Face folder.
    weights: a weights file for a name or a Python file. Without it, published weights are used if
        they are in torch's hub cache, and weights beside a Python file.
    device: 'auto' (CUDA, then MPS, then CPU), 'cpu', 'cuda', 'cuda:1', 'mps'.
    architecture: for a weights file that fits several, or the class in a Python file; arguments:
        for that class, name -> Python literal. classes: a file with class names. input: the
        expected input, as in '3x256x256', if it cannot be detected. weights_key: which of several
        networks in a weights file, as in 'state_dict_ema'. output: which of the network's outputs
        to explain, by its name or position ('race', '1'), if it has several.
    trust: the files that may run the code they contain; by default none.
    profile: saved settings of the model (engine.profiles.store).
    patience: CPU time in seconds after which reading a file stops; None for no limit.

    Raises ModelError (unknown name, not a classifier), WeightsError (unreadable or of another
    architecture, naming the first keys that differ), ConsentNeeded (the file could run code, and
    trust does not cover it), ChoiceNeeded (the user has to answer a question first), DeviceError.
    """
    source = ModelSource(
        str(spec),
        None if weights is None else str(weights),
        architecture,
        tuple((arguments or {}).items()),
        None if classes is None else str(classes),
        input,
        weights_key,
        output=output,
    )
    return open_source(source, device, trust, profile=profile or _NOTHING, patience=patience)


def open_source(
    source: ModelSource,
    device: str = "auto",
    trust: Trust = NOBODY,
    *,
    profile: ModelProfile | None = None,
    cancel: CancelToken | None = None,
    patience: float | None = client.PATIENCE,
) -> Model:
    """Like load_model, from a ModelSource.

    profile: None uses that of the source, else the saved one of the weights. Also raises Cancelled.
    """
    # Inference tensors, created in a caller's inference mode, cannot join a graph.
    with torch.inference_mode(False), client.reading(cancel, patience):
        try:
            return _opened(source, device, trust, profile, cancel)
        except Late as error:
            raise ModelError(f"{source.spec}: {error}") from error


def _opened(
    source: ModelSource,
    device: str,
    trust: Trust,
    profile: ModelProfile | None,
    cancel: CancelToken | None,
) -> Model:
    where = devices.choose(device)
    if profile is None and source.profile is not None:
        profile = store.read(Path(source.profile))
    settled = _remembered(source) if profile is None else profile
    network = _network(source, settled, trust)
    if profile is None and network.weights_sha256:
        settled = store.load(network.weights_sha256) or _NOTHING
    try:
        return _model(network, source, settled, where, cancel)
    except OptionError:
        raise
    except (ModelError, LayerError) as error:
        if profile is not None and source.profile is not None:
            raise ModelError(f"{error} (opened with the profile {source.profile})") from error
        if profile is not None or settled == _NOTHING:
            raise
        _log.warning("the saved profile does not fit: %s", error)
        notice = f"The saved profile does not fit this model and was ignored ({error})"
        network = replace(network, notices=(*network.notices, notice))
        return _model(network, source, _NOTHING, where, cancel)


def _remembered(source: ModelSource) -> ModelProfile:
    """The saved profile of the named file, which may say how to build the network."""
    path = Path(source.spec)
    if not presence.is_file(path):
        return _NOTHING
    return store.load(checksum(path)) or _NOTHING


def _network(source: ModelSource, settled: ModelProfile, trust: Trust) -> Network:
    """The network, opened with the saved answers; if that fails, without them.

    A Python file may have been opened before with other weights, for another of its networks.
    """
    answered = _with_answers(source, settled)
    try:
        return _open_network(answered, trust)
    except (ConsentNeeded, ChoiceNeeded):
        raise
    except ModelError as error:
        if answered == source:
            raise
        _log.warning("the saved answers for this model do not fit: %s", error)
        return _open_network(source, trust)


def _open_network(source: ModelSource, trust: Trust) -> Network:
    if demo_opening.is_demo(source):
        return demo_opening.open_demo(source)
    # The first map, that of a demo, need not wait for all the other formats.
    from engine.formats.openers import open_network

    return open_network(source, trust)


def _with_answers(source: ModelSource, settled: ModelProfile) -> ModelSource:
    """The source with the saved answers, unless it names another architecture."""
    if source.architecture not in (None, settled.architecture):
        return source
    chosen = settled.weights if presence.is_file(Path(settled.weights)) else None
    return replace(
        source,
        weights=source.weights or chosen,
        architecture=source.architecture or settled.architecture or None,
        arguments=source.arguments or settled.arguments,
    )


def _model(
    network: Network,
    source: ModelSource,
    settled: ModelProfile,
    where: torch.device,
    cancel: CancelToken | None,
) -> Model:
    how = _preprocessing(network, source, settled, cancel)
    names, names_origin = network.classes, network.classes_origin
    if settled.classes:
        names, names_origin = settled.classes, settled.classes_origin
    if source.classes is not None:
        names, names_origin = read_class_names(source.classes), Path(source.classes).name
    own = names is network.classes
    output = source.output if source.output is not None else settled.output or network.output
    try:
        return Model(
            network.module,
            preprocessing=how.how,
            preprocessing_origin=how.origin,
            preprocessing_from=how.source,
            classes=names,
            classes_origin=names_origin,
            source=network.source,
            title=network.title,
            weights=network.weights,
            weights_sha256=network.weights_sha256,
            device=where,
            notices=(*network.notices, *how.notices),
            output=output,
            layouts=settled.layouts,
            method=settled.method or default_method(network.module),
            asked=settled.question,
            fitting=not own or (output is None and network.classes_sure),
            other_weights=network.other_weights,
            made_with=network.made_with,
            cancel=cancel,
        )
    except ModelError as error:
        # Errors about a network do not name the file that it came from.
        raise ModelError(f"{source.spec}: {error}") from error


def _preprocessing(
    network: Network, source: ModelSource, settled: ModelProfile, cancel: CancelToken | None
) -> Prepared:
    """The preprocessing that is known, else one that is assumed; changed by the user's choice."""
    choice = choices.parse(source.preprocessing)
    path = Path(network.weights or source.spec)
    found = _known(network, source, settled)
    if found is None:
        channels, told = _told_input(source.input)
        if told is not None and choice.size not in (None, told):
            raise OptionError(
                f"--crop and --input {source.input} name different input sizes; give one of them"
            )
        size = find_input(
            network.module,
            path,
            channels=channels or network.channels,
            preferred=[network.input_size] if network.input_size is not None else [],
            told=told or choice.size,
            cancel=cancel,
        )
        how = presets.assumed(size.size, size.channels)
        notice = assumption(path.name, how)
        found = Prepared(how, presets.ASSUMED, Origin.ASSUMED, (notice,))
    return prepared(found, choice, path.name)


def _known(network: Network, source: ModelSource, settled: ModelProfile) -> Prepared | None:
    """The preprocessing of the profile or of the files, unless the user named another input."""
    if source.input is not None:
        return None
    known = (network.assumption,) if network.assumption else ()
    if settled.preprocessing is not None:
        same = settled.preprocessing == network.preprocessing
        origin, notices = settled.preprocessing_origin, known if same else ()
        kind = Origin.ASSUMED if origin == presets.ASSUMED else Origin.PROFILE
        return Prepared(settled.preprocessing, origin, kind, notices)
    if network.preprocessing is None:
        return None
    origin = network.preprocessing_origin
    kind = Origin.ASSUMED if origin == presets.ASSUMED else Origin.FILE
    return Prepared(network.preprocessing, origin, kind, known)


def _told_input(text: str | None) -> tuple[int | None, tuple[int, int] | None]:
    """Channels and (height, width) from '3x256x256'; from '256x256' only the size."""
    if text is None:
        return None, None
    parts = [part.strip() for part in text.lower().replace("\u00d7", "x").split("x")]
    # Limiting the digits keeps int() from parsing arbitrarily long numbers.
    fits = all(p.isdecimal() and len(p) < 6 and 0 < int(p) <= presets.MAX_SIDE for p in parts)
    if len(parts) not in (2, 3) or not fits:
        raise ModelError(
            f"'{text[:40]}' is not an input size; write channels x height x width, as in 3x256x256 "
            f"(each at most {presets.MAX_SIDE:,})"
        )
    *channels, height, width = (int(part) for part in parts)
    return (channels[0] if channels else None), (height, width)
