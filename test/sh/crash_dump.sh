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

# The terms of a process are in it, but not those of a sensitive one.
cat >held.erl <<'END'
-module(held).
-export([main/0, waiter/1, look/0]).

main() ->
    Big = binary:copy(<<"abcdefghij">>, 100),
    Waiter = spawn(?MODULE, waiter, [Big]),
    register(waiter, Waiter),
    Fun = fun(X) -> X + byte_size(Big) end,
    Terms = [1.5, 1 bsl 70, -(1 bsl 130), Waiter, Fun, fun lists:map/2, "text", [a | b], Big, binary:part(Big, 5, 70), #{},
             #{a => 1, "b" => [2]}, maps:from_list([{N, {N}} || N <- lists:seq(1, 100)]), {}, <<>>, hd(erlang:ports()), waiter,
             binary:copy(<<"in the heap">>)],
    [Waiter ! T || T <- Terms],
    register(hidden, spawn(fun() -> process_flag(sensitive, true), put(secret, hidden), receive after infinity -> ok end end)),
    timer:sleep(100),
    erlang:halt("held").

waiter(Big) ->
    put(key, {value, [1, 2]}),
    put({a, b}, <<1, 2, 3>>),
    {catch wait({tuple, 42}), Big}.

wait(T) -> receive never -> T end.

look() ->
    {ok, _} = crashdump_viewer:start_link(),
    ok = crashdump_viewer:read_file("dump"),
    {ok, Processes, _} = crashdump_viewer:processes(),
    [show(pid_to_list(element(2, P))) || P <- Processes].

show(Pid) ->
    {ok, Details, Warnings} = crashdump_viewer:proc_details(Pid),
    Warnings =:= [] orelse io:format("~p~n", [Warnings]),
    is_here(tuple_to_list(Details)) andalso [print(E) || E <- tuple_to_list(Details), is_list(E), E =/= [], not is_integer(hd(E))].

is_here(Fields) -> lists:any(fun(Name) -> lists:member(Name, Fields) end, ["waiter", "hidden"]).

%% Dictionary, messages, stack; no pids and addresses.
print(L) -> [io:format("~tp~n", [plain(E)]) || E <- lists:sort(L), is_tuple(E)].

plain({Address, "Return addr" ++ _}) when is_atom(Address) -> frame;
plain({y1, "Catch" ++ _}) -> a_catch;
plain(['#CDVBin', Offset, Size, At]) ->
    {ok, Bin} = crashdump_viewer:expand_binary({Offset, Size, At}),
    {bytes, Size, erlang:md5(Bin)};
plain(['#CDVPid' | _]) -> pid;
plain(['#CDVPort' | _]) -> port;
plain(F) when is_function(F) -> erlang:fun_info(F, arity);
plain(T) when is_tuple(T) -> list_to_tuple([plain(E) || E <- tuple_to_list(T)]);
plain(T) -> T.
END
erlc held.erl
ERL_CRASH_DUMP=dump erl -noshell -s held main >/dev/null 2>&1
erl -noshell -s held look -s erlang halt
