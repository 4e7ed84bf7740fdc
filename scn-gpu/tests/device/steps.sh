# shellcheck shell=bash disable=SC2154
# The steps of `run`, which sources this file.

# --- how a step runs

failed=0

# line NAME CODE SECONDS TEXT
line() {
    printf '%-24s %4s %5s s  %s\n' "$1" "$2" "$3" "$(cut -c 1-150 <<<"$4")" | tee -a "$summary"
    [ "$2" = 0 ] || [ "$2" = - ] || failed=$((failed + 1))
}

# Adds the figures of the last step to the summary, unchanged.
detail() { sed 's/^/    /' | tee -a "$summary"; }

skip() { line "$1" - 0 "skipped: $2"; }

# Prints how many seconds something may take that needs up to the given number.
left() {
    local rest=$((deadline - SECONDS))
    echo $((rest < 1 ? 1 : rest < $1 ? rest : $1))
}

# Prints the last line of a log. Of JSON, only the figures.
last_words() {
    grep -Ev '^[[:space:]]*$|^=+$' "$1" | tail -n 1 |
        sed -E 's/^\{.*"images_per_second": ?([0-9.]+).*"seconds_per_step": ?([0-9.e-]+).*/\1 images\/s, \2 s per step/'
}

# step NAME LIMIT COMMAND...: runs a command, and adds a line with the last words of its log.
step() {
    local name=$1 limit=$2 begun=$SECONDS code=0
    shift 2
    if [ "$SECONDS" -ge "$deadline" ]; then
        line "$name" 124 0 "no time left"
        return 124
    fi
    timeout -k 5 "$(left "$limit")" "$@" >"$logs/$name.log" 2>&1 </dev/null || code=$?
    line "$name" "$code" $((SECONDS - begun)) "$(last_words "$logs/$name.log")"
    return "$code"
}

# show NAME COMMAND...: runs a step, and adds its output below the line.
show() {
    local name=$1
    shift
    step "$name" 20 "$@"
    detail <"$logs/$name.log"
}

# Waits until a data set is unpacked. Fails if there is none.
have_data() {
    if [ -n "${unpacking[$1]:-}" ]; then
        wait "${unpacking[$1]}" && unpacked[$1]=1
        unset "unpacking[$1]"
    fi
    [ -n "${unpacked[$1]:-}" ]
}

# Whether the images of a preset are available.
have_images() {
    case $1 in
    cifar10-*) have_data cifar-10-batches-bin ;;
    mnist-*) have_data mnist ;;
    *) true ;;
    esac
}

# --- settings of the steps; a rehearsal reduces them

presets=(cifar10-scn1 cifar10-scn4)
epoch_presets=("${presets[@]}")
# Options of scn train.
smoke_options=()
epoch_options=()
# shellcheck disable=SC2034
training_options=()
# Steps of scn bench train, and the prefix of programs whose times count.
bench_options=(--warm-up 10 --steps 50)
measured=()
# Tests of scn-gpu, scn-net and scn-cli, by parts of their names; none means all.
parity_tests=()
network_tests=(cuda)
command_tests=(device)
# Tests of everything that has blocks, barriers and shuffles, few of which run long.
sanitized_tests=(several_blocks windows layers update images::batches)
# shellcheck source=/dev/null
[ -z "${SCN_SETTINGS:-}" ] || source "$SCN_SETTINGS"

# --- tests

run_smoke() {
    show device "$bin/scn" device
    step digits 90 "$bin/scn" train --device cuda --epochs 2 "${smoke_options[@]}" --out "$work/digits-cuda"
    step digits-processor 90 "$bin/scn" train --epochs 2 "${smoke_options[@]}" --out "$work/digits-cpu"
    show digits-compared python3 "$here/summarise_metrics.py" "$work/digits-cuda" --beside "$work/digits-cpu"
    rm -rf "$work"/digits-*
}

run_parity() {
    step parity 150 "$bin/parity" --test-threads=8 "${parity_tests[@]}" && return
    local test
    sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$logs/parity.log" | head -n 12 >"$work/failed-tests"
    while read -r test; do step "alone-${test##*::}" 30 "$bin/parity" --exact "$test"; done <"$work/failed-tests"
}

run_networks() {
    step networks 120 "$bin/suite" --test-threads=4 "${network_tests[@]}"
    step command-line 120 "$bin/cli" --test-threads=4 "${command_tests[@]}"
}

run_sanitizers() {
    local tool begun=$SECONDS code kernels=$work/kernels-line-info
    local -A jobs=()
    command -v compute-sanitizer >/dev/null || { skip sanitizers "compute-sanitizer is not installed"; return; }
    [ -d "$kernels" ] || kernels=$SCN_CUDA_CACHE
    for tool in memcheck racecheck synccheck initcheck; do
        SCN_CUDA_CACHE=$kernels SCN_CUDA_LINE_INFO=1 timeout -k 5 "$(left 120)" compute-sanitizer --tool "$tool" --error-exitcode 9 \
            "$bin/parity" --test-threads=1 "${sanitized_tests[@]}" >"$logs/$tool.log" 2>&1 &
        jobs[$tool]=$!
    done
    for tool in "${!jobs[@]}"; do
        code=0
        wait "${jobs[$tool]}" || code=$?
        line "$tool" "$code" $((SECONDS - begun)) "$(grep -E '^test result|SUMMARY' "$logs/$tool.log" | tr '\n' ' ')"
    done
}

# --- measurements

run_epoch() {
    local preset
    for preset in "${epoch_presets[@]}"; do
        have_images "$preset" || { skip "epoch-$preset" "its images are missing"; continue; }
        rm -rf "$work/epoch-$preset"
        step "epoch-$preset" 90 "$bin/scn" train --device cuda --preset "$preset" --epochs 1 "${epoch_options[@]}" --out "$work/epoch-$preset" &&
            show "learned-$preset" python3 "$here/summarise_metrics.py" "$work/epoch-$preset"
    done
}

# bench NAME PRESET VARIABLE...: writes JSON to NAME.log.
bench() {
    local name=$1 preset=$2
    shift 2
    step "$name" 60 env "$@" "${measured[@]}" "$bin/scn" bench train --device cuda --preset "$preset" "${bench_options[@]}" --quiet --json
}

run_kernels() {
    local preset launches
    for preset in "${presets[@]}"; do
        have_images "$preset"
        bench "bench-$preset" "$preset" SCN_CUDA_GRAPH=1 || continue
        local figures=(--estimates "$work/estimates.json" --bench "$logs/bench-$preset.log")
        if command -v ncu >/dev/null; then
            # Any sequence of as many launches as a step has is one step. By the third step, everything is set up. There
            # may be one or two launches that events do not time.
            launches=$(python3 "$here/summarise_kernels.py" --launches "${figures[@]}")
            profile "$preset" "$launches" gpu__time_duration.sum,dram__bytes.sum.per_second,smsp__issue_active.avg.per_cycle_active ||
                profile "$preset" "$launches" gpu__time_duration.sum
            figures+=(--ncu "$logs/ncu-$preset.csv")
        else
            skip "ncu-$preset" "ncu is not installed"
        fi
        show "kernels-$preset" python3 "$here/summarise_kernels.py" "${figures[@]}"
    done
}

# profile PRESET LAUNCHES METRICS: profiles one training step with ncu, which repeats a kernel if it cannot collect all
# metrics at once. Clocks are left alone.
profile() {
    step "ncu-$1" 90 env SCN_CUDA_GRAPH=0 ncu --clock-control none --csv --print-units base --metrics "$3" \
        --launch-skip $((3 * $2)) --launch-count "$2" --log-file "$logs/ncu-$1.csv" \
        "${measured[@]}" "$bin/scn" bench train --device cuda --preset "$1" --warm-up 4 --steps 1 --quiet --json
}

run_graph() {
    local preset
    for preset in "${presets[@]}"; do
        bench "graph-0-$preset" "$preset" SCN_CUDA_GRAPH=0
        bench "graph-1-$preset" "$preset" SCN_CUDA_GRAPH=1
    done
}

run_bench() {
    [ -x "$bin/device" ] || { skip bench "not packed"; return; }
    # Criterion writes to the current folder.
    step bench 150 env -C "$work" "$bin/device" --bench --warm-up-time 0.2 --measurement-time 0.5
    grep 'of peak' "$logs/bench.log" | detail
}

run_torch() {
    local preset
    python3 -c 'import torch' 2>/dev/null || { skip torch "PyTorch is not installed"; return; }
    for preset in "${presets[@]}"; do
        step "torch-$preset" 90 python3 "$here/torch_scn.py" --atoms-times "${preset##*scn}"
    done
}

# --- results

# Keeps the archive below 16 MiB, if necessary by truncating the longest logs.
pack_logs() {
    while
        tar -C "$work" -czf "$out/logs.tgz" logs
        [ "$(stat -c %s "$out/logs.tgz")" -gt $((15 << 20)) ]
    do
        find "$logs" -type f -printf '%s %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2- | xargs -d '\n' truncate -s 65536
    done
}
