"""The requests that a reader process serves: one function each, from plain values to plain values.

Large results go into the shared file. Modules are imported on first use, since a process that only
decodes images needs no others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import HookscopeError

Request = dict[str, Any]
Reply = dict[str, Any]


def answer(request: Request, descriptor: int | None) -> Reply:
    """The reply to a request. descriptor: of the shared file. Library errors are propagated."""
    try:
        return _OPERATIONS[request["operation"]](request, descriptor)
    except HookscopeError as error:
        return {"error": type(error).__name__, "text": str(error)}
    except MemoryError:
        return {"memory": True}


def _picture(request: Request, descriptor: int | None) -> Reply:
    from engine.files import regular
    from engine.images import decoding

    assert descriptor is not None
    if "bytes" in request:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            content = file.read(request["bytes"])
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return decoding.decode_bytes(content, request["name"], descriptor, request.get("page", 0))
    with regular.opened(Path(request["path"]), decoding.unreadable) as file:
        return decoding.decode(
            file, request["name"], descriptor, request.get("draft", 0), request.get("page", 0)
        )


def _pictures(request: Request, descriptor: int | None) -> Reply:
    from engine.folders.inputs import decoding

    assert descriptor is not None
    return {"files": decoding.read(request["paths"], request["how"], descriptor)}


def _kind(request: Request, _descriptor: int | None) -> Reply:
    from engine.weights import headers

    return headers.facts_of(Path(request["path"]))


def _torch_file(request: Request, descriptor: int | None) -> Reply:
    from engine.weights import headers

    assert descriptor is not None
    return headers.copy_contents(Path(request["path"]), descriptor)


def _class_names(request: Request, descriptor: int | None) -> Reply:
    from engine.loading import class_name_files

    return _text(list(class_name_files.parse(Path(request["path"]))), descriptor)


def _image_list(request: Request, descriptor: int | None) -> Reply:
    from engine.folders.inputs import lists

    return _text(lists.parse(Path(request["path"])), descriptor)


def _label_mapping(request: Request, descriptor: int | None) -> Reply:
    from engine.folders.inputs import lists

    return _text(lists.mapping(Path(request["path"])), descriptor)


def _profile(request: Request, descriptor: int | None) -> Reply:
    from engine.profiles import store

    return _text(store.parse(Path(request["path"])), descriptor)


def _folder_network(request: Request, _descriptor: int | None) -> Reply:
    from engine.formats.huggingface import folders

    return _size_of(folders.without_data(Path(request["name"]), request["config"]))


def _folder_pictures(request: Request, _descriptor: int | None) -> Reply:
    from engine.formats.huggingface import folders, preprocessing

    folder = Path(request["name"])
    return preprocessing.tried(folder, *folders.picture_of(folder, request["config"]))


def _timm_network(request: Request, _descriptor: int | None) -> Reply:
    from engine.formats.timm import models

    facts = (request[name] for name in ("architecture", "arguments", "described"))
    return _size_of(models.without_data(Path(request["name"]), *facts))


def _size_of(module: Any) -> Reply:
    tensors = {id(t): t.numel() for t in (*module.parameters(), *module.buffers())}
    return {"elements": sum(tensors.values())}


def _onnx(request: Request, descriptor: int | None) -> Reply:
    from engine.formats.onnx import files

    assert descriptor is not None
    prepared: Reply = files.prepare(Path(request["path"]), descriptor)
    return prepared


def _text(content: object, descriptor: int | None) -> Reply:
    """The content as JSON in the shared file."""
    import json

    assert descriptor is not None
    data = json.dumps(content).encode()
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return {"size": len(data)}


_OPERATIONS: dict[str, Callable[[Request, int | None], Reply]] = {
    "picture": _picture,
    "pictures": _pictures,
    "kind": _kind,
    "torch file": _torch_file,
    "class names": _class_names,
    "image list": _image_list,
    "label mapping": _label_mapping,
    "profile": _profile,
    "folder network": _folder_network,
    "folder pictures": _folder_pictures,
    "timm network": _timm_network,
    "onnx": _onnx,
}
