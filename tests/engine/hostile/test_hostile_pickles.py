"""Pickled networks made to harm: nothing of them runs, and each costs one line.

Whatever is opened goes through engine.load_model, as a dropped file does.
"""

from __future__ import annotations

import copy
import io
import operator
import os
import pickle
import random
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import engine
from engine.errors import ConsentNeeded, HookscopeError, WeightsError
from engine.files.trust import NOBODY
from engine.formats.pickled.modules import networks_in
from engine.formats.pickled.opening import open_pickled, tensors_in
from engine.formats.pickled.rebuilt import rebuild
from engine.formats.torchvision import construction
from engine.lazy import torchvision
from engine.weights import torch_files
from engine.weights.descriptions import Described, Named
from tests.engine.hostile.payloads import Marks
from tests.engine.networks import one_of_each_layer

pytestmark = pytest.mark.timeout(60)


class Calls:
    """Unpickled, it calls a function, and is then filled with a state."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self._call = function, arguments, state

    def __reduce__(self) -> Any:
        return self._call


def state(**changes: Any) -> dict[str, Any]:
    """What a module without tensors or children is filled with."""
    return {**vars(nn.Module()), **changes}


def hook(*_given: Any) -> None:
    """One that a program would have registered."""


def network() -> Any:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


def refused(path: Path, marker: Path | None = None) -> HookscopeError:
    with pytest.raises(HookscopeError) as caught:
        engine.load_model(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)
    assert marker is None or not marker.exists(), "it ran unasked"
    return caught.value


def asked(path: Path, marker: Path | None = None) -> tuple[str, ...]:
    error = refused(path, marker)
    assert isinstance(error, ConsentNeeded)
    return error.names


HOOKS = [name for name in vars(nn.Module()) if "hook" in name and name != "_is_full_backward_hook"]


@pytest.mark.parametrize("where", ["the network", "a layer"])
@pytest.mark.parametrize("hooks", HOOKS)
def test_no_hook_is_called(path: Path, marker: Path, hooks: str, where: str) -> None:
    model = network()
    part = model if where == "the network" else model[1]
    for value in (Marks(marker), nn.functional.relu, nn.ReLU(), True):
        getattr(part, hooks)[7] = value
        torch.save(model, path)
        assert any(f"({hooks})" in name for name in asked(path, marker))


def test_hooks_by_torchs_own_ways(path: Path) -> None:
    for register in (
        lambda model: model.register_forward_hook(operator.itemgetter(0), with_kwargs=True),
        lambda model: model.register_forward_hook(operator.itemgetter(0), always_call=True),
        lambda model: model.register_full_backward_hook(operator.itemgetter(0)),
        lambda model: model.register_state_dict_post_hook(hook),
        lambda model: nn.utils.spectral_norm(model[0]),
    ):
        model = network()
        register(model)
        torch.save(model, path)
        asked(path)


@pytest.mark.parametrize(
    "name",
    [
        *("forward", "_call_impl", "_wrapped_call_impl", "_slow_forward", "_compiled_call_impl"),
        *("__call__", "__class__", "__dict__", "__getattr__", "__setstate__", "train", "apply"),
        *("eval", "named_modules", "state_dict", "to", "cpu", "requires_grad_", "parameters"),
    ],
)
@pytest.mark.parametrize("kind", ["calls", "names"])
def test_no_attribute_stands_before_a_method(
    path: Path, marker: Path, name: str, kind: str
) -> None:
    model = network()
    part = Calls(
        nn.ReLU, state=state(inplace=False, **{name: Marks(marker) if kind == "calls" else len})
    )
    model._modules["1"] = part
    torch.save({"model": model}, path)
    assert any(name in words or "mkdir" in words for words in asked(path, marker))


@pytest.mark.parametrize(
    "attribute", ["_modules", "_parameters", "_buffers", "_non_persistent_buffers_set", "training"]
)
def test_parts_that_are_no_parts(path: Path, marker: Path, attribute: str) -> None:
    for value in (Marks(marker), None, [1, 2], "text", {1: 2}, {"a.b": None}, {"x": "y"}, 3.5):
        if attribute == "training" and not isinstance(value, Marks):
            continue
        model = network()
        model._modules["1"] = Calls(nn.ReLU, state=state(inplace=False, **{attribute: value}))
        torch.save(model, path)
        refused(path, marker)


def test_a_state_that_is_no_dictionary(path: Path, marker: Path) -> None:
    for value in (
        [1, 2],
        "text",
        (state(), state()),
        Marks(marker),
        {1: 2},
        ({}, {"forward": len}),
    ):
        torch.save({"model": Calls(nn.Sequential, state=value)}, path)
        refused(path, marker)


UTILS = torch._utils


@pytest.mark.parametrize(
    "call",
    [
        lambda mark: Calls(
            torch._tensor._rebuild_from_type_v2, os.mkdir, torch.Tensor, (mark,), {}
        ),
        lambda _mark: Calls(torch._tensor._rebuild_from_type_v2, len, nn.Linear, ((1,),), {}),
        lambda mark: Calls(UTILS._rebuild_parameter, Marks(Path(mark)), True, OrderedDict()),
        lambda _mark: Calls(
            UTILS._rebuild_parameter_with_state, torch.ones(1), True, {}, {"data": 1}
        ),
        lambda _mark: Calls(UTILS._rebuild_tensor_v2, nn.Linear, 0, (1,), (1,), False, {}),
        lambda _mark: Calls(UTILS._rebuild_tensor, torch.ones(1), "x", (1,), (1,)),
        lambda _mark: Calls(
            UTILS._rebuild_wrapper_subclass, nn.Linear, torch.float32, (1,), (1,), 0, 0, 0, 0
        ),
        lambda mark: Calls(UTILS._rebuild_device_tensor_from_numpy, mark, 1, 2, 3),
        lambda mark: Calls(operator.methodcaller("mkdir"), Path(mark)),
        lambda _mark: Calls(nn.Linear, 10**6, 10**6),
        lambda mark: Calls(nn.Sequential, Calls(os.mkdir, mark)),
        lambda _mark: Calls(nn.modules.module.register_module_forward_hook, os.mkdir),
        lambda mark: Calls(nn.modules.module._IncompatibleKeys, os.mkdir, mark),
        lambda mark: Calls(nn.utils.parametrize.register_parametrization, mark),
        lambda _mark: Calls(torchvision.load().models.get_model, "resnet18"),
        lambda mark: Calls(torch.load, mark),
        lambda mark: Calls(torch.hub.load, mark, mark),
        lambda mark: Calls(torch.jit.load, mark),
        lambda mark: Calls(eval, f"__import__('os').mkdir({mark!r})"),
        lambda _mark: Calls(getattr, nn.Linear, "mro"),
    ],
)
def test_nothing_is_called(path: Path, marker: Path, call: Callable[[str], Calls]) -> None:
    before = len(nn.modules.module._global_forward_hooks)
    model = network()
    model.extra = call(str(marker))
    inside = network()
    inside._modules["1"] = call(str(marker))
    for content in (call(str(marker)), {"model": call(str(marker))}, model, inside):
        try:
            torch.save(content, path)
        except (AttributeError, TypeError, pickle.PicklingError):
            pytest.skip("it cannot be written")
        refused(path, marker)
    assert len(nn.modules.module._global_forward_hooks) == before


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_protocol(path: Path, marker: Path, protocol: int, zipped: bool) -> None:
    model = network()
    model[0].extra = Marks(marker)
    torch.save(model, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    asked(path, marker)


# --- absurd settings of layers -------------------------------------------------------------------

ABSURD: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "a window of a billion": (lambda: nn.MaxPool2d(2), {"kernel_size": 10**9}),
    "a number of 300 digits": (lambda: nn.MaxPool2d(2), {"kernel_size": 10**300}),
    "padding of a billion": (lambda: nn.ZeroPad2d(1), {"padding": (10**9,) * 4}),
    "padding of a convolution": (lambda: nn.Conv2d(3, 4, 3), {"padding": (10**6, 10**6)}),
    "a size of a billion": (lambda: nn.AdaptiveAvgPool2d(1), {"output_size": (10**9, 1)}),
    "a scale of a million": (lambda: nn.Upsample(scale_factor=2), {"scale_factor": 1e6}),
    "channels that it has not": (lambda: nn.Conv2d(3, 4, 3), {"out_channels": 10**7}),
    "features that it has not": (lambda: nn.BatchNorm2d(3), {"num_features": 7}),
    "inputs that it has not": (lambda: nn.Linear(3, 4), {"in_features": 5}),
    "a window that it has not": (lambda: nn.Conv2d(3, 4, 3), {"kernel_size": (5, 5)}),
    "a bool for a number": (lambda: nn.Linear(1, 4), {"in_features": True}),
    "a number for a bool": (nn.ReLU, {"inplace": 1}),
    "a text for a number": (lambda: nn.Conv2d(3, 4, 3), {"groups": "1"}),
    "a float for a number": (lambda: nn.Conv2d(3, 4, 3), {"groups": 1.0}),
    "groups that do not divide": (lambda: nn.Conv2d(3, 4, 3), {"groups": 3}),
    "no stride": (lambda: nn.Conv2d(3, 4, 3), {"stride": (0, 0)}),
    "a negative window": (lambda: nn.AvgPool2d(2), {"kernel_size": -2}),
    "no number": (lambda: nn.BatchNorm2d(3), {"eps": float("nan")}),
    "too many axes": (lambda: nn.Conv2d(3, 4, 3), {"kernel_size": (3, 3, 3)}),
    "a mode that is none": (lambda: nn.Upsample(scale_factor=2), {"mode": "magic"}),
    "a list of thousands": (lambda: nn.Unflatten(1, (1,)), {"unflattened_size": (1,) * 10**4}),
    "another transposition": (lambda: nn.Conv2d(3, 4, 3), {"transposed": True}),
    "a function": (nn.ReLU, {"inplace": len}),
    "a class": (lambda: nn.LayerNorm(3), {"normalized_shape": nn.Linear}),
    "a tensor": (lambda: nn.LayerNorm(3), {"eps": torch.ones(1)}),
}


@pytest.mark.parametrize("what", ABSURD)
def test_absurd_settings_are_one_line(path: Path, what: str) -> None:
    make, changes = ABSURD[what]
    layer = make()
    torch.save(nn.Sequential(nn.Identity(), layer), path)
    open_pickled(path, trust=NOBODY)
    layer.__dict__.update(changes)
    torch.save(nn.Sequential(nn.Identity(), layer), path)
    assert all(len(name) < 200 for name in asked(path))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_tensors_that_fill_no_layer(path: Path) -> None:
    for tensor in (
        torch.ones(4, 3, 3, 3, dtype=torch.int8),
        torch.ones(4, 3, 3, 3, dtype=torch.complex64),
        torch.ones(4, 3, 3, 3).to_sparse(),
        torch.empty(4, 3, 3, 3, device="meta"),
        torch.quantize_per_tensor(torch.ones(4, 3, 3, 3), 0.1, 0, torch.qint8),
        torch.ones(3),
        None,
    ):
        model = network()
        model[0].__dict__["_parameters"] = {"weight": tensor, "bias": torch.ones(4)}
        torch.save(model, path)
        refused(path)


def test_names_that_no_layer_has(path: Path) -> None:
    for name in ("append", "forward", "_modules", "", "a.b", "__class__"):
        model = nn.Sequential()
        model._modules = {name: nn.ReLU()}
        torch.save(model, path)
        refused(path)


# --- networks without end ------------------------------------------------------------------------


def test_a_network_that_calls_its_layers_without_end(path: Path) -> None:
    model = nn.Sequential(nn.ReLU())
    for _ in range(16):
        model = nn.Sequential(model, model)
    torch.save(model, path)
    error = refused(path)
    assert isinstance(error, WeightsError)
    assert "calls its layers more than" in str(error)


def test_more_numbers_than_there_are_classes(path: Path) -> None:
    """Each would be given a name: gigabytes for a file of three kilobytes."""
    large = nn.Upsample(size=4096)
    torch.save(nn.Sequential(nn.AdaptiveAvgPool2d(1), large, nn.Flatten()), path)
    with pytest.raises(HookscopeError) as caught:
        engine.load_model(path)
    assert "(1, 50331648) instead of (1, classes)" in str(caught.value)


def test_a_network_within_itself(path: Path) -> None:
    model = network()
    model._modules["inner"] = nn.Sequential(model)
    torch.save(model, path)
    error = refused(path)
    assert isinstance(error, WeightsError)
    assert "contains itself" in str(error)


def test_a_network_deeper_than_any(path: Path) -> None:
    model = nn.Sequential(nn.ReLU())
    for _ in range(120):
        model = nn.Sequential(model)
    torch.save(model, path)
    assert "too deeply nested layers" in str(refused(path))


def test_networks_within_networks_that_fit_several_architectures(path: Path) -> None:
    """Trying each candidate anew at every level would take 2 to the 30th times as long as once."""
    kind = torchvision.load().models.squeezenet.SqueezeNet
    model: nn.Module = nn.MultiheadAttention(8, 2)
    for _ in range(30):
        outer: Any = kind.__new__(kind)
        nn.Module.__init__(outer)
        outer.features = nn.Sequential(OrderedDict(inner=model))
        outer.classifier = nn.Sequential()
        model = outer
    torch.save(model, path)
    assert asked(path)


def test_wrappers_within_themselves(path: Path) -> None:
    wrapper = nn.DataParallel(nn.ReLU())
    wrapper._modules["module"] = wrapper
    torch.save({"model": wrapper}, path)
    refused(path)


def test_a_wrapper_with_a_hook_stays_on(path: Path) -> None:
    wrapper = nn.DataParallel(network())
    wrapper.register_forward_hook(operator.itemgetter(0))
    torch.save(wrapper, path)
    assert any("hook" in name for name in asked(path))


def test_many_layers_open(path: Path) -> None:
    torch.save(nn.Sequential(*(nn.Identity() for _ in range(5000))), path)
    assert len(open_pickled(path, trust=NOBODY).module) == 5000  # type: ignore[attr-defined]


# --- torchvision's classes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda net: vars(net).update(forward=nn.functional.relu),
        lambda net: vars(net.layer1[0]).update(relu=nn.functional.relu),
        lambda net: net.layer1[0].conv1.__dict__.update(groups=2),
        lambda net: net.layer1[0].conv1.__dict__.update(stride=(10**9, 1)),
        lambda net: net.layer1[0].conv1.__dict__.update(padding_mode="circular"),
        lambda net: vars(net).update(_norm_layer=Calls(os.mkdir, "x")),
        lambda net: net._modules.update(layer1=nn.Sequential(*net.layer1, nn.Tanh())),
        lambda net: setattr(net, "extra", nn.ReLU()),
        lambda net: setattr(net.layer1[0], "downsample", nn.Identity()),
    ],
)
def test_changes_of_a_published_network_are_asked_for(
    path: Path, change: Callable[[Any], None]
) -> None:
    model = torchvision.load().models.get_model("resnet18", weights=None)
    change(model)
    torch.save(model, path)
    asked(path)


def test_constructors_are_given_nothing_absurd(path: Path) -> None:
    """Numbers that stand in the description of a torchvision network."""
    model = torchvision.load().models.get_model("vit_b_32", weights=None)
    model.image_size = 10**9
    torch.save(model, path)
    assert any("image_size" in name for name in asked(path))
    model = torchvision.load().models.get_model("squeezenet1_1", weights=None)
    model.classifier[1].out_channels = 10**9
    torch.save(model, path)
    asked(path)


@pytest.mark.parametrize("whole", [True, False])
def test_positions_of_no_picture(path: Path, whole: bool) -> None:
    model = construction.construct("vit_b_32", {})
    model.encoder.pos_embedding = nn.Parameter(torch.empty(1, 0, 768))
    torch.save(model if whole else model.state_dict(), path)
    refused(path)


def test_a_class_of_torchvision_with_arguments(path: Path) -> None:
    resnet = torchvision.load().models.resnet
    torch.save({"model": Calls(resnet.ResNet, resnet.BasicBlock, [10**8, 1, 1, 1])}, path)
    asked(path)


def test_no_network_is_made_by_name_alone(path: Path) -> None:
    """Classes of torchvision, empty."""
    for name in ("resnet18", "vit_b_32", "swin_t", "mnasnet0_5", "regnet_x_400mf"):
        model = construction.construct(name, {})
        model.__dict__ = state()
        torch.save(model, path)
        refused(path)


def test_a_pickle_of_opcodes_that_fit_nothing(path: Path) -> None:
    for opcodes in (
        b"ctorch.nn.modules.container\nSequential\n)\x81}b.",
        b"ctorch.nn.modules.container\nSequential\n)\x81Nb.",
        b"ctorch.nn.modules.container\nSequential\n(lR.",
        b"ctorch.nn.modules.container\nSequential\n.",
        b"(ctorch.nn.modules.container\nSequential\no.",
        b"ctorch.nn.modules.container\nSequential\n)\x81(]]d.",
    ):
        buffer = io.BytesIO()
        torch.save({}, buffer)
        with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w") as new:
            for entry in old.infolist():
                is_pickle = entry.filename.endswith("data.pkl")
                new.writestr(entry, b"\x80\x02" + opcodes if is_pickle else old.read(entry))
        refused(path)


# --- descriptions of any content -----------------------------------------------------------------

JUNK: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**9, 10**400, 1.5, float("nan"), float("inf"), complex(1, 2)),
    *("", "x", "a.b", "forward", b"y", [], (), {}, set(), [1], (1, 2), {"a": 1}, {1: 2}),
    *(torch.ones(2), torch.ones(1, dtype=torch.int64), torch.empty(0)),
    *(Named("os.system"), Named("torch.nn.functional.relu"), Named("torch.float32"), Named("")),
    *(Described(""), Described("torch.nn.modules.container.Sequential")),
    *(Described("torch.nn.modules.activation.ReLU", (1,)), Described("torch.device", ("cpu",))),
    Described("functools.partial", (Named("os.system"),), {}, (Named("os.system"), (), {}, None)),
)
KEYS: tuple[Any, ...] = (
    *("forward", "_forward_hooks", "weight", "0", "extra", "hook", 5, None, "_modules", "a\nb"),
)


def spots(root: object) -> list[tuple[Any, Any]]:
    """Every record or dictionary in a description, with each name that holds something there."""
    found: list[tuple[Any, Any]] = []
    waiting, seen = [root], set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, Described):
            names = ("kind", "arguments", "keywords", "state", "items", "pairs")
            found += [(current, name) for name in names]
            waiting += [getattr(current, name) for name in names]
        elif isinstance(current, dict):
            found += [(current, key) for key in current]
            waiting += current.values()
        elif isinstance(current, list | tuple):
            waiting += current
    return found


def mutate(chance: random.Random, root: object) -> None:
    places = spots(root)
    records = [record for record, _ in places if isinstance(record, Described)]
    record, key = chance.choice(places)
    value = chance.choice([*JUNK, chance.choice(records)])
    if isinstance(record, dict):
        name = chance.choice([key, key, key, chance.choice(KEYS)])
        if chance.random() < 0.2:
            record.pop(name, None)
        else:
            record[name] = value
    elif key == "kind":
        record.kind = chance.choice(records).kind
    else:
        whole = {"arguments": (value,), "keywords": {"a": value}, "items": [value]}
        setattr(record, key, {**whole, "pairs": [(value, value)]}.get(key, value))


@pytest.mark.parametrize(
    "seeds", [range(150), pytest.param(range(150, 1000), marks=pytest.mark.slow)], ids=len
)
@pytest.mark.timeout(600)
def test_descriptions_of_any_content_cost_one_line(path: Path, seeds: range) -> None:
    contents = (
        nn.Sequential(*one_of_each_layer()),
        {"model": construction.construct("mobilenet_v3_small", {}), "epoch": 1},
        nn.DataParallel(construction.construct("resnet18", {})),
    )
    read = []
    for content in contents:
        torch.save(content, path)
        read.append(torch_files.read(path).content)
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)
        changed = copy.deepcopy(read[seed % 3])
        for _ in range(chance.choice((1, 1, 2, 4))):
            mutate(chance, changed)
        tensors_in(changed)
        root = next(iter(networks_in(changed).values()), None)
        if root is None:
            outcomes["no network"] += 1
            continue
        try:
            rebuilt = rebuild(root, path)
        except HookscopeError:
            outcomes["refused"] += 1
            continue
        assert (rebuilt.network is None) == bool(rebuilt.unfitting)
        outcomes["asked" if rebuilt.network is None else "built"] += 1
    assert outcomes["asked"] > len(seeds) // 2, outcomes
    assert outcomes["built"] > 0, outcomes
