import numpy as np
import pytest

from app.backends.fake import FakeBackend

OUTPUT = np.arange(4, dtype=np.float32)


def tensor(*shape, **also):
    return np.zeros(shape, also.get("dtype", np.float32))


def test_gives_its_outputs_and_counts():
    with FakeBackend([OUTPUT]) as backend:
        assert backend.calls == 0
        assert backend.infer(tensor(1, 3, 32, 64))[0] is OUTPUT
        assert backend.infer(tensor(2, 3, 64, 32))[0] is OUTPUT
        assert backend.calls == 2


@pytest.mark.parametrize(
    "wrong, phrase",
    [
        pytest.param(tensor(1, 1, 32, 32), r"\(1, 1, 32, 32\)", id="channels"),
        pytest.param(tensor(3, 32, 32), r"\(3, 32, 32\)", id="no batch"),
        pytest.param(tensor(1, 1, 3, 32, 32), r"\(1, 1, 3, 32, 32\)", id="five axes"),
        pytest.param(tensor(1, 3, 0, 32), r"\(1, 3, 0, 32\)", id="no rows"),
        pytest.param(tensor(1, 3, 32, 32, dtype=np.float16), "float32.*float16", id="half precision"),
        pytest.param(tensor(1, 3, 32, 32, dtype=np.float64), "float32.*float64", id="double precision"),
        pytest.param(tensor(1, 3, 32, 32, dtype=np.uint8), "float32.*uint8", id="bytes"),
        pytest.param(tensor(1, 32, 32, 3).transpose(0, 3, 1, 2), "C-contiguous", id="transposed"),
    ],
)
def test_is_as_strict_as_a_real_one(wrong, phrase):
    with FakeBackend([OUTPUT]) as backend:
        with pytest.raises(ValueError, match=phrase):
            backend.infer(wrong)
        assert backend.calls == 0


def test_fixed_input_shape():
    backend = FakeBackend([OUTPUT], input_shape=(1, 3, 32, 32))
    backend.infer(tensor(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"\(1, 3, 32, 32\).*\(1, 3, 32, 64\)"):
        backend.infer(tensor(1, 3, 32, 64))


def test_is_of_no_use_once_closed():
    with FakeBackend([OUTPUT]) as backend:
        pass
    with pytest.raises(ValueError, match="close"):
        backend.infer(tensor(1, 3, 32, 32))
    backend.close()
