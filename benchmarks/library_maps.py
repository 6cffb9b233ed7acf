"""Maps by pytorch-grad-cam, torch-cam and captum, as numpy arrays before they are scaled.

Each function takes a network, its input (1, 3, h, w), a layer's name and a class, and returns what
the library computes on that layer's own grid, or on the pixels; nothing of the libraries is changed
but for reading a map before it is enlarged to the input.
"""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Map = NDArray[np.float32]
Maps = Callable[[nn.Module, Tensor, str, int], Map]


def pytorch_grad_cam(name: str, **how: Any) -> Maps:
    """A class of the library; how: for its constructor."""

    def maps(network: nn.Module, tensor: Tensor, layer: str, target: int) -> Map:
        import pytorch_grad_cam as library
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        network = copy.deepcopy(network)
        kept: list[Map] = []
        kind = getattr(library, name)
        cam = kind(model=network, target_layers=[network.get_submodule(layer)], **how)
        inner = getattr(cam, "base_cam", cam)
        own = inner.get_cam_image

        def keeping(*arguments: Any, **named: Any) -> Map:
            kept.append(own(*arguments, **named)[0])
            return kept[-1][None]

        inner.get_cam_image = keeping
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            if name == "FinerCAM":
                cam(tensor, target_idx=target)
            else:
                whole = cam(tensor, [ClassifierOutputTarget(target)])
        inner.activations_and_grads.release()
        # FullGrad has no map of a layer.
        return np.asarray(kept[0] if kept else whole[0], dtype=np.float32)

    return maps


def smoothed_by_pytorch_grad_cam(*, copies: bool = False, eigen: bool = False) -> Maps:
    """Grad-CAM with its aug_smooth or eigen_smooth.

    copies: the mean of the maps of all copies before each is cut at zero, enlarged and scaled,
    those of mirrored ones mirrored back: its transforms are the unmirrored ones, then the mirrored.
    """

    def maps(network: nn.Module, tensor: Tensor, layer: str, target: int) -> Map:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        network = copy.deepcopy(network)
        kept: list[Map] = []
        cam = GradCAM(model=network, target_layers=[network.get_submodule(layer)])
        own = cam.get_cam_image

        def keeping(*arguments: Any, **named: Any) -> Map:
            kept.append(own(*arguments, **named)[0])
            return kept[-1][None]

        cam.get_cam_image = keeping
        cam(tensor, [ClassifierOutputTarget(target)], aug_smooth=copies, eigen_smooth=eigen)
        cam.activations_and_grads.release()
        half = len(kept) // 2
        turned = [*kept[:half], *(one[:, ::-1] for one in kept[half:])] if copies else kept
        return np.mean(turned, axis=0, dtype=np.float64).astype(np.float32)

    return maps


def guided_of_pytorch_grad_cam(network: nn.Module, tensor: Tensor, _layer: str, target: int) -> Map:
    from pytorch_grad_cam import GuidedBackpropReLUModel

    found = GuidedBackpropReLUModel(copy.deepcopy(network))(tensor.clone(), target)
    return np.asarray(found.sum(axis=2), dtype=np.float32)


def torchcam(name: str, **how: Any) -> Maps:
    """A class of the library; how: for its constructor, with sigma for a deviation of the noise in
    parts of the input's range."""

    def maps(network: nn.Module, tensor: Tensor, layer: str, target: int) -> Map:
        from torchcam import methods as library

        network = copy.deepcopy(network)
        made = dict(how)
        if "base_method" in made:
            made["base_method"] = getattr(library, made["base_method"])
        if "sigma" in made:
            made["std"] = made.pop("sigma") * float(tensor.max() - tensor.min())
        layers = made.pop("layers", None) or layer
        cam = getattr(library, name)(network, layers, **made)
        torch.manual_seed(0)
        with cam:
            scores = network(tensor)
            if name in ("CAM", "ScoreCAM", "SSCAM", "ISCAM", "SmoothGradCAMpp", "LeGrad"):
                found = cam(target, normalized=False)
            else:
                found = cam(target, scores, normalized=False)
        return found[0][0].detach().numpy()

    return maps


def captum(
    name: str, attribute: Mapping[str, Any] | None = None, *, absolute: bool = False, **how: Any
) -> Maps:
    """A class of the library, its channels summed, or their largest magnitude for absolute.

    attribute: for its method of that name; how: for its constructor.
    """

    def maps(network: nn.Module, tensor: Tensor, layer: str, target: int) -> Map:
        from captum import attr as library

        network = copy.deepcopy(network)
        made = dict(how)
        if made.pop("layered", False):
            made["layer"] = network.get_submodule(layer)
        kind = getattr(library, name)(network, **made)
        found = kind.attribute(tensor.clone(), target=target, **dict(attribute or {}))[0]
        found = found.abs().amax(dim=0) if absolute else found.sum(dim=0)
        return found.detach().numpy()

    return maps


def smoothgrad_of_captum(*, absolute: bool) -> Maps:
    """Its NoiseTunnel over Saliency: 25 samples, with the deviation of SmoothGrad's default here.

    absolute: of the gradients that are averaged, as is Saliency's default.
    """

    def maps(network: nn.Module, tensor: Tensor, _layer: str, target: int) -> Map:
        from captum.attr import NoiseTunnel, Saliency

        torch.manual_seed(0)
        found = NoiseTunnel(Saliency(copy.deepcopy(network))).attribute(
            tensor.clone(),
            nt_type="smoothgrad",
            nt_samples=25,
            stdevs=0.15 * float(tensor.max() - tensor.min()),
            target=target,
            abs=absolute,
        )
        return found[0].abs().amax(dim=0).detach().numpy()

    return maps
