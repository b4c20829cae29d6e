# SPDX-License-Identifier: Apache-2.0
# Ctrl-C opens the break menu: what each letter shows, a process is killed, the program goes on, and ends.
cat >held.erl <<'ERL'
-module(held).
-export([main/0]).
main() ->
    ets:new(held_table, [named_table, ordered_set]),
    P = spawn(fun() -> register(victim, self()), put(held_key, held_value), receive after infinity -> ok end end),
    M = monitor(process, P),
    timer:sleep(50),
    io:format("ready~n"),
    receive {'DOWN', M, process, P, Reason} -> io:format("victim: ~p~n", [Reason]) end,
    receive after infinity -> ok end.
ERL
erlc held.erl
seen() { for i in $(seq 3000); do [ "$(grep -ac "$1" out)" -ge "$2" ] && return; sleep 0.1; done; echo "not seen: $1"; }
# The reference ends when Ctrl-C is pressed while it answers.
settle() { local size=x; until [ "$size" = "$(stat -c %s out)" ]; do size=$(stat -c %s out); sleep 0.5; done; }
menu() { settle; printf '\003' >&3; n=$((n + 1)); seen '(l)oaded' $n; printf '%s\n' "$1" >&3; }
mkfifo in
script -qec "erl -noshell -s held main" /dev/null <in >out 2>&1 &
exec 3>in
n=0
seen '^ready' 1
menu v; seen '^Erlang (BEAM) emulator version' 1
menu d; seen '^=no_distribution' 1
menu l; seen '^held [0-9]' 1
menu D; seen '^Table: held_table' 1
menu i; seen '^=memory' 1
menu p; seen '^Name: victim' 1; seen '^Dictionary:.*held_key,held_value' 1
menu k
for i in $(seq 300); do # from process to process until the victim is asked about
    seen '(k)ill' "$i"
    grep -aq 'Name: victim' <(sed -n '/^Process Information/,$p' out) && break
    printf 'n\n' >&3
done
printf 'k\n' >&3; seen '(k)ill' $((i + 1)); printf 'r\n' >&3
seen '^victim: killed' 1
menu c
menu a
wait; echo "status $?"
grep -a -e '^victim:' -e '^Name: victim' -e '^Type: ordered_set' -e '^=no_dist' out | tr -d '\r' | sort | uniq
