"""Functions of a script for methods of the whole network: guided ReLUs, and biases."""

from __future__ import annotations

GUIDED = '''\
def passes(node):
    """Where a ReLU's input is positive, as far as its own gradient does not see to that; None for
    a node of torch's graph that is no ReLU. Functions leave the same nodes as modules do."""
    kind = type(node).__name__.partition("Backward")[0]
    if (
        kind == "Relu"
        or (kind == "Hardtanh" and node._saved_min_val == 0)
        or (kind == "Threshold" and node._saved_threshold == 0)
        or (kind == "LeakyRelu" and node._saved_negative_slope == 0)
    ):
        return 1
    zero = (
        kind in ("Clamp", "ClampMin")
        and node._saved_min is not None
        and not torch.as_tensor(node._saved_min).any()
    )
    if zero or (kind == "Maximum" and not node._saved_other.any()):
        return node._saved_self > 0
    return None


def guided_gradient(network, x):
    """d score / d x, float64 (C, h, w), where only positive gradients pass through a ReLU."""
    x = x.clone().requires_grad_()
    value = score(network(x))

    def positive(gradients, mask):
        return tuple(None if g is None else g.clamp(min=0) * mask for g in gradients)

    waiting, seen = [value.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [before for before, _ in node.next_functions]
        mask = passes(node)
        if mask is not None:
            node.register_prehook(lambda gradients, mask=mask: positive(gradients, mask))
    (found,) = torch.autograd.grad(value, x)
    return found[0].double()
'''

BIASES = '''\
def bias_of(module):
    """What a layer adds to each channel, (C,); None for nothing."""
    bias = getattr(module, "bias", None)
    if getattr(module, "running_var", None) is None:
        return bias
    scale = (module.running_var.double() + module.eps).rsqrt()
    if module.weight is not None:
        scale = scale * module.weight
    shift = -module.running_mean * scale
    return (shift if bias is None else shift + bias).float()


def scaled(part):
    """Magnitudes, from 0 for the smallest to 1 for the largest of all channels."""
    size = part.abs()
    low, high = size.min(), size.max()
    return (size - low) / (high - low) if high > low else torch.zeros_like(size)
'''
"""What FullGrad needs besides its own lines."""

FULLGRAD = (
    "x = x.clone().requires_grad_()",
    "parts = []",
    "",
    "def keep(module, inputs, output):",
    "    bias = bias_of(module)",
    "    if torch.is_tensor(bias) and output.ndim == 4 and output[0, 0].numel() > 1:",
    "        output.register_hook(lambda g: parts.append(g[0] * bias[:, None, None]))",
    "",
    "hooks = [module.register_forward_hook(keep) for module in network.modules()]",
    "(gradient,) = torch.autograd.grad(score(network(x)), x)",
    "for hook in hooks:",
    "    hook.remove()",
    "found = scaled(x.detach()[0].double() * gradient[0].double()).sum(dim=0)",
    "for part in parts:",
    "    coarse = scaled(part).sum(dim=0).double()[None, None]",
    "    found += functional.interpolate(",
    '        coarse, found.shape, mode="bilinear", align_corners=False',
    "    )[0, 0]",
    "return found",
)

GUIDED_GRAD_CAM = (
    "coarse = grad_cam(*activation_and_gradient(network, x)).clamp(min=0)[None, None]",
    "fine = functional.interpolate(",
    '    coarse, x.shape[2:], mode="bilinear", align_corners=False',
    ")[0, 0]",
    "return guided_gradient(network, x).sum(dim=0) * fine",
)
