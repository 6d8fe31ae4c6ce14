"""Makes resize.json: images resized by Pillow's bilinear filter, which resize.ts has to match.

Run from the repository root, in an environment with pillow (13.0.0 made the file in the repository):

    python test/golden/make_resize.py

Pixel (y, x) of an input is (37 y^2 + 101 x + 53 x y + 11) mod 256; the results are uint8, row by row, in base64.
"""

import base64
import json
from pathlib import Path

from PIL import Image

OUT = Path(__file__).with_name("resize.json")


def resized(height, width, size):
    """One case: a [height, width] image made [size, size]."""
    pixels = bytes((37 * y * y + 101 * x + 53 * x * y + 11) % 256 for y in range(height) for x in range(width))
    image = Image.frombytes("L", (width, height), pixels).resize((size, size), Image.Resampling.BILINEAR)
    return {"height": height, "width": width, "size": size, "pixels": base64.b64encode(image.tobytes()).decode()}


cases = [resized(h, w, size) for h, w in [(6, 5), (28, 28)] for size in [4, 9, 32, 64]]
OUT.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
