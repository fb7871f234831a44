"""Augmentation with Keras' layers, on batches: (n, 32, 32, 3) float32 RGB 0..255 and one-hot labels (n, classes).

Random choices are made for each image separately.
"""

import argparse
from typing import Any, Callable

from keras import layers

VALUES = (0, 255)


def make_augmentation(options: argparse.Namespace, seed: int) -> Callable[[Any, Any], tuple[Any, Any]]:
    """A function for `tf.data.Dataset.map` over batches, with the options of `tools.train`, in their order."""
    import tensorflow as tf  # tf.data runs on TensorFlow, whatever Keras' backend

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
            images = tf.clip_by_value(images, *VALUES)  # saturation can leave the range
        for layer in mixed:
            both = layer({"images": images, "labels": labels}, training=True)
            images, labels = both["images"], both["labels"]
        return images, labels

    return augment


def padded_crop(pixels: int, seed: int) -> Any:
    """A layer that pads each image by reflecting `pixels` at its borders, and crops it to its size at a random place.

    Keras' RandomCrop would use one place for the whole batch. This shifts by whole pixels (nearest neighbour).
    """
    share = (pixels + 0.49) / 32  # so that the outermost shift is as likely as the others
    return layers.RandomTranslation(
        share, share, fill_mode="reflect", interpolation="nearest", seed=seed, data_format="channels_last"
    )
