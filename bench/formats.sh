#!/bin/sh
# Preparing and reading beside SimpleITK and nibabel (bench/results/formats.md). Usage: bench/formats.sh MEDLEY [SCAN.nii.gz...]
set -eu
medley=$(realpath "$1"); shift
here=$(dirname "$0")
folder=${TMPDIR:-/tmp}/medley-bench-formats
python=$folder/venv/bin/python
mkdir -p "$folder"
if [ ! -x "$python" ]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" --quiet install numpy SimpleITK nibabel
fi
[ -e "$folder/noise.nii.gz" ] || "$python" "$here/peer/formats.py" "$medley" "$folder" make
for what in prepare resample read sheet; do
    ${TIMED:-} "$python" "$here/peer/formats.py" "$medley" "$folder" $what "$@"
done
