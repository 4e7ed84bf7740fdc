// Included first by every kernel file. Two compilers read the same sources: NVRTC for a device, and
// a C++ compiler with SCN_ON_HOST for tests, where `cuda_on_host.h` replaces the built-ins of
// NVRTC.
//
// SHARED_ARRAY(type, name, count) declares an array in the block's shared memory, aligned for
// float4. It must be in the kernel itself, and count must be a constant. REGISTER_KERNEL(name);
// follows each kernel and lets the tests find it by name.
#pragma once

#ifdef SCN_ON_HOST
#include "cuda_on_host.h"
#else
#define SHARED_ARRAY(type, name, count) __shared__ __align__(16) type name[count]
#define REGISTER_KERNEL(name) static_assert(true, "")
#endif
