"""Opens Hugging Face folders: config.json, weights, and often a preprocessor_config.json.

Nothing is downloaded and no code in the folder is run: transformers builds the network from its own
classes, and weights are read as tensors only.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from engine.errors import ModelError, WeightsError, one_line
from engine.files.json_files import read_json
from engine.formats.huggingface import config_file
from engine.formats.huggingface import preprocessing as hf_preprocessing
from engine.formats.huggingface.files import Weights, weights_of
from engine.formats.network import Network
from engine.formats.network_trials import Trial, is_near, refuse_larger
from engine.formats.timm import models
from engine.images import presets
from engine.lazy import extras
from engine.records.images import Preprocessing

_log = logging.getLogger(__name__)

_PREPROCESSOR = "preprocessor_config.json"
# Settings of a config.json that would select other code or number formats.
_LEFT_OUT = ("attn_implementation", "_attn_implementation", "experts_implementation", "use_kernels")
_FAILURES = (
    *(OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError),
    *(AssertionError, ArithmeticError, MemoryError, SafetensorError, pickle.UnpicklingError),
)


def open_folder(folder: Path) -> Network:
    """The image classifier in a folder saved by transformers or timm.

    Weights: model.safetensors or pytorch_model.bin, or their shards with an index. Classes come
    from id2label, preprocessing from preprocessor_config.json.
    Raises ModelError (transformers or timm missing, not an image classifier, custom code needed,
    damaged) and WeightsError (no weights, or weights that do not fit).
    """
    folder = folder.absolute()
    config = read_json(folder / "config.json")
    files = weights_of(folder)
    if models.is_timm_config(config):
        network = _of_timm(folder, config, files.main)
        labels = config_file.labels_of(config)
        fits = len(labels) == len(network.classes) or not network.classes
        return network if not labels or not fits else _with_labels(network, labels)
    config_file.refuse(folder, config)
    usual = is_near(config, _usual(folder, config))
    # A reader process runs one trial at a time; do not wait for the one on preprocessing.
    pictures = _Pictures(folder, config) if usual else None
    try:
        module = _module(folder, config, files, usual)
        pictures = pictures or _Pictures(folder, config)
        how, notice = pictures.preprocessing(module.config)
    finally:
        if pictures is not None:
            pictures.drop()
    size = config_file.image_size_of(module.config)
    labels = config_file.labels_of(config)
    return Network(
        module.eval(),
        source=type(module).__name__,
        title=folder.name,
        weights=str(files.main),
        weights_sha256=files.sha256,
        preprocessing=how,
        preprocessing_origin=_PREPROCESSOR if how is not None else "",
        input_size=size,
        channels=config_file.channels_of(module.config),
        classes=labels,
        classes_origin="config.json" if labels else "",
        notices=(notice,) if notice else (),
        output=config_file.output_of(config),
    )


def _of_timm(folder: Path, config: Mapping[str, Any], weights: Path) -> Network:
    try:
        network = models.network_of_folder(folder, config, weights)
        how = network.preprocessing
        fault = presets.fault_of(how) if how is not None else ""
    except _FAILURES as error:
        _log.info("%s cannot be opened", folder, exc_info=True)
        raise ModelError(
            f"{folder}: invalid config.json ({one_line(error)}); download it again"
        ) from error
    if fault:
        raise ModelError(f"{folder}: invalid config.json ({fault}); download it again")
    return network


def _with_labels(network: Network, labels: tuple[str, ...]) -> Network:
    return replace(network, classes=labels, classes_origin="config.json")


def without_data(folder: Path, config: Mapping[str, Any]) -> nn.Module:
    """The network that a config.json describes, on torch's meta device.

    Raises WeightsError if transformers cannot build it.
    """
    kind, described, options = _described(folder, config)
    try:
        with torch.device("meta"):
            module: nn.Module = kind._from_config(described, **options)
    except (*_FAILURES, _invalid(folder)) as error:
        raise _cannot_open(folder, error) from error
    return module


def picture_of(folder: Path, config: Mapping[str, Any]) -> tuple[int, tuple[int, int] | None]:
    """Channels and (height, width) of the input that a config.json specifies.

    Raises WeightsError if transformers cannot interpret it.
    """
    described = _described(folder, config)[1]
    return config_file.channels_of(described), config_file.image_size_of(described)


class _Pictures:
    """The folder's preprocessing, determined in a reader process while the network is built."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._folder = folder
        self._file, self._notice, plain = _processor_file(folder)
        self._trial: Trial | None = None
        if self._file is not None and not plain:
            self._trial = Trial("folder pictures", str(folder), {"config": dict(config)})

    def preprocessing(self, described: Any) -> tuple[Preprocessing | None, str]:
        """The preprocessing, None if unusable, and a notice for the user. Raises Cancelled.

        described: the network's configuration object of transformers.
        """
        if self._file is None:
            return None, self._notice
        if self._trial is None:
            sizes = config_file.channels_of(described), config_file.image_size_of(described)
            return hf_preprocessing.told(self._file, hf_preprocessing.tried(self._folder, *sizes))
        try:
            found = self._trial.reply()
        except ModelError as error:
            found = {"fault": str(error).rpartition(": ")[2]}
        return hf_preprocessing.told(self._file, found)

    def drop(self) -> None:
        if self._trial is not None:
            self._trial.drop()


def _usual(folder: Path, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The default configuration of transformers for this model type."""
    auto = extras.load("transformers.models.auto.configuration_auto", str(folder))
    usual: Mapping[str, Any] = auto.CONFIG_MAPPING[str(config["model_type"])]().to_dict()
    return usual


def _module(folder: Path, config: Mapping[str, Any], files: Weights, usual: bool) -> Any:
    """usual: whether the network can be built without a trial (network_trials.is_near)."""
    trial = None if usual else Trial("folder network", str(folder), {"config": dict(config)})
    reading = files.begin()
    try:
        # Imported while the trial runs and the weights are read, since this takes seconds.
        _import_classes(folder, config)
        small = without_data(folder, config) if usual else None
        state = files.read(reading)
        elements = sum(tensor.numel() for tensor in state.values())
        if trial is not None:
            trial.check(elements)
        if small is not None:
            refuse_larger(str(folder), sum(t.numel() for t in small.parameters()), elements)
    finally:
        reading.drop()
        if trial is not None:
            trial.drop()
    # Only after these checks: a configuration alone can require more memory than there is.
    kind, described, options = _described(folder, config)
    try:
        module, report = kind.from_pretrained(
            None, config=described, state_dict=state, output_loading_info=True, **options
        )
    except (*_FAILURES, _invalid(folder)) as error:
        raise _cannot_open(folder, error) from error
    missing = sorted(str(key) for key in report["missing_keys"])
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise WeightsError(
            f"{folder}: its weights do not fit {type(module).__name__} "
            f"(missing: {', '.join(missing[:3])}{more}); download the folder again, or train the "
            "classifier first"
        )
    return module


def _import_classes(folder: Path, config: Mapping[str, Any]) -> None:
    transformers = extras.load("transformers", str(folder))
    for name in config_file.classifiers(folder)[str(config["model_type"])]:
        getattr(transformers, name, None)


def _described(folder: Path, config: Mapping[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
    """The network's class, its configuration, and the options for building it."""
    transformers = extras.load("transformers", str(folder))
    # Its messages go to the program's log.
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_default_handler()
    transformers.utils.logging.enable_propagation()
    plain = {key: value for key, value in config.items() if key not in _LEFT_OUT}
    auto = transformers.AutoModelForImageClassification
    try:
        described = transformers.AutoConfig.for_model(**plain)
        chosen = auto._model_mapping[type(described)]
    except (*_FAILURES, _invalid(folder)) as error:
        raise _cannot_open(folder, error) from error
    kinds = chosen if isinstance(chosen, tuple) else (chosen,)
    given = plain.get("architectures")
    named = given if isinstance(given, list) else []
    kind = next((each for each in kinds if each.__name__ in named), kinds[0])
    # Set explicitly, so that no name in the config.json is looked up as a kernel to download.
    attention = "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"
    return kind, described, {"attn_implementation": attention}


def _cannot_open(folder: Path, error: Exception) -> WeightsError:
    _log.info("%s cannot be opened", folder, exc_info=error)
    return WeightsError(
        f"{folder}: transformers cannot open it ({one_line(error)}); download the folder again"
    )


def _processor_file(folder: Path) -> tuple[Path | None, str, bool]:
    """The file with the preprocessing settings, or None; a notice if it cannot be used; whether its
    numbers are so small that no trial is needed."""
    for name in (_PREPROCESSOR, "processor_config.json"):
        path = folder / name
        if path.is_file():
            given = read_json(path)
            given = given.get("image_processor", given)
            if isinstance(given, Mapping) and "auto_map" in given:
                own = f"{name} requires custom code, which is never run"
                return None, f"{own}; default preprocessing is assumed.", True
            return path, "", is_near(given, {})
    return None, "", True


def _invalid(folder: Path) -> type[Exception]:
    """The error that transformers raises for invalid values in a config.json."""
    errors = extras.load("huggingface_hub.errors", str(folder))
    kind: type[Exception] = errors.StrictDataclassError
    return kind
