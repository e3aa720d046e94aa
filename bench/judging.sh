#!/bin/sh
# Time medley evaluate beside its peers on the same files, and measure the memory of 100 cases.
#   bench/peer/judging.sh /tmp/peers && bench/judging.sh /tmp/peers /tmp/judging
# MEDLEY=path/to/medley chooses the program. medley's times are of the whole program, file to table; the peers' of the
# metrics alone, with the images in memory.
set -eu
[ $# = 2 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,3p >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd) peers=$1 out=$2
medley=${MEDLEY:-$here/../build/medley}
[ -e "$out/mask-ref" ] || "$peers/bin/python" "$here/peer/judging.py" make "$out"

timed() { # LABEL COMMAND...: wall time and peak memory
    label=$1; shift
    "$peers/bin/python" - "$label" "$@" <<'END'
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL).returncode
print(f"{sys.argv[1]}: {time.perf_counter() - start:.2f} s, {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB, exit {code}")
END
}
for round in 1 2 3; do # in turn, for medians
    timed "medley, 192x192x160, presets strict and mmhvae" "$medley" evaluate images "$out/pred" "$out/ref" --range 0,1 --preset strict,mmhvae --threads 2 --quiet
    "$peers/bin/python" "$here/peer/judging.py" ssim "$out"
    timed "medley, 256^3 masks, all metrics" "$medley" evaluate segmentation "$out/mask-pred" "$out/mask-ref" --threads 2 --quiet
    "$peers/bin/python" "$here/peer/judging.py" surface "$out"
done
"$peers/bin/python" "$here/peer/judging.py" medpy "$out"

if [ ! -e "$out/pred100" ]; then
    mkdir "$out/pred100" "$out/ref100"
    for i in $(seq 100); do
        ln -s "$out/pred/c1-t2.nii.gz" "$out/pred100/c$i-t2.nii.gz"
        ln -s "$out/ref/c1-t2.nii.gz" "$out/ref100/c$i-t2.nii.gz"
    done
fi
timed "medley, 100 cases of 192x192x160, preset strict" "$medley" evaluate images "$out/pred100" "$out/ref100" --range 0,1 --threads 2 --quiet
