"""Checks whether a model has an FP16 engine for this board and an input shape: exit code 0 if so.

    python deploy/jetson/on-board/engine_fits.py weights/yolov3-tiny.onnx 416x320

push-board.sh runs the version's copy, so as not to build an engine that exists. Python 3.6.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))

from app.backends.cuda import Gpu  # noqa: E402
from app.backends.tensorrt_releases import RUNTIME  # noqa: E402
from app.engine import EngineSource, EngineTarget, find_engine  # noqa: E402
from app.errors import ModelError  # noqa: E402
from app.modelcard import read_fields  # noqa: E402


def fits(model: str, width: int, height: int) -> bool:
    """Whether an intact engine for this TensorRT, GPU, model and shape exists."""
    gpu = Gpu()
    try:
        source = EngineSource(model, read_fields(model)["sha256"], (1, 3, height, width), "fp16")
        print(find_engine(source, EngineTarget(RUNTIME, gpu.architecture))[0])
    except ModelError as error:
        print(error, file=sys.stderr)
        return False
    finally:
        gpu.close()
    return True


if __name__ == "__main__":
    sys.exit(0 if fits(sys.argv[1], *(int(side) for side in sys.argv[2].split("x"))) else 1)
