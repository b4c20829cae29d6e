#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# start - starts an embedded target system in the background, under run_erl.
# Usage: start [START_ERL_DATA]
# ROOT is the folder above this one, or ERL_ROOTDIR; releases are in ROOT/releases, or RELDIR; logs go to
# ROOT/log, the pipes for to_erl to /tmp. Semantics: "Embedded Solaris/Linux" of the Embedded System User's Guide.
bin=$(cd "$(dirname "$0")" && pwd) || exit 1
root=${ERL_ROOTDIR:-$(dirname "$bin")}
releases=${RELDIR:-$root/releases}
exec "$bin/run_erl" -daemon /tmp/ "$root/log" \
    "exec $bin/start_erl $root $releases ${1:-$releases/start_erl.data}"
