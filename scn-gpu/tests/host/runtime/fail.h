// What a kernel does wrong ends the process with one line that says where.
#pragma once

namespace cuda_on_host {

// Whether a CUDA thread runs in this host thread.
bool is_running();

[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

} // namespace cuda_on_host
