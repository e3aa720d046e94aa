#!/bin/sh
# Fill in MR sequences of real brains: train on two people who each lack something, judge on slices that were held out.
#
#   examples/real-mr.sh GLIOMA_DIR STROKE_DIR OUT
#
# GLIOMA_DIR: t1c, t2, flair .nii.gz of one person with a brain tumour (240 x 240 x 155 at 1 mm, LPS, negative voxels).
# STROKE_DIR: T2, FLAIR .nii.gz of one person after a stroke (oblique, RAS, T2 with a scale slope), no ceT1.
# OUT gets a data set (training slices of the first, the second person, and the held-out block with the tumour), the
# training run, the synthetic images, their scores, report.html and scores.html. About 10 minutes on two processor cores;
# docs/real-mr.md shows what comes out. MEDLEY=path/to/medley chooses the program, STEPS=n another length of training.
set -eu
[ $# = 3 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,4p >&2; exit 2; }
glioma=$1 stroke=$2 out=$3
here=$(cd "$(dirname "$0")/.." && pwd)
medley=${MEDLEY:-$here/build/medley}
[ -x "$medley" ] || { echo "real-mr: no $medley: run make first" >&2; exit 2; }
[ ! -e "$out" ] || { echo "real-mr: $out exists: name a new folder" >&2; exit 2; }
mkdir -p "$out"

# Both people on one orientation and one slice size (192 x 192 mm, then means over 2 x 2: 96 x 96 pixels of 2 mm), and
# beside each image its target: the same on [0,1], scaled over the whole head and not over the slices that are cut below.
whole() { # IN CASE MOD
    mkdir -p "$out/whole/$2"
    "$medley" prepare slices "$1" "$out/whole/$2/$2-$3.nii.gz" --orientation RAS --fit 192,192,0 --shrink 2,2,1
}
whole "$glioma/t1c.nii.gz" glioma cet1
whole "$glioma/t2.nii.gz" glioma t2
whole "$glioma/flair.nii.gz" glioma flair
whole "$stroke/T2.nii.gz" stroke t2
whole "$stroke/FLAIR.nii.gz" stroke flair
"$medley" prepare import --in "$out/whole" --in-place
"$medley" prepare harmonise --data "$out/whole" --method minmax

# Held out: slices 92 to 111 of the glioma, the upper half of its tumour (which reaches from 69 to 111); two slices on either
# side are left out of everything. A training step sees neighbouring slices of one case, so the others are dealt into cases
# like cards: each spans its whole block.
cases=
deal() { # PERSON FROM TO NAME HANDS
    hand=0
    while [ "$hand" -lt "$5" ]; do
        case=$4$([ "$5" = 1 ] || echo "_$hand")
        mkdir -p "$out/data/$case"
        for image in "$out/whole/$1"/*.nii.gz; do
            "$medley" prepare slices "$image" "$out/data/$case/$case-${image##*/"$1"-}" --from $(($2 + hand)) --to "$3" \
                --every "$5" --quiet
        done
        cases="$cases${cases:+, }\"$case\""
        hand=$((hand + 1))
    done
}
deal glioma 12 89 glioma_below 7
deal glioma 114 134 glioma_above 2
deal stroke 12 130 stroke 3
train=$cases
deal glioma 92 111 glioma_tumour 1
printf '[{"train": [%s], "val": [], "test": ["glioma_tumour"]}]\n' "$train" > "$out/data/splits.json"
"$medley" prepare import --in "$out/data" --in-place

# No ultrasound here: T2, which everybody has, takes its part. Smooth L1 asks for the mean of what an image may be, which is what
# PSNR rewards; its errors are squares, so the divergence weighs less.
"$medley" train "$out/data" "$out/run" --preset small --set anchor=t2 --set pools=4 --set subsets=one --set batch=8 \
    --set smooth_l1=true --set w_kl=0.0001 \
    --steps "${STEPS:-700}" --seed 1

# The held-out block: FLAIR and ceT1 from T2, ceT1 from T2 and FLAIR, T2 from FLAIR.
synth() { # GIVEN TARGET
    "$medley" synth "$out/run/weights.safetensors" "$out/data/glioma_tumour" "$out/from-$1" --given "$1" --target "$2" \
        --samples 4 --mirror
    "$medley" evaluate images "$out/from-$1" "$out/data" -o "$out/scores-$1"
}
synth t2 flair,cet1
synth t2,flair cet1
synth flair t2

# The least that a FLAIR from T2 has to beat: T2 itself. The report adds the mean image and a linear map.
mkdir "$out/copy"
cp "$out/data/glioma_tumour/glioma_tumour-t2.target.nii.gz" "$out/copy/glioma_tumour-flair.nii.gz"
"$medley" evaluate images "$out/copy" "$out/data" --given t2 --method copy -o "$out/scores-copy"
"$medley" report "$out/run" --samples 4 --mirror -o "$out/report.html"

# The same as an evaluation is reported: the three questions in one table, T2 to FLAIR and back beside them.
"$medley" evaluate consistency "$out/run/weights.safetensors" "$out/data" --from t2 --through flair -o "$out/scores-back"
"$medley" report "$out/scores-t2" "$out/scores-t2,flair" "$out/scores-flair" "$out/scores-back" -o "$out/scores.html"
