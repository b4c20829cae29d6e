%% SPDX-License-Identifier: Apache-2.0
%% sendfile_tests - what is sent while a file is under way comes behind it, what was queued before in front.
-module(sendfile_tests).
-export([main/0]).

-define(SIZE, 20000000).

main() ->
    ok = file:write_file("sendfile.data", <<0:(?SIZE * 8)>>),
    [io:format("~w ~w: ~0p~n", [Before, After, run(Before, After)])
     || Before <- [0, 3000000], After <- [0, 1, 100000]],
    ok = file:delete("sendfile.data").

run(Before, After) ->
    {ok, L} = gen_tcp:listen(0, [{ip, {127,0,0,1}}, binary, {active, false}]),
    {ok, Port} = inet:port(L),
    {ok, C} = gen_tcp:connect({127,0,0,1}, Port, [binary, {active, false}, {high_watermark, 8000000}]),
    {ok, S} = gen_tcp:accept(L),
    ok = gen_tcp:send(C, binary:copy(<<1>>, Before)),
    Main = self(),
    spawn_link(fun() ->
        {ok, First} = gen_tcp:recv(S, Before + 1), %% the file is under way, and larger than all buffers
        ok = gen_tcp:send(C, binary:copy(<<2>>, After)),
        Main ! {runs, runs(S, ?SIZE - 1 + After, count(First, []))}
    end),
    {ok, File} = file:open("sendfile.data", [read, raw, binary]),
    Sent = file:sendfile(File, C, 0, 0, []),
    ok = file:close(File),
    Seen = receive {runs, Runs} -> Runs end,
    [gen_tcp:close(X) || X <- [C, S, L]],
    {Sent, Seen}.

%% [{Byte, HowMany}] in the order in which they came.
runs(_, 0, Runs) -> lists:reverse(Runs);
runs(S, Left, Runs) ->
    {ok, Data} = gen_tcp:recv(S, 0, 10000),
    runs(S, Left - byte_size(Data), count(Data, Runs)).

count(<<>>, Runs) -> Runs;
count(<<B, _/binary>> = Data, Runs) ->
    N = same(Data, B, byte_size(Data)),
    <<_:N/binary, Rest/binary>> = Data,
    count(Rest, case Runs of [{B, M} | More] -> [{B, M + N} | More]; _ -> [{B, N} | Runs] end).

same(Data, B, N) ->
    case binary:match(Data, [<<C>> || C <- [0, 1, 2], C =/= B]) of
        nomatch -> N;
        {At, _} -> At
    end.
