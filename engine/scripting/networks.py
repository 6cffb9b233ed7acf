"""How a script makes the network: which of the ways that there are leads to the one that is open.

Each way is checked against the network: its parts, its settings and its weights.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from engine.formats import demo
from engine.formats.photos.opening import weights_file
from engine.formats.torchvision import metadata
from engine.formats.torchvision import models as torchvision_models
from engine.formats.torchvision.construction import outline
from engine.model import Model
from engine.records.sources import ModelSource
from engine.scripting.recipe import NetworkText, NoScript, literal
from engine.scripting.refusals import OTHER_NETWORKS
from engine.scripting.texts.blocks import DEMO_NETWORK, IMPORT_FILE, PHOTOS_NETWORK, SAFETENSORS
from engine.scripting.weights import StateText, state_text

_ENDINGS = {"softmax": "Softmax", "log_softmax": "LogSoftmax", "sigmoid": "Sigmoid"}
_SETTINGS = ("aux_logits", "transform_input")


def network_text(model: Model, source: ModelSource) -> NetworkText:
    """How a script makes the model's network; source: what it was opened from.

    Raises NoScript where no few lines do, and WeightsError if a file cannot be read any more.
    """
    made = _made(model, source)
    return replace(made, build=(*made.build, *_without_ending(model)))


def _made(model: Model, source: ModelSource) -> NetworkText:
    known = demo.DEMOS.get(source.spec.removeprefix("demo:"))
    if known is not None and source.spec.startswith("demo:"):
        return _demo(known.weights)
    if source.spec == demo.PHOTOS:
        return _photos()
    if model.source in metadata.names():
        return _torchvision(model, source)
    if Path(source.spec).suffix.lower() == ".pt2":
        return _exported(model, Path(source.spec))
    if Path(source.spec).suffix.lower() == ".py":
        return _of_file(model, source)
    raise NoScript(OTHER_NETWORKS)


def _without_ending(model: Model) -> tuple[str, ...]:
    """The line that leaves out the softmax or sigmoid in which the network ends, if it does.

    Raises NoScript for one that is no module of its own.
    """
    kind = model.facts.reading.form.ends_in
    if not kind:
        return ()
    last = list(model.facts.calls.values())[-1].source
    # By its name: a module of an exported program has the name of the one that it was.
    ends_so = type(model.module.get_submodule(last[0])).__name__ == _ENDINGS[kind]
    if not ends_so or model.facts.counts[last[0]] > 1:
        raise NoScript(f"the network's code ends in a {kind}, whose input is explained")
    return (
        f"# It ends in a {kind}, whose gradient mixes the classes: its input is explained.",
        f"network.set_submodule({literal(last[0])}, nn.Identity())",
    )


def _demo(weights: Path) -> NetworkText:
    build = ("network = DemoNet()", "network.load_state_dict(load_safetensors(WEIGHTS))")
    return NetworkText(_weights(weights), (SAFETENSORS, DEMO_NETWORK), build)


def _photos() -> NetworkText:
    build = (
        "network = EfficientNetLite0()",
        'state = torch.load(WEIGHTS, map_location="cpu", weights_only=True)',
        "# The file has the names of another implementation, in the same order.",
        "network.load_state_dict(dict(zip(network.state_dict(), state.values())))",
    )
    return NetworkText(_weights(weights_file()), (PHOTOS_NETWORK,), build)


def _torchvision(model: Model, source: ModelSource) -> NetworkText:
    path = _file(model, source)
    state = state_text(path, model.module, source.weights_key)
    arguments = _arguments(model.source, model.module)
    call = "".join(f", {name}={value!r}" for name, value in arguments.items())
    build = (f'network = torchvision.models.get_model("{model.source}", weights=None{call})',)
    return _filled(path, build, state, torchvision=True)


def _exported(model: Model, path: Path) -> NetworkText:
    """Of a torch.export archive, whose layers come back with their names."""
    if "forward" in vars(type(model.module)):
        raise NoScript("the network takes its image by a keyword")
    build = (
        "# Loading it may run what is in it: only for files that you trust.",
        "network = torch.export.unflatten(torch.export.load(NETWORK))",
    )
    return NetworkText((f"NETWORK = Path({literal(str(path.absolute()))})",), (), build)


def _of_file(model: Model, source: ModelSource) -> NetworkText:
    """By the class or function of a Python file."""
    if model.made_with is None:
        raise NoScript("the network was not made by its Python file from plain arguments")
    path = Path(model.info.weights)
    state = state_text(path, model.module, source.weights_key)
    arguments = ", ".join(f"{name}={text}" for name, text in model.made_with)
    build = (f"network = import_file(NETWORK).{model.source}({arguments})",)
    made = _filled(path, build, state)
    constant = f"NETWORK = Path({literal(str(Path(source.spec).absolute()))})"
    return replace(
        made,
        constants=(constant, *made.constants),
        definitions=(IMPORT_FILE, *made.definitions),
    )


def _filled(
    path: Path, build: tuple[str, ...], state: StateText, *, torchvision: bool = False
) -> NetworkText:
    return NetworkText(
        _weights(path), state.definitions, (*build, *state.lines), torchvision=torchvision
    )


def _weights(path: Path) -> tuple[str, ...]:
    return (f"WEIGHTS = Path({literal(str(path.absolute()))})",)


def _file(model: Model, source: ModelSource) -> Path:
    """The file with the weights of one of torchvision's networks."""
    for name in (source.weights, model.info.weights, source.spec):
        if name is not None and Path(name).is_absolute():
            return Path(name)
    return metadata.cached_weights(model.source)[0]


def _arguments(name: str, module: nn.Module) -> dict[str, Any]:
    """The arguments of get_model for a network with the same parts and settings as the module.

    Raises NoScript if there are none.
    """
    options: dict[str, Any] = {}
    if name in torchvision_models.TRANSFORMING:
        own = {setting: getattr(module, setting, False) for setting in _SETTINGS}
        options = {**own, "init_weights": False}
    state = module.state_dict()
    size = torchvision_models.image_size(name, state)
    if size is not None:
        options["image_size"] = size
    built = outline(name, options)
    classes = torchvision_models.head_size(built.state_dict(), state)
    if classes is not None:
        options["num_classes"] = classes
        built = outline(name, options)
    if repr(built) != repr(module) or not _same_shapes(built, module):
        raise NoScript(f"the network's layers differ from those of torchvision's {name}")
    return options


def _same_shapes(built: nn.Module, module: nn.Module) -> bool:
    own = {key: tensor.shape for key, tensor in module.state_dict().items()}
    return own == {key: tensor.shape for key, tensor in built.state_dict().items()}
