"""Augmentation by Keras' layers, on whole batches: (n, 32, 32, 3) float32 RGB 0..255 and one-hot labels (n, classes).

What differs between the images of a batch differs from image to image.
"""

import argparse
from typing import Any, Callable

from keras import layers

VALUES = (0, 255)


def make_augmentation(options: argparse.Namespace, seed: int) -> Callable[[Any, Any], tuple[Any, Any]]:
    """A function for `tf.data.Dataset.map` over batches, by the options of `tools.train`; in their order."""
    import tensorflow as tf  # whatever Keras computes with, tf.data runs on TensorFlow

    images_only = []
    if options.flip:
        images_only.append(layers.RandomFlip("horizontal", seed=seed, data_format="channels_last"))
    if options.crop:
        images_only.append(padded_crop(options.crop, seed + 1))
    if options.jitter:
        images_only.append(
            layers.RandomColorJitter(
                VALUES,
                brightness_factor=options.jitter,
                contrast_factor=options.jitter,
                saturation_factor=(0.5 - options.jitter / 2, 0.5 + options.jitter / 2),  # 0.5 is no change
                seed=seed + 2,
                data_format="channels_last",
            )
        )
    if options.erase:
        images_only.append(
            layers.RandomErasing(
                scale=(0.02, options.erase), value_range=VALUES, seed=seed + 3, data_format="channels_last"
            )
        )
    mixed = []
    if options.mixup:
        mixed.append(layers.MixUp(options.mixup, seed=seed + 4, data_format="channels_last"))
    if options.cutmix:
        mixed.append(layers.CutMix((options.cutmix, options.cutmix), seed=seed + 5, data_format="channels_last"))

    def augment(images: Any, labels: Any) -> tuple[Any, Any]:
        for layer in images_only:
            images = layer(images, training=True)
        if options.jitter:
            images = tf.clip_by_value(images, *VALUES)  # saturation leaves the range
        for layer in mixed:
            both = layer({"images": images, "labels": labels}, training=True)
            images, labels = both["images"], both["labels"]
        return images, labels

    return augment


def padded_crop(pixels: int, seed: int) -> Any:
    """Each image mirrored at its borders by so many pixels, and cropped to its size again at a random place.

    That is a shift by whole pixels (nearest neighbour), other than Keras' RandomCrop, which takes one place a batch.
    """
    share = (pixels + 0.49) / 32  # so that the outermost shift is as likely as the others
    return layers.RandomTranslation(
        share, share, fill_mode="reflect", interpolation="nearest", seed=seed, data_format="channels_last"
    )
