// A mistake of a kernel ends the process with one line that says where it is.
#pragma once

namespace cuda_on_host {

// Whether a CUDA thread is running in this host thread.
bool is_running();

[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

} // namespace cuda_on_host
