"""The formulas of methods that look at a layer, as lines of a script.

A is the activation and G the gradient of the score by it, both float64 (C, h, w). The names, the
order of the operations and what is left out are those of engine.methods, in the words of a script
that nobody but its reader has to change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.methods.registry import Chosen
from engine.records.options import Value

Options = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Formula:
    """How A and G become a map.

    lines: before the last one. terms: an expression (C, h, w) whose sum over channels is the map;
    component: whether its first principal component takes the place of the sum.
    """

    lines: tuple[str, ...]
    terms: str
    component: bool = False


_SPACE = "dim=(1, 2), keepdim=True"


def _grad_cam(_options: Options) -> Formula:
    return Formula((f"weights = G.mean({_SPACE})",), "weights * A")


def _cam(_options: Options) -> Formula:
    lines = (
        "# After this layer come average pooling and one linear layer, and nothing else: G is the",
        "# weight of the channel divided by the number of cells, and so this is the weight itself.",
        f"weights = G.sum({_SPACE})",
    )
    return Formula(lines, "weights * A")


def _hirescam(_options: Options) -> Formula:
    return Formula((), "G * A")


def _layercam(_options: Options) -> Formula:
    return Formula((), "G.clamp(min=0) * A")


def _elementwise(_options: Options) -> Formula:
    return Formula((), "(G * A).clamp(min=0)")


def _xgrad_cam(_options: Options) -> Formula:
    lines = (
        f"total, size = A.sum({_SPACE}), A.abs().sum({_SPACE})",
        "# A channel whose values cancel out is left out: their sum is a divisor.",
        "used = (total.abs() >= 1e-6 * size) & (total != 0)",
        f"weights = torch.where(used, (G * A).sum({_SPACE}) / total, 0.0)",
    )
    return Formula(lines, "weights * A")


def _grad_cam_plus_plus(_options: Options) -> Formula:
    lines = (
        f"below = 2 + G * A.sum({_SPACE})",
        "# Where the formula divides by zero, a value is left out.",
        "used = (G > 0) & (below.abs() >= 1e-6)",
        f"weights = torch.where(used, G / below, 0.0).sum({_SPACE})",
    )
    return Formula(lines, "weights * A")


def _eigen_cam(_options: Options) -> Formula:
    return Formula((), "A", component=True)


def _eigengrad_cam(_options: Options) -> Formula:
    return Formula((), "G * A", component=True)


def _fem(_options: Options) -> Formula:
    lines = (
        f"mean = A.mean({_SPACE})",
        f"deviation = (A - mean).square().mean({_SPACE}).sqrt()",
        "# In a channel that is constant every cell is marked, whatever its rounding.",
        f"slack = 64 * torch.finfo(A.dtype).eps * A.abs().amax({_SPACE})",
        "marked = A >= mean + 2 * deviation - slack",
    )
    return Formula(lines, "mean * marked")


def _random_cam(options: Options) -> Formula:
    lines = (
        f"drawn = np.random.default_rng({options['seed']}).uniform(-1, 1, len(A))",
        "weights = torch.from_numpy(drawn)[:, None, None]",
    )
    return Formula(lines, "weights * A")


def _shapley_cam(_options: Options) -> Formula:
    return Formula((f"weights = (G - HA / 2).mean({_SPACE})",), "weights * A")


_FORMULAS: dict[str, Callable[[Options], Formula]] = {
    "grad-cam": _grad_cam,
    "hirescam": _hirescam,
    "layercam": _layercam,
    "grad-cam-elementwise": _elementwise,
    "xgrad-cam": _xgrad_cam,
    "grad-cam++": _grad_cam_plus_plus,
    "cam": _cam,
    "eigen-cam": _eigen_cam,
    "eigengrad-cam": _eigengrad_cam,
    "fem": _fem,
    "random-cam": _random_cam,
    "shapleycam": _shapley_cam,
}


def formula_of(how: Chosen) -> Formula | None:
    """The formula of a method of layers, with its options; None for one that has none here.

    Those of Finer-CAM and RefineCAM are the formulas of their bases: what the one compares is in
    the score, and the other puts several maps together.
    """
    options = dict(how.options)
    based = how.method.slug in ("finer-cam", "refine-cam")
    slug = str(options["base"]) if based else how.method.slug
    make = _FORMULAS.get(slug)
    return None if make is None else make(options)


REFINED = (
    "def refine_cam(network, x):",
    '    """{equation}"""',
    "    product = positive(of_layer(*activation_and_gradient(network, x, LAYER)))",
    "    for layer in DEEPER:",
    "        coarse = positive(of_layer(*activation_and_gradient(network, x, layer)))",
    "        product = product * functional.interpolate(",
    '            coarse[None, None], product.shape, mode="bilinear", align_corners=False',
    "        )[0, 0]",
    "    return product",
    "",
    "",
    "def positive(found):",
    '    """The positive part of a map, as parts of its largest value."""',
    "    found = found.clamp(min=0)",
    "    return found / found.max() if found.max() > 0 else found",
)
"""What RefineCAM does with the maps of layers."""

_KERNELS = {
    "sigmoid": ("products = torch.tanh(gamma * products + 1)",),
    "rbf": (
        "squares = products.diagonal()",
        "products = torch.exp(-gamma * (squares[:, None] + squares - 2 * products))",
    ),
    "linear": (),
}


def kernel_component(how: Chosen) -> str:
    """The function of KPCA-CAM."""
    options = dict(how.options)
    gamma = options["gamma"] or "1 / len(A)"
    kernel = _KERNELS[str(options["kernel"])]
    lines = [
        "def kpca_cam(A):",
        f'    """{how.method.equation}"""',
        "    cells = A.flatten(1).t()",
        "    centred = cells - cells.mean(dim=0)",
        "    products = centred @ centred.t()",
        *((f"    gamma = {gamma}",) if kernel else ()),
        *(f"    {line}" for line in kernel),
        "    means = products.mean(dim=0)",
        "    values, vectors = torch.linalg.eigh(products - means - means[:, None] + means.mean())",
        "    found = vectors[:, -1] * values[-1].sqrt()",
        "    # The sign of an eigenvector is arbitrary: high where the layer is active.",
        "    size = cells.abs().mean(dim=1)",
        "    if torch.dot(found - found.mean(), size - size.mean()) < 0:",
        "        found = -found",
        "    return found.view(A.shape[1:])",
    ]
    return "\n".join(lines) + "\n"


FIRST_COMPONENT = '''\
def first_component(matrix):
    """(C, h, w), not centred, projected on its first right singular vector: (h, w).

    The sign of a singular vector is arbitrary. This is the one with which the map correlates with
    the mean magnitude of the channels: high where the layer is active.
    """
    cells = matrix.flatten(1).t()
    left, values, _ = torch.linalg.svd(cells, full_matrices=False)
    found, size = left[:, 0] * values[0], cells.abs().mean(dim=1)
    if torch.dot(found - found.mean(), size - size.mean()) < 0:
        found = -found
    return found.view(matrix.shape[1:])
'''
"""What Eigen-CAM and EigenGrad-CAM do with a matrix."""

SMOOTHED = '''\
def first_component(matrix):
    """(C, h, w), not centred, projected on its first right singular vector: (h, w).

    The sign of a singular vector is arbitrary. This is the one with which the map agrees with the
    sum over channels, so that what is positive speaks for what was asked.
    """
    cells = matrix.flatten(1).t()
    left, values, _ = torch.linalg.svd(cells, full_matrices=False)
    found = left[:, 0] * values[0]
    if torch.dot(found, cells.sum(dim=1)) < 0:
        found = -found
    return found.view(matrix.shape[1:])
'''
"""What the option eigen puts in the place of the sum over channels."""
