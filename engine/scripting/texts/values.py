"""How a script prepares an image of more than 8 bits, or one whose black and white were chosen.

The lines do what engine.images.preprocessing does, for one image and one set of settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.images.placing import LETTERBOX_GREY, Placement, crop_box, is_pillows, placement
from engine.records.images import Channels, Preprocessing
from engine.scripting.recipe import Levelled, Recipe


def lines(recipe: Recipe, levelled: Levelled) -> Iterator[str]:
    """The lines of load_input."""
    how = recipe.preprocessing
    place = placement(*recipe.size, how)
    yield from _reading(recipe, levelled)
    yield from _units(levelled)
    yield from _planes(levelled, how)
    yield from _resizing(recipe.size, place, how)
    yield from _cropping(place, how)
    yield f"values = {_in_range(how)}"
    yield f"values = values.expand({len(how.mean)}, -1, -1)"
    yield "mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (MEAN, STD))"
    yield "return ((values - mean) / std)[None]"


def is_array(recipe: Recipe) -> bool:
    """Whether the script reads the image from a .npy file."""
    return str(recipe.image).lower().endswith(".npy")


def _reading(recipe: Recipe, levelled: Levelled) -> Iterator[str]:
    if is_array(recipe):
        yield "image = np.load(IMAGE)"
    else:
        colours = '.convert("RGB")' if levelled.channels == 3 else ""
        page = f"    file.seek({recipe.page - 1})  # page {recipe.page} of {recipe.pages}"
        yield "with Image.open(IMAGE) as file:"
        yield from (page,) if recipe.pages > 1 else ()
        yield f"    image = np.array(ImageOps.exif_transpose(file){colours})"


def _units(levelled: Levelled) -> Iterator[str]:
    """From 0 for black to 1 for white, in float64 and then in float32."""
    if levelled.high > levelled.low:
        yield "units = ((image.astype(np.float64) - BLACK) / (WHITE - BLACK)).clip(0, 1)"
    else:
        yield "units = np.where(np.isnan(image), np.nan, image > BLACK)"
    if levelled.inverted:
        yield "units = 1 - units  # the lowest value is white"
    if levelled.floats:
        yield "units = np.nan_to_num(units)"


def _planes(levelled: Levelled, how: Preprocessing) -> Iterator[str]:
    if levelled.channels == 1:
        yield "planes = units.astype(np.float32)[None]"
    elif how.channels is Channels.GREY:
        yield "red, green, blue = units.astype(np.float32).transpose(2, 0, 1)"
        weights = ("0.299", "red"), ("0.587", "green"), ("0.114", "blue")
        terms = " + ".join(f"np.float32({weight}) * {name}" for weight, name in weights)
        yield f"planes = ({terms})[None]"
    else:
        yield "planes = np.ascontiguousarray(units.astype(np.float32).transpose(2, 0, 1))"


def _resizing(own: tuple[int, int], place: Placement, how: Preprocessing) -> Iterator[str]:
    size = (place.width, place.height)
    if size == own:
        yield "values = torch.from_numpy(planes)"
    elif is_pillows(how):
        yield f"size, kind = {size}, Image.Resampling.{how.interpolation.upper()}"
        yield "planes = [np.array(Image.fromarray(plane).resize(size, kind)) for plane in planes]"
        yield "values = torch.from_numpy(np.stack(planes))"
    else:
        yield "# Without antialiasing, as torchvision resizes tensors."
        mode = f'mode="{how.interpolation}", align_corners=False'
        yield f"size = {size[::-1]}"
        yield f"values = functional.interpolate(torch.from_numpy(planes)[None], size, {mode})[0]"
    yield "values = values.clamp(0, 1)"


def _cropping(place: Placement, how: Preprocessing) -> Iterator[str]:
    width, height = place.canvas
    if how.letterbox:
        rows = f"{place.top} : {place.top + place.height}"
        columns = f"{place.left} : {place.left + place.width}"
        yield f"canvas = torch.full((len(values), {height}, {width}), {LETTERBOX_GREY} / 255)"
        yield f"canvas[:, {rows}, {columns}] = values"
        yield "values = canvas"
    left, top, right, bottom = crop_box(place, how)
    sides = (-left, right - width, -top, bottom - height)
    if any(sides):
        yield f"values = functional.pad(values, {sides})  # negative numbers crop"


def _in_range(how: Preprocessing) -> str:
    low, high = how.range
    values = "values.flip(0)" if how.channels is Channels.BGR else "values"
    scaled = values if high - low == 1 else f"{values} * {high - low!r}"
    return scaled + (f" {'-' if low < 0 else '+'} {abs(low)!r}" if low else "")
