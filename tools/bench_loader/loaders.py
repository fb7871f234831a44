"""The ways to load the same batches: what Keras' `fit` takes, made of `tools.train.batches.Batches`.

All but `tfdata_native` call `Batches` for a batch, and so do the same work in numpy; the loader decides who does it and
when. `tfdata_native` does that work with TensorFlow's operations, image by image, with random numbers of its own.
workers is 0 where the training loop itself reads each batch when it needs it.
"""

from typing import Any

import numpy as np

from tools.train.batches import Augment, Batches


def make_loader(kind: str, batches: Batches, workers: int, crop: int) -> Any:
    """A loader of a kind that `tools.bench_loader` knows. crop: pixels of padding, which the native one does itself."""
    if kind == "tf.data":
        return tfdata(batches, workers)
    if kind == "tf.data, native":
        return tfdata_native(batches, workers, crop)
    if kind.startswith("DataLoader"):
        from torch.utils.data import DataLoader

        # A "sample" of it is a whole batch of ours, so that nothing is put together image by image.
        return DataLoader(batches, batch_size=None, num_workers=workers, pin_memory=kind.endswith("pinned"))
    batches.workers, batches.use_multiprocessing = workers, kind.endswith("processes")
    return batches


def tfdata(batches: Batches, workers: int) -> Any:
    """Batches by number, in threads of TensorFlow's that call Python, and read ahead as many as there are workers."""
    import tensorflow as tf

    def load(number: Any) -> Any:
        images, labels = tf.numpy_function(batches.__getitem__, [number], (tf.float32, tf.float32))
        images.set_shape((None, *batches.images.shape[1:]))
        labels.set_shape((None, batches[0][1].shape[1]))
        return images, labels

    data = tf.data.Dataset.range(len(batches)).map(load, num_parallel_calls=workers or None)
    return data.prefetch(workers) if workers else data


def tfdata_native(batches: Batches, workers: int, crop: int) -> Any:
    """The usual pipeline of TensorFlow's own operations: shuffle, pad, crop and mirror image by image, batch."""
    import tensorflow as tf

    images, shape = batches.images, batches.images.shape[1:]
    size, classes = len(batches[0][1]), batches[0][1].shape[1]
    padding = ((crop, crop), (crop, crop), (0, 0))

    def augment(image: Any, label: Any) -> Any:
        image = tf.pad(tf.cast(image, tf.float32), padding, "SYMMETRIC")
        image = tf.image.random_flip_left_right(tf.image.random_crop(image, shape))
        return image, tf.one_hot(label, classes)

    data = tf.data.Dataset.from_tensor_slices((images, batches.labels.astype(np.int32))).shuffle(len(images))
    data = data.map(augment, num_parallel_calls=workers or None).batch(size, drop_remainder=True)
    return data.prefetch(workers) if workers else data


def make_batches(images: np.ndarray, labels: np.ndarray, classes: int, batch: int, augment: Augment) -> Batches:
    """The batches of one epoch of training, mirrored and augmented. images: (n, h, w, c) uint8."""
    return Batches(images, labels, classes, batch, augment, flip=True)
