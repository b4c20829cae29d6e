# SPDX-License-Identifier: Apache-2.0
# What signals do to the VM, and run_erl with to_erl around it.
start() { erl -noshell -eval 'io:format("ready~n"), receive after infinity -> ok end.' >out 2>err & vm=$!; for i in $(seq 3000); do grep -q ready out 2>/dev/null && return; sleep 0.1; done; }
start; kill -TERM $vm; wait $vm; echo "TERM: status $?"; grep -c SIGTERM out err | sort
start; kill -KILL $vm; wait $vm 2>/dev/null; echo "KILL: status $?"
start; kill -USR1 $vm; wait $vm; echo "USR1: status $?"; ls erl_crash.dump; head -c 15 erl_crash.dump; echo
mkdir -p pipes logs
run_erl -daemon pipes/ logs "erl"
for i in $(seq 3000); do grep -q '1>' logs/erlang.log.1 2>/dev/null && break; sleep 0.1; done
(sleep 0.3; echo '40 + 2.'; sleep 1; echo 'halt().'; sleep 1) | timeout 20 to_erl pipes/ >seen 2>/dev/null
grep -c '^42' seen
for i in $(seq 600); do [ -e pipes/erlang.pipe.1.r ] || break; sleep 0.1; done
ls pipes logs/erlang.log.1
mkdir -p pipes2 logs2 # a command of the shell, not only a program
run_erl pipes2/ logs2 "GREETING=\"hello there\"; export GREETING; erl -noshell -eval 'io:format(\"~s~n\", [os:getenv(\"GREETING\")]), halt().'" 2>/dev/null
grep '^hello' logs2/erlang.log.1
# Without erl_signal_server signals are lost; SIGCHLD of a program that the VM started is not told.
cat >sig.erl <<'END'
-module(sig).
-export([main/0]).
main() ->
    Server = whereis(erl_signal_server),
    unregister(erl_signal_server),
    [kill(S) || S <- ["TERM", "USR1"]],
    register(erl_signal_server, self()),
    os:set_signal(sigchld, handle),
    [kill(S) || S <- ["TERM", "USR1", "CHLD", "CHLD"]],
    [os:cmd("true") || _ <- lists:seq(1, 20)],
    io:format("~p~n", [told()]),
    os:set_signal(sigchld, ignore),
    io:format("~p ~p~n", [status(), told()]),
    unregister(erl_signal_server),
    register(erl_signal_server, Server).
kill(Signal) -> os:cmd("kill -" ++ Signal ++ " " ++ os:getpid()), timer:sleep(100).
status() -> P = open_port({spawn, "sh -c 'exit 3'"}, [exit_status]), receive {P, Status} -> Status end.
told() -> receive {notify, X} -> [X | told()] after 300 -> [] end.
END
erlc sig.erl && erl -noshell -s sig main -s init stop 2>&1; echo "status $?"
(trap '' CHLD; erl -noshell -eval 'P = open_port({spawn, "no_such_command"}, [exit_status]), receive {P, S} -> io:format("~p~n", [S]) end, halt().')
mkdir -p pipes3 logs3 # a terminal for latin1
run_erl -daemon pipes3/ logs3 "unset LC_ALL; LC_CTYPE=C; export LC_CTYPE; erl"
for i in $(seq 3000); do grep -q '1>' logs3/erlang.log.1 2>/dev/null && break; sleep 0.1; done
(sleep 0.3; printf '{hd("\344"), byte_size(<<"\345\346">>)}.\n'; sleep 1; echo 'io:format("~ts~n",[[1024, 233]]).'; sleep 1; echo 'halt().'; sleep 1) | timeout 20 to_erl pipes3/ >seen 2>/dev/null
grep -a -e '^{' -e '^.x{' seen | tr -d '\r'
