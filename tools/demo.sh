#!/bin/sh
# make demo: heads with missing scans, a model trained on them, the missing scans of unseen heads filled in, and a report
# that scores the model against two simple opponents. Needs build/medley; leaves everything in build/demo (or $1).
# Exit 1 when a file is missing or an opponent wins.
set -eu
cd "$(dirname "$0")/.."
medley=build/medley
out=${1:-build/demo}
start=$(date +%s)
[ -x $medley ] || { echo "demo: no $medley: run make first" >&2; exit 1; }
case $out in build/*) rm -rf "$out" ;; *) [ ! -e "$out" ] || { echo "demo: $out exists" >&2; exit 1; } ;; esac
mkdir -p "$out"

say() { echo "demo: $*" >&2; }
need() { [ -s "$1" ] || { say "$1 is missing"; exit 1; }; }
cases() { sed -n "/\"$1\"/,/]/p" "$out/data/splits.json" | grep -o 'case[0-9]*'; }

say "heads by formula: ultrasound and three MR sequences, each MR missing with probability 0.3"
$medley phantom "$out/data" --cases 40 --size 64,64,40 --spacing 2.25 --missing 0.3 --seed 1 --quiet
say "training on those that each lack something"
$medley train "$out/data" "$out/run" --preset demo --seed 1
need "$out/run/weights.safetensors"

say "filling in what unseen heads lack"
mkdir "$out/filled" "$out/from-us"
for case in $(cases val); do
    missing=
    for mod in t2 cet1 flair; do [ -e "$out/data/$case/$case-$mod.nii.gz" ] || missing="$missing $mod"; done
    [ -n "$missing" ] || continue
    $medley synth "$out/run/weights.safetensors" "$out/data/$case" "$out/filled" --quiet
    for mod in $missing; do need "$out/filled/$case-$mod.nii.gz"; done
done
say "and all MR of complete unseen heads from their ultrasound alone, to compare with the truth"
for case in $(cases test); do
    $medley synth "$out/run/weights.safetensors" "$out/data/$case" "$out/from-us" --given us --quiet
    for mod in t2 cet1 flair; do need "$out/from-us/$case-$mod.nii.gz"; done
done

$medley report "$out/run" -o "$out/report.html" --temperature 1 --samples 2 > "$out/summary.txt"
need "$out/report.html"
need "$out/run/progress.svg"
cat "$out/summary.txt"

# From one modality to an MR: model, mean image, linear map in PSNR, then in SSIM.
awk '
    / -> / && $0 !~ /\+/ && $3 != "us" {
        gsub(/\*/, "")
        n++
        if ($5 > $6 && $5 > $7 && $8 > $9 && $8 > $10) won++; else print "demo: an opponent wins at " $1 " -> " $3 > "/dev/stderr"
    }
    END {
        printf "The model beats the mean image and the linear map in PSNR and SSIM in %d of %d pairs of one scan to one MR.\n", won, n
        exit !(n == 9 && won == n)
    }' "$out/summary.txt"
echo "filled-in scans: $out/filled, $out/from-us"
echo "report: $out/report.html"
say "$(($(date +%s) - start)) seconds"
