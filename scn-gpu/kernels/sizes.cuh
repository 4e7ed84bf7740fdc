// Column kernels exist once per padded number of atoms, which is appended to their names. Compiling
// one takes seconds. If PADDED_ATOMS is defined, only the kernels of that size are compiled.
#pragma once

#ifdef PADDED_ATOMS
#define KERNEL_OF_SIZE(KERNEL, ATOMS) KERNEL(ATOMS)
#define FOR_EACH_SIZE(KERNEL) KERNEL_OF_SIZE(KERNEL, PADDED_ATOMS)
#else
#define FOR_EACH_SIZE(KERNEL)                                                                                                      \
    KERNEL(16);                                                                                                                    \
    KERNEL(32);                                                                                                                    \
    KERNEL(64);                                                                                                                    \
    KERNEL(128);                                                                                                                   \
    KERNEL(256)
#endif
