# shellcheck shell=bash
# The virtual environment. It can see the system's packages: TensorRT and OpenCV exist for the system's Python only.

# The package index has no GPU build of ONNX Runtime for JetPack 4.6 (Python 3.6). NVIDIA publishes one here, without a
# checksum, so it is not downloaded automatically. See also https://elinux.org/Jetson_Zoo#ONNX_Runtime
ONNXRUNTIME_GPU=onnxruntime_gpu-1.11.0-cp36-cp36m-linux_aarch64.whl
ONNXRUNTIME_GPU_URL=https://nvidia.box.com/shared/static/pmsqsiaw4pg9qrbeckcbymho6c01jj4z.whl

PYCUDA=pycuda==2022.1  # the last release for Python 3.6
PYTHON=${PYTHON:-python3}

check_opencv() {
    step opencv
    refuse_pip_opencv
    if [ "$L4T" = 32 ]; then export OPENBLAS_CORETYPE=ARMV8; fi  # otherwise numpy may crash with "Illegal instruction"
    if "$PYTHON" -s -c 'import cv2' 2>/dev/null; then
        ok "$("$PYTHON" -s -c 'import cv2; print(cv2.__version__, "at", cv2.__file__)')"
        "$PYTHON" -s -c 'import cv2, re, sys; sys.exit(not re.search("GStreamer: +YES", cv2.getBuildInformation()))' ||
            note "it has no GStreamer, so neither CSI cameras nor the board's decoder"
    elif [ "$L4T" = 0 ]; then
        die "python3 has no OpenCV; run: sudo apt-get install python3-opencv"
    else
        die "python3 has no OpenCV, which JetPack brings; run: sudo apt-get install nvidia-opencv"
    fi
}

# pip's OpenCV has no GStreamer, and hides the system's.
refuse_pip_opencv() {
    local found name python
    for found in "$NANOYOLO"/venv/lib/python3*/site-packages /usr/local/lib/python3*/{dist,site}-packages \
        /root/.local/lib/python3*/site-packages /home/*/.local/lib/python3*/site-packages; do
        name=$(find "$found" -maxdepth 1 -iname 'opencv_*-info' -printf '%f\n' 2>/dev/null | head -n 1) || true
        [ -n "$name" ] || continue
        name=${name%%-*}
        case $found in
            "$NANOYOLO"/*) python="sudo $NANOYOLO/venv/bin/python" ;;
            /home/*) python="sudo -H -u $(stat -c %U "$found") python3" ;;
            *) python="sudo -H python3" ;;
        esac
        die "pip's OpenCV in $found hides the system's, which has GStreamer; run: $python -m pip uninstall -y ${name//_/-}"
    done
}

make_environment() {
    step environment
    local version requirements wanted there kept
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    requirements=$(requirements_file "$version")
    there=$(cat "$NANOYOLO/venv/.nanoyolo" 2>/dev/null) || there=''
    # Keep a GPU build that an earlier run installed, even if this run was not given its file.
    kept=${WHEEL_SHA256:-$(sed -n 's/^onnxruntime gpu //p' <<<"$there")}
    wanted=$(described "$version" "$requirements" "$kept")
    if [ "$there" = "$wanted" ] && "$NANOYOLO/venv/bin/python" -c '' 2>/dev/null; then
        ok "Python $version in $NANOYOLO/venv"
    else
        [ -z "$kept" ] || [ -n "$WHEEL" ] || die "it must be rebuilt, and contained ONNX Runtime for the GPU; pass that again: --onnxruntime-gpu WHEEL --onnxruntime-gpu-sha256 $kept"
        [ -z "$WHEEL" ] || check_wheel
        change "make $NANOYOLO/venv for Python $version; takes minutes" build "$requirements"
        RESTART=yes
    fi
    tell_about_gpu "$kept"
    install_profile
}

check_wheel() {
    [ "$(sha256sum -- "$WHEEL" | cut -d' ' -f1)" = "$WHEEL_SHA256" ] || die "$WHEEL: its SHA-256 is not $WHEEL_SHA256"
}

requirements_file() {  # VERSION
    if [ "$1" = 3.6 ]; then echo "$FILES/constraints.txt"; else echo "$HERE/index-requirements.txt"; fi
}

# A description of the environment, which changes when it must be rebuilt.
described() {  # VERSION REQUIREMENTS WHEEL_SHA256
    echo "python $1"
    grep -v '^#' "$2"
    if [ -n "$3" ]; then echo "onnxruntime gpu $3"; fi
    if [ -x "$NVCC" ]; then echo "pycuda"; fi
}

# Build under another name, so that a killed run leaves the environment in use unchanged.
build() {  # REQUIREMENTS
    local new=$NANOYOLO/venv.new
    rm -rf "$new" "$NANOYOLO/venv.old"
    "$PYTHON" -m venv --system-site-packages "$new"
    install_into "$new" "$1"
    if [ "$L4T" = 32 ]; then echo 'export OPENBLAS_CORETYPE=ARMV8' >>"$new/bin/activate"; fi
    # Its scripts contain the path of their Python.
    grep -rlIF "$new" "$new/bin" "$new/pyvenv.cfg" | xargs -r sed -i "s#$new#$NANOYOLO/venv#g"
    printf '%s\n' "$wanted" >"$new/.nanoyolo"
    sync
    [ ! -e "$NANOYOLO/venv" ] || mv -T "$NANOYOLO/venv" "$NANOYOLO/venv.old"
    mv -T "$new" "$NANOYOLO/venv"
    rm -rf "$NANOYOLO/venv.old"
}

install_into() {  # VENV REQUIREMENTS
    local pip=("$1/bin/python" -m pip --disable-pip-version-check --no-cache-dir install) newest=pip pycuda=pycuda
    if [ "$2" = "$FILES/constraints.txt" ]; then newest='pip<22' pycuda=$PYCUDA; fi  # pip 22 does not support Python 3.6
    "${pip[@]}" --upgrade "$newest"  # Bionic's pip does not find wheels for newer manylinux
    if [ -z "$WHEEL" ]; then
        "${pip[@]}" -r "$2"
    else
        "${pip[@]}" -r <(grep -v '^onnxruntime\b' "$2")  # both install into the same folder
        "${pip[@]}" --no-deps "$WHEEL"  # it requires a numpy that does not exist for Python 3.6 on ARM
    fi
    if [ -x "$NVCC" ]; then
        PATH=$PATH:$(dirname "$NVCC") "${pip[@]}" "$pycuda" -c "$2"
    fi
}

tell_about_gpu() {  # WHEEL_SHA256
    [ -x "$NVCC" ] || note "no $NVCC, so no pycuda, and no TensorRT in Python; with JetPack: sudo apt-get install nvidia-cuda"
    [ -z "$1" ] && [ "$L4T" = 32 ] || return 0
    note "ONNX Runtime is the CPU's; NVIDIA's for the GPU: wget -O $ONNXRUNTIME_GPU $ONNXRUNTIME_GPU_URL; then --onnxruntime-gpu $ONNXRUNTIME_GPU"
}

# For interactive use of python3.
install_profile() {
    local profile
    profile=$(mktemp)
    {
        if [ "$L4T" = 32 ]; then
            echo '# Without it numpy may crash with "Illegal instruction" on a Jetson Nano.'
            echo 'export OPENBLAS_CORETYPE=ARMV8'
        fi
        if [ -x "$NVCC" ]; then echo "export PATH=\$PATH:$(dirname "$NVCC")"; fi
    } >"$profile"
    if [ -s "$profile" ]; then install_file "$profile" /etc/profile.d/nanoyolo.sh 644 root:root; fi
    rm -f "$profile"
}
