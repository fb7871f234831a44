# shellcheck shell=bash
# Tests a version before it runs: builds its engines, and runs its self-test, which must detect what is expected.

as_user() {  # COMMAND...: as the service's user, in the version's folder
    (cd "$VERSIONS/$NAME" && exec runuser -u nanoyolo -- env HOME=/var/lib/nanoyolo OPENBLAS_CORETYPE=ARMV8 \
        PYTHONDONTWRITEBYTECODE=1 PATH="$PATH:/usr/local/cuda/bin" "$@") 9>&-
}

# Run a long command and report its progress. Kill it when the connection is lost.
patiently() {  # TITLE COMMAND...
    local title=$1 began=$SECONDS next=10 pid
    shift
    setsid bash -c "$(declare -f as_user)
        VERSIONS=\$1 NAME=\$2; shift 2; as_user \"\$@\"" - "$VERSIONS" "$NAME" "$@" >&2 </dev/null 9>&- &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        if [ $((SECONDS - began)) -ge "$next" ]; then
            next=$((next + 15))
            echo "$title: $((SECONDS - began)) s so far" >&2 2>/dev/null || kill -- "-$pid" 2>/dev/null || true
        fi
    done
    wait "$pid"
}

link_engines() {
    local hash sidecar engine
    hash=$(sha256sum <"$VERSIONS/$NAME/$MODEL" | cut -d' ' -f1)
    for sidecar in "$VERSIONS"/*/weights/*.engine.json "$VERSIONS"/.*.failed/weights/*.engine.json; do
        engine=${sidecar%.json}
        if [ -f "$engine" ] && grep -q "$hash" "$sidecar" && [ ! -e "$VERSIONS/$NAME/weights/${sidecar##*/}" ]; then
            ln "$engine" "$sidecar" "$VERSIONS/$NAME/weights/"
        fi
    done
}

make_engines() {
    local size
    if [ "$ENGINE" = no ]; then return; fi
    if ! as_user "$PYTHON" -c 'import tensorrt' 2>/dev/null; then
        say "no TensorRT here: it will run on ONNX Runtime"
        return
    fi
    BACKEND=tensorrt
    link_engines
    for size in "${SIZES[@]}"; do
        if as_user "$PYTHON" deploy/jetson/on-board/engine_fits.py "$MODEL" "$size" >/dev/null 2>&1; then
            say "the engine for $size exists"
            continue
        fi
        say "building the engine for $size; this takes minutes, and 4 GB of swap"
        # As the service's user, which needs access to the GPU. It owns no file of an installed version.
        chown nanoyolo: "$VERSIONS/$NAME/weights"
        patiently "building for $size" "$PYTHON" -m tools.build_engine "$MODEL" --size "$size" --fp16 ||
            fail "the engine for $size could not be built; the reason is above; without TensorRT: push with --no-engine"
    done
    chown -R root:root "$VERSIONS/$NAME"
}

self_test() {
    local size
    for size in "${SIZES[@]}"; do
        say "self-test at $size"
        patiently "self-test" "$PYTHON" deploy/jetson/self-test/self_test.py "$size" --backend "$BACKEND" "${OTHER[@]}" ||
            fail "the self-test at $size failed; the reason is above"
    done
}

# The input size for the service's settings and a 640x480 camera.
size_of_settings() {
    local size
    size=$(sed -nE 's/^NANOYOLO_SIZE="?([1-9][0-9]{1,3})"?[[:space:]]*$/\1/p' "$SETTINGS" 2>/dev/null | tail -n 1) || true
    size=${size:-416}
    if grep -qE '^NANOYOLO_SQUARE="?(yes|true|on|1)"?[[:space:]]*$' "$SETTINGS" 2>/dev/null; then
        echo "${size}x$size"
    else
        echo "${size}x$(((size * 3 / 4 + 31) / 32 * 32))"
    fi
}

# Sets SIZES, and OTHER, the self-test's option for another model than the default.
choose_sizes() {
    local old size
    OTHER=()
    if [ "$MODEL" != "$DEFAULT_MODEL" ]; then OTHER=(--model "$MODEL"); fi
    if [ ${#SIZES[@]} = 0 ] && { [ "$CONFIG_SIZE" != 0 ] || [ ${#OTHER[@]} != 0 ]; }; then
        read -ra SIZES <<<"$CONFIG_SIZES"
    fi
    if [ ${#SIZES[@]} = 0 ]; then
        old=$(current)
        read -ra SIZES 2>/dev/null <"$VERSIONS/${old:-none}/.sizes" || read -ra SIZES <<<"${CONFIG_SIZES:-$(size_of_settings)}"
    fi
    for size in "${SIZES[@]}"; do
        as_user "$PYTHON" deploy/jetson/self-test/self_test.py "$size" --known "${OTHER[@]}" || fail "there is no expected result for $size"
    done
    echo "${SIZES[*]}" | write_whole "$VERSIONS/$NAME/.sizes"
}

# The new version did not pass; the service was not switched.
fail() {
    local kept=
    if set_aside "$NAME"; then kept="; $NAME is kept as $VERSIONS/.$NAME.failed"; fi
    die "$*; $(still) on $BOARD$kept"
}

still() {
    local old
    old=$(current)
    if [ -n "$old" ]; then echo "$old still runs"; else echo "nothing runs yet"; fi
}
