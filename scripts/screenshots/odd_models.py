"""Small networks for the states that a healthy network never reaches."""

from __future__ import annotations

import itertools
import threading

import torch
from torch import Tensor, nn

from engine.formats.demo import CLASSES, DEMOS, PREPROCESSING, build
from engine.formats.demo_network import DemoNet
from engine.model import Model

GATE = threading.Event()
"""While it is clear, `slow` computes and does not end."""


def _words(text: str, count: int) -> list[str]:
    return text.split()[:count]


_ADJECTIVES = (
    "pale bright dark dull glossy matt rough smooth small large tall broad narrow thin thick "
    "round-edged sharp bent straight tilted upright hollow solid dotted striped plain ornate "
    "weathered polished faded vivid soft hard light heavy"
)
_MATERIALS = (
    "copper iron steel silver gold bronze brass tin lead zinc oak pine birch elm ash beech maple "
    "walnut cherry willow cedar larch granite marble slate sandstone limestone basalt chalk flint "
    "quartz clay glass china paper card cork linen cotton wool silk felt leather rubber wax amber "
    "ivory coral pearl bone horn straw reed bamboo rattan concrete plaster brick tile enamel resin "
    "ice snow salt sugar sand soap foam bread cheese chocolate cloud smoke water light shadow"
)
SHAPE_NAMES = [
    " ".join(words)
    for words in itertools.product(_words(_ADJECTIVES, 35), _words(_MATERIALS, 75), CLASSES)
]
"""21,000 class names."""

LONG_CLASSES = tuple(
    f"{name}, drawn by a steady hand on a cluttered ground and photographed from above"
    for name in CLASSES
)


def _model(module: nn.Module, title: str, classes: tuple[str, ...] = CLASSES) -> Model:
    return Model(module, preprocessing=PREPROCESSING, classes=classes, title=title, source=title)


class Gate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        GATE.wait(60)
        return x


class Hungry(nn.Module):
    """Runs out of memory once."""

    def __init__(self) -> None:
        super().__init__()
        self.fed = False

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "meta" and not self.fed:
            self.fed = True
            raise torch.OutOfMemoryError("out of memory")
        return x


class Chain(nn.Module):
    """One module before another, under names of the caller's choice."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        self.order = tuple(parts)
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.order:
            x = getattr(self, name)(x)
        return x


class Residual(Chain):
    """The same with a way past it, so that a long chain of them still passes a gradient on."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * super().forward(x)


def _demo() -> DemoNet:
    network = build(DEMOS["shapes"])
    assert isinstance(network, DemoNet)
    return network


def slow() -> Model:
    """The demo, which stops in the middle of its forward pass while GATE is clear."""
    network = _demo()
    network.layer3 = nn.Sequential(network.layer3[0], Gate())
    return _model(network, "Shapes, slowly")


def hungry() -> Model:
    """The demo on a machine whose memory does not suffice at first."""
    network = _demo()
    network.layer3 = nn.Sequential(network.layer3[0], Hungry())
    return _model(network, "Shapes, hungry")


def untrained_head() -> Model:
    """The demo with a new head that starts from zeros."""
    network = _demo()
    nn.init.zeros_(network.fc.weight)
    nn.init.zeros_(network.fc.bias)
    return _model(network, "Shapes, new head")


def many_classes() -> Model:
    """The demo with a head of 21,000 classes: every shape in many materials."""
    network = _demo()
    generator = torch.Generator().manual_seed(7)
    times = len(SHAPE_NAMES) // len(CLASSES)
    head = nn.Linear(network.fc.in_features, len(SHAPE_NAMES))
    weight = network.fc.weight.detach().repeat(times, 1)
    with torch.no_grad():
        noise = torch.randn(weight.shape, generator=generator)
        head.weight.copy_(weight + 0.3 * weight.std() * noise)
        head.bias.copy_(network.fc.bias.detach().repeat(times))
    network.fc = head
    return _model(network, "Shapes of all materials", tuple(SHAPE_NAMES))


def many_modules() -> Model:
    """A chain of 2,000 modules."""
    torch.manual_seed(3)
    stages: dict[str, nn.Module] = {"stem": nn.Conv2d(3, 4, 4, stride=4)}
    for stage in range(9):
        blocks: dict[str, nn.Module] = {
            f"block{place}": Residual(
                conv=nn.Conv2d(4, 4, 1), norm=nn.BatchNorm2d(4), act=nn.ReLU()
            )
            for place in range(55)
        }
        stages[f"stage{stage + 1}"] = Chain(**blocks)
    stages["tail"] = Chain(**{f"conv{place}": nn.Conv2d(4, 4, 1) for place in range(5)})
    last = nn.Linear(4, len(CLASSES))
    nn.init.normal_(last.weight, std=1e-3)
    head = Chain(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), fc=last)
    return _model(Chain(**stages, head=head), "Two thousand modules")


def long_names() -> Model:
    """The demo with names that nobody would want to type."""
    network = _demo()
    body = Chain(
        initial_convolution_with_stride_two=network.conv1,
        batch_normalisation_of_the_initial_convolution=network.bn1,
        rectified_linear_unit=nn.ReLU(),
        overlapping_maximum_pooling=network.maxpool,
        first_residual_stage_at_quarter_resolution=network.layer1,
        second_residual_stage_at_eighth_resolution=network.layer2,
        third_residual_stage_at_eighth_resolution=network.layer3,
        last_residual_stage_before_global_average_pooling=network.layer4,
    )
    head = Chain(
        global_average_pooling_over_all_positions=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        linear_classification_layer=network.fc,
    )
    whole = Chain(convolutional_feature_extractor=body, fully_connected_classification_head=head)
    title = "a-network-whose-name-was-made-by-an-experiment-script-2026-07-lr0.0005-bs256-seed42"
    return _model(whole, title, LONG_CLASSES)


class EncoderBlock(nn.Module):
    """A transformer's block whose attention looks everywhere alike."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 1, batch_first=True)
        with torch.no_grad():
            self.attention.in_proj_weight.zero_()
            self.attention.in_proj_weight[2 * width :].copy_(torch.eye(width))
            self.attention.out_proj.weight.copy_(torch.eye(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        seen, _ = self.attention(y, y, y, need_weights=False)
        total: Tensor = x + seen
        return total


class Transformer(nn.Module):
    """The demo's features as tokens, whose mean a class token gathers for the demo's own head."""

    def __init__(self, network: DemoNet) -> None:
        super().__init__()
        width = network.fc.in_features
        self.patches = Chain(
            conv1=network.conv1,
            bn1=network.bn1,
            relu=network.relu,
            maxpool=network.maxpool,
            layer1=network.layer1,
            layer2=network.layer2,
            layer3=network.layer3,
            layer4=network.layer4,
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder = EncoderBlock(width)
        self.head = network.fc

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        sequence = torch.cat([self.class_token.expand(len(tokens), -1, -1), tokens], 1)
        logits: Tensor = self.head(self.encoder(sequence)[:, 0])
        return logits


def transformer() -> Model:
    """The demo as a small vision transformer: class token, attention, tokens on a grid."""
    return _model(Transformer(_demo()), "Shapes, with tokens")


ALL = {
    f"stage:{make.__name__}": make
    for make in (slow, hungry, untrained_head, many_classes, many_modules, long_names, transformer)
}
