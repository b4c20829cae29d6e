%% SPDX-License-Identifier: Apache-2.0
%% bench_report - turns the runs of tools/bench into a table of ratios (Markdown) and a plot (SVG).
%% A ratio is Joist's median over the other VM's; below 1 Joist is better. The spread is that between the
%% quarters of Joist's runs, in per cent of the median. Ends with status 1 when a case failed or results differ.
-module(bench_report).
-export([main/1]).

main([Runs, Out]) ->
    {ok, Text} = file:read_file(Runs),
    Rows = [binary:split(L, <<"\t">>, [global]) || L <- binary:split(Text, <<"\n">>, [global]), L =/= <<>>],
    Cases = lists:foldl(fun add/2, #{}, Rows),
    Order = unique([key(R) || R <- Rows]),
    Lines = [line(K, maps:get(K, Cases)) || K <- Order],
    ok = file:write_file(Out ++ ".md", table(Lines)),
    ok = file:write_file(Out ++ ".svg", plot(Lines)),
    Bad = [K || K <- Order, is_bad(maps:get(K, Cases))],
    [io:format("failed, or other results: ~s~n", [name(K)]) || K <- Bad],
    halt(if Bad =:= [] -> 0; true -> 1 end).

key([_, Module, Case, Kind | _]) -> {Module, Case, Kind}.
name({Module, Case, _}) -> [Module, $:, Case].

add([Vm, _, _, _, Micros, _, Hash] = Row, Cases) ->
    Value = try binary_to_integer(Micros) catch error:badarg -> failed end,
    maps:update_with(key(Row), fun(Vs) -> [{Vm, Value, Hash} | Vs] end, [{Vm, Value, Hash}], Cases).

is_bad(Values) ->
    lists:any(fun({_, V, _}) -> V =:= failed end, Values) orelse length(lists:usort([H || {_, _, H} <- Values])) > 1.

line(Key, Values) ->
    Of = fun(Vm) -> lists:sort([V || {W, V, _} <- Values, W =:= Vm, is_integer(V)]) end,
    Joist = Of(<<"joist">>),
    {Key, median(Joist), spread(Joist), ratio(Joist, Of(<<"reference">>)), ratio(Joist, Of(<<"nojit">>))}.

median([]) -> none;
median(L) -> lists:nth((length(L) + 1) div 2, L).
spread([]) -> none;
spread(L) -> 100 * (lists:nth((3 * length(L) + 3) div 4, L) - lists:nth((length(L) + 3) div 4, L)) / max(1, median(L)).
ratio([], _) -> none;
ratio(_, []) -> none;
ratio(A, B) -> median(A) / max(1, median(B)).

unique(L) -> unique(L, #{}).
unique([H | T], Seen) when is_map_key(H, Seen) -> unique(T, Seen);
unique([H | T], Seen) -> [H | unique(T, Seen#{H => true})];
unique([], _) -> [].

%% ---- table ----

table(Lines) ->
    ["| case | kind | Joist, us | spread, % | against the reference | without JIT |\n|---|---|---|---|---|---|\n",
     [["| ", name(K), " | ", element(3, K), " | ", text(M), " | ", text(S), " | ", text(R), " | ", text(N), " |\n"] || {K, M, S, R, N} <- Lines],
     "\n", [mean_line(Kind, Lines) || Kind <- [all | lists:usort([element(3, element(1, L)) || L <- Lines])]]].

mean_line(Kind, Lines) ->
    Of = [L || {{_, _, K}, _, _, _, _} = L <- Lines, (Kind =:= all andalso K =/= <<"memory">>) orelse K =:= Kind],
    io_lib:format("Geometric mean of ~ts (~w cases): ~ts against the reference, ~ts without JIT~n",
                  [if Kind =:= all -> "all but memory"; true -> Kind end, length(Of),
                   text(mean([R || {_, _, _, R, _} <- Of])), text(mean([R || {_, _, _, _, R} <- Of]))]).

mean(Rs) ->
    case [R || R <- Rs, R =/= none, R > 0] of
        [] -> none;
        L -> math:exp(lists:sum([math:log(R) || R <- L]) / length(L))
    end.

text(none) -> "-";
text(I) when is_integer(I) -> integer_to_list(I);
text(F) -> float_to_list(F, [{decimals, 2}]).

%% ---- plot: a bar for each case on a logarithmic scale from 1/16 to 16 ----

plot(Lines) ->
    Shown = [L || {_, _, _, R, _} = L <- Lines, R =/= none],
    Height = 40 + 16 * length(Shown),
    [io_lib:format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"~w\" font-family=\"sans-serif\" font-size=\"11\">~n", [Height]),
     "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
     [io_lib:format("<line x1=\"~w\" y1=\"22\" x2=\"~w\" y2=\"~w\" stroke=\"#ccc\"/><text x=\"~w\" y=\"16\" text-anchor=\"middle\">~s</text>~n",
                    [X, X, Height, X, T]) || {V, T} <- [{1/16, "1/16"}, {0.25, "1/4"}, {1, "1"}, {4, "4"}, {16, "16"}], X <- [place(V)]],
     [bar(L, Y) || {L, Y} <- lists:zip(Shown, lists:seq(28, 28 + 16 * (length(Shown) - 1), 16))],
     "<text x=\"890\" y=\"16\" text-anchor=\"end\">time of Joist / reference (bar), / without JIT (dot)</text></svg>\n"].

bar({Key, _, _, R, N}, Y) ->
    [A, B] = lists:sort([place(1), place(R)]),
    Colour = if R =< 1 -> "#3a7"; true -> "#c63" end,
    [io_lib:format("<text x=\"215\" y=\"~w\" text-anchor=\"end\">~ts</text><rect x=\"~w\" y=\"~w\" width=\"~w\" height=\"10\" fill=\"~s\"/>",
                   [Y + 9, name(Key), A, Y, B - A, Colour]),
     [io_lib:format("<circle cx=\"~w\" cy=\"~w\" r=\"3\"/>", [place(N), Y + 5]) || N =/= none],
     io_lib:format("<text x=\"850\" y=\"~w\">~s</text>~n", [Y + 9, text(R)])].

place(Ratio) -> round(530 + 75 * max(-4, min(4, math:log2(Ratio)))).
