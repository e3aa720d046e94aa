#!/bin/sh
# incomplete_data.sh OUT: does training on incomplete cases help, and does the adversarial term sharpen? The runs behind
# docs/incomplete-data.md: three arms of about equal processor time on a phantom set half of whose MRs are missing,
#     a  complete cases only     b  all cases     c  all cases, with the adversarial term for the last 40 % of the epochs
# for every seed; complete test cases are filled in from every subset of the modalities and scored in OUT/scores.
# incomplete_table.py OUT makes tables of them. What exists in OUT already is not made again, and a training that was cut
# off goes on. MEDLEY: the program; RUN: a prefix for every training (nice, say).
set -eu
out=$1
medley=${MEDLEY:-build/medley} run=${RUN:-}
cases=${CASES:-80} n_train=${TRAIN:-28} size=${SIZE:-32,32,16} spacing=${SPACING:-4.8} missing=${MISSING:-0.6} batch=${BATCH:-2}
seeds=${SEEDS:-1 2 3} arms=${ARMS:-a b c} jobs=${JOBS:-2}
subsets=${SUBSETS:-us t2 cet1 flair us,t2 us,cet1 us,flair t2,cet1 t2,flair cet1,flair us,t2,cet1 us,t2,flair us,cet1,flair t2,cet1,flair}
# Updates: a step on a complete case takes 1.17 times as long as one on a case of the set, an adversarial schedule 1.25 times.
steps_a=${STEPS_A:-2600} steps_b=${STEPS_B:-3080} steps_c=${STEPS_C:-2464}
mkdir -p "$out/scores"

# part NAME [DATA]: the case names of one part of a data set's splits, a line each.
part() { tr -d ' \n' < "${2:-$out/all}/splits.json" | sed "s/.*\"$1\":\[\([^]]*\)\].*/\1/" | tr ',' '\n' | tr -d '"'; }
is_complete() { for m in us t2 cet1 flair; do [ -e "$out/all/$1/$1-$m.nii.gz" ] || return 1; done; }
list() { sed 's/.*/"&"/' | paste -sd, -; }

# split DATA CASE...: the data set's one fold, trained on the cases named.
split() {
    data=$1; shift
    printf '[{"train": [%s], "val": [%s], "test": [%s]}]\n' "$(printf '%s\n' "$@" | list)" "$(part val | list)" \
        "$(part test | list)" > "$out/splits.tmp"
    mv "$out/splits.tmp" "$data/splits.json"
}

# The first N_TRAIN training cases of the phantom, and the complete ones among them.
if ! [ -d "$out/complete" ]; then
    rm -rf "$out/all" "$out/copy"
    "$medley" phantom "$out/all" --cases "$cases" --size "$size" --spacing "$spacing" --missing "$missing" --seed 1 --quiet
    # shellcheck disable=SC2046
    split "$out/all" $(part train | head -n "$n_train")
    cp -r "$out/all" "$out/copy"
    # shellcheck disable=SC2046
    split "$out/copy" $(for c in $(part train); do is_complete "$c" && echo "$c" || :; done)
    mv "$out/copy" "$out/complete"
fi
mkdir -p "$out/test"
for c in $(part test); do [ -d "$out/test/$c" ] || cp -r "$out/all/$c" "$out/test/$c"; done

# One update a visit; ten validations, which choose nothing: scored is the model of the last update.
n_all=$(part train | wc -w) n_complete=$(part train "$out/complete" | wc -w)
settings() {
    case $1 in a) steps=$steps_a n=$n_complete ;; b) steps=$steps_b n=$n_all ;; c) steps=$steps_c n=$n_all ;; esac
    epochs=$(((steps + n - 1) / n))
    echo "--steps $steps --set batch=$batch --set subsets=one --set val_every=$((epochs / 10)) --set val_ema=0"
    echo "--set log_every=10 --set samples_every=0 --set kl_ramp_epochs=$((epochs / 4 + 1))"
    [ "$1" != c ] || echo "--set w_dis=0.05 --set ndf=32 --set restart_at=$((epochs / 2 + 1))" \
        "--set discriminator_from=$((epochs / 2 + 1)) --set adversarial_from=$((epochs * 3 / 5 + 1))"
}

# The processor time of the training goes to OUT/run-ARM-SEED.times.
train() {
    case $1 in a) data=complete ;; *) data=all ;; esac
    folder=$out/run-$1-$2
    [ ! -e "$folder.times" ] || return 0
    if [ -e "$folder" ]; then how=--resume; else how="--preset small --seed $2 $(settings "$1")"; fi
    # shellcheck disable=SC2086
    $run "$medley" train "$out/$data" "$folder" $how --threads 1 --quiet
    times > "$folder.times"
}

score() {
    for given in $subsets; do
        name=$1-$2-$given
        [ ! -d "$out/scores/$name" ] || continue
        filled=$out/filled-$name
        $run "$medley" synth "$out/run-$1-$2/checkpoint-last.safetensors" "$out/test" "$filled" --given "$given" --threads 1 --quiet
        $run "$medley" evaluate images "$filled" "$out/all" --preset mmhvae,texture --threads 1 -o "$out/scores/$name" --quiet > "$out/evaluate.log"
        rm -r "$filled"
    done
}

echo "$n_all training cases, $n_complete of them complete; $steps_a, $steps_b, $steps_c updates of $batch slices" >&2
running=0
for seed in $seeds; do
    for arm in $arms; do
        { train "$arm" "$seed" && score "$arm" "$seed"; } &
        running=$((running + 1))
        [ $((running % jobs)) != 0 ] || wait
    done
done
wait
