#!/bin/sh
# make fuzz: every fuzz target for some seconds on its seeds and on what earlier runs found worth keeping. Ends with one
# line per target; exit 1 on any finding, whose input lies in build-fuzz/findings.
# Usage: run.sh SECONDS [TARGET...]
set -u
cd "$(dirname "$0")/../.."
seconds=$1; shift
build=build-fuzz
compiler=$(command -v clang-14 || command -v clang) || { echo "fuzz: clang is missing (apt-get install clang)" >&2; exit 1; }
mkdir -p "$build/findings"
generator=$([ -e "$build/CMakeCache.txt" ] || echo "-G Ninja")
# shellcheck disable=SC2086
cmake -S . -B "$build" $generator -DCMAKE_C_COMPILER="$compiler" -DMEDLEY_FUZZ=ON > "$build/make.log" 2>&1 &&
    cmake --build "$build" -j "$(nproc)" --target fuzz >> "$build/make.log" 2>&1 || { tail -n 40 "$build/make.log"; exit 1; }

n_failed=0
for program in "$build"/tests/fuzz/target/fuzz_*; do
    [ -x "$program" ] && [ -f "$program" ] || continue
    name=${program##*/fuzz_}
    [ $# = 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    mkdir -p "$build/corpus/$name"
    # 1 GiB for the process, 256 MiB at once: what a header promises must not be believed
    if "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=65536 \
        -artifact_prefix="$build/findings/$name-" -print_final_stats=1 "$build/corpus/$name" "tests/fuzz/seeds/$name" \
        > "$build/$name.log" 2>&1; then
        echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log") inputs, no finding"
    else
        n_failed=$((n_failed + 1))
        echo "$name: FINDING: $(grep -m1 -E 'ERROR|runtime error|deadly signal' "$build/$name.log") (log: $build/$name.log)"
    fi
done
exit $((n_failed > 0))
