%% SPDX-License-Identifier: Apache-2.0
%% Mutants of compiled modules: instructions left out, repeated, swapped, spliced in from elsewhere, operands
%% exchanged. Each is loaded; those that are accepted have their functions called with odd arguments.
%% Nothing they do may end the VM. Usage: erl -s mutate run SEED COUNT FILE.erl...
-module(mutate).
-export([run/1, rounds/3]).

run([Seed, Count | Files]) ->
    logger:remove_handler(default),
    logger:set_primary_config(level, none),
    Asms = [asm(atom_to_list(F)) || F <- Files],
    R = rounds(to_integer(Seed), to_integer(Count), Asms),
    io:format("~p~n", [R]),
    halt().

to_integer(A) -> list_to_integer(atom_to_list(A)).

asm(File) ->
    {ok, _, Asm} = compile:file(File, [to_asm, binary, no_copt, {i, "test/erl"}]),
    Asm.

%% {Accepted, Refused}
rounds(Seed, Count, Asms) ->
    rand:seed(exsss, Seed),
    lists:foldl(fun(_, Acc) -> one(pick(Asms), Acc) end, {0, 0}, lists:seq(1, Count)).

one(Asm, {Accepted, Refused}) ->
    try assemble(mutant(Asm)) of
        Bin ->
            case erlang:prepare_loading(mutant, Bin) of
                {error, _} -> {Accepted, Refused + 1};
                P -> try_out(P), {Accepted + 1, Refused}
            end
    catch _:_ -> {Accepted, Refused}
    end.

assemble({_, _, _, Fs0, N}) ->
    Exports = [{F, A} || {function, F, A, _, _} <- Fs0],
    {ok, {M, E, A, Fs, N1}} = beam_z:module({mutant, Exports, [], [rename(F) || F <- Fs0], N}, []),
    {ok, Bin} = beam_asm:module({M, E, A, Fs, N1}, [], [], []),
    Bin.

rename({function, N, A, E, Is}) ->
    {function, N, A, E, [case I of {func_info, _, F, Ar} -> {func_info, {atom, mutant}, F, Ar}; _ -> I end || I <- Is]}.

%% ---- changes ----

mutant({M, E, A, Fs, N}) ->
    Pool = list_to_tuple(lists:append([Is || {function, _, _, _, Is} <- Fs])),
    At = rand:uniform(length(Fs)),
    {Before, [{function, Name, Ar, En, Is} | After]} = lists:split(At - 1, Fs),
    Changed = changes(1 + rand:uniform(2), Is, Pool),
    {M, E, A, Before ++ [{function, Name, Ar, En, Changed} | After], N}.

changes(0, Is, _) -> Is;
changes(N, Is, Pool) -> changes(N - 1, change(rand:uniform(7), Is, Pool), Pool).

change(Kind, Is, Pool) when length(Is) > 4 ->
    {Head, Body} = lists:split(3, Is),
    {L, [I | R]} = lists:split(rand:uniform(length(Body)) - 1, Body),
    Head ++ L ++ replaced(Kind, I, R, Pool);
change(_, Is, _) -> Is.

replaced(_, {label, _} = I, R, _) -> [I | R];
replaced(1, _, R, _) -> R;
replaced(2, I, R, _) -> [I, I | R];
replaced(3, I, [J | R], _) -> [J, I | R];
replaced(4, I, R, Pool) ->
    case element(rand:uniform(tuple_size(Pool)), Pool) of
        {label, _} -> [I | R];
        J when element(1, J) =:= func_info -> [I | R];
        J -> [J, I | R]
    end;
replaced(_, I, R, _) -> [operand(I) | R].

operand(I) when is_tuple(I) ->
    P = rand:uniform(tuple_size(I)),
    if P =:= 1 -> I; true -> setelement(P, I, other(element(P, I))) end;
operand(I) -> I.

other({x, N}) -> pick([{x, rand:uniform(6) - 1}, {y, N}, {x, N + 1}, {atom, a}, nil]);
other({y, N}) -> pick([{y, rand:uniform(4) - 1}, {x, N}, {y, N + 1}]);
other({fr, N}) -> pick([{fr, N + 1}, {x, N}]);
other({f, N}) -> pick([{f, max(0, N + rand:uniform(5) - 3)}, {f, 0}]);
other({atom, _}) -> pick([{atom, b}, {integer, 3}, {x, 0}, {literal, {a, b}}]);
other({integer, N}) -> pick([{integer, N * 7}, {integer, -1}, {atom, c}, {x, 1}, {integer, 1 bsl 62}]);
other({literal, _}) -> pick([{literal, [1, 2]}, {literal, #{}}, {literal, {}}, {literal, <<1>>}, nil, {x, 0}]);
other(nil) -> pick([{x, 0}, {atom, d}]);
other(N) when is_integer(N) -> pick([N + 1, max(0, N - 1), 0, N * 8]);
other([_ | _] = L) ->
    {A, [E | B]} = lists:split(rand:uniform(length(L)) - 1, L),
    pick([A ++ B, A ++ [other(E) | B], A ++ [E, E | B]]);
other({list, L}) -> {list, other(L)};
other({tr, R, _}) -> other(R);
other(X) -> X.

pick(L) -> lists:nth(rand:uniform(length(L)), L).

%% ---- trying out ----

try_out(P) ->
    case erlang:finish_loading([P]) of
        ok ->
            [call(F, A) || {F, A} <- erlang:get_module_info(mutant, exports), F =/= module_info, F =/= main, _ <- [1, 2]],
            ok;
        _ -> ok
    end,
    code:purge(mutant), code:delete(mutant), code:purge(mutant).

call(F, A) ->
    Args = [argument() || _ <- lists:seq(1, A)],
    {Pid, Ref} = spawn_opt(fun() -> catch apply(mutant, F, Args) end,
                           [monitor, {max_heap_size, #{size => 1000000, error_logger => false}}]),
    Pid ! {self(), hello},
    receive {'DOWN', Ref, _, _, _} -> ok after 50 -> exit(Pid, kill), receive {'DOWN', Ref, _, _, _} -> ok end end.

argument() ->
    pick([a, [], [1, 2, 3], [a | b], {}, {a}, {a, 1, "x"}, 17, -1, 1 bsl 70, 1.5, <<>>, <<1, 2, 3>>, <<5:3>>, #{},
          #{a => 1}, self(), make_ref(), fun() -> ok end, fun lists:map/2, "text", {ok, [<<"b">>]}, true,
          lists:seq(1, 200), binary:copy(<<7>>, 300)]).
