"""Joins, checks and unpacks the parts of an archive made by `prepare`.

    unpack.py MANIFEST NAME TARGET

MANIFEST has a SHA-256 and a path for each part, relative to the folder above its own. An archive that is already
unpacked is left alone. If parts are missing (so far), nothing is unpacked, and their names are reported.
"""

import hashlib
import io
import lzma
import sys
import tarfile
from pathlib import Path


class Parts(io.RawIOBase):
    """Reads several files as one, and checks their hashes on the way."""

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
    # In the order of the numbers in their names, whatever their folders.
    parts.sort(key=lambda part: part[1].name)
    if not parts:
        sys.exit(f"{name} was not packed")
    mark, sums = target / f".{name}", " ".join(expected for expected, _ in parts)
    if mark.exists() and mark.read_text() == sums:
        print(f"{name} is already unpacked")
        return
    missing = [str(path) for _, path in parts if not path.exists()]
    if missing:
        sys.exit(f"{name} lacks {', '.join(missing)}")
    target.mkdir(parents=True, exist_ok=True)
    stream = io.BufferedReader(Parts(parts), 1 << 20)
    # Made by `prepare` and checked, so nothing in it leads out of the folder. Not every Python before 3.12 supports the
    # argument.
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
