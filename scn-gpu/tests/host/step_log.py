"""Reads the log of the stand-in driver (SCN_HOST_LOG; see driver/driver.h)."""

from dataclasses import dataclass, field

# What a device executes one after another.
OPERATIONS = ["launch", "copy-in", "copy-out", "copy", "set"]
KINDS = [*OPERATIONS, "graph", "alloc", "free", "event", "wait"]


@dataclass
class Windows:
    """The windows of a map, as in kernels/windows.cuh."""

    channels: int
    images: int
    height: int
    width: int
    window: int
    stride: int
    map_height: int
    map_width: int

    @property
    def rows(self):
        return self.channels * self.window**2

    @property
    def positions(self):
        return self.images * self.map_height * self.map_width

    @property
    def map(self):
        return self.channels * self.images * self.height * self.width


@dataclass
class Line:
    kind: str
    # Of a launch: the kernel name without its padded number of atoms, and that number or None.
    kernel: str = ""
    padded: int | None = None
    grid: tuple = ()
    threads: int = 0
    # The arguments of a launch without pointers, or else the numbers of the line.
    numbers: list = field(default_factory=list)
    # Of a copy: whether the host memory is page-locked.
    locked: bool = False
    # Whether the line is part of a graph.
    in_graph: bool = False

    @property
    def blocks(self):
        x, y, z = self.grid
        return x * y * z


def argument(text):
    """Parses a number, or windows given as eight ints."""
    if "," in text:
        return Windows(*map(int, text.split(",")))
    return float(text) if any(letter in text for letter in ".en") else int(text)


def parse(texts):
    """Returns the lines of a log, without empty lines and those that begin with #."""
    lines, in_graph = [], 0
    for text in texts:
        text = text.rstrip("\n")
        if not text or text.startswith("#"):
            continue
        kind, *fields = text.split("\t")
        if kind not in KINDS:
            raise ValueError(f"not a line of a log: {text}")
        if kind == "launch":
            name, *numbers = fields
            x, y, z, threads = map(int, numbers[:4])
            kernel, _, padded = name.rpartition("_n")
            sized = padded.isdigit() and kernel
            line = Line(kind, kernel if sized else name, int(padded) if sized else None, (x, y, z), threads, [argument(text) for text in numbers[4:]])
        else:
            locked = fields[-1:] == ["locked"]
            line = Line(kind, numbers=[int(text) for text in fields[:len(fields) - locked]], locked=locked)
        if kind in OPERATIONS and in_graph > 0:
            line.in_graph = True
            in_graph -= 1
        if kind == "graph":
            in_graph = line.numbers[0]
        lines.append(line)
    return lines
