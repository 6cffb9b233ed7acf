"""Networks of transformers and files of its hub without a download: from what is on this computer.

A network needs its configuration. If that is not in the cache, the defaults of its class stand in
for it, and a note says so: weights of another size do not fit it, and are refused.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.errors import FOREIGN_ERRORS
from engine.formats.python.offline.replacing import Replacement, note

# Returned for files that are not on this computer; what reads them finds that they do not exist.
_NOWHERE = Path("not-fetched")

# Arguments that say how to download.
_DOWNLOADING = frozenset(
    {"cache_dir", "force_download", "proxies", "token", "local_files_only", "revision"}
    | {"trust_remote_code", "subfolder", "code_revision", "_from_pipeline", "_from_auto"}
)


def replacements() -> Iterator[Replacement]:
    for module in ("huggingface_hub", "huggingface_hub.file_download"):
        yield Replacement(module, "hf_hub_download", _file)
    yield Replacement("huggingface_hub", "snapshot_download", _file)
    yield Replacement(
        "transformers.configuration_utils", "PreTrainedConfig.get_config_dict", _configuration
    )
    yield Replacement("transformers.modeling_utils", "PreTrainedModel.from_pretrained", _network)


def stay_offline() -> Callable[[], None]:
    """Keep the hub's client from connecting at all; returns what ends that."""
    constants: Any = sys.modules.get("huggingface_hub.constants")
    if constants is None or constants.HF_HUB_OFFLINE:
        return lambda: None
    constants.HF_HUB_OFFLINE = True

    def end() -> None:
        constants.HF_HUB_OFFLINE = False

    return end


def _file(original: Callable[..., Any]) -> Callable[..., Any]:
    def found(repository: str = "", *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("local_files_only", None)
        name = kwargs.pop("repo_id", repository)
        try:
            return original(name, *args, local_files_only=True, **kwargs)
        except FOREIGN_ERRORS:
            note(name)
            wanted = kwargs.get("filename") or (args[0] if args else "")
            return str(_NOWHERE / name / str(wanted))

    return found


def _configuration(original: Callable[..., Any]) -> Callable[..., Any]:
    def found(cls: Any, name: Any, **kwargs: Any) -> Any:
        kwargs.pop("local_files_only", None)
        if Path(os.fspath(name)).exists():
            return original(cls, name, **kwargs)
        try:
            return original(cls, name, local_files_only=True, **kwargs)
        except FOREIGN_ERRORS:
            kind = getattr(cls, "model_type", "") or _kind_in(str(name))
            if not kind:
                raise
            note(f"{name}, whose configuration is assumed to be the default of '{kind}'")
            left = {key: value for key, value in kwargs.items() if key not in _DOWNLOADING}
            return {"model_type": kind}, left

    return found


def _kind_in(name: str) -> str:
    """The kind of network that a published name contains: 'vit' of 'google/vit-base-patch16'."""
    auto: Any = sys.modules["transformers.models.auto.configuration_auto"]
    parts = re.split(r"[-_./]", name.lower().rpartition("/")[2])
    kinds = {kind: re.split(r"[-_]", kind) for kind in auto.CONFIG_MAPPING}
    fitting = [kind for kind, words in kinds.items() if parts[: len(words)] == words]
    return max(fitting, key=len, default="")


def _network(original: Callable[..., Any]) -> Callable[..., Any]:
    def made(cls: Any, name: Any, *args: Any, config: Any = None, **kwargs: Any) -> Any:
        if name is not None and Path(os.fspath(name)).exists():
            return original(cls, name, *args, config=config, **kwargs)
        if config is None or isinstance(config, str):
            config, kwargs = cls.config_class.from_pretrained(
                config or name, return_unused_kwargs=True, **kwargs
            )
        note(name)
        taken = inspect.signature(cls.__init__).parameters
        own = {key: value for key, value in kwargs.items() if key in taken}
        network = cls(config, *args, **own).eval()
        return (network, {}) if kwargs.get("output_loading_info") else network

    return made
