# shellcheck shell=bash disable=SC2154
# Training for `run`, which sources this file. It takes several calls, each of which ends with a checkpoint before its
# time is up.

# Seconds reserved for the checkpoint and for packing.
TRAINING_RESERVE=${SCN_TRAINING_RESERVE:-25}

# train PRESET EPOCHS
train() {
    local name=train-$1 folder=$work/run-$1 archive code=0 begun=$SECONDS limit arguments=(--preset "$1" "${training_options[@]}")
    archive=$(cd "$here/.." && pwd)/resume/run-$1.tgz
    have_images "$1" || { skip "$name" "its images are missing"; return; }
    if [ ! -e "$folder/checkpoint.safetensors" ] && [ -e "$archive" ]; then
        tar -C "$work" -xzf "$archive" || { line "$name" 1 0 "$archive cannot be unpacked"; return; }
    fi
    # A resumed run keeps its settings.
    [ -e "$folder/checkpoint.safetensors" ] && arguments=(--resume)
    limit=$((deadline - SECONDS - TRAINING_RESERVE))
    [ "$limit" -ge 5 ] || { line "$name" 124 0 "no time left"; return; }
    # On TERM, the program finishes a step and writes a checkpoint. Only the program gets the signal, and only once
    # (--foreground): a second one would end it immediately.
    timeout --foreground --preserve-status -s TERM -k 20 "$limit" \
        "$bin/scn" train --device cuda "${arguments[@]}" --epochs "$2" --out "$folder" >"$logs/$name.log" 2>&1 || code=$?
    # Stopped, with a checkpoint.
    [ "$code" != 143 ] || code=0
    tar -C "$work" -czf "$out/run-$1.tgz" "run-$1" || code=$?
    line "$name" "$code" $((SECONDS - begun)) "$(grep 'stopped in epoch' "$logs/$name.log" || last_words "$logs/$name.log")"
    python3 "$here/summarise_metrics.py" "$folder" 2>&1 | tail -n 5 | detail
}
