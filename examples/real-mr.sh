#!/bin/sh
# Fill in MR sequences of real brains: train on two people who each lack something, judge on slices that were held out.
#
#   examples/real-mr.sh GLIOMA_DIR STROKE_DIR OUT
#
# GLIOMA_DIR: t1c, t2, flair .nii.gz of one person with a brain tumour (240 x 240 x 155 at 1 mm, LPS, negative voxels).
# STROKE_DIR: T2, FLAIR .nii.gz of one person after a stroke (oblique, RAS, T2 with a scale slope), no ceT1.
# OUT gets a data set (two training blocks of the first, the second person, and the held-out block with the tumour), the
# training run, the synthetic images and report.html. About 20 minutes on two processor cores; docs/real-mr.md shows
# what comes out. MEDLEY=path/to/medley chooses the program, STEPS=n another length of training.
set -eu
[ $# = 3 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,4p >&2; exit 2; }
glioma=$1 stroke=$2 out=$3
here=$(cd "$(dirname "$0")/.." && pwd)
medley=${MEDLEY:-$here/build/medley}
[ -x "$medley" ] || { echo "real-mr: no $medley: run make first" >&2; exit 2; }
[ ! -e "$out" ] || { echo "real-mr: $out exists: name a new folder" >&2; exit 2; }
mkdir -p "$out/data"

# Both people on one orientation and one slice size (192 x 192 mm, then means over 2 x 2: 96 x 96 pixels of 2 mm).
slices() { # IN CASE MOD FROM TO
    mkdir -p "$out/data/$2"
    "$medley" prepare slices "$1" "$out/data/$2/$2-$3.nii.gz" --orientation RAS --fit 192,192,0 --shrink 2,2,1 --from "$4" --to "$5"
}
# Slices 69 to 111 hold the whole tumour; four slices on either side are left out of everything.
for pair in cet1:t1c t2:t2 flair:flair; do
    mod=${pair%%:*} file=$glioma/${pair##*:}.nii.gz
    slices "$file" glioma_below "$mod" 12 64
    slices "$file" glioma_above "$mod" 116 134
    slices "$file" glioma_tumour "$mod" 69 111
done
slices "$stroke/T2.nii.gz" stroke t2 12 130
slices "$stroke/FLAIR.nii.gz" stroke flair 12 130
cat > "$out/data/splits.json" <<END
[{"train": ["glioma_above", "glioma_below", "stroke"], "val": [], "test": ["glioma_tumour"]}]
END

# No ultrasound here: T2, which everybody has, takes its part.
"$medley" train "$out/data" "$out/run" --preset small --set anchor=t2 --set pools=4 --set subsets=one \
    --set batch=8 --set micro_batch=2 --steps "${STEPS:-700}" --seed 1

# The held-out block: FLAIR and ceT1 from T2, ceT1 from T2 and FLAIR, T2 from FLAIR.
synth() { # GIVEN TARGET
    "$medley" synth "$out/run/weights.safetensors" "$out/data/glioma_tumour" "$out/from-$1" --given "$1" --target "$2"
}
synth t2 flair,cet1
synth t2,flair cet1
synth flair t2
"$medley" report "$out/run" -o "$out/report.html"
