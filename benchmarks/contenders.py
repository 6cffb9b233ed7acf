"""Each library behind one interface, used in the fastest way that its documentation offers."""

from __future__ import annotations

import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from benchmarks.subjects import Subject
from engine.lazy import torchvision


class Contender(ABC):
    """One library on one subject. Every method returns what the library's user would get.

    first: from a loaded network and a picture to the map, everything cleaned up.
    prepare, then another_class and another_layer: the clicks that follow; release ends it.
    all_layers: every layer of the list for one class, in as few passes as the library can.
    """

    name: str
    package: str

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @property
    def version(self) -> str:
        return importlib.metadata.version(self.package)

    @abstractmethod
    def first(self, layer: str, target: int) -> object: ...

    @abstractmethod
    def prepare(self, layer: str, target: int) -> None: ...

    @abstractmethod
    def another_class(self, target: int) -> object: ...

    def another_layer(self, layer: str, target: int) -> object:
        return self.first(layer, target)

    @abstractmethod
    def release(self) -> None: ...

    def all_layers(self, layers: Sequence[str], target: int) -> object | None:
        """None when the library has no way but one layer after the other."""
        return None


class Hookscope(Contender):
    """A session: its figures include decoding nothing, but preprocessing the picture."""

    name = "hookscope"
    package = "torch"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        import engine

        self._engine: Any = engine
        self._model = engine.load_model(
            subject.name, weights=subject.weights, device=subject.device
        )
        self._session: Any = None

    @property
    def version(self) -> str:
        from engine.version import VERSION

        return VERSION

    def first(self, layer: str, target: int) -> object:
        with self._engine.Session(self._model, self.subject.image) as session:
            return session.explain(layer, target)

    def prepare(self, layer: str, target: int) -> None:
        self._session = self._engine.Session(self._model, self.subject.image)
        self._session.__enter__()
        self._session.explain(layer, target)

    def another_class(self, target: int) -> object:
        return self._session.explain(self.subject.layer, target)

    def another_layer(self, layer: str, target: int) -> object:
        return self._session.explain(layer, target)

    def release(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.__exit__(None, None, None)

    def all_layers(self, layers: Sequence[str], target: int) -> object:
        with self._engine.Session(self._model, self.subject.image) as session:
            return session.sweep(target)


class PytorchGradCam(Contender):
    name = "pytorch-grad-cam"
    package = "grad-cam"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        torchvision.load()  # the library imports torchvision by itself
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        self._grad_cam: Any = GradCAM
        self._target: Any = ClassifierOutputTarget
        self._cam: Any = None

    def _maps(self, layers: Sequence[str], target: int) -> object:
        modules = [self.subject.network.get_submodule(layer) for layer in layers]
        with self._grad_cam(model=self.subject.network, target_layers=modules) as cam:
            return cam(self.subject.tensor, [self._target(target)])

    def first(self, layer: str, target: int) -> object:
        return self._maps([layer], target)

    def prepare(self, layer: str, target: int) -> None:
        module = self.subject.network.get_submodule(layer)
        self._cam = self._grad_cam(model=self.subject.network, target_layers=[module])
        self._cam(self.subject.tensor, [self._target(target)])

    def another_class(self, target: int) -> object:
        return self._cam(self.subject.tensor, [self._target(target)])

    def release(self) -> None:
        cam, self._cam = self._cam, None
        if cam is not None:
            cam.activations_and_grads.release()
        self.subject.network.zero_grad()

    def all_layers(self, layers: Sequence[str], target: int) -> object:
        return self._maps(layers, target)


class TorchCam(Contender):
    name = "torch-cam"
    package = "torchcam"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        torchvision.load()  # the library imports torchvision by itself
        from torchcam.methods import GradCAM

        self._grad_cam: Any = GradCAM
        self._cam: Any = None
        self._scores: Any = None

    def _maps(self, layers: Sequence[str], target: int) -> object:
        with self._grad_cam(self.subject.network, list(layers)) as cam:
            scores = self.subject.network(self.subject.tensor)
            return cam(target, scores)

    def first(self, layer: str, target: int) -> object:
        return self._maps([layer], target)

    def prepare(self, layer: str, target: int) -> None:
        self._cam = self._grad_cam(self.subject.network, layer)
        self._scores = self.subject.network(self.subject.tensor)
        self._cam(target, self._scores, retain_graph=True)

    def another_class(self, target: int) -> object:
        return self._cam(target, self._scores, retain_graph=True)

    def release(self) -> None:
        cam, self._cam, self._scores = self._cam, None, None
        if cam is not None:
            cam.remove_hooks()
            cam.reset_hooks()

    def all_layers(self, layers: Sequence[str], target: int) -> object:
        return self._maps(layers, target)


class Captum(Contender):
    name = "captum"
    package = "captum"

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        torchvision.load()  # the library imports torchvision by itself
        from captum.attr import LayerGradCam

        self._layer_grad_cam: Any = LayerGradCam
        self._cam: Any = None

    def first(self, layer: str, target: int) -> object:
        network = self.subject.network
        cam = self._layer_grad_cam(network, network.get_submodule(layer))
        return cam.attribute(self.subject.tensor, target=target)

    def prepare(self, layer: str, target: int) -> None:
        network = self.subject.network
        self._cam = self._layer_grad_cam(network, network.get_submodule(layer))
        self._cam.attribute(self.subject.tensor, target=target)

    def another_class(self, target: int) -> object:
        return self._cam.attribute(self.subject.tensor, target=target)

    def release(self) -> None:
        self._cam = None


PEERS: tuple[type[Contender], ...] = (Captum, TorchCam, PytorchGradCam)
CONTENDERS: tuple[type[Contender], ...] = (Hookscope, *PEERS)
