"""The functions of a script for methods of a whole network's attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.scripting.recipe import Attending, Recipe

_MODULE = "functional.multi_head_attention_forward"
_KERNEL = "scaled_dot_product_attention"

_HEAD = '''\
class Attention(TorchFunctionMode):
    """Keeps the weights of every attention of a pass, (heads, N, N), and where they are made."""

    def __init__(self):
        super().__init__()
        self.weights, self.edges = [], []

    def keep(self, weights, node):
        tokens = weights.shape[-1]
        if tokens > 1:
            self.weights.append(weights.detach().reshape(-1, tokens, tokens))
            self.edges.append(None if node is None else GradientEdge(node, 0))

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
'''

_OF_MODULE = """\
if function is functional.multi_head_attention_forward:
    mean = kwargs.get("average_attn_weights", True)
    kwargs |= {"need_weights": True, "average_attn_weights": False}
    output, weights = function(*args, **kwargs)
    node = weights.grad_fn
    while node is not None and "Softmax" not in node.name():
        node = node.next_functions[0][0]  # they are another view of those that were used
    self.keep(weights, node)
    return output, weights.mean(dim=-3) if mean else weights
"""

_OF_KERNEL = """\
if function is {kernel}:
    return self.attend(*args, **kwargs)
"""

_ATTEND = '''\

    def attend(self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None):
        """What the fused operation computes, which does not return its weights."""
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        weights = (query * scale @ key.transpose(-2, -1)).softmax(dim=-1)
        self.keep(weights, weights.grad_fn)
        return weights @ value
'''

_OF_SOFTMAX = """\
made = function(*args, **kwargs)
if function in {softmax} and made.ndim >= 3:
    axis = args[1] if len(args) > 1 else kwargs.get("dim", -1)
    if axis in (-1, made.ndim - 1):
        self.keep(made, made.grad_fn)
return made
"""

_SLOPE = '''\
def slope(network, x, output):
    """The score's gradient by a block's tokens, whose mean is what the last block hands on."""
    tokens = output.detach().mean(dim=1, keepdim=True).expand_as(output)
    tokens = tokens.contiguous().requires_grad_()
    last = network.get_submodule(BLOCKS[-1])
    with last.register_forward_hook(lambda module, inputs, output: tokens.clone()):
        value = score(network(x))
    (found,) = torch.autograd.grad(value, tokens)
    return found.mean(dim=1, keepdim=True).expand_as(found)
'''

_OWN_SCORES = """\
outputs = []
hooks = [
    network.get_submodule(name).register_forward_hook(
        lambda module, inputs, output: outputs.append(output)
    )
    for name in BLOCKS
]
with Attention() as attention:
    network(x.clone().requires_grad_())
for hook in hooks:
    hook.remove()
slopes = [slope(network, x, output) for output in outputs]
"""

_NETWORKS_SCORE = """\
with Attention() as attention:
    value = score(network(x.clone().requires_grad_()))
outputs = [value] * len(attention.edges)
slopes = [None] * len(attention.edges)
"""

_GRADIENTS = """\
total = torch.zeros({tokens})
for output, edge, along in zip(outputs, attention.edges, slopes):
    (G,) = torch.autograd.grad(output, edge, along, retain_graph=True, allow_unused=True)
    if G is not None:
        total += G.reshape(-1, {tokens}, {tokens}).clamp(min=0).mean(dim=(0, 1))
row = total / len(outputs)
"""

_ROLLOUT = """\
with torch.no_grad(), Attention() as attention:
    network(x)
total = None
for A in attention.weights:
    step = (A.mean(dim=0).double() + torch.eye(A.shape[-1])) / 2
    step = step / step.sum(dim=1, keepdim=True)
    total = step if total is None else step @ total
"""


def _rollout(attending: Attending) -> str:
    rows = (
        "total[0]  # of the class token"
        if attending.from_class
        else (f"total[{attending.prefix or ''}:].mean(dim=0)  # the network reads no class token")
    )
    return f"{_ROLLOUT}row = {rows}\n"


def _legrad(attending: Attending) -> str:
    rows, columns = attending.grid
    tokens = str(attending.prefix + rows * columns)
    scored = _OWN_SCORES if attending.blocks else _NETWORKS_SCORE
    return scored + _GRADIENTS.replace("{tokens}", tokens)


_BODIES: dict[str, Callable[[Attending], str]] = {
    "attention-rollout": _rollout,
    "legrad": _legrad,
}


def knows(slug: str) -> bool:
    """Whether there are functions for the method of that slug."""
    return slug in _BODIES


def functions(recipe: Recipe) -> tuple[str, ...]:
    """The functions that a map of attention needs."""
    attending, method = recipe.attending, recipe.how.method
    assert attending is not None
    rows, columns = attending.grid
    own = f"row[{attending.prefix}:]" if attending.prefix else "row"
    body = _BODIES[method.slug](attending)
    lines = [
        f"def {name(recipe)}(network, x):",
        f'    """{method.equation}"""',
        *_indented(body, 4),
        f"    return {own}.reshape({rows}, {columns})",
    ]
    before = (_SLOPE,) if "slope(" in body else ()
    return (_watching(attending.functions), *before, "\n".join(lines) + "\n")


def main(recipe: Recipe) -> tuple[str, ...]:
    """The lines of main that make the map, 'found', of the network and its input."""
    return (f"found = {name(recipe)}(network, load_input())",)


def name(recipe: Recipe) -> str:
    """The name of the method's function: 'attention_rollout'."""
    return recipe.how.method.slug.replace("-", "_")


def _watching(called: tuple[str, ...]) -> str:
    """The class Attention, with what these functions of torch need."""
    kernels = [each for each in called if each.endswith(_KERNEL)]
    softmax = [each for each in called if each != _MODULE and each not in kernels]
    parts = []
    if any(each.startswith("torch.ops.") for each in called):
        parts.append('function = getattr(function, "overloadpacket", function)\n')
    if _MODULE in called:
        parts.append(_OF_MODULE)
    parts += [_OF_KERNEL.replace("{kernel}", each) for each in kernels]
    if softmax:
        comma = "," if len(softmax) == 1 else ""
        parts.append(_OF_SOFTMAX.replace("{softmax}", f"({', '.join(softmax)}{comma})"))
    else:
        parts.append("return function(*args, **kwargs)\n")
    lines = "\n".join(line for part in parts for line in _indented(part, 8))
    return f"{_HEAD}{lines}\n" + (_ATTEND if kernels else "")


def _indented(text: str, by: int) -> Iterator[str]:
    return (f"{' ' * by}{line}" if line else "" for line in text.rstrip("\n").split("\n"))
