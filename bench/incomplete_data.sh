#!/bin/sh
# incomplete_data.sh OUT: does training on incomplete cases help, and does the adversarial term sharpen? The runs behind
# docs/incomplete-data.md: three arms of equally many updates on a phantom set half of whose MRs are missing,
#     a  complete cases only     b  all cases     c  all cases, with the adversarial term for the last 40 % of the epochs
# for every seed; test cases filled in from every subset of the modalities and scored, a row per image, in OUT/scores.csv.
# What exists in OUT already is not made again. MEDLEY: the program; RUN: a prefix for every training (nice, say).
set -eu
out=$1
medley=${MEDLEY:-build/medley} run=${RUN:-}
cases=${CASES:-40} size=${SIZE:-32,32,16} spacing=${SPACING:-4.8} steps=${STEPS:-1000} batch=${BATCH:-4}
seeds=${SEEDS:-1 2 3} arms=${ARMS:-a b c} jobs=${JOBS:-2}
subsets=${SUBSETS:-us t2 cet1 flair us,t2 us,cet1 us,flair t2,cet1 t2,flair cet1,flair us,t2,cet1 us,t2,flair us,cet1,flair t2,cet1,flair}
mkdir -p "$out"

# The case names of one part of the data set's splits, a line each.
part() { sed -n "/\"$1\"/,/\]/s/^ *\"\(case[0-9]*\)\",*$/\1/p" "$out/all/splits.json"; }
is_complete() { for m in us t2 cet1 flair; do [ -e "$out/all/$1/$1-$m.nii.gz" ] || return 1; done; }
list() { sed 's/.*/"&"/' | paste -sd, -; }

[ -d "$out/all" ] ||
    "$medley" phantom "$out/all" --cases "$cases" --size "$size" --spacing "$spacing" --missing 0.5 --seed 1 --quiet
complete=$(for c in $(part train); do is_complete "$c" && echo "$c" || :; done)
if ! [ -d "$out/complete" ]; then
    cp -r "$out/all" "$out/complete"
    printf '[{"train": [%s], "val": [%s], "test": [%s]}]\n' "$(echo "$complete" | list)" "$(part val | list)" \
        "$(part test | list)" > "$out/complete/splits.json"
fi

# Epochs of equally many updates: one a visit.
n_all=$(part train | wc -l) n_complete=$(echo "$complete" | wc -l)
settings() {
    case $1 in a) n=$n_complete ;; *) n=$n_all ;; esac
    epochs=$(((steps + n - 1) / n))
    echo "--steps $steps --set batch=$batch --set subsets=one --set val_every=0 --set log_every=10"
    echo "--set kl_ramp_epochs=$((epochs / 4 + 1))"
    [ "$1" != c ] || echo "--set w_dis=0.05 --set ndf=32 --set restart_at=$((epochs / 2 + 1))" \
        "--set discriminator_from=$((epochs / 2 + 1)) --set adversarial_from=$((epochs * 3 / 5 + 1))"
}

train() {
    case $1 in a) data=complete ;; *) data=all ;; esac
    folder=$out/run-$1-$2
    [ ! -e "$folder/weights.safetensors" ] || return 0
    resume=$([ ! -e "$folder" ] || echo --resume)
    # shellcheck disable=SC2046,SC2086
    $run "$medley" train "$out/$data" "$folder" $([ "$resume" ] || echo "--preset small --seed $2" $(settings "$1")) $resume \
        --threads 1 --quiet
}

score() {
    mkdir -p "$out/test"
    for c in $(part test); do [ -d "$out/test/$c" ] || cp -r "$out/all/$c" "$out/test/$c"; done
    for given in $subsets; do
        name=$1-$2-$given
        [ -d "$out/filled/$name" ] ||
            "$medley" synth "$out/run-$1-$2/weights.safetensors" "$out/test" "$out/filled/$name" --given "$given" --quiet
        [ -d "$out/scores/$name" ] ||
            "$medley" evaluate images "$out/filled/$name" "$out/all" --preset mmhvae,texture -o "$out/scores/$name" --quiet
    done
}

echo "$n_all training cases, $n_complete of them complete; $steps updates of $batch slices" >&2
running=0
for seed in $seeds; do
    for arm in $arms; do
        train "$arm" "$seed" &
        running=$((running + 1))
        [ $((running % jobs)) != 0 ] || wait
    done
done
wait
for seed in $seeds; do for arm in $arms; do score "$arm" "$seed"; done; done
