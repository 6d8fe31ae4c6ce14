"""Makes images.json: pictures made square and grey by Pillow as torchvision does it, which decode-image.ts has to match.

Run from the repository root, in an environment with pillow (12.0.0 made the file in the repository):

    python test/golden/make_images.py

Value c of pixel (y, x) of an input is (37 y^2 + 101 x + 53 x y + 11 + 71 c) mod 256. torchvision's Resize(size) and CenterCrop(size)
are spelled out here: the shorter side becomes size, the longer one int(size * long / short), and the crop begins at
int(round((length - size) / 2)). The results are uint8, plane by plane, in base64.
"""

import base64
import json
from pathlib import Path

from PIL import Image

OUT = Path(__file__).with_name("images.json")


def picture(height, width):
    """An RGB picture by the formula above."""
    values = (
        (37 * y * y + 101 * x + 53 * x * y + 11 + 71 * c) % 256
        for y in range(height)
        for x in range(width)
        for c in range(3)
    )
    return Image.frombytes("RGB", (width, height), bytes(values))


def case(height, width, size, channels):
    """One picture made [channels, size, size]."""
    image = picture(height, width)
    if channels == 1:
        image = image.convert("L")
    short = min(height, width)
    image = image.resize((int(size * width / short), int(size * height / short)), Image.Resampling.BILINEAR)
    left, top = (int(round((length - size) / 2)) for length in image.size)
    image = image.crop((left, top, left + size, top + size))
    planes = b"".join(plane.tobytes() for plane in image.split())
    return {
        "height": height,
        "width": width,
        "size": size,
        "channels": channels,
        "pixels": base64.b64encode(planes).decode(),
    }


SHAPES = [(9, 9, 9), (9, 9, 4), (7, 12, 5), (12, 7, 5), (5, 18, 5), (18, 5, 16), (40, 23, 8), (3, 4, 9)]
cases = [case(h, w, size, channels) for h, w, size in SHAPES for channels in (1, 3)]
OUT.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
