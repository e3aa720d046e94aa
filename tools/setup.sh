#!/bin/sh
# Installs the Debian packages that medley is built from. Quick when nothing is missing.
#   tools/setup.sh           packages of the program and its tests
#   tools/setup.sh check     also the second compiler of `make check`, the DICOM reader that tests call, and what a cross
#                            build for aarch64 and its run by emulation need; missing is not an error there
set -eu

build="build-essential cmake ninja-build pkg-config libjansson-dev libdeflate-dev zlib1g-dev libpng-dev libssl-dev
       libcmocka-dev librandom123-dev"
check="clang libclang-rt-14-dev dcm2niix"
cross="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libjansson-dev:arm64 libdeflate-dev:arm64 zlib1g-dev:arm64
       libpng-dev:arm64 libssl-dev:arm64"

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

# Lets apt see the libraries of arm64, where it does not yet.
add_arm64() {
    dpkg --print-foreign-architectures | grep -qx arm64 && return
    [ "$(id -u)" = 0 ] && dpkg --add-architecture arm64
}

# shellcheck disable=SC2086,SC2046
missing=$(missing_of $build)
[ -z "$missing" ] || install $missing || exit 1
if [ "${1:-}" = check ]; then
    missing=$(missing_of $check)
    [ -z "$missing" ] || install $missing || echo "setup: going on without $missing" >&2
    missing=$(missing_of $cross)
    [ -z "$missing" ] || { add_arm64 && install $missing; } || echo "setup: going on without $missing" >&2
fi
