# SPDX-License-Identifier: Apache-2.0
# A crash dump opens in crashdump_viewer, without a warning.
cat >viewer.erl <<'END'
-module(viewer).
-export([main/0]).

main() ->
    {ok, _} = crashdump_viewer:start_link(),
    ok = crashdump_viewer:read_file("dump"),
    {ok, General, _} = crashdump_viewer:general_info(),
    {ok, Processes, _} = crashdump_viewer:processes(),
    io:format("~s ~p~n", [element(3, General), length(Processes) > 10]),
    {ok, Modules, _} = crashdump_viewer:loaded_modules(),
    {ok, Ports, _} = crashdump_viewer:ports(),
    {ok, Tables, _} = crashdump_viewer:ets_tables(all),
    {ok, Held, _} = crashdump_viewer:proc_details("<0.9.0>"),
    io:format("~p ~p ~p~n", [has("lists", Modules), length(Ports) > 1, has("held_table", Tables)]),
    io:format("~p ~p~n", [element(4, Held), length(element(12, Held)) > 0]).
has(What, Records) -> lists:any(fun(R) -> lists:member(What, tuple_to_list(R)) end, Records).
END
erlc viewer.erl
ERL_CRASH_DUMP=dump erl -noshell -eval 'list_to_atom("=:odd"), ets:new(held_table, [named_table]), erlang:halt("the slogan")' >/dev/null 2>&1
echo "status $?"
erl -noshell -s viewer main -s erlang halt

# Its size can be limited.
for bytes in 0 100 1000 100000000 x; do
    ERL_CRASH_DUMP=limited ERL_CRASH_DUMP_BYTES=$bytes erl -noshell -eval 'erlang:halt("the slogan")' >/dev/null 2>&1
    if [ ! -e limited ]; then
        echo "$bytes none"
    elif grep -q =abort limited; then
        echo "$bytes $(wc -c <limited) $(tail -n 1 limited)"
    else
        echo "$bytes $(tail -n 1 limited)"
    fi
    rm -f limited
done
