#!/bin/sh
# make check: builds with gcc, with gcc + ASan + UBSan, and with clang; runs the tests in the first two. Then the program
# alone without intrinsics, and for aarch64, each judged by the small fixture.
# Ends with one line "N passed, N failed, N skipped", counted over single test functions; exit 1 on any failure.
set -u
cd "$(dirname "$0")/.."
jobs=$(nproc)
n_passed=0 n_failed=0 n_skipped=0

finish() {
    echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
    [ "$n_failed" = 0 ] && [ "$n_passed" -gt 0 ]
    exit
}

# build DIR CMAKE-ARGUMENTS...: a build that fails is a failed test.
build() {
    dir=$1; shift
    log=$dir/make.log
    mkdir -p "$dir"
    generator=$([ -e "$dir/CMakeCache.txt" ] || echo "-G Ninja")
    # shellcheck disable=SC2086
    if cmake -S . -B "$dir" $generator "$@" > "$log" 2>&1 && cmake --build "$dir" -j "$jobs" >> "$log" 2>&1; then
        echo "built $dir"
        n_passed=$((n_passed + 1))
        return 0
    fi
    tail -n 60 "$log"
    echo "FAILED: build of $dir (whole log: $log)"
    n_failed=$((n_failed + 1))
    return 1
}

# Reads `ctest -V`. A program counts by its cmocka lines up to its summary, a test that began and never ended as failed;
# without such lines, or when all passed but the program did not, by ctest's verdict. Prints three numbers.
count='
    match($0, /^[0-9]+: /) { id = $1; text = substr($0, RLENGTH + 1)
        if (text ~ /test\(s\) run\.?$/) is_over[id] = 1
        if (text ~ /^\[ RUN/) open[id]++
        if (!is_over[id] && text ~ /^\[ +(OK|FAILED|SKIPPED) +\]/) open[id]--
        if (!is_over[id] && text ~ /^\[ +OK \]/) ok[id]++
        if (!is_over[id] && text ~ /^\[ +FAILED +\]/) bad[id]++
        if (!is_over[id] && text ~ /^\[ +SKIPPED +\]/) skip[id]++ }
    match($0, /Test +#[0-9]+: /) && / sec$/ { id = substr($0, RSTART, RLENGTH); gsub(/[^0-9]/, "", id); id = id ":"
        if ($0 ~ /\*\*\*Skipped/) { if (!skip[id]) skip[id] = 1 }
        else if ($0 ~ / Passed /) { if (!ok[id] && !skip[id]) ok[id] = 1 }
        else { if (open[id] > 0) bad[id]++
               if (!bad[id]) bad[id] = 1; print "FAILED: " $0 > "/dev/stderr" } }
    END { for (id in ok) p += ok[id]; for (id in bad) f += bad[id]; for (id in skip) s += skip[id]; print p + 0, f + 0, s + 0 }'

# run_tests DIR CTEST-ARGUMENTS...
run_tests() {
    dir=$1; shift
    log=$dir/test.log
    ctest --test-dir "$dir" -V -j "$jobs" "$@" > "$log" 2>&1
    numbers=$(awk "$count" "$log")
    # shellcheck disable=SC2086
    set -- $numbers
    echo "tests in $dir: $1 passed, $2 failed, $3 skipped"
    [ "$2" = 0 ] || show_failures "$log"
    n_passed=$((n_passed + $1)) n_failed=$((n_failed + $2)) n_skipped=$((n_skipped + $3))
}

# The last words of every program that failed.
show_failures() {
    grep -E 'Test +#[0-9]+: .* sec$' "$1" | grep -vE ' Passed |\*\*\*Skipped' | sed -E 's/.*Test +#([0-9]+):.*/\1/' | sort -u |
    while read -r id; do grep "^$id: " "$1" | grep -v '\[       OK \]\|\[ RUN' | tail -n 40; done
    echo "(whole log: $1)"
}

skip() {
    echo "skipped: $1"
    n_skipped=$((n_skipped + 1))
}

tools/setup.sh check || { n_failed=1; finish; }
build build && run_tests build
export ASAN_OPTIONS=halt_on_error=1:detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
build build-san -DMEDLEY_SANITIZE=ON && run_tests build-san -LE slow
if command -v clang > /dev/null; then
    build build-clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug
else
    skip "no clang for the second compilation"
fi

# holds_fixture COMMAND...: the program computes the numbers of the small fixture.
holds_fixture() {
    fixture=../shared/golden/mmhvae-tiny.safetensors
    [ -e "$fixture" ] || { skip "no $fixture for $*"; return; }
    if "$@" doctor --golden "$fixture" > "$dir/golden.log" 2>&1; then
        n_passed=$((n_passed + 1))
    else
        tail -n 20 "$dir/golden.log"
        echo "FAILED: $* doctor --golden $fixture"
        n_failed=$((n_failed + 1))
    fi
}

build build-portable -DMEDLEY_INTRINSICS=OFF -DMEDLEY_TESTS=OFF && holds_fixture build-portable/medley
if command -v aarch64-linux-gnu-gcc > /dev/null && command -v qemu-aarch64 > /dev/null && [ -e /usr/lib/aarch64-linux-gnu/libdeflate.so ]; then
    build build-arm64 -DCMAKE_TOOLCHAIN_FILE=tools/aarch64.cmake -DMEDLEY_TESTS=OFF && holds_fixture qemu-aarch64 build-arm64/medley
else
    skip "no cross compiler, libraries or emulator for aarch64"
fi
finish
