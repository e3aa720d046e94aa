#!/bin/sh
# Installs the Debian packages that medley is built from. Quick when nothing is missing.
#   tools/setup.sh           packages of the program and its tests
#   tools/setup.sh check     also the second compiler of `make check`; missing is not an error there
set -eu

build="build-essential cmake ninja-build pkg-config libjansson-dev libdeflate-dev zlib1g-dev libpng-dev libssl-dev
       libcmocka-dev librandom123-dev"
check="clang libclang-rt-14-dev"

command -v dpkg-query >/dev/null || { echo "setup: no Debian system: taking the needed libraries as given" >&2; exit 0; }

missing_of() {
    for package; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

install() { # PACKAGE...
    command="apt-get install -y --no-install-recommends $*"
    if [ "$(id -u)" != 0 ]; then
        echo "setup: packages are missing; as root: $command" >&2
        return 1
    fi
    echo "setup: $command" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 && $command -qq >&2
}

# shellcheck disable=SC2086,SC2046
missing=$(missing_of $build)
[ -z "$missing" ] || install $missing || exit 1
if [ "${1:-}" = check ]; then
    missing=$(missing_of $check)
    [ -z "$missing" ] || install $missing || echo "setup: going on without $missing" >&2
fi
