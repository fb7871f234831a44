"""The naive loop: the obvious sequential one."""

import time
from typing import List

import cv2
import numpy as np

from app.modelcard import ModelCard
from app.timing import WARM_UP_FRAMES
from tools.bench.bare import session
from tools.bench.rivals import CONFIDENCE, OVERLAP


class Naive:
    """A sequential loop, written well: one step after another, with OpenCV's own functions where it has them."""

    def __init__(self, model: str, card: ModelCard, uri: str, size: int, threads: int) -> None:
        self._session = session(model, threads)
        self._input = self._session.get_inputs()[0].name
        self._card = card
        self._uri = uri
        self._size = size
        self._last = time.monotonic()

    def __call__(self, frames: int) -> float:
        capture = cv2.VideoCapture(self._uri)
        done, start = -WARM_UP_FRAMES, time.monotonic()
        while done < frames:
            good, image = capture.read()
            if not good:
                capture.release()
                capture = cv2.VideoCapture(self._uri)
                continue
            self._frame(image)
            done += 1
            if done == 0:
                start = time.monotonic()
        seconds = time.monotonic() - start
        capture.release()
        return frames / seconds

    def _frame(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        scale = self._size / max(height, width)
        resized = cv2.resize(image, (int(width * scale), int(height * scale)))
        bottom, right = -resized.shape[0] % 32, -resized.shape[1] % 32
        padded = cv2.copyMakeBorder(resized, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=(128, 128, 128))
        blob = cv2.dnn.blobFromImage(padded, 1 / 255, swapRB=True)
        outputs = self._session.run(None, {self._input: blob})

        boxes: List[List[float]] = []
        scores: List[float] = []
        labels: List[int] = []
        for output, head in zip(outputs, self._card.heads):
            rows, columns = output.shape[2:]
            cells = output.reshape(len(head.anchors), -1, rows, columns)
            objectness = 1 / (1 + np.exp(-cells[:, 4]))
            for anchor, row, column in zip(*np.nonzero(objectness > CONFIDENCE)):
                cell = cells[anchor, :, row, column]
                label = int(cell[5:].argmax())
                score = float(objectness[anchor, row, column] / (1 + np.exp(-cell[5 + label])))
                if score < CONFIDENCE:
                    continue
                x, y = (1 / (1 + np.exp(-cell[:2])) + (column, row)) * head.stride / scale
                w, h = np.exp(cell[2:4]) * head.anchors[anchor] / scale
                boxes.append([x - w / 2, y - h / 2, w, h])
                scores.append(score)
                labels.append(label)
        for index in cv2.dnn.NMSBoxesBatched(boxes, scores, labels, CONFIDENCE, OVERLAP):
            x, y, w, h = (int(side) for side in boxes[index])
            text = f"{self._card.labels[labels[index]]} {scores[index]:.2f}"
            cv2.rectangle(image, (x, y), (x + w, y + h), (0, 255, 0), 2)
            cv2.putText(image, text, (x, y - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 255, 0), 1, cv2.LINE_AA)
        now = time.monotonic()
        text = f"{1 / max(now - self._last, 1e-6):.1f} FPS"
        cv2.putText(image, text, (10, height - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
        self._last = now
