#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# start_erl - starts the release that a data file names: its first line is "ERTS-VERSION RELEASE-VERSION".
# Usage: start_erl ROOT RELDIR START_ERL_DATA [ERL-FLAGS...]
if [ $# -lt 3 ]; then
    echo "usage: start_erl ROOT RELDIR START_ERL_DATA [ERL-FLAGS...]" >&2
    exit 1
fi
ROOTDIR=$1 RELDIR=$2
read -r erts release <"$3" || exit 1
shift 3
BINDIR=$ROOTDIR/erts-$erts/bin
EMU=beam PROGNAME=$(basename "$0")
export ROOTDIR RELDIR BINDIR EMU PROGNAME
exec "$BINDIR/erlexec" -boot "$RELDIR/$release/start" -config "$RELDIR/$release/sys" "$@"
