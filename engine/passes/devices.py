"""The devices that there are: which one is chosen, what it is, and waiting for it."""

from __future__ import annotations

from importlib import metadata

import torch

from engine.errors import DeviceError


def available() -> tuple[str, ...]:
    """Names of the available devices, the preferred one first."""
    names: list[str] = []
    if torch.cuda.is_available():
        names += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return (*names, "cpu")


def choose(name: str = "auto") -> torch.device:
    """The device by name: 'auto' (CUDA, then MPS, then CPU), 'cpu', 'cuda', 'cuda:1', 'mps'.

    Raises DeviceError, naming the alternatives, if the device is not available.
    """
    there = available()
    wanted = name.strip().lower()
    if wanted == "auto":
        return torch.device(there[0])
    if wanted == "cuda":
        wanted = "cuda:0"
    if wanted not in there:
        raise DeviceError(f"device '{name}' is not available; choose auto or {', '.join(there)}")
    return torch.device(wanted)


def title(name: str) -> str:
    """A device's name with its hardware: 'cuda:0 (NVIDIA H100, 79 GiB)', 'cpu (2 threads)'."""
    if name.startswith("cuda"):
        facts = torch.cuda.get_device_properties(name)
        return f"{name} ({facts.name}, {facts.total_memory / 2**30:.0f} GiB)"
    return f"{name} ({torch.get_num_threads()} threads)" if name == "cpu" else name


def wait_for(device: torch.device) -> None:
    """Wait until the device has finished its queued work, so that timings are correct."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def versions() -> dict[str, str]:
    """Versions of the libraries that the numbers depend on."""
    return {
        "torch": str(torch.__version__),
        # As installed: importing it takes long, and the first map can do without.
        "torchvision": metadata.version("torchvision"),
        "cuda": str(torch.version.cuda or ""),
    }
