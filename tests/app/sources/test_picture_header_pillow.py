"""What Pillow says of the same files, and of each of their beginnings; on a host, as Python 3.6 has no Pillow."""

import io
import warnings

import cv2
import numpy as np
import pytest
from support.picture_files import mutate

from app.files import without_stderr
from app.sources.pictures.header import read_header, without_orientation
from app.sources.pictures.jpeg_end import with_end

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")
KINDS = {"JPEG": "JPEG", "PNG": "PNG", "WebP": "WEBP", "TIFF": "TIFF", "AVIF": "AVIF"}  # ours, Pillow's
LARGEST = 1 << 20  # pixels that a mutated header may promise, and is still decoded


WIDTH, HEIGHT = 29, 22


def drawn(mode="RGB"):
    """Blocks of colour with some noise."""
    generator = np.random.RandomState(3)
    blocks = np.kron(generator.randint(0, 255, (5, 6, 3)), np.ones((5, 6, 1)))[:HEIGHT, :WIDTH]
    noisy = (blocks + generator.randint(0, 12, blocks.shape)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(noisy).convert(mode)


def saved(kind, mode="RGB", **options):
    file = io.BytesIO()
    drawn(mode).save(file, kind, **options)
    return file.getvalue()


def whole_for_pillow(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
        except Exception:
            return False
    return True


def opencv_decodes(data):
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    with without_stderr():
        return cv2.imdecode(np.frombuffer(without_orientation(data), np.uint8), flags) is not None


def whole_for_us(data):
    header = read_header(data)
    return header is not None and (header.damage is None or with_end(data) is not None)


ONLY_THE_END = "the picture is whole without its end, which OpenCV needs added"
# A name, the file, how many lengths we judge otherwise than Pillow at most, and why. We call those whole.
FILES = [
    ("jpeg", saved("JPEG"), 2, ONLY_THE_END),
    ("jpeg, all colours sampled alike", saved("JPEG", subsampling=0), 2, ONLY_THE_END),
    ("jpeg, grey", saved("JPEG", "L"), 2, ONLY_THE_END),
    ("jpeg, CMYK", saved("JPEG", "CMYK"), 2, ONLY_THE_END),
    ("jpeg, restart markers", saved("JPEG", restart_marker_blocks=2), 2, ONLY_THE_END),
    ("jpeg, progressive", saved("JPEG", progressive=True), 0, ""),
    ("jpeg, two pictures", saved("MPO", save_all=True, append_images=[drawn()]), 2, ONLY_THE_END),
    ("png", saved("PNG"), 1, "the last byte of the packed data may hold no pixel"),
    ("png, palette", saved("PNG", "P"), 1, "the same"),
    ("png, 1 bit", saved("PNG", "1"), 1, "the same"),
    ("webp", saved("WEBP"), 0, ""),
    ("webp, lossless", saved("WEBP", lossless=True), 0, ""),
    ("webp, alpha", saved("WEBP", "RGBA"), 0, ""),
    ("tiff", saved("TIFF"), 0, ""),
    ("tiff, LZW", saved("TIFF", compression="tiff_lzw"), 0, ""),
    ("tiff, deflate", saved("TIFF", "RGBA", compression="tiff_adobe_deflate"), 0, ""),
    ("tiff, BigTIFF", saved("TIFF", big_tiff=True), 0, ""),
    ("tiff, 1 bit", saved("TIFF", "1"), 0, ""),
    ("tiff, strips of 5 rows", saved("TIFF", tiffinfo={278: 5}), 0, ""),
    ("tiff, packed strips", saved("TIFF", compression="packbits", tiffinfo={278: 5}), 0, ""),
    ("gif", saved("GIF"), len(saved("GIF")) // 256, "cut between two blocks of 255 bytes: only unpacking could tell"),
    ("bmp", saved("BMP"), 0, ""),
    ("bmp, palette", saved("BMP", "P"), 0, ""),
    ("bmp, 1 bit", saved("BMP", "1"), 0, ""),
    ("jpeg 2000", saved("JPEG2000"), 0, ""),
    ("jpeg 2000, without boxes", saved("JPEG2000", no_jp2=True), 0, ""),
    ("pgm", saved("PPM", "L"), 0, ""),
    ("pbm", saved("PPM", "1"), 0, ""),
    ("ppm", saved("PPM"), 0, ""),
    ("avif", saved("AVIF"), 0, ""),
]
BY_NAME = pytest.mark.parametrize("data, most", [pytest.param(row[1], row[2], id=row[0]) for row in FILES])


@BY_NAME
def test_every_beginning_of_a_file(data, most):
    more, fewer = [], []
    for length in range(len(data) + 1):
        theirs, ours = whole_for_pillow(data[:length]), whole_for_us(data[:length])
        (more if ours and not theirs else fewer if theirs and not ours else []).append(length)
    # OpenJPEG finds nothing wrong where a JPEG 2000 ends in the marker of its first tile, and draws nothing.
    assert [length for length in fewer if data[length - 2 : length] != b"\xff\x90"] == []
    assert len(more) <= most


@BY_NAME
def test_sizes(data, most):
    header = read_header(data + b"appended")
    assert header[1:] == (WIDTH, HEIGHT, 1, None)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_orientation(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(KINDS[kind], exif=exif)
    assert (
        Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) == orientation
    )  # of an AVIF Pillow makes `irot`, `imir`
    assert read_header(data) == (kind, WIDTH, HEIGHT, orientation, None)
    changed = without_orientation(data)
    assert whole_for_pillow(changed)
    assert read_header(changed).orientation == (1 if kind == "TIFF" else orientation)


@BY_NAME
def test_what_decoders_take_is_not_called_damaged(data, most):
    wrong = []
    for seed in range(300):
        mutated = mutate(data, seed)
        header = read_header(mutated)
        if header is None or header.width * header.height > LARGEST or whole_for_us(mutated):
            continue
        if whole_for_pillow(mutated) and opencv_decodes(mutated):
            wrong.append((seed, header))
    assert wrong == []
