"""Joins the parts of an archive that `prepare` has made, checks and unpacks them.

    unpack.py MANIFEST NAME TARGET

MANIFEST has a SHA-256 and a path for each part, from the folder above its own. What was unpacked before is left alone. If parts are not there
(yet), nothing is unpacked, and their names are said.
"""

import hashlib
import io
import lzma
import sys
import tarfile
from pathlib import Path


class Parts(io.RawIOBase):
    """Files as one, whose sums are compared while they are read."""

    def __init__(self, parts):
        super().__init__()
        self.parts = iter(parts)
        self.file = None

    def readable(self):
        return True

    def next_part(self):
        self.expected, self.path = next(self.parts, (None, None))
        self.file = self.path and open(self.path, "rb")
        self.sum = hashlib.sha256()

    def readinto(self, buffer):
        if self.file is None:
            self.next_part()
        while self.file:
            count = self.file.readinto(buffer)
            self.sum.update(memoryview(buffer)[:count])
            if count:
                return count
            self.file.close()
            if self.sum.hexdigest() != self.expected:
                raise ValueError(f"{self.path} is damaged")
            self.next_part()
        return 0


def main():
    manifest, name, target = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    lines = [line.split() for line in manifest.read_text().splitlines()]
    parts = [(expected, manifest.parent.parent / path) for expected, path in lines if Path(path).name.startswith(f"{name}.tar.xz.")]
    # Folders are in numerical order, however many.
    parts.sort(key=lambda part: part[1].name)
    if not parts:
        sys.exit(f"{name} was not packed")
    mark, sums = target / f".{name}", " ".join(expected for expected, _ in parts)
    if mark.exists() and mark.read_text() == sums:
        print(f"{name} was unpacked before")
        return
    missing = [str(path) for _, path in parts if not path.exists()]
    if missing:
        sys.exit(f"{name} lacks {', '.join(missing)}")
    target.mkdir(parents=True, exist_ok=True)
    stream = io.BufferedReader(Parts(parts), 1 << 20)
    # Made by `prepare`, and checked: nothing in it leads out of the folder. Python before 3.12 does not know the argument everywhere.
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(fileobj=stream, mode="r|xz") as archive:
        archive.extractall(target, **safe)
    # The archive may end before the last part does.
    while stream.read(1 << 20):
        pass
    mark.write_text(sums)
    print(f"{name}: {len(parts)} parts")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
        sys.exit(str(error))
