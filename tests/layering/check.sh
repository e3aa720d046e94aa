#!/bin/sh
# Who may include whom: src/ has layers, and an #include may only point the allowed way. Usage: check.sh SRC
set -eu

# layer: layers it may include besides itself and base
rules="base:
image:
engine:
backend: engine
nn: engine
model: nn engine
data: image engine
metric: image
align: image
task: model data metric align nn engine image
cmd: task
lib: task image"

# Prints every forbidden edge below $1; vendor headers belong under backend/ and dist/ only.
forbidden_edges() {
    (cd "$1" && grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]' --include='*.[chS]' --include='*.inc' --include='*.def' .) | sed 's|^\./||' |
    awk -v rules="$rules" '
        BEGIN { n = split(rules, line, "\n"); for (i = 1; i <= n; i++) { split(line[i], part, ":"); may[part[1]] = " base " part[1] part[2] " " } }
        { layer = $0; sub(/\/.*/, "", layer); target = $0; sub(/^[^"<]*["<]/, "", target); sub(/[">].*/, "", target) }
        /"/ && target ~ /\// { to = target; sub(/\/.*/, "", to)
            if (!(layer in may)) print $0 "   (no rule for layer " layer ")"
            else if (index(may[layer], " " to " ") == 0) print $0 "   (" layer " may not include " to ")" }
        /</ && target ~ /^(cuda|cudnn|cublas|nccl|mpi)/ && layer != "backend" && layer != "dist" { print $0 "   (vendor header)" }'
}

n_failed=0
expect() { # NAME CONDITION...
    name=$1; shift
    if "$@"; then echo "[       OK ] $name"; else echo "[  FAILED  ] $name"; n_failed=$((n_failed + 1)); fi
}

edges=$(forbidden_edges "$1")
[ -z "$edges" ] || echo "$edges"
expect includes_follow_the_layers [ -z "$edges" ]

# The check itself must see a wrong edge, and only that.
bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT
mkdir -p "$bad/metric" "$bad/task"
printf '#include "base/status.h"\n#include "image/volume.h"\n#include <math.h>\n' > "$bad/metric/right.c"
printf '#include "engine/graph.h"\n#include <cuda_runtime.h>\n' > "$bad/metric/wrong.c"
printf '#include "cmd/command.h"\n' > "$bad/task/wrong.h"
expect three_wrong_edges_are_seen [ "$(forbidden_edges "$bad" | grep -c wrong)" = 3 ]
expect right_edges_pass [ "$(forbidden_edges "$bad" | grep -c right)" = 0 ]
exit $((n_failed > 0))
