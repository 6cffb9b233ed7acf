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

PHOTOS_NETWORK = '''\
class SameConv2d(nn.Conv2d):
    """Padded as TensorFlow does: the odd pixel goes below and to the right."""

    def forward(self, x):
        sides = zip(x.shape[-2:], self.kernel_size, self.stride)
        tall, wide = (max((-(-n // step) - 1) * step + k - n, 0) for n, k, step in sides)
        return super().forward(
            functional.pad(x, (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2))
        )


def conv(inputs, outputs, kernel, stride=1, groups=1):
    if stride > 1:
        return SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


class SeparableBlock(nn.Module):
    """A convolution of each channel, and one across channels."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv_dw = conv(inputs, inputs, 3, groups=inputs)
        self.bn1 = norm(inputs)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_pw = conv(inputs, outputs, 1)
        self.bn2 = norm(outputs)

    def forward(self, x):
        return self.bn2(self.conv_pw(self.act1(self.bn1(self.conv_dw(x)))))


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, project; the input is added where its shape allows it."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        inner = 6 * inputs
        self.has_skip = stride == 1 and inputs == outputs
        self.conv_pw = conv(inputs, inner, 1)
        self.bn1 = norm(inner)
        self.act1 = nn.ReLU6(inplace=True)
        self.conv_dw = conv(inner, inner, kernel, stride, inner)
        self.bn2 = norm(inner)
        self.act2 = nn.ReLU6(inplace=True)
        self.conv_pwl = conv(inner, outputs, 1)
        self.bn3 = norm(outputs)

    def forward(self, x):
        out = self.act1(self.bn1(self.conv_pw(x)))
        out = self.bn3(self.conv_pwl(self.act2(self.bn2(self.conv_dw(out)))))
        return out + x if self.has_skip else out


class EfficientNetLite0(nn.Module):
    """Tan and Le 2019, in the Lite variant of its authors."""

    def __init__(self):
        super().__init__()
        self.conv_stem = conv(3, 32, 3, 2)
        self.bn1 = norm(32)
        self.act1 = nn.ReLU6(inplace=True)
        stages, inputs = [nn.Sequential(SeparableBlock(32, 16))], 16
        # Blocks, kernel, stride of the first block, channels.
        shapes = [(2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80)]
        shapes += [(3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320)]
        for blocks, kernel, stride, outputs in shapes:
            first = InvertedResidual(inputs, outputs, kernel, stride)
            more = (InvertedResidual(outputs, outputs, kernel, 1) for _ in range(blocks - 1))
            stages.append(nn.Sequential(first, *more))
            inputs = outputs
        self.blocks = nn.Sequential(*stages)
        self.conv_head = conv(320, 1280, 1)
        self.bn2 = norm(1280)
        self.act2 = nn.ReLU6(inplace=True)
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, x):
        x = self.blocks(self.act1(self.bn1(self.conv_stem(x))))
        x = self.act2(self.bn2(self.conv_head(x)))
        return self.classifier(torch.flatten(self.global_pool(x), 1))
'''
