"""Kernels with one mistake each, for mistakes.py.

`unit` is the kernel file that is compiled, `kernels` are the prefixes of the names of the kernels that are run, and
`atoms` is the only padded number of atoms that is compiled.
"""

from dataclasses import dataclass


@dataclass
class Mistake:
    name: str
    detector: str
    file: str
    old: str
    new: str
    unit: str
    kernels: str
    atoms: int | None = None


MISTAKES = [
    # Barriers. Without the first of each pair, a tile is read before it is complete. Without the second, it is
    # overwritten while it is being read.
    Mistake(
        name="a tile read before it is complete",
        detector="thread",
        file="outer_sums.cu",
        old="        __syncthreads();\n        product.add(",
        new="        product.add(",
        unit="outer_sums",
        kernels="outer_sums",
    ),
    Mistake(
        name="a tile read before it is complete shows in the results",
        detector="bits",
        file="outer_sums.cu",
        old="        __syncthreads();\n        product.add(",
        new="        product.add(",
        unit="outer_sums",
        kernels="outer_sums",
    ),
    Mistake(
        name="a tile overwritten while it is read",
        detector="thread",
        file="signal_gradient.cu",
        old="            __syncthreads();\n#pragma unroll 4",
        new="#pragma unroll 4",
        unit="signal_gradient",
        kernels="signal_gradient",
    ),
    Mistake(
        name="a stage of correlations without its barrier",
        detector="thread",
        file="correlate.cuh",
        old="        __syncthreads();\n        bool more",
        new="        bool more",
        unit="encode",
        kernels="encode_gauss_seidel_narrow_n32",
        atoms=32,
    ),
    Mistake(
        name="stages overwritten too early",
        detector="thread",
        file="correlate.cuh",
        old="    __syncthreads();\n}",
        new="}",
        unit="encode",
        kernels="encode_gauss_seidel_narrow_n32",
        atoms=32,
    ),
    Mistake(
        name="scratch memory of a sum reused too early",
        detector="thread",
        file="reduce.cuh",
        old="    __syncthreads();\n    return sum;",
        new="    return sum;",
        unit="batch_norm",
        kernels="normalize_batch",
    ),
    Mistake(
        name="a barrier that some threads do not reach",
        detector="stop",
        file="reduce.cuh",
        old="    __syncthreads();\n    T sum = 0;",
        new="    if (threadIdx.x != 77) {\n        __syncthreads();\n    }\n    T sum = 0;",
        unit="loss",
        kernels="softmax_cross_entropy",
    ),
    Mistake(
        name="threads that leave before a barrier",
        detector="stop",
        file="batch_norm.cu",
        old="    sums.first = block_sum(sums.first, scratch);\n    sums.second = block_sum(sums.second, scratch);\n    if",
        new="    if (part.first + threadIdx.x >= part.end) {\n        return;\n    }\n    sums.first = block_sum(sums.first, scratch);\n    if",
        unit="batch_norm",
        kernels="moment_sums",
    ),
    Mistake(
        name="a vote of the block that warps without work skip",
        detector="stop",
        file="report.cuh",
        old="            return __syncthreads_or(any_own());",
        new="            return any_runs() && __syncthreads_or(any_own());",
        unit="encode",
        kernels="encode_gauss_seidel_n256",
        atoms=256,
    ),
    # Warps.
    Mistake(
        name="a vote with too small a mask",
        detector="stop",
        file="report.cuh",
        old="__any_sync(ALL_LANES, any_own())",
        new="__any_sync(0xffffu, any_own())",
        unit="encode",
        kernels="encode_gauss_seidel_narrow_n16",
        atoms=16,
    ),
    Mistake(
        name="a vote that lanes of a warp skip",
        detector="stop",
        file="update.cu",
        old="    bool found = !isfinite(__ldg(gradients + thread_element()));",
        new="    bool found = !isfinite(__ldg(gradients + thread_element()));\n    if (threadIdx.x % 7 == 5) {\n        return;\n    }",
        unit="update",
        kernels="find_non_finite",
    ),
    Mistake(
        name="a shuffle across groups",
        detector="bits",
        file="columns.cuh",
        old="__shfl_sync(ALL_LANES, value, owner, GROUP)",
        new="__shfl_sync(ALL_LANES, value, owner)",
        unit="encode",
        kernels="encode_gauss_seidel_narrow_n64",
        atoms=64,
    ),
    # Memory.
    Mistake(
        name="one number too many written",
        detector="address",
        file="prepare.cu",
        old="        if (element < count) {",
        new="        if (element <= count) {",
        unit="prepare",
        kernels="prepare_problems",
    ),
    Mistake(
        name="one atom too many read",
        detector="address",
        file="columns.cuh",
        old="columns[c][r] = p < positions && j < atoms ?",
        new="columns[c][r] = p < positions && j <= atoms ?",
        unit="adjoint",
        kernels="adjoint_n16",
        atoms=16,
    ),
    Mistake(
        name="one shared number too many",
        detector="undefined",
        file="gradients.cu",
        old="    int first_row = tile / atom_tiles",
        new="    symmetric_tile[TILE_THREADS * TILE_STRIDE / 2 + threadIdx.x / 127] = 0.0f;\n    int first_row = tile / atom_tiles",
        unit="gradients",
        kernels="parameter_gradients",
    ),
    Mistake(
        name="four numbers at a misaligned address",
        detector="undefined",
        file="columns.cuh",
        old="load_row<ATOMS, !SHARED>(rows + atom * ATOMS + lane * 4)",
        new="load_row<ATOMS, !SHARED>(rows + atom * ATOMS + lane * 4 + atom % 2)",
        unit="encode",
        kernels="encode_gauss_seidel_narrow_n32",
        atoms=32,
    ),
    Mistake(
        name="shared memory that is not filled",
        detector="bits",
        file="outer_sums.cu",
        old="            tile.adjoint_tile[row * TILE_STRIDE + lane] = exists",
        new="            if (exists) tile.adjoint_tile[row * TILE_STRIDE + lane] = exists",
        unit="outer_sums",
        kernels="outer_sums",
    ),
    # Blocks.
    Mistake(
        name="two blocks that write to one place",
        detector="thread",
        file="outer_sums.cu",
        old="        sums[entry] = sum;",
        new="        sums[entry % WARP_THREADS] = sum;",
        unit="outer_sums",
        kernels="add_partials",
    ),
    Mistake(
        name="a count without an atomic addition",
        detector="thread",
        file="report.cuh",
        old="        atomicAdd(report + 1, (unsigned long long)passes);",
        new="        report[1] += passes;",
        unit="encode",
        kernels="encode_gauss_seidel_narrow_n16",
        atoms=16,
    ),
    Mistake(
        name="a result that depends on which block comes last",
        detector="bits",
        file="batch_norm.cu",
        old="        place[0] = mean;",
        new="        place[0] = mean;\n        moments[(gridDim.y - 1) * stride + gridDim.z - 1] = mean;",
        unit="batch_norm",
        kernels="normalize_batch",
    ),
]
