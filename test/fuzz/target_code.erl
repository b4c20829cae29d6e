%% SPDX-License-Identifier: Apache-2.0
%% The target `code` of the coverage-guided fuzzers: a module is loaded, and when it is accepted its functions are
%% called with odd arguments, in processes that are ended when they take long. Before that its tables are looked
%% through: a mutant that names what reaches beyond its own process is not loaded. Whether it may do
%% anything else to the VM is what the loader and its verification have to see to.
-module(target_code).
-export([prepare/0, run/2, allowed/1]).

-define(PATIENCE, 25). % milliseconds for all functions of a module

-record(rules, {imports, % #{{M, F, A} => true}
                atoms,   % #{Text => true}: not to be named in the table of atoms
                texts}). % compiled pattern: not to be found in literals

%% ---- what may be named ----

modules() -> [lists, maps, math, proplists, ordsets, queue, gb_sets, gb_trees, sets, orddict, dict, array].

natives() ->
    ['!', '++', '--', abs, adler32, append, append_element, apply, atom_to_binary, atom_to_list, 'band', binary_part,
     binary_to_float, binary_to_integer, binary_to_list, bit_size, bitstring_to_list, 'bnot', 'bor', 'bsl', 'bsr', 'bxor',
     byte_size, ceil, crc32, delete_element, 'div', element, erase, error, exit, external_size, float, float_to_binary,
     float_to_list, floor, fun_info, fun_to_list, garbage_collect, get, get_keys, get_module_info, hd, insert_element,
     integer_to_binary, integer_to_list, iolist_size, iolist_to_binary, iolist_to_iovec, is_atom, is_binary, is_bitstring,
     is_boolean, is_float, is_function, is_integer, is_list, is_map, is_map_key, is_number, is_pid, is_port,
     is_record, is_reference, is_tuple, length, list_to_binary, list_to_bitstring, list_to_float, list_to_integer,
     list_to_tuple, make_ref, make_tuple, map_get, map_size, max, md5, min, nif_error, node, 'not', 'or', 'and',
     phash, phash2, pid_to_list, put, raise, ref_to_list, 'rem', round, self, setelement, size, split_binary,
     term_to_binary, term_to_iovec, throw, tl, trunc, tuple_size, tuple_to_list, 'xor',
     '+', '-', '*', '/', '<', '>', '=<', '>=', '==', '/=', '=:=', '=/='].

allowed({erlang, exit, 2}) -> false;
allowed({erlang, garbage_collect, A}) -> A =:= 0;
allowed({erlang, F, _}) -> lists:member(F, natives());
allowed({binary, F, _}) -> lists:member(F, [at, first, last, match, matches, part, split, bin_to_list, longest_common_prefix]);
allowed({M, _, _}) -> lists:member(M, modules()).

prepare() ->
    Modules = [erlang, binary | modules()],
    [code:ensure_loaded(M) || M <- Modules],
    Imports = [{M, F, A} || M <- Modules, {F, A} <- M:module_info(exports)],
    Modules1 = [string | Modules], % a word, too
    Forbidden = registered() ++ [M || {M, _} <- code:all_loaded(), not lists:member(M, Modules1)] ++
        [F || {F, _} <- erlang:module_info(exports), not lists:member(F, [module_info | natives()])],
    Texts = [atom_to_binary(A, utf8) || A <- Forbidden],
    #rules{imports = maps:from_list([{I, true} || I <- Imports, allowed(I)]),
           atoms = maps:from_list([{T, true} || T <- Texts]),
           texts = binary:compile_pattern([<<"erlang">>, <<"halt">>, <<"init">>, <<"os">>, <<"file">>, <<"erts_">>, <<"fuzz_">>])}.

%% ---- the tables of a file ----

chunks(<<"FOR1", _:32, "BEAM", R/binary>>) -> chunks(R, #{}).

chunks(<<Id:4/binary, N:32, R/binary>>, M) when not is_map_key(Id, M) ->
    Padded = (N + 3) band bnot 3,
    <<C:N/binary, _/binary>> = R,
    chunks(binary:part(R, min(Padded, byte_size(R)), max(0, byte_size(R) - Padded)), M#{Id => C});
chunks(<<>>, M) -> M.

atoms(<<N:32, R/binary>>) when N < 2000 -> list_to_tuple([T || <<L, T:L/binary>> <= R]).

imports(<<_:32, R/binary>>, Atoms) ->
    [{element(M, Atoms), element(F, Atoms), A} || <<M:32, F:32, A:32>> <= R].

harmless(#rules{imports = Allowed, atoms = Atoms, texts = Texts}, B) ->
    Chunks = #{<<"AtU8">> := AtU8} = chunks(B),
    Table = atoms(AtU8),
    false = is_map_key(<<"Atom">>, Chunks),
    nomatch = binary:match(maps:get(<<"LitT">>, Chunks, <<>>), Texts),
    [] = [T || T <- tuple_to_list(Table), is_map_key(T, Atoms)],
    [] = [I || {M, F, A} = I <- imports(maps:get(<<"ImpT">>, Chunks, <<0:32>>), Table),
               not is_map_key({binary_to_existing_atom(M), binary_to_existing_atom(F), A}, Allowed)],
    binary_to_atom(element(1, Table)).

%% ---- loading and calling ----

run(Rules, B) ->
    Module = harmless(Rules, B),
    false = erlang:module_loaded(Module),
    case erlang:prepare_loading(Module, B) of
        {error, _} -> refused;
        Prepared ->
            false = erlang:has_prepared_code_on_load(Prepared),
            try
                ok = erlang:finish_loading([Prepared]),
                call_all(Module, erlang:phash2(B))
            after
                erts_code_purger:purge(Module),
                catch erlang:delete_module(Module),
                erts_code_purger:purge(Module)
            end
    end.

call_all(Module, Seed) ->
    Fs = [FA || {F, _} = FA <- erlang:get_module_info(Module, exports), F =/= module_info],
    Started = [start(Module, F, A, Seed + I) || {I, {F, A}} <- lists:zip(lists:seq(1, length(Fs)), Fs)],
    [await(P, ?PATIENCE) || P <- Started],
    ok.

%% The process first has its arguments and messages on a heap that is as small as can be.
start(Module, F, A, Seed) when A < 10 ->
    Args = [argument((Seed + I * 7919) rem 41) || I <- lists:seq(1, A)],
    Heap = #{size => 20000, error_logger => false, kill => true},
    {Pid, Ref} = spawn_opt(fun() -> called(Module, F, Args) end, [monitor, {max_heap_size, Heap}]),
    Pid ! {self(), hello},
    Pid ! hd(Args ++ [1]),
    {Pid, Ref};
start(_, _, _, _) -> none.

%% The result is looked at in all its parts, after a collection has moved it.
called(Module, F, Args) ->
    R = (catch apply(Module, F, Args)),
    erlang:garbage_collect(),
    _ = erlang:phash2(R),
    _ = erlang:external_size(R),
    {backtrace, _} = erlang:process_info(self(), backtrace), % prints it
    R =:= Args.

%% Who waits for a message has had all there are.
await(none, _) -> ok;
await({Pid, Ref}, Left) ->
    receive
        {'DOWN', Ref, _, _, _} -> ok
    after 2 ->
        Left > 0 andalso erlang:process_info(Pid, status) =/= {status, waiting} orelse exit(Pid, kill),
        await({Pid, Ref}, Left - 2)
    end.

argument(N) ->
    element(N + 1, {a, [], [1, 2, 3], [a | b], {}, {a}, {a, 1, "x"}, 17, -1, 1 bsl 70, 1.5, <<>>, <<1, 2, 3>>, <<5:3>>,
        #{}, #{a => 1}, #{a => 1, b => 2}, fun lists:map/2, fun(X) -> X end, "text", {ok, [<<"b">>]}, true,
        lists:seq(1, 200), binary:copy(<<7>>, 300), 0, 3, 5, <<"magic string of some length">>, <<4:32, "åäö"/utf8>>,
        {b, 1, 2, 3}, [{a, 1}, {b, 2}], false, undefined, maps:from_list([{I, I} || I <- lists:seq(1, 50)]),
        fun() -> ok end, fun(X, Y) -> {X, Y} end, (fun(B) -> <<_:3, R/bits>> = B, R end)(<<"abcdef">>), 1 bsl 59,
        {1, {2, {3, [4, {5}]}}}, -(1 bsl 59), 2.0e300}).
