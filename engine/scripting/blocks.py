"""Pieces of scripts that are the same in each: how torchvision is imported, how .safetensors is
read, what the demo's network is."""

from __future__ import annotations

TORCHVISION = """\
try:
    import torchvision
except RuntimeError:
    # A torchvision that was built for CUDA does not find two of its operators beside a torch for
    # the CPU. No classifier needs them: they are declared, and the import is tried again.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    operators = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision"""

SAFETENSORS = '''\
def load_safetensors(path):
    """The tensors of a .safetensors file: a length, a header in JSON, and the numbers."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    types = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
    types |= {"I64": "int64", "I32": "int32", "U8": "uint8", "BOOL": "bool"}
    tensors = {}
    for name, facts in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = facts["data_offsets"]
            flat = bytearray(data[start + first : start + last])
            kind = getattr(torch, types[facts["dtype"]])
            tensors[name] = torch.frombuffer(flat, dtype=kind).reshape(facts["shape"])
    return tensors
'''

BLURRED = '''\
def blurred(x):
    """x, blurred by a Gaussian whose deviation is a sixteenth of the shorter side."""
    deviation = max(1.0, min(x.shape[2:]) / 16)
    reach = int(3 * deviation)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1.0) / deviation) ** 2)
    weights /= weights.sum()
    wide = functional.pad(x[0][:, None], (reach,) * 4, mode="replicate")
    down = functional.conv2d(wide, weights[None, None, :, None])
    return functional.conv2d(down, weights[None, None, None, :])[:, 0][None]
'''

IMPORT_FILE = '''\
def import_file(path):
    """The module of a Python file, which may import others that lie beside it."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("network_file", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
'''

DEMO_NETWORK = '''\
class Block(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class DemoNet(nn.Module):
    """A small residual network for images of 128 x 128 pixels."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 5, stride=2, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(24)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Block(24, 24, 1))
        self.layer2 = nn.Sequential(Block(24, 48, 2))
        self.layer3 = nn.Sequential(Block(48, 80, 1))
        self.layer4 = nn.Sequential(Block(80, 112, 1))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(112, 8)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))
'''
