%% SPDX-License-Identifier: Apache-2.0
%% Seeds of the target `code`: each function of the sources with those it calls, as a module of its own, compiled in
%% several ways; and instructions of OTP 26 and later that no older compiler emits, put together here.
-module(seeds_code).
-export([modules/1]).

modules(Sources) ->
    Files = filelib:wildcard(filename:join(Sources, "*.erl")),
    lists:append([alone(forms(F)) || F <- Files]) ++ [module(Code) || Code <- new_instructions()].

forms(File) ->
    {ok, Forms} = epp:parse_file(File, []),
    Forms.

%% ---- functions of sources ----

options() -> [[], [no_copt, no_bool_opt, no_type_opt, no_ssa_opt], [r22], [r24, inline]].

alone(Forms) ->
    Functions = maps:from_list([{{F, A}, Form} || {function, _, F, A, _} = Form <- Forms]),
    [compiled(Name, Functions, O) || Name <- lists:sort(maps:keys(Functions)), O <- options()].

compiled({F, A} = Name, Functions, Options) ->
    Needed = [maps:get(N, Functions) || N <- called([Name], Functions, [])],
    No = {attribute, 1, compile, {no_auto_import, [{size, 1}]}},
    Forms = [{attribute, 1, module, m}, {attribute, 1, export, [{F, A}]}, No | Needed],
    {ok, m, Beam} = compile:forms(Forms, [binary, deterministic, no_line_info, nowarn_unused_function | Options]),
    {ok, m, Chunks} = beam_lib:all_chunks(Beam),
    {ok, B} = beam_lib:build_module([{Id, plain(Id, C)} || {Id, C} <- Chunks, lists:member(Id, kept())]),
    B.

called([], _, Done) -> Done;
called([N | Rest], Functions, Done) ->
    case lists:member(N, Done) orelse not is_map_key(N, Functions) of
        true -> called(Rest, Functions, Done);
        false -> called(names(maps:get(N, Functions)) ++ Rest, Functions, Done ++ [N])
    end.

names({call, _, {atom, _, F}, Args}) -> [{F, length(Args)} | names(Args)];
names(T) when is_tuple(T) -> names(tuple_to_list(T));
names([H | T]) -> names(H) ++ names(T);
names(_) -> [].

kept() -> ["AtU8", "Code", "StrT", "ImpT", "ExpT", "FunT", "LitT", "Type"].

%% Literals as OTP 28 writes them: not compressed.
plain("LitT", <<_:32, C/binary>>) -> <<0:32, (zlib:uncompress(C))/binary>>;
plain(_, C) -> C.

%% ---- instructions by their numbers ----

%% Arity and instructions of a function f; label 1 is its head, 2 its entry. Atoms are added to the table as they come.
new_instructions() ->
    Frame = [{12, [{u, 0}, {u, 1}]}],
    Start = {170, [{atom, no_fail}, {u, 1}, {x, 0}, {x, 0}]},
    [{1, [{57, [{f, 1}, {x, 0}]}, {58, [{f, 1}, {x, 0}, {u, 2}]}, {181, [{atom, Hint}, {u, 2}, {x, 0}, {x, 0}, {list, [{u, 2}, {atom, a}]}]},
          {19, []}]} || Hint <- [copy, reuse]] ++
    [{2, [{115, [{f, 1}, {x, 1}, {u, 1}]} | Frame] ++ [{178, [{atom, Tag}, {u, 1}, {x, 1}]}, {18, [{u, 0}]}, {19, []}]} ||
        Tag <- [safe, unsafe]] ++
    [{1, [{166, [{f, 1}, {x, 0}, {u, 1}, {x, 0}]}, {182, [{f, 1}, {x, 0}, {list, C}]}, {164, [{x, 0}, {list, [{x, 1}, {x, 2}]}]},
          {19, []}]} || C <- matches()] ++
    [{1, [Start, {182, [{f, 1}, {x, 0}, {list, hd(matches())}]}, {1, [{u, 3}]}, {164, [{x, 0}, {list, [{x, 1}, {x, 2}]}]}, {19, []}]},
     {1, [{177, [{f, 1}, {u, 0}, {u, 1}, {u, 8}, {x, 0}, {list, [{atom, append}, {u, 0}, {u, 8}, {a, 0}, {x, 0}, {atom, all},
                                                                {atom, integer}, {u, 0}, {u, 1}, {a, 0}, {i, 5}, {i, 16}]}]}, {19, []}]},
     {1, [{183, [{u, 0}, {u, 1}]}, {153, [{u, 0}]}, {19, []}]}].

matches() ->
    Tests = [{atom, ensure_at_least}, {u, 24}, {u, 1}],
    Integer = [{atom, integer}, {u, 1}, {a, 0}, {u, 8}, {u, 1}, {x, 1}],
    [Tests ++ Integer ++ [{atom, binary}, {u, 2}, {a, 0}, {u, 16}, {u, 1}, {x, 2}],
     Tests ++ [{atom, '=:='}, {a, 0}, {u, 8}, {u, 7}] ++ Integer ++ [{atom, get_tail}, {u, 2}, {u, 1}, {x, 2}],
     [{atom, ensure_exactly}, {u, 24}] ++ Integer ++ [{atom, skip}, {u, 8}, {atom, integer}, {u, 2}, {a, 0}, {u, 8}, {u, 1}, {x, 2}]].

module({Arity, Code}) ->
    Atoms = lists:usort([A || {atom, A} <- flat(Code)]) -- [m, f],
    Table = list_to_tuple([m, f | Atoms]),
    Number = maps:from_list([{element(I, Table), I} || I <- lists:seq(1, tuple_size(Table))]),
    Head = [{1, [{u, 1}]}, {2, [{atom, m}, {atom, f}, {u, Arity}]}, {1, [{u, 2}]}],
    Body = iolist_to_binary([instruction(I, Number) || I <- Head ++ Code ++ [{3, []}]]),
    {ok, B} = beam_lib:build_module(
        [{"AtU8", iolist_to_binary([<<(tuple_size(Table)):32>> | [text(A) || A <- tuple_to_list(Table)]])},
         {"Code", <<16:32, 0:32, 191:32, 4:32, 1:32, Body/binary>>}, {"StrT", <<"abc">>}, {"ImpT", <<0:32>>},
         {"ExpT", <<1:32, 2:32, Arity:32, 2:32>>}]),
    B.

flat(Code) -> lists:append([lists:append([case A of {list, L} -> L; _ -> [A] end || A <- As]) || {_, As} <- Code]).

text(A) -> T = atom_to_binary(A), <<(byte_size(T)), T/binary>>.

instruction({Op, Args}, Number) -> [Op | [operand(A, Number) || A <- Args]].

operand({atom, A}, Number) -> compact(2, maps:get(A, Number));
operand({list, L}, Number) -> [16#17, compact(0, length(L)) | [operand(A, Number) || A <- L]];
operand({u, N}, _) -> compact(0, N);
operand({i, N}, _) -> compact(1, N);
operand({a, N}, _) -> compact(2, N);
operand({x, N}, _) -> compact(3, N);
operand({f, N}, _) -> compact(5, N).

compact(Tag, N) when N < 16 -> [N bsl 4 bor Tag];
compact(Tag, N) when N < 2048 -> [(N bsr 8) bsl 5 bor 8 bor Tag, N band 255].
