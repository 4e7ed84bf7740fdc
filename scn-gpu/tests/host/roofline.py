"""Bounds on the columns that a device encodes per second, from the instructions in the loops of the kernels; see
instructions.py --roofline.

These are estimates from data sheets and counts: what a multiprocessor cannot exceed even if it never has to wait. In a
cycle, it starts at most 4 instructions of a warp each and as many multiply-adds as there are lanes, and it brings at
most 128 bytes to registers from shared memory, from the L1 cache, or by shuffles. The loads of the stages of D'x are
left out, and work that is done in every second pass is counted in each.
"""

from dataclasses import dataclass

from instructions import LANE_ATOMS, WARP_LANES

SCHEDULERS = 4
LOAD_BYTES = 128
BLOCK_WARPS = 4
REGISTERS = 65536

# Rows of the dictionaries, by number of atoms.
ROWS = {16: 27, 32: 72, 64: 144, 128: 288, 256: 576}
# Kernel name, columns per lane, passes.
METHODS = {"Gauss-Seidel": ("encode_gauss_seidel", 4, 10), "FISTA": ("encode_fista", 2, 50)}


@dataclass
class Device:
    name: str
    teraflops: float
    multiprocessors: int
    lanes: int
    # Shared memory of a multiprocessor in bytes, and the bytes that the system reserves in each block.
    shared_memory: int
    reserved: int

    def clock(self):
        return self.teraflops * 1e12 / (2 * self.multiprocessors * self.lanes)


DEVICES = {
    61: Device("P40", 11.8, 30, 128, 96 << 10, 0),
    80: Device("A100", 19.5, 108, 64, 164 << 10, 1 << 10),
    90: Device("H100", 66.9, 132, 128, 228 << 10, 1 << 10),
}


@dataclass
class Cycles:
    """Cycles of a multiprocessor for the columns of a warp."""

    issue: float = 0
    multiply: float = 0
    load: float = 0

    def add(self, count, times, device):
        lane_bytes = count.shared_bytes + count.global_bytes + 4 * count.classes["SHFL"]
        self.issue += times * count.all / SCHEDULERS
        self.multiply += times * count.classes["FFMA"] * WARP_LANES / device.lanes
        self.load += times * lane_bytes * WARP_LANES / LOAD_BYTES

    def most(self):
        return max((self.issue, "issue"), (self.multiply, "FFMA"), (self.load, "loads"))


def warps(kernel, device):
    """Returns the number of warps that a multiprocessor holds."""
    # Registers are allocated to warps in units of 256.
    warp_registers = -(-kernel.registers * WARP_LANES // 256) * 256
    by_registers = REGISTERS // (warp_registers * BLOCK_WARPS)
    by_shared_memory = device.shared_memory // (kernel.shared_memory + device.reserved)
    return BLOCK_WARPS * min(by_registers, by_shared_memory)


def warp_cycles(kernel, columns, rows, passes, device):
    """Returns the cycles of the loops of a warp, without the stages of D'x."""
    group = kernel.atoms // LANE_ATOMS
    correlation = next((loop for loop in kernel.loops if loop.inner.what == "D'x"), None)
    products = [loop for loop in kernel.loops if loop is not correlation]
    method = max(products, key=lambda loop: (loop.inner.what == "pass", loop.depth))
    cycles = Cycles()
    if correlation:
        cycles.add(correlation.inner, rows / correlated_entries(correlation, columns), device)
    cycles.add(method.inner, passes * group, device)
    # With one lane per column there is no loop over lanes, and the loop is the pass.
    if group > 1:
        cycles.add(method.around, passes, device)
        certificate = min(products, key=lambda loop: (loop.inner.what == "pass", loop.depth))
        cycles.add(certificate.inner, group, device)
    return cycles


def correlated_entries(correlation, columns):
    """Returns how many window entries the loop of D'x processes at a time."""
    return correlation.inner.classes["FFMA"] / (columns * LANE_ATOMS)


def columns_per_second(kernel, columns, passes, device):
    most, limit = warp_cycles(kernel, columns, ROWS[kernel.atoms], passes, device).most()
    warp_columns = WARP_LANES * LANE_ATOMS // kernel.atoms * columns
    return device.multiprocessors * device.clock() * warp_columns / most, limit


def millions(rate):
    """Formats a rate in millions, with three significant digits."""
    return f"{float(f'{rate / 1e6:.3g}'):,g}"


def bounds(kernels):
    titles = " | ".join(f"{name}, {passes} passes | of peak | limit | warps | reads of H" for name, (_, _, passes) in METHODS.items())
    print(f"| device | m x n | {titles} |")
    print("|---|" + "---|" * (1 + 5 * len(METHODS)))
    for architecture in sorted({kernel.architecture for kernel in kernels}):
        device = DEVICES[architecture]
        for atoms, rows in ROWS.items():
            cells = [device.name, f"{rows} x {atoms}"]
            for kernel_name, columns, passes in METHODS.values():
                found = [kernel for kernel in kernels if (kernel.name, kernel.architecture) == (f"{kernel_name}_n{atoms}", architecture)]
                for kernel in found:
                    rate, limit = columns_per_second(kernel, columns, passes, device)
                    operations = rate * 2 * (rows * atoms + passes * atoms**2)
                    # Each warp reads all of H in a pass. With more than 128 atoms, each block does.
                    together = WARP_LANES * LANE_ATOMS // atoms * columns * (BLOCK_WARPS if atoms > 128 else 1)
                    traffic = rate * passes * 4 * atoms**2 / together
                    cells += [millions(rate), f"{100 * operations / device.teraflops / 1e12:.0f} %", limit, str(warps(kernel, device))]
                    cells += [f"{traffic / 1e12:.1f} TB/s" if atoms > 64 else "-"]
            print("| " + " | ".join(cells) + " |")
