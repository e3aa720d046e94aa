#!/bin/sh
# Make the virtual environment of the peers that bench/judging.sh times beside medley. Outside the repository:
#   bench/peer/judging.sh /tmp/peers
# Everything comes from PyPI, pinned.
set -eu
[ $# = 1 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,3p >&2; exit 2; }
python3 -m venv "$1"
"$1/bin/pip" install --quiet numpy==2.2.6 scipy==1.15.3 scikit-image==0.25.2 nibabel==5.3.2 medpy==0.5.2 surface-distance==0.1
"$1/bin/pip" list 2> /dev/null
