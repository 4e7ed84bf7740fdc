"""Analyses the compiled innermost loops of the column kernels: instructions by class, and bytes moved per multiply-add.

    instructions.py [--build FOLDER] [--architectures 80,90] [--sizes 16,64] [--nvdisasm PROGRAM]
                    [--roofline | --json FILE]

Needs no device. Uses the NVRTC that LD_LIBRARY_PATH finds, or else the wheel of nvrtc.txt. The disassembler is the
wheel of nvdisasm.txt, which supports compute capability 7.5 and later. For earlier ones (61, 70), name the nvdisasm of
a CUDA 12 toolkit.
"""

import argparse
import ctypes
import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HOST = Path(__file__).resolve().parent
KERNELS = HOST.parent.parent / "kernels"
COLUMN_FILES = ["encode.cu", "fista.cu", "certify.cu", "adjoint.cu"]
LANE_ATOMS = 16
WARP_LANES = 32
# A loop with fewer multiply-adds takes little time.
HOT = 64
CLASSES = ["FFMA", "LDS", "LDG", "SHFL"]


# --- tools

def fetch(requirement, build):
    """Returns the folder of the wheel that a requirement file pins; fetches and unpacks it if necessary."""
    folder = build / requirement.removesuffix(".txt")
    if not folder.exists():
        wheels = build / f"{folder.name}-wheel"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--only-binary", ":all:", "--dest", wheels, "--requirement", HOST / requirement], check=True)
        [wheel] = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    return folder


def nvrtc(build):
    try:
        return ctypes.CDLL("libnvrtc.so.12")
    except OSError:
        return ctypes.CDLL(fetch("nvrtc.txt", build) / "nvidia/cuda_nvrtc/lib/libnvrtc.so.12")


def nvdisasm(build):
    program = fetch("nvdisasm.txt", build) / "nvidia/cu13/bin/nvdisasm"
    program.chmod(0o755)
    return program


# --- compiling

@dataclass
class Compiled:
    cubin: bytes
    # By kernel name.
    registers: dict
    shared_memory: dict


def compile_kernels(library, file, architecture, atoms=None):
    """Compiles a file to machine code; with `atoms`, only the kernels of that size."""
    headers = sorted(KERNELS.glob("*.cuh"))
    names = (ctypes.c_char_p * len(headers))(*[header.name.encode() for header in headers])
    texts = (ctypes.c_char_p * len(headers))(*[header.read_bytes() for header in headers])
    program = ctypes.c_void_p()
    text = (KERNELS / file).read_bytes()
    library.nvrtcCreateProgram(ctypes.byref(program), text, file.encode(), len(headers), texts, names)
    options = [f"--gpu-architecture=sm_{architecture}", "--std=c++17", "--ptxas-options=-v"]
    options += [f"--define-macro=PADDED_ATOMS={atoms}"] if atoms else []
    arguments = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    failed = library.nvrtcCompileProgram(program, len(options), arguments)
    log = text_of(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program).decode(errors="replace")
    if failed:
        sys.exit(f"{file} for sm_{architecture}: {log}")
    cubin = text_of(library.nvrtcGetCUBINSize, library.nvrtcGetCUBIN, program)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    registers, shared_memory = {}, {}
    for entry in log.split("Compiling entry function '")[1:]:
        kernel = entry.split("'")[0]
        registers[kernel] = number(r"Used (\d+) registers", entry)
        shared_memory[kernel] = number(r"(\d+) bytes smem", entry)
    return Compiled(cubin, registers, shared_memory)


def text_of(size, write, program):
    length = ctypes.c_size_t()
    size(program, ctypes.byref(length))
    text = ctypes.create_string_buffer(length.value)
    write(program, text)
    return text.raw


def number(pattern, text):
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


# --- reading the disassembler's output

INSTRUCTION = re.compile(r"/\*[0-9a-f]+\*/\s+\{?\s*(?P<condition>@!?U?P\w+\s+)?(?P<name>[A-Z][\w.]*)(?P<rest>[^;}]*)")
LABEL = re.compile(r"^(\.L_x_\d+):")
TARGET = re.compile(r"\.L_x_\d+")


@dataclass
class Instruction:
    name: str
    conditional: bool
    targets: list

    @property
    def opcode(self):
        return self.name.split(".")[0]

    def bytes(self):
        """Returns the bytes that each lane loads."""
        widths = [int(part) for part in self.name.split(".") if part in ("64", "128")]
        return widths[0] // 8 if widths else 4


def disassemble(program, cubin, path):
    """Returns the instructions of each kernel and the labels in front of them."""
    path.write_bytes(cubin)
    done = subprocess.run([program, "-c", path], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program}: {done.stderr.strip()}")
    kernels = {}
    for line in done.stdout.splitlines():
        if line.startswith(".text."):
            instructions, labels = [], {}
            kernels[line[len(".text."):].rstrip(":")] = (instructions, labels)
        elif found := LABEL.match(line):
            labels[found.group(1)] = len(instructions)
        elif found := INSTRUCTION.search(line):
            targets = TARGET.findall(found["rest"]) if jumps(found["name"], found["rest"]) else []
            conditional = bool(found["condition"] and not found["condition"].startswith("@!PT"))
            instructions.append(Instruction(found["name"], conditional, targets))
    return kernels


def jumps(name, rest):
    """Whether the instruction jumps to a label in its text. An instruction that only marks where diverged lanes meet
    does not. Neither does the path for a diverged warp, which a shuffle never takes here."""
    opcode = name.split(".")[0]
    return (opcode in ("BRA", "BRX", "JMP", "SYNC", "BRK", "CONT") and ".DIV" not in name) or name == "CALL.REL.NOINC"


def successors(instructions, labels, at):
    instruction = instructions[at]
    following = [labels[target] for target in instruction.targets if target in labels]
    calls = instruction.opcode == "CALL" and not instruction.targets
    ends = instruction.opcode in ("BRA", "BRX", "JMP", "SYNC", "BRK", "CONT", "EXIT", "RET", "CALL") and not calls
    if ".DIV" in instruction.name or not ends or instruction.conditional:
        following.append(at + 1)
    return [place for place in following if place < len(instructions)]


# --- loops

@dataclass
class Loop:
    body: set
    # Loops directly within this one.
    inner: list


def loops(instructions, labels):
    """Returns all natural loops, inner ones first. An edge goes back if its target dominates its source."""
    after = {}
    order, seen, stack = [], {0}, [(0, iter(successors(instructions, labels, 0)))]
    while stack:
        place, following = stack[-1]
        after.setdefault(place, successors(instructions, labels, place))
        for step in following:
            if step not in seen:
                seen.add(step)
                stack.append((step, iter(successors(instructions, labels, step))))
                break
        else:
            order.append(place)
            stack.pop()
    order.reverse()
    before = {place: [] for place in order}
    for place in order:
        for step in after[place]:
            before[step].append(place)
    dominator = dominators(order, before)

    bodies = {}
    for place in order:
        for head in after[place]:
            if dominates(dominator, head, place):
                body = bodies.setdefault(head, {head})
                rest = [place]
                while rest:
                    member = rest.pop()
                    if member not in body:
                        body.add(member)
                        rest.extend(before[member])
    found = []
    for body in sorted(bodies.values(), key=len):
        within = [loop for loop in found if loop.body < body]
        direct = [loop for loop in within if not any(loop.body < other.body for other in within)]
        found.append(Loop(body, direct))
    return found


def dominators(order, before):
    """Returns the immediate dominator of each place, by the algorithm of Cooper, Harvey and Kennedy."""
    rank = {place: index for index, place in enumerate(order)}
    dominator = {order[0]: order[0]}
    changed = True
    while changed:
        changed = False
        for place in order[1:]:
            known = [step for step in before[place] if step in dominator]
            best = known[0]
            for other in known[1:]:
                while best != other:
                    if rank[best] > rank[other]:
                        best = dominator[best]
                    else:
                        other = dominator[other]
            if dominator.get(place) != best:
                dominator[place] = best
                changed = True
    return dominator


def dominates(dominator, head, place):
    while place != head and dominator[place] != place:
        place = dominator[place]
    return place == head


# --- counting

@dataclass
class Count:
    """Instructions per lane."""

    what: str
    classes: Counter
    shared_bytes: int
    global_bytes: int

    @property
    def all(self):
        return sum(self.classes.values())

    def share(self):
        return self.classes["FFMA"] / self.all


@dataclass
class HotLoop:
    inner: Count
    # Instructions of the enclosing loop outside its inner loops.
    around: Count
    # Number of enclosing loops.
    depth: int


def count(what, instructions):
    classes, shared_bytes, global_bytes = Counter(), 0, 0
    for instruction in instructions:
        opcode = instruction.opcode
        classes[opcode if opcode in CLASSES else "other"] += 1
        shared_bytes += instruction.bytes() if opcode == "LDS" else 0
        global_bytes += instruction.bytes() if opcode == "LDG" else 0
    return Count(what, classes, shared_bytes, global_bytes)


def hot_loops(instructions, labels):
    """Returns the innermost loops with many multiply-adds, in the order of the code."""
    found = loops(instructions, labels)
    hot = []
    for loop in sorted(found, key=lambda loop: min(loop.body)):
        inside = [instructions[place] for place in sorted(loop.body)]
        if loop.inner or sum(instruction.opcode == "FFMA" for instruction in inside) < HOT:
            continue
        names = Counter(instruction.opcode for instruction in inside)
        # Only products with H vote on whether an atom moves, and only a loop that changes codes takes maxima with 0.
        what = "D'x" if not names["VOTE"] else "pass" if names["FMNMX"] >= LANE_ATOMS else "H a"
        parents = [other for other in found if loop.body < other.body]
        rest = parents[0].body - set().union(*(inner.body for inner in parents[0].inner)) if parents else set()
        around = count("around it", [instructions[place] for place in sorted(rest)])
        hot.append(HotLoop(count(what, inside), around, len(parents)))
    return hot


@dataclass
class Kernel:
    name: str
    atoms: int
    architecture: int
    registers: int
    shared_memory: int
    loops: list


def inspect(library, program, build, file, architecture, atoms):
    compiled = compile_kernels(library, file, architecture, atoms)
    kernels = disassemble(program, compiled.cubin, build / f"{file}-{architecture}-{atoms}.cubin")
    return [
        Kernel(name, atoms, architecture, compiled.registers[name], compiled.shared_memory[name], hot_loops(*code))
        for name, code in kernels.items() if name in compiled.registers
    ]


def save(kernels, path):
    """Writes one kernel per line, for `load`."""
    lines = ",\n".join(json.dumps(kernel, default=vars) for kernel in kernels)
    path.write_text(f"[\n{lines}\n]\n")


def load(path):
    def counted(fields):
        return Count(**fields | {"classes": Counter(fields["classes"])})

    def loop(fields):
        return HotLoop(counted(fields["inner"]), counted(fields["around"]), fields["depth"])

    kernels = json.loads(Path(path).read_text())
    return [Kernel(**fields | {"loops": [loop(found) for found in fields["loops"]]}) for fields in kernels]


def table(kernels):
    print("| kernel | sm | registers | loop | instructions | " + " | ".join(CLASSES) + " | other | FFMA share | shared B / FFMA | global B / FFMA |")
    print("|---|" + "---|" * (len(CLASSES) + 8))
    for kernel in kernels:
        for inner in [loop.inner for loop in kernel.loops]:
            fused = inner.classes["FFMA"]
            numbers = [str(inner.classes[name]) for name in [*CLASSES, "other"]]
            # Lanes of different groups read the same row at the same time.
            distinct = inner.global_bytes * (kernel.atoms // LANE_ATOMS) / WARP_LANES
            cells = [kernel.name, str(kernel.architecture), str(kernel.registers), inner.what, str(inner.all), *numbers]
            cells += [f"{inner.share():.0%}", f"{inner.shared_bytes / fused:.2f}", f"{distinct / fused:.2f}"]
            print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("target/gpu-host"), help="folder for tools and machine code")
    parser.add_argument("--architectures", default="80,90", help="compute capabilities times ten")
    parser.add_argument("--sizes", default="16,32,64,128,256", help="padded numbers of atoms")
    parser.add_argument("--nvdisasm", type=Path, help="a different disassembler")
    parser.add_argument("--roofline", action="store_true", help="print bounds on the throughput of some devices instead")
    parser.add_argument("--json", type=Path, help="write the counts to a file instead, for step_model.py")
    arguments = parser.parse_args()
    arguments.build.mkdir(parents=True, exist_ok=True)
    library = nvrtc(arguments.build)
    program = arguments.nvdisasm or nvdisasm(arguments.build)
    jobs = [
        (library, program, arguments.build, file, int(architecture), int(atoms))
        for file in COLUMN_FILES for architecture in arguments.architectures.split(",") for atoms in arguments.sizes.split(",")
    ]
    with ThreadPoolExecutor() as pool:
        kernels = [kernel for found in pool.map(lambda job: inspect(*job), jobs) for kernel in found]
    if arguments.json:
        save(kernels, arguments.json)
    elif arguments.roofline:
        from roofline import bounds

        bounds(kernels)
    else:
        table(kernels)


if __name__ == "__main__":
    main()
