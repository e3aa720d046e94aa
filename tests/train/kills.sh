#!/bin/sh
# kills.sh MEDLEY [N] [SEED]: trains once undisturbed, and once killed N times (SIGKILL after a random while, 60 unless told) and
# resumed each time; both must end in the same bytes and the same log lines. Prints one line, exit 1 where they differ.
set -u
medley=$1 n=${2:-60} seed=${3:-1}
dir=$(mktemp -d "${TMPDIR:-/tmp}/medley-kills-XXXXXX")
trap 'rm -rf "$dir"' EXIT
settings="--preset tiny --set base=4 --set max=8 --set pools=2 --set nfinal=2 --set nblocks=1 --set batch=2 --set subsets=all
    --set w_dis=0.05 --set discriminator_from=2 --set adversarial_from=3 --set restart_at=2 --set ndf=4 --set disc_layers=2
    --set ema=0.9 --set val_every=1 --set samples_every=1 --set checkpoint_minutes=0 --epochs ${EPOCHS:-20} --seed 5"
lines() { sed 's/,"seconds":.*//' "$1/log.jsonl"; }

"$medley" phantom "$dir/data" --cases 5 --size 16,16,8 --spacing 10 --missing 0.3 --seed 1 --quiet || exit 1
# shellcheck disable=SC2086
"$medley" train "$dir/data" "$dir/whole" $settings --quiet > "$dir/out" 2>&1 || { cat "$dir/out"; exit 1; }

# Milliseconds until each kill: 5 to 404, from a linear congruence.
killed=0 runs=0
while [ "$killed" -lt "$n" ]; do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    if [ -e "$dir/killed/run.json" ]; then resume=--resume; else resume=$settings; rm -rf "$dir/killed"; fi
    # shellcheck disable=SC2086
    "$medley" train "$dir/data" "$dir/killed" $resume --quiet > "$dir/out" 2>&1 &
    pid=$!
    sleep "0.$(printf %03d $((seed / 65536 % 400 + 5)))"
    if kill -KILL $pid 2> /dev/null; then killed=$((killed + 1)); fi
    wait $pid 2> /dev/null
    code=$?
    runs=$((runs + 1))
    case $code in
        0) [ ! -e "$dir/killed/weights.safetensors" ] || { # done: compare, and begin anew until all kills are used up
            lines "$dir/killed" > "$dir/a"; lines "$dir/whole" > "$dir/b"
            cmp "$dir/a" "$dir/b" && cmp "$dir/killed/weights.safetensors" "$dir/whole/weights.safetensors" || exit 1
            rm -rf "$dir/killed"; } ;;
        137) ;;
        *) echo "exit $code after a kill:"; cat "$dir/out"; exit 1 ;;
    esac
done
# shellcheck disable=SC2086
if [ -e "$dir/killed/run.json" ]; then resume=--resume; else resume=$settings; rm -rf "$dir/killed"; fi
# shellcheck disable=SC2086
"$medley" train "$dir/data" "$dir/killed" $resume --quiet > "$dir/out" 2>&1 || { cat "$dir/out"; exit 1; }
lines "$dir/killed" > "$dir/a"; lines "$dir/whole" > "$dir/b"
cmp "$dir/a" "$dir/b" && cmp "$dir/killed/weights.safetensors" "$dir/whole/weights.safetensors" || exit 1
echo "$killed kills in $runs runs: the same bytes and the same log"
