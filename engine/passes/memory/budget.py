"""How much memory of a device may be used, how it is given back, and errors that say it ran out."""

from __future__ import annotations

import psutil
import torch

# Messages of out-of-memory errors on various devices and systems, besides torch.OutOfMemoryError.
_OUT_OF_MEMORY = (
    *("out of memory", "can't allocate memory", "not enough memory"),
    *("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"),
)


def memory_budget(device: torch.device) -> int:
    """Bytes that a session may keep on the device: half of the memory that is free now."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        # Unused blocks cached by torch's allocator are available to a new session.
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return (int(free) + int(cached)) // 2
    return int(psutil.virtual_memory().available) // 2


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error means that a device, or the machine, ran out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


def release_cache(device: torch.device) -> None:
    """Return unused blocks of torch's allocator to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
