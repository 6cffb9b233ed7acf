"""Damage where the structure of model files, class lists and profiles is.

Texts and opcodes that are put in try to run something: they make the folder that MARKER names.
"""

from __future__ import annotations

import io
import json
import pickletools
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

from tests.engine.hostile.damage import ANYWHERE, Damage, extreme, with_field

MARKER = "it-ran-unasked"
"""What hostile parts make in the working folder, if they run."""

_CODE = f"__import__('os').mkdir('{MARKER}')"
_NUMBERS = (
    *(0, -1, 1, 2, 3, 255, 65536, 10**6, 10**9, 2**31 - 1, 2**31, 2**63, 2**64, -(2**63)),
    *(10**18, 10**30, 10**400, 1e308, -1e308, 0.5, float("nan"), float("inf")),
)


# --- JSON ----------------------------------------------------------------------------------------


def strange(rng: random.Random) -> Any:
    """A value of some type that nobody asked for."""
    nested: Any = []
    for _ in range(rng.choice((3, 100, 400))):
        nested = [nested] if rng.random() < 0.5 else {"a": nested}
    values = (
        *(None, True, "", "x" * 10_000, _CODE, f"../../{MARKER}", "/dev/zero", "\ud800", "a\0b"),
        *([], {}, [1, 2, 3], ["a"], {"0": "a"}, nested, [0] * 3000, {"auto_map": {"A": "b.C"}}),
    )
    return rng.choice((*_NUMBERS, *values)) if rng.random() < 0.8 else rng.choice(_NUMBERS)


def _places(content: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in it."""
    found, ahead = [], [content]
    while ahead:
        here = ahead.pop()
        keys: Any = here.keys() if isinstance(here, dict) else range(len(here))
        for key in keys:
            found.append((here, key))
            if isinstance(here[key], dict | list):
                ahead.append(here[key])
    return found


def changed_json(rng: random.Random, content: Any) -> Any:
    """The content, with a few of its values exchanged, taken out, renamed or put elsewhere."""
    content = json.loads(json.dumps(content))
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = _places(content)
        if not places or rng.random() < 0.02:
            return strange(rng)
        here, key = rng.choice(places)
        other_here, other_key = rng.choice(places)
        way = rng.random()
        if way < 0.6:
            here[key] = strange(rng)
        elif way < 0.7:
            del here[key]
        elif way < 0.8 and isinstance(here, dict):
            here[str(rng.choice((other_key, "__class__", "-1", "9" * 30, "")))] = here.pop(key)
        elif isinstance(here[key], int | float) and way < 0.95:
            here[key] = rng.choice((-here[key], here[key] * 1000, 0.5, str(here[key])))
        else:
            here[key] = json.loads(json.dumps(other_here[other_key]))
    return content


def json_text(rng: random.Random, content: bytes) -> bytes:
    way = rng.random()
    if way < 0.8:
        return json.dumps(changed_json(rng, json.loads(content))).encode()
    deep = rng.choice((10, 1000, 100_000))
    if way < 0.85:
        return b"[" * deep + b"]" * deep
    if way < 0.9:
        return b'{"a":' * deep + b"1" + b"}" * deep
    text = content.decode()
    return text.encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-be")))


# --- pickles -------------------------------------------------------------------------------------

_NAMES = (
    *("os mkdir", "posix mkdir", "builtins eval", "builtins getattr", "torch.hub load"),
    *("torch.nn.modules.linear Linear", "torchvision.models.resnet ResNet", "torch load"),
    *("torch._utils _rebuild_tensor_v2", "torch._tensor _rebuild_from_type_v2"),
    *("torch._utils _rebuild_parameter", "torch FloatStorage", "torch QUInt4x2Storage"),
    *("collections OrderedDict", "torch.nn.modules.module register_module_forward_hook"),
    *("torch Size", "builtins bytearray", "builtins set", "copyreg _reconstructor", "__main__ A"),
)
_CALL = f"cos\nmkdir\n(V{MARKER}\ntR".encode()


def _snippets(rng: random.Random) -> bytes:
    name = f"c{rng.choice(_NAMES).replace(' ', chr(10))}\n".encode()
    huge = struct.pack("<Q", rng.choice((1 << 33, 1 << 60, 6 * 10**9)))
    return rng.choice(
        (
            *(_CALL, _CALL + b"0", f"V{MARKER}\n".encode(), name, name + b")R", name + b")\x81"),
            *(
                name + b"}b",
                name + b")}\x92",
                name + b"(K\x01K\x02tR",
                f"(ios\nmkdir\n{_CODE}\n".encode(),
            ),
            *(
                b"(",
                b"0",
                b"1",
                b"2",
                b".",
                b"N",
                b"]",
                b"}",
                b")",
                b"\x8f",
                b"a",
                b"e",
                b"s",
                b"u",
            ),
            *(
                b"b",
                b"R",
                b"\x81",
                b"\x93",
                b"\x85",
                b"\x86",
                b"\x87",
                b"\x90",
                b"\x91",
                b"Q",
                b"o",
            ),
            *(
                b"h\x00",
                b"q\x00",
                b"r\xff\xff\xff\x7f",
                b"j\xff\xff\xff\x7f",
                b"\x94",
                b"\x97",
                b"\x98",
            ),
            *(b"\x96" + huge, b"\x8d" + huge, b"\x8e" + huge, b"\x95" + huge, b"B\xff\xff\xff\x7f"),
            *(
                b"T\xff\xff\xff\xff",
                b"X\xff\xff\xff\xff",
                b"\x8b\xff\xff\xff\x7f",
                b"\x8b\xff\xff\xff\xff",
            ),
            *(b"\x82\x01", b"Pkey\n", b"I" + b"9" * 5000 + b"\n", b"Lx\n", b"Fnan\n", b"I01\n"),
            *(
                b"\x8a\xff" + b"\x7f" * 255,
                b"K\x00",
                b"J\xff\xff\xff\xff",
                b"S'a\\\n",
                b"V\\ud800\n",
            ),
            (b"]" * 1000) + b"a" * 999,
            b"}q\x7f" + b"h\x7fh\x7fs" * 3,
            b"]q\x7fh\x7fa",
            b")" + b"\x85" * 5000,
        )
    )


def _number(value: int) -> bytes:
    """An opcode that gives this number."""
    size = value.bit_length() // 8 + 1
    if size > 255:
        return b"I" + str(value)[:4000].encode() + b"\n"
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def pickled(rng: random.Random, content: bytes) -> bytes:
    """In the opcodes of one pickle; what stands behind it stays."""
    places = [place for _, _, place in pickletools.genops(content)]
    ops = [content[a:b] for a, b in zip(places, [*places[1:], places[-1] + 1], strict=True)]
    rest = content[places[-1] + 1 :]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, other = rng.randrange(len(ops)), rng.randrange(len(ops))
        first, last = sorted((at, min(other, at + 40)))
        way = rng.randrange(10)
        if way < 3:
            ops.insert(at, _snippets(rng))
        elif way == 3:
            ops[at] = _snippets(rng)
        elif way == 4 and len(ops) > 1:
            del ops[at]
        elif way == 5:
            ops[at], ops[other] = ops[other], ops[at]
        elif way == 6:
            ops[first:last] = ops[first:last] * rng.choice((0, 2, 2, 50))
        elif way == 7:
            named = [n for n, op in enumerate(ops) if op[:1] in b"ci"] or [at]
            ops[rng.choice(named)] = f"c{rng.choice(_NAMES).replace(' ', chr(10))}\n".encode()
        elif way == 8:
            counts = [n for n, op in enumerate(ops) if op[:1] in b"KMJ\x8aI\x88\x89N"] or [at]
            new = rng.choice((*(n for n in _NUMBERS if isinstance(n, int)), 2**40, 13))
            ops[rng.choice(counts)] = rng.choice((_number(new), b"N", b"\x88", b"G" + b"\x7f" * 8))
        else:
            ops[at] = rng.choice(ANYWHERE)(rng, ops[at])
    return b"".join(ops) + rest


def legacy(rng: random.Random, content: bytes) -> bytes:
    """In one of the five pickles with which an old file of torch.save begins."""
    file = io.BytesIO(content)
    ends = [0]
    for _ in range(5):
        for _op in pickletools.genops(file):
            pass
        ends.append(file.tell())
    if rng.random() < 0.1:  # the number of elements before the first storage
        return with_field(rng, content, (ends[-1], 8, "<"))
    chosen = rng.choice((2, 3, 3, 3, 3, 4))
    inner = pickled(rng, content[ends[chosen] : ends[chosen + 1]])
    return content[: ends[chosen]] + inner + content[ends[chosen + 1] :]


# --- zip archives --------------------------------------------------------------------------------


def _rewritten(content: bytes, change: Callable[[str, bytes], bytes], **options: Any) -> bytes:
    goal = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(goal, "w", **options) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))
    return goal.getvalue()


def _entry(rng: random.Random, name: str, inner: bytes) -> bytes:
    if name.endswith(".pkl") and rng.random() < 0.9:
        return pickled(rng, inner)
    if name.endswith(".json") and rng.random() < 0.9:
        return json_text(rng, inner)
    return rng.choice(ANYWHERE)(rng, inner)


def _directory(rng: random.Random, content: bytes) -> bytes:
    """A number in the directory at the end, or before one of the entries."""
    place = rng.choice((b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"))
    found, at = [], content.find(place)
    while at >= 0:
        found.append(at)
        at = content.find(place, at + 4)
    if not found:
        return content
    widths = {
        b"PK\x05\x06": ((8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
        b"PK\x01\x02": ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)),
        b"PK\x03\x04": ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    }[place]
    offset, width = rng.choice(widths)
    return with_field(rng, content, (rng.choice(found) + offset, width, "<"))


def _renamed(rng: random.Random, content: bytes) -> bytes:
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    chosen = rng.choice(names)
    new = rng.choice((*names, "../../x", "/etc/passwd", "", "x" * 60_000, "data.pkl", "a\\b", "é"))
    goal = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(goal, "w") as made:
        for name in names:
            # As zipfile has it, so that two may have one name without a warning of it.
            entry = zipfile.ZipInfo("_")
            entry.filename = new if name == chosen else name
            made.NameToInfo.clear()
            if rng.random() < 0.98:
                made.writestr(entry, old.read(name))
    return goal.getvalue()


def archive(rng: random.Random, content: bytes) -> bytes:
    way = rng.random()
    if way < 0.6:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        small = [name for name in names if not name.rpartition("/")[2].isdecimal()]
        chosen = rng.choice([n for n in small if n.endswith((".pkl", ".json"))] * 4 + small)
        if rng.random() < 0.15:
            chosen = rng.choice(names)
        return _rewritten(content, lambda n, old: _entry(rng, n, old) if n == chosen else old)
    if way < 0.8:
        return _directory(rng, content)
    if way < 0.9:
        return _renamed(rng, content)
    if way < 0.95:
        packed = rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        return _rewritten(content, lambda _name, old: old, compression=packed)
    goal = io.BytesIO(content)
    with zipfile.ZipFile(goal, "a") as more:
        for number in range(rng.choice((1, 3000))):
            more.writestr(f"more/{number}", b"")
        more.writestr("more/code/x.py", _CODE)
        more.writestr("constants.pkl", _CALL + b".")
    return goal.getvalue()


# --- others --------------------------------------------------------------------------------------


def safetensors(rng: random.Random, content: bytes) -> bytes:
    length = int.from_bytes(content[:8], "little")
    if rng.random() < 0.15:
        return extreme(rng, length, 64).to_bytes(8, "little") + content[8:]
    header = json_text(rng, content[8 : 8 + length])
    if rng.random() < 0.3:
        header = rng.choice(ANYWHERE)(rng, content[8 : 8 + length])
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def onnx(rng: random.Random, content: bytes) -> bytes:
    """In nodes, attributes, weights and shapes of the graph."""
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    node, weight = rng.choice(graph.node), rng.choice(graph.initializer)
    numbers = [n for n in _NUMBERS if isinstance(n, int) and abs(n) < 1 << 63]
    attributes = [a for each in graph.node for a in each.attribute]
    way = rng.randrange(12)
    if way == 0:
        node.name = node.op_type = rng.choice((_CODE, "If", "Loop", "Scan", "Resize", "x" * 5000))
    elif way == 1:
        node.name = rng.choice(
            (f"a\n{_CODE}\n", f"'); {_CODE} #", "__class__", "forward", "\x1b[2J")
        )
        node.output[0] = rng.choice((node.name, node.output[0], "x", ""))
    elif way == 2:
        attribute = rng.choice(attributes)
        attribute.i = rng.choice(numbers)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(numbers)
    elif way == 3:
        weight.dims[rng.randrange(len(weight.dims))] = rng.choice(numbers)
    elif way == 4:
        weight.data_type = rng.randrange(0, 25)
    elif way == 5:
        weight.data_location = onnx.TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key = "location"
        entry.value = rng.choice(("/etc/passwd", "../x", "/dev/zero", "", f"../{MARKER}", "a\0b"))
    elif way == 6:
        sides = graph.input[0].type.tensor_type.shape.dim
        rng.choice(sides).dim_value = rng.choice([n for n in numbers if n >= 0])
    elif way == 7:
        graph.input[0].type.tensor_type.elem_type = rng.randrange(0, 25)
    elif way == 8:
        weight.raw_data = rng.choice(ANYWHERE)(rng, weight.raw_data)
    elif way == 9:
        node.input.append(rng.choice((node.output[0], "nowhere", "", weight.name)))
    elif way == 10:
        graph.node.append(node)
        rng.choice(model.opset_import).version = rng.choice(numbers)
    else:
        entry = model.metadata_props.add()
        entry.key, entry.value = "names", rng.choice((_CODE, "[" * 100_000, "{0: 'a', 1: 2}"))
    return bytes(model.SerializeToString())


def lines(rng: random.Random, content: bytes) -> bytes:
    """In the lines of a class list."""
    found = content.split(b"\n")
    at = rng.randrange(len(found))
    words = found[at].split(b",")
    way = rng.randrange(7)
    if way == 0:
        words[rng.randrange(len(words))] = rng.choice(
            (
                b"",
                b"-1",
                b"9" * 5000,
                b"\xff\xfe",
                b"\0",
                b'"',
                b"x" * 200_000,
                b"0",
                b"1e3",
                b"\x1b[0m",
            )
        )
        found[at] = b",".join(words)
    elif way == 1:
        found[at:at] = [found[at]] * rng.choice((1, 2, 300_000))
    elif way == 2:
        del found[at]
    elif way == 3:
        found[at] += rng.choice((b",", b";", b"\t", b'"', b"\r", b"\v", "\u2028".encode(), b",x,y"))
    elif way == 4:
        return content.decode().encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-be")))
    elif way == 5:
        rng.shuffle(found)
    else:
        return rng.choice((b"", b"\n" * 1000, b'"', b"\xef\xbb\xbf", b"\xff\xfe", b","))
    return b"\n".join(found)


def by_content(name: str, content: bytes) -> Damage:
    """The damage that knows the structure of a file."""
    if name.endswith(".onnx"):
        return onnx
    if content.startswith(b"PK\x03\x04"):
        return archive
    if name.endswith(".safetensors"):
        return safetensors
    if name.endswith(".json"):
        return json_text
    return lines if name.endswith((".txt", ".csv")) else legacy
