# SPDX-License-Identifier: Apache-2.0
# The front ends: what they start, told by an emulator that prints its arguments; Common Test for real.
cat >say <<'END'
#!/bin/sh
printf '[%s]' "$@"; echo
END
chmod +x say
export DIALYZER_EMULATOR=$PWD/say
# The reference adds -smp, which means nothing, and its default for +P even behind one that was given.
{ dialyzer; dialyzer +S 1 +P 5 +sbt db a.beam; dialyzer -smp --shell b; dialyzer +P 7 +S 1 --gui; } |
    sed 's/\[-smp[a-z]*\]//; s/\(\[+P\]\[[0-9]*\]\)\[1000000\]/\1/'
cat >one_SUITE.erl <<'END'
-module(one_SUITE).
-export([all/0, good/1, bad/1, configured/1]).
all() -> [good, bad, configured].
good(_) -> ok.
bad(_) -> exit(on_purpose).
configured(_) -> 7 = ct:get_config(number), io:format("node ~p", [node()]).
END
echo '{number, 7}.' >values.cfg
mkdir -p logs
ct_run -dir . -suite one_SUITE -logdir logs -config values.cfg -sname front -erl_args -noinput >out 2>&1
echo "status $?"
grep -E '^Testing|FAILED|on_purpose' out | sed 's/.*: //; s/^Testing [^:]*//' | sort -u
grep -ho 'node front' -r logs | sort -u
mkdir -p root/releases/7 root/bin root/erts-1.2/bin
cat >root/erts-1.2/bin/erlexec <<'END'
#!/bin/sh
printf '[%s]' "${ROOTDIR##*/}" "${BINDIR##*/root/}" "${RELDIR##*/root/}" "$EMU" "$PROGNAME"
for a in "$@"; do printf '[%s]' "${a##*/root/}"; done; echo
END
chmod +x root/erts-1.2/bin/erlexec
echo "1.2 7" >root/releases/start_erl.data
start_erl "$PWD/root" "$PWD/root/releases" "$PWD/root/releases/start_erl.data" -mode embedded "two words"
echo "status $?"
