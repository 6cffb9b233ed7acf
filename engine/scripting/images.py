"""How a script reads and prepares the image: what engine.images.preprocessing does, for one set of
settings, written with Pillow and torch."""

from __future__ import annotations

from collections.abc import Iterator

from engine.images.presets import INTERPOLATIONS
from engine.records.images import Channels, Preprocessing
from engine.scripting.recipe import Recipe
from engine.scripting.texts import values

_LETTERBOX = 114
# Beyond this Pillow warns, and beyond twice as many pixels it refuses.
_PILLOW_LIMIT = 89_000_000


def constants(recipe: Recipe) -> tuple[str, ...]:
    """The lines that name the numbers of the normalisation, and of black and white."""
    how, levelled = recipe.preprocessing, recipe.levelled
    ends: tuple[str, ...] = ()
    if levelled is not None:
        what = "what the levels of the image made of its values" if levelled.curved else "values"
        ends = (f"BLACK, WHITE = {levelled.low!r}, {levelled.high!r}  # {what}",)
    return (
        *ends,
        f"MEAN, STD = {_numbers(how.mean)}, {_numbers(how.std)}",
    )


def load_input(recipe: Recipe) -> str:
    """The function load_input."""
    how = recipe.preprocessing
    shape = ", ".join(map(str, (1, len(how.mean), *how.crop)))
    lines = [
        "def load_input():",
        f'    """The image as the network gets it: float32 ({shape})."""',
        *(f"    {line}" for line in _lines(recipe)),
    ]
    return "\n".join(lines) + "\n"


def needs_functional(recipe: Recipe) -> bool:
    """Whether it uses torch.nn.functional."""
    how = recipe.preprocessing
    if recipe.levelled is not None:
        return any("functional." in line for line in values.lines(recipe, recipe.levelled))
    return how.resize is not None and not _by_pillow(how)


def _lines(recipe: Recipe) -> Iterator[str]:
    width, height = recipe.size
    if width * height > _PILLOW_LIMIT and not values.is_array(recipe):
        yield "Image.MAX_IMAGE_PIXELS = None  # it is as large as that"
    if recipe.levelled is not None:
        yield from values.lines(recipe, recipe.levelled)
    else:
        yield from _of_bytes(recipe)


def _of_bytes(recipe: Recipe) -> Iterator[str]:
    how = recipe.preprocessing
    if recipe.pages == 1:
        yield 'image = ImageOps.exif_transpose(Image.open(IMAGE)).convert("RGB")'
    else:
        yield "with Image.open(IMAGE) as file:"
        yield f"    file.seek({recipe.page - 1})  # page {recipe.page} of {recipe.pages}"
        yield '    image = ImageOps.exif_transpose(file).convert("RGB")'
    if how.channels is Channels.GREY:
        yield 'image = image.convert("L")'
    yield from _resizing(how)
    yield from _cropping(how)
    yield f"values = {_in_range(how, 'torch.from_numpy(np.array(image))' + _to_planes(how))}"
    if len(how.mean) != (1 if how.channels is Channels.GREY else 3):
        yield f"values = values.expand({len(how.mean)}, -1, -1)"
    yield "mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, STD))"
    yield "return ((values - mean) / std)[None]"


def _by_pillow(how: Preprocessing) -> bool:
    return how.antialias or how.interpolation == "nearest"


def _resizing(how: Preprocessing) -> Iterator[str]:
    if how.resize is None:
        return
    if isinstance(how.resize, int):
        side = how.resize
        yield f"# The shorter side becomes {side} pixels, and the longer one is rounded down."
        yield f"long = int({side} * max(image.size) / min(image.size))"
        yield f"size = ({side}, long) if image.width <= image.height else (long, {side})"
        yield from _resize(how)
        return
    rows, columns = how.resize
    if not how.letterbox:
        yield f"size = ({columns}, {rows})"
        yield from _resize(how)
        return
    yield f"# Within {columns} x {rows} pixels, with grey around it."
    yield f"scale = min({rows} / image.height, {columns} / image.width)"
    yield (
        f"size = (min({columns}, max(1, round(image.width * scale))), "
        f"min({rows}, max(1, round(image.height * scale))))"
    )
    yield from _resize(how)
    grey = _LETTERBOX if how.channels is Channels.GREY else (_LETTERBOX,) * 3
    yield f"canvas = Image.new(image.mode, ({columns}, {rows}), {grey})"
    yield f"canvas.paste(image, (({columns} - size[0]) // 2, ({rows} - size[1]) // 2))"
    yield "image = canvas"


def _resize(how: Preprocessing) -> Iterator[str]:
    """To the size (width, height)."""
    assert how.interpolation in INTERPOLATIONS
    if _by_pillow(how):
        yield f"image = image.resize(size, Image.Resampling.{how.interpolation.upper()})"
        return
    yield "# Without antialiasing, as torchvision resizes tensors: in float, then rounded."
    yield "planes = [torch.from_numpy(np.array(plane)).float() for plane in image.split()]"
    mode = f'mode="{how.interpolation}", align_corners=False'
    yield f"small = functional.interpolate(torch.stack(planes)[None], size[::-1], {mode})[0]"
    yield "planes = small.round().clamp(0, 255).to(torch.uint8).numpy()"
    yield "image = Image.merge(image.mode, [Image.fromarray(plane) for plane in planes])"


def _cropping(how: Preprocessing) -> Iterator[str]:
    rows, columns = how.crop
    resize = how.resize
    if resize == (rows, columns):
        return
    fits = (isinstance(resize, int) and resize >= max(rows, columns)) or (
        isinstance(resize, tuple) and resize[0] >= rows and resize[1] >= columns
    )
    if fits:
        yield (
            f"left, top = round((image.width - {columns}) / 2), round((image.height - {rows}) / 2)"
        )
        yield f"image = image.crop((left, top, left + {columns}, top + {rows}))"
        return
    yield "# The centre; black where the image is smaller than that."
    yield f"beyond_x, beyond_y = {columns} - image.width, {rows} - image.height"
    yield "left = -(beyond_x // 2) if beyond_x > 0 else round(-beyond_x / 2)"
    yield "top = -(beyond_y // 2) if beyond_y > 0 else round(-beyond_y / 2)"
    yield f"image = image.crop((left, top, left + {columns}, top + {rows}))"


def _to_planes(how: Preprocessing) -> str:
    if how.channels is Channels.GREY:
        return "[None].float()"
    flipped = ".flip(0)" if how.channels is Channels.BGR else ""
    return f".permute(2, 0, 1).float(){flipped}"


def _in_range(how: Preprocessing, values: str) -> str:
    """In the order in which torchvision computes: a range of 0 to 1 divides by 255."""
    low, high = how.range
    scaled = values if high - low == 1 else f"{values} * {high - low!r}"
    return f"{scaled} / 255" + (f" {'-' if low < 0 else '+'} {abs(low)!r}" if low else "")


def _numbers(values: tuple[float, ...]) -> str:
    return repr(tuple(values))
