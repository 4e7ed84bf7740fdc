# shellcheck shell=bash disable=SC2154
# Finds the driver, NVRTC and NVIDIA's tools for `run`, which sources this file. Nothing outside $work is changed: what
# the loader does not find by itself gets a link in $work/libraries, which is added to LD_LIBRARY_PATH.

# Prefix of the places searched: the folder of a rehearsal.
root=${SCN_LIBRARY_ROOT:-}

kernels_from() { "$bin/scn" device 2>/dev/null | sed -n 's/^ *kernels from //p' | head -n 1; }

# Places of a driver that the loader does not find. The stub in a toolkit is not a driver.
driver_places() {
    ls -d "$root"/usr/local/nvidia/lib64 "$root"/usr/lib/x86_64-linux-gnu "$root"/usr/lib64 "$root"/usr/lib/wsl/lib "$root"/usr/local/cuda*/compat 2>/dev/null
}

# Folders that may contain NVRTC: toolkits, then Python wheels.
compiler_places() {
    ls -d "$root"/usr/local/cuda/lib64 "$root"/usr/local/cuda/targets/x86_64-linux/lib "$root"/usr/local/cuda-*/lib64 "$root"/usr/lib/x86_64-linux-gnu 2>/dev/null
    python3 - <<'PY'
import glob, sys
for place in sys.path:
    for inside in ("nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"):
        for folder in glob.glob(f"{place}/{inside}"):
            print(folder)
PY
}

link_driver() {
    local place
    "$bin/scn" device 2>/dev/null | grep -q '^cuda:' && return
    while read -r place; do
        [ -e "$place/libcuda.so.1" ] || continue
        ln -sf "$place/libcuda.so.1" "$work/libraries/libcuda.so.1"
        ln -sf "$place/libcuda.so.1" "$work/libraries/libcuda.so"
        "$bin/scn" device 2>/dev/null | grep -q '^cuda:' && return
    done < <(driver_places)
}

# Links the newest NVRTC that compiles for this device and driver, as `scn device` reports.
link_compiler() {
    local version place
    [[ $(kernels_from) = NVRTC* ]] && return
    for version in 13 12 11; do
        while read -r place; do
            ls "$place"/libnvrtc.so.$version* "$place"/libnvrtc-builtins.so.$version* >/dev/null 2>&1 || continue
            rm -f "$work"/libraries/libnvrtc*
            # Not the whole folder: a wheel's folder contains libraries that other programs should take from elsewhere.
            ln -sf "$place"/libnvrtc.so.$version* "$place"/libnvrtc-builtins.so.$version* "$work/libraries/"
            [[ $(kernels_from) = NVRTC* ]] && return
        done < <(compiler_places)
    done
    rm -f "$work"/libraries/libnvrtc*
}

# Profilers are not in the PATH of every image.
find_tools() {
    local folder
    for folder in "$root"/usr/local/cuda/bin "$root"/usr/local/cuda/compute-sanitizer "$root"/opt/nvidia/nsight-compute/* "$root"/usr/local/cuda/nsight-compute*; do
        [ -d "$folder" ] && PATH=$PATH:$folder
    done
    export PATH
}

find_libraries() {
    local begun=$SECONDS code=0 kernels
    rm -rf "$work/libraries"
    mkdir "$work/libraries"
    export LD_LIBRARY_PATH=$work/libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    link_driver
    link_compiler
    find_tools
    kernels=$(kernels_from)
    "$bin/scn" device >"$logs/libraries.log" 2>&1
    [ -n "$kernels" ] || code=1
    line libraries "$code" $((SECONDS - begun)) "kernels from ${kernels:-nowhere: $(last_words "$logs/libraries.log")}"
    {
        find "$work/libraries" -name '*.so*' -printf '%f is %l\n' | sort
        command -v ncu compute-sanitizer nvidia-smi | sed 's/^/tool /'
        nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,memory.used,power.limit --format=csv,noheader 2>&1
    } | detail
}
