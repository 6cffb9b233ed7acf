"""Linear imputation, against a linear ramp and against the whole system solved at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.errors import Cancelled
from engine.metrics.imputing import NOISE, Filler, imputed
from engine.progress import CancelToken
from engine.records.workbench.trust import Fill


def solved(image: torch.Tensor, known: torch.Tensor) -> np.ndarray:
    """Section 4.2 of Rong et al. 2022, as one dense system in double precision."""
    values, mask = image.double().numpy(), known.numpy()
    unknown = [tuple(place) for place in np.argwhere(~mask)]
    place_of = {place: number for number, place in enumerate(unknown)}
    matrix = np.zeros((len(unknown), len(unknown)))
    right = np.zeros((len(unknown), len(values)))
    for (row, column), number in place_of.items():
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                other = (row + down, column + across)
                inside = 0 <= other[0] < mask.shape[0] and 0 <= other[1] < mask.shape[1]
                if (down, across) == (0, 0) or not inside:
                    continue
                weight = 1 / 12 if down and across else 1 / 6
                matrix[number, number] += weight
                if other in place_of:
                    matrix[number, place_of[other]] -= weight
                else:
                    right[number] += weight * values[:, other[0], other[1]]
    found = values.copy()
    answer = np.linalg.solve(matrix, right)
    for (row, column), number in place_of.items():
        found[:, row, column] = answer[number]
    return found


@pytest.mark.parametrize("size", [(9, 9), (40, 64), (65, 33)])
def test_a_linear_ramp_is_reproduced(size: tuple[int, int]) -> None:
    height, width = size
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    ramp = torch.stack([0.5 * rows - 0.2 * columns, 0.1 * columns + 0.0 * rows]).float()
    known = torch.ones(size, dtype=torch.bool)
    known[1:-1, 1:-1] = torch.rand(height - 2, width - 2) < 0.1
    known[2 : height // 2, 2 : width // 2] = False
    span = float(ramp.max() - ramp.min())
    torch.testing.assert_close(imputed(ramp, known), ramp, atol=2e-3 * span, rtol=0)
    finer = imputed(ramp, known, tolerance=1e-7)
    torch.testing.assert_close(finer, ramp, atol=5e-5 * span, rtol=0)


def test_it_is_the_solution_of_the_whole_system() -> None:
    generator = torch.Generator().manual_seed(2)
    image = torch.rand((3, 20, 26), generator=generator)
    known = torch.rand((20, 26), generator=generator) < 0.25
    known[4:14, 5:19] = False
    known[:, :3] = False  # up to the edge, beyond which nothing weighs
    np.testing.assert_allclose(imputed(image, known).numpy(), solved(image, known), atol=5e-4)


def test_known_pixels_stay_and_a_constant_is_a_constant() -> None:
    image = torch.rand(3, 16, 16)
    known = torch.rand(16, 16) < 0.5
    found = imputed(image, known)
    assert torch.equal(found[:, known], image[:, known])
    assert torch.equal(
        imputed(torch.full((1, 8, 8), 0.7), known[:8, :8]), torch.full((1, 8, 8), 0.7)
    )


def test_noise_is_on_what_was_imputed_alone_and_comes_from_the_seed() -> None:
    image = torch.rand(3, 32, 32)
    known = torch.ones(32, 32, dtype=torch.bool)
    known[8:24, 8:24] = False
    smooth = imputed(image, known)
    noisy = Filler(image, Fill.LINEAR, noise=NOISE, seed=4)(known)
    again = Filler(image, Fill.LINEAR, noise=NOISE, seed=4)(known)
    assert torch.equal(noisy, again)
    assert torch.equal(noisy[:, known], image[:, known])
    assert float((noisy - smooth)[:, ~known].std()) == pytest.approx(NOISE, rel=0.2)


def test_where_nothing_is_known_it_is_the_mean() -> None:
    image = torch.rand(3, 10, 12)
    nothing = torch.zeros(10, 12, dtype=torch.bool)
    wanted = image.mean(dim=(1, 2))[:, None, None].expand_as(image)
    assert torch.equal(Filler(image, Fill.LINEAR)(nothing), wanted)
    assert torch.equal(Filler(image, Fill.MEAN)(nothing), wanted)


def test_sixteen_bits_are_computed_with_more() -> None:
    image = torch.rand(3, 24, 24)
    known = torch.rand(24, 24) < 0.2
    found = imputed(image.bfloat16(), known)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), imputed(image, known), atol=0.02, rtol=0)


def test_it_is_cancelled_between_two_steps() -> None:
    token = CancelToken()
    token.cancel()
    known = torch.rand(64, 64) < 0.1
    with pytest.raises(Cancelled):
        imputed(torch.rand(3, 64, 64), known, token)
