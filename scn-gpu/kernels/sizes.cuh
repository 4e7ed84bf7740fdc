// Column kernels exist once per padded number of atoms, with that number at the end of their names. Compiling one takes seconds; with
// PADDED_ATOMS defined, only those of that size are made.
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
