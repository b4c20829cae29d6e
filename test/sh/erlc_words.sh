# SPDX-License-Identifier: Apache-2.0
# erlc: options, warnings, errors and statuses; the same .beam from both.
cat >good.erl <<'END'
-module(good).
-export([f/1]).
-include("h.hrl").
-ifdef(TEST_MACRO).
f(X) -> {?TEST_MACRO, ?FROM_HEADER, X}.
-else.
f(X) -> Unused = X, ok.
-endif.
END
mkdir -p inc out
echo '-define(FROM_HEADER, header).' >inc/h.hrl
erlc -I inc -o out +deterministic good.erl; echo "status $?"; cksum out/good.beam
erlc -Werror -I inc -o out good.erl; echo "status $?"
erlc -DTEST_MACRO=7 -I inc -o out +deterministic +debug_info good.erl; echo "status $?"; cksum out/good.beam
erl -noshell -pa out -eval 'io:format("~p~n", [good:f(1)]), halt().'
printf -- '-module(bad).\n-export([f/0]).\nf() -> X.\n g( -> y.\n' >bad.erl
erlc bad.erl; echo "status $?"; ls bad.beam 2>&1
erlc nope.erl; echo "status $?"
erlc -S -I inc -DTEST_MACRO=1 good.erl; echo "status $?"; cksum good.S
erlc -E -I inc -DTEST_MACRO=1 good.erl; echo "status $?"; sed "s|$PWD/||" good.E
printf 'Nonterminals s. Terminals a. Rootsymbol s. s -> a : x.\n' >p.yrl
erlc p.yrl; echo "status $?"; ls p.erl
# Where the line is broken depends on the length of the folder's name.
erlc -M -I inc good.erl | tr -d '\\\n' | tr -s ' ' | sed "s|$PWD/||"; echo
erlc -pa; echo "status $?"
