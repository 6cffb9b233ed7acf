"""Methods that look at a layer's activation alone."""

from __future__ import annotations

from engine.methods.method import ACTIVATION, FORWARD, Family, Method
from engine.methods.options import Kind, Option
from engine.methods.rows.shared import COMPONENT, MARKS

ACTIVATION_ONLY: tuple[Method, ...] = (
    Method(
        slug="eigen-cam",
        title="Eigen-CAM",
        family=Family.ACTIVATION,
        summary="The strongest pattern in a layer, whatever the class: often the main object.",
        paper="Muhammad and Yeasin, 2020, arXiv:2008.00299",
        equation="A as (Z, C), not centred, times its first right singular vector",
        needs=ACTIVATION,
        class_dependent=False,
        signed=True,
        cost=FORWARD + ", and an eigenvector",
        passes="1f",
        function="engine.methods.components:eigen_cam",
        least_channels=2,
        least_reason="of a single channel the projection is that channel itself",
        refuses=COMPONENT,
    ),
    Method(
        slug="kpca-cam",
        title="KPCA-CAM",
        family=Family.ACTIVATION,
        summary="Eigen-CAM by a kernel, for patterns that no sum of channels shows.",
        paper="Karmani et al., 2024, arXiv:2410.00267",
        equation="first component of a kernel PCA over the cells of A, centred",
        needs=ACTIVATION,
        class_dependent=False,
        signed=True,
        cost=FORWARD + ", and an eigenvector of a matrix (Z, Z)",
        passes="1f",
        function="engine.methods.components:kpca_cam",
        options=(
            Option(
                "kernel",
                "how cells are compared",
                Kind.CHOICE,
                "sigmoid",
                choices=("sigmoid", "rbf", "linear"),
            ),
            Option("gamma", "scale of the kernel, 0 for 1 / C", Kind.FLOAT, 0.0, low=0, high=1e6),
        ),
        least_channels=2,
        least_reason="of a single channel the projection is that channel itself",
        most_cells=784,
        most_reason="it takes an eigenvector of a matrix of cells by cells",
        refuses=COMPONENT,
    ),
    Method(
        slug="fem",
        title="FEM",
        family=Family.ACTIVATION,
        summary="Where channels are unusually strong, whatever the class.",
        paper="Fuad et al., 2020, IPTA, doi:10.1109/IPTA50016.2020.9286629",
        equation="sum_k mu_k * [A_k >= mu_k + 2 sigma_k], sigma_k of the population",
        needs=ACTIVATION,
        class_dependent=False,
        signed=True,
        cost=FORWARD,
        passes="1f",
        function="engine.methods.activation:fem",
        least_cells=5,
        least_reason=(
            "of n values none lies more than sqrt(n - 1) standard deviations above their mean, "
            "and FEM looks for 2"
        ),
        refuses=MARKS,
    ),
    Method(
        slug="random-cam",
        title="Random-CAM",
        family=Family.ACTIVATION,
        summary="Random channel weights: the baseline that every other method has to beat.",
        paper="Gildenblat et al., 2021, https://github.com/jacobgil/pytorch-grad-cam (no paper)",
        equation="sum_k w_k * A_k, w_k drawn evenly from -1 to 1",
        needs=ACTIVATION,
        class_dependent=False,
        signed=True,
        cost=FORWARD,
        passes="1f",
        function="engine.methods.activation:random_cam",
        options=(Option("seed", "which weights are drawn", Kind.INT, 0, low=0, high=2**31 - 1),),
    ),
)
