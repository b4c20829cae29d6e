%% SPDX-License-Identifier: Apache-2.0
%% randmod_run - runs a batch of random modules and writes one line a call.
%% make(First, Count, File): generates and compiles modules First .. First+Count-1 into File (reference only).
%% run(File, Out): loads each and writes what its calls give: on every VM the same.
-module(randmod_run).
-export([main/0, source/1]).

-define(CALL_LIMIT, 60000). % ms
-define(LOOK_EVERY, 250).
-define(MOST_BYTES, 300000000).

main() ->
    logger:set_primary_config(level, none),
    case init:get_plain_arguments() of
        ["make", First, Count, File, Out] -> make(list_to_integer(First), list_to_integer(Count), File), run(File, Out);
        ["run", File, Out] -> run(File, Out);
        ["source", N] -> io:put_chars(source(list_to_integer(N)))
    end,
    halt().

name(N) -> list_to_atom("rm" ++ integer_to_list(N)).

source(N) -> [unicode:characters_to_binary([erl_pp:form(F), "\n"]) || F <- randmod_gen:module(name(N), N)].

make(First, Count, File) ->
    Ns = lists:seq(First, First + Count - 1),
    Self = self(),
    Workers = [spawn_link(fun() -> Self ! {self(), [{N, compiled(N)} || N <- Ns, N rem 2 =:= K]} end) || K <- [0, 1]],
    All = lists:sort(lists:append([receive {W, L} -> L end || W <- Workers])),
    [io:format("rm~w does not compile: ~0p~n", [N, E]) || {N, {error, E}} <- All],
    ok = file:write_file(File, term_to_binary([{N, B} || {N, {ok, B}} <- All, loads(N, B)])).

%% The reference refuses some of what its compiler makes.
loads(N, B) -> is_reference(erlang:prepare_loading(name(N), B)).

%% Some without optimisation or for older VMs: they use other instructions.
compiled(N) ->
    Options = case N rem 8 of
                  0 -> [no_copt, no_postopt, no_ssa_opt, no_type_opt, no_bool_opt, no_fun_opt, no_bsm_opt, no_recv_opt];
                  1 -> [r24];
                  2 -> [inline];
                  3 -> [no_type_opt];
                  _ -> []
              end,
    try compile:forms(randmod_gen:module(name(N), N), [binary, return_errors, nowarn_unused_vars | Options]) of
        {ok, _, B} -> {ok, B};
        {error, Es, _} -> {error, Es}
    catch _:R:S -> {error, {R, S}} end.

run(File, Out) ->
    {ok, Bin} = file:read_file(File),
    {ok, F} = file:open(Out, [write, raw, delayed_write]),
    [ok = file:write(F, module(name(N), B)) || {N, B} <- binary_to_term(Bin)],
    ok = file:close(F).

module(M, B) ->
    case code:load_binary(M, "", B) of
        {module, M} ->
            R = in_process(M),
            code:delete(M), code:purge(M),
            R;
        E -> io_lib:format("~w: ~0p~n", [M, E])
    end.

in_process(M) ->
    {Pid, Ref} = spawn_monitor(fun() -> exit({done, [one_call(M, I, C) || {I, C} <- number(M:calls())]}) end),
    result(M, Pid, Ref, ?CALL_LIMIT).

%% Some modules never end, and some of those send themselves messages all the time: the faster VM would be out of memory
%% before it is out of time.
result(M, Pid, Ref, Left) ->
    receive
        {'DOWN', Ref, _, _, {done, L}} -> L;
        {'DOWN', Ref, _, _, Why} -> io_lib:format("~w: ended ~0p~n", [M, plain(Why)])
    after ?LOOK_EVERY ->
        case process_info(Pid, memory) of
            {memory, N} when N > ?MOST_BYTES; Left =< 0 ->
                exit(Pid, kill),
                io_lib:format("~w: no end~n", [M]);
            _ -> result(M, Pid, Ref, Left - ?LOOK_EVERY)
        end
    end.

number(L) -> lists:zip(lists:seq(1, length(L)), L).

%% Each call has a slice of its own: where natives of the reference fail is told otherwise when they have yielded.
one_call(M, I, {F, As}) ->
    erlang:yield(),
    R = try {value, apply(M, F, As)} catch C:E:S -> {C, E, own(S)} end,
    [io_lib:format("~w.~w ", [M, I]), shown(plain(R)), $\n].

shown(R) ->
    case erlang:external_size(R) of
        N when N > 20000 -> io_lib:format("size ~w hash ~w", [N, erlang:phash2(R)]);
        _ -> io_lib:format("~w", [R])
    end.

%% The stack above this module. The reference's JIT names a caller twice after a bad call of a fun.
own(S) -> once(lists:takewhile(fun(E) -> element(1, E) =/= ?MODULE end, S)).

once([E, E | T]) -> once([E | T]);
once([E | T]) -> [E | once(T)];
once([]) -> [].

%% Identifiers differ between two runs; -0.0 and the encoding of a float show in its bits.
plain(X) when is_pid(X) -> 'PID';
plain(X) when is_reference(X) -> 'REF';
plain(X) when is_port(X) -> 'PORT';
plain(X) when is_function(X) ->
    case erlang:fun_info(X, type) of
        {_, external} -> X;
        _ -> {'FUN', [plain(erlang:fun_info(X, I)) || I <- [module, name, arity, index, env]]}
    end;
plain([{M, F, A, Loc} | T]) when is_atom(M), is_atom(F), is_list(Loc) ->
    [{M, F, plain(A), plain(Loc)} | once(plain(T))];
plain([H | T]) -> [plain(H) | plain(T)];
plain(X) when is_tuple(X) -> list_to_tuple(plain(tuple_to_list(X)));
plain(X) when is_map(X) -> {'MAP', lists:sort([{plain(K), plain(V)} || {K, V} <- maps:to_list(X)])};
plain(X) -> X.
