from app.clips.figures import together


class Recorder:
    def __init__(self, folder, files, nbytes):
        self.name, self._files, self._nbytes = folder, files, nbytes

    def figures(self):
        return {"files": self._files, "frames": 10, "left_out": 1, "deleted": 2, "bytes": self._nbytes}


def test_what_a_folder_takes_is_counted_once():
    recorders = [Recorder("a", 3, 500), Recorder("a", 4, 500), Recorder("b", 1, 70)]
    assert together(recorders) == {"files": 8, "frames": 30, "left_out": 3, "deleted": 4, "bytes": 570}
