"""Augmentation of a batch in numpy: (n, h, w, c) float32 in 0..255 and one-hot labels (n, classes) float32.

Random choices are made for each image separately, from the generator that is given: a seed gives the same batch.
"""

import argparse
from typing import Any, Callable

import cv2
import numpy as np

Random = np.random.Generator
Step = Callable[[np.ndarray, Random], np.ndarray]
WHITE = 255.0
SMOOTHNESS = 1 / 7  # of an elastic field, as a share of the height; Simard 2003 has 4 pixels of 28
SMALLEST_ERASED, LONGEST_SIDE = 0.02, 3.3  # least share of the area, and greatest ratio of the sides; Zhong 2017


def make_augmentation(options: argparse.Namespace) -> Callable[[np.ndarray, np.ndarray, Random], Any]:
    """A function of images, labels and a generator, with the options of `tools.train`, in their order.

    Mirroring is not among them: a batch knows how often each of its images was seen (`tools.train.batches`).
    """
    steps: list[Step] = []
    if options.rotate or options.zoom or options.shear:
        steps.append(lambda images, rng: warp(images, options.rotate, options.zoom, options.shear, rng))
    if options.elastic:
        steps.append(lambda images, rng: elastic(images, options.elastic, rng))
    if options.stroke:
        steps.append(lambda images, rng: stroke(images, options.stroke, rng))
    if options.scales < 1:
        steps.append(lambda images, rng: crop_scales(images, options.scales, rng))
    if options.crop:
        steps.append(lambda images, rng: padded_crop(images, options.crop, rng))
    if options.jitter:
        steps.append(lambda images, rng: jitter(images, options.jitter, rng))
    if options.erase:
        steps.append(lambda images, rng: erase(images, options.erase, rng))

    def augment(images: np.ndarray, labels: np.ndarray, rng: Random) -> Any:
        for step in steps:
            images = step(images, rng)
        if options.mixup:
            images, labels = mixup(images, labels, options.mixup, rng)
        if options.cutmix:
            images, labels = cutmix(images, labels, options.cutmix, rng)
        return images, labels

    return augment


def padded_crop(images: np.ndarray, pixels: int, rng: Random) -> np.ndarray:
    """Pad each image by mirroring `pixels` at its borders, and crop it to its size at a random place."""
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="symmetric")
    places = rng.integers(0, 2 * pixels + 1, (count, 2))
    return np.stack([image[y : y + height, x : x + width] for image, (y, x) in zip(padded, places)])


def crop_scales(images: np.ndarray, least: float, rng: Random) -> np.ndarray:
    """Crop a random share of each image's area, from `least` to 1 with its own proportions, and stretch it back."""
    count, height, width, _ = images.shape
    sides = np.sqrt(rng.uniform(least, 1, count))
    done = np.empty_like(images)
    for image, side, place, target in zip(images, sides, rng.random((count, 2)), done):
        tall, wide = max(1, round(height * side)), max(1, round(width * side))
        y, x = (place * (height - tall + 1, width - wide + 1)).astype(int)
        target[:] = _like(cv2.resize(image[y : y + tall, x : x + wide], (width, height)), target)
    return done


def warp(images: np.ndarray, degrees: float, zoom: float, shear: float, rng: Random) -> np.ndarray:
    """Rotate by up to +-degrees, stretch height and width each by up to 1 +- zoom, slant by up to +-shear; bilinear.

    About the centre. The border's pixels go on outside.
    """
    count, height, width, _ = images.shape
    angles = np.radians(rng.uniform(-degrees, degrees, count))
    factors = 1 + rng.uniform(-zoom, zoom, (count, 2))
    slants = rng.uniform(-shear, shear, (count,))
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    done = np.empty_like(images)
    for image, angle, factor, slant, target in zip(images, angles, factors, slants, done):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.array([[1, slant], [0, 1]]) @ np.diag(factor)
        affine = np.column_stack([matrix, centre - matrix @ centre])
        target[:] = _like(cv2.warpAffine(image, affine, (width, height), borderMode=cv2.BORDER_REPLICATE), target)
    return done


def elastic(images: np.ndarray, pixels: float, rng: Random) -> np.ndarray:
    """Shift every pixel by a smooth random field, whose root mean square is `pixels` (Simard 2003); bilinear."""
    count, height, width, _ = images.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    done = np.empty_like(images)
    for image, noise, target in zip(images, rng.normal(size=(count, height, width, 2)).astype(np.float32), done):
        field = cv2.GaussianBlur(noise, (0, 0), SMOOTHNESS * height)
        field *= pixels / (np.sqrt(np.mean(field**2)) + 1e-6)
        moved = cv2.remap(
            image, x + field[..., 0], y + field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        target[:] = _like(moved, target)
    return done


def stroke(images: np.ndarray, share: float, rng: Random) -> np.ndarray:
    """Make the strokes of a share of the images thicker or thinner by a pixel: bright ones on dark (grey dilation)."""
    done = images.copy()
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for target, draw in zip(done, rng.random(len(images))):
        if draw < share:
            change = cv2.dilate if draw < share / 2 else cv2.erode
            target[:] = _like(change(target, cross), target)
    return done


def jitter(images: np.ndarray, strength: float, rng: Random) -> np.ndarray:
    """Vary brightness, contrast and, of colour, saturation: each by its own factor in 1 +- strength."""
    brightness, contrast, saturation = 1 + rng.uniform(-strength, strength, (3, len(images), 1, 1, 1))
    images = images * np.float32(brightness)
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    images = mean + (images - mean) * np.float32(contrast)
    grey = images.mean(axis=3, keepdims=True)
    coloured: np.ndarray = grey + (images - grey) * np.float32(saturation)
    return coloured.clip(0, WHITE)


def erase(images: np.ndarray, largest: float, rng: Random) -> np.ndarray:
    """Replace one rectangle of each image, up to the share `largest` of its area, by noise (Zhong 2017)."""
    images = images.copy()
    count, height, width, channels = images.shape
    areas = rng.uniform(min(SMALLEST_ERASED, largest), largest, count) * height * width
    ratios = np.exp(rng.uniform(-np.log(LONGEST_SIDE), np.log(LONGEST_SIDE), count))
    for image, area, ratio, place in zip(images, areas, ratios, rng.random((count, 2))):
        tall = min(height, max(1, round((area * ratio) ** 0.5)))
        wide = min(width, max(1, round((area / ratio) ** 0.5)))
        y, x = (place * (height - tall + 1, width - wide + 1)).astype(int)
        image[y : y + tall, x : x + wide] = rng.uniform(0, WHITE, (tall, wide, channels))
    return images


def mixup(images: np.ndarray, labels: np.ndarray, alpha: float, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Mix every image and its label with another of the batch, by a share from Beta(alpha, alpha) (Zhang 2017)."""
    others = rng.permutation(len(images))
    share = rng.beta(alpha, alpha, len(images)).astype(np.float32)
    pixels = share.reshape(-1, 1, 1, 1)
    mixed = images * pixels + images[others] * (1 - pixels)
    return mixed, labels * share[:, None] + labels[others] * (1 - share[:, None])


def cutmix(images: np.ndarray, labels: np.ndarray, alpha: float, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Paste a rectangle of another image of the batch, and mix the labels by its area (Yun 2019).

    Its share of the area is 1 - Beta(alpha, alpha) before it is cut off at the border.
    """
    count, height, width, _ = images.shape
    others = rng.permutation(count)
    sides = np.sqrt(1 - rng.beta(alpha, alpha, count))
    centres = rng.random((count, 2))
    pasted, shares = images.copy(), np.ones(count, np.float32)
    for index, (side, (y, x)) in enumerate(zip(sides, centres)):
        rows = _span(y, side, height)
        columns = _span(x, side, width)
        pasted[index, rows, columns] = images[others[index], rows, columns]
        shares[index] -= (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return pasted, labels * shares[:, None] + labels[others] * (1 - shares[:, None])


def _span(centre: float, side: float, length: int) -> slice:
    start, stop = ((centre + sign * side / 2) * length for sign in (-1, 1))
    return slice(max(0, round(start)), min(length, round(stop)))


def _like(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """OpenCV drops the channel axis of grey images."""
    return image.reshape(target.shape)
