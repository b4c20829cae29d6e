%% SPDX-License-Identifier: Apache-2.0
%% randmod_gen - a random but valid module from a seed, as abstract forms.
%% module(Name, Seed) -> Forms. The module exports f1, f2 ... and calls/0, which lists functions with arguments.
%%
%% Expressions are made for a wanted type, from variables of that type and operations that give it; now and then
%% another type slips in, so that errors are raised, too. Nothing recurs without a bound, and nothing depends on time,
%% process identifiers or the order of a hash table (that of large maps goes by the numbers of atoms): two VMs must print the same.
%% Every expression has a line of its own, which then stands in stack traces.
-module(randmod_gen).
-export([module/2]).

module(Name, Seed) ->
    rand:seed(exsss, Seed),
    put(line, 10), put(var, 0),
    Arities = [r(4) - 1 || _ <- lists:seq(1, 2 + r(3))],
    put(functions, lists:zip(lists:seq(1, length(Arities)), Arities)),
    Functions = [function(I, A) || {I, A} <- get(functions)],
    Exports = [{fname(I), A} || {I, A} <- get(functions)],
    [{attribute, 1, file, {atom_to_list(Name) ++ ".erl", 1}}, {attribute, 1, module, Name},
     {attribute, 2, export, [{calls, 0} | Exports]}] ++ Functions ++ [calls()].

%% ---- chance ----
r(N) -> rand:uniform(N).
chance(Percent) -> r(100) =< Percent.
one(L) -> lists:nth(r(length(L)), L).
%% One of {Weight, Fun}, called.
weigh(L) -> weigh(L, r(lists:sum([W || {W, _} <- L]))).
weigh([{W, F} | _], N) when N =< W -> F();
weigh([{W, _} | T], N) -> weigh(T, N - W).
some(Max, F) -> [F() || _ <- lists:seq(1, r(Max + 1) - 1)].

line() -> L = get(line) + 1, put(line, L), L.
new_var() -> N = get(var) + 1, put(var, N), list_to_atom("V" ++ integer_to_list(N)).
fname(I) -> list_to_atom("f" ++ integer_to_list(I)).

%% ---- forms ----
var(V) -> {var, line(), V}.
atom(A) -> {atom, line(), A}.
int(I) -> erl_parse:abstract(I, line()).
lit(T) -> erl_parse:abstract(T, line()).
op(O, A, B) -> {op, line(), O, A, B}.
op(O, A) -> {op, line(), O, A}.
call(F, As) -> {call, line(), {atom, line(), F}, As}.
call(M, F, As) -> {call, line(), {remote, line(), {atom, line(), M}, {atom, line(), F}}, As}.
tuple(L) -> {tuple, line(), L}.
list(L) -> list(L, {nil, line()}).
list(L, Tail) -> lists:foldr(fun(H, T) -> {cons, line(), H, T} end, Tail, L).
match(P, E) -> {match, line(), P, E}.
clause(Ps, Gs, Body) -> {clause, line(), Ps, Gs, Body}.
'fun'(Clauses) -> {'fun', line(), {clauses, Clauses}}.
block(Es) -> {block, line(), Es}.

%% ---- the module's functions ----
types() -> [int, float, atom, list, tuple, map, bin, 'fun', any].

function(I, Arity) ->
    {function, line(), fname(I), Arity, [function_clause(Arity) || _ <- lists:seq(1, r(3))]}.

function_clause(Arity) ->
    {Ps, E} = patterns(Arity, one([0, 0, 0, 2]), []),
    clause(Ps, maybe_guard(E), body(one(types()), 4, E)).

calls() ->
    Calls = [tuple([atom(fname(I)), list([lit(value(3)) || _ <- lists:seq(1, A)])])
             || {I, A} <- get(functions), _ <- lists:seq(1, 6)],
    {function, line(), calls, 0, [clause([], [], [list(Calls)])]}.

%% ---- values: arguments and literals ----
value(D) -> value(one(types()), D).

value(int, _) -> integer();
value(float, _) -> float_value();
value(atom, _) -> one([a, b, ok, true, false, undefined, '', 'EXIT', error, 'ä', [], foo]);
value(list, D) when D > 0 -> weigh([{5, fun() -> some(4, fun() -> value(D - 1) end) end},
                                    {2, fun() -> some(6, fun() -> r(300) end) end},
                                    {1, fun() -> [value(D - 1) | value(D - 1)] end},
                                    {2, fun() -> one(["abc", "", "åäö", [16#1F600, $x]]) end}]);
value(tuple, D) when D > 0 -> list_to_tuple(some(4, fun() -> value(D - 1) end));
value(map, D) when D > 0 ->
    N = one([0, 1, 2, 3, 5, 31, 32, 33, 40]),
    case N > 5 of
        true -> maps:from_list([{I * 7, I} || I <- lists:seq(1, N)]);
        false -> maps:from_list([{value(key(), 0), value(D - 1)} || _ <- lists:seq(1, N)])
    end;
value(bin, _) -> bits();
value('fun', _) -> fun erlang:abs/1;
value(any, D) when D > 0 -> value(D - 1);
value(_, _) -> one([[], {}, a, 1, <<>>, 1.5, #{}]).

key() -> one([int, int, atom, float, bin]).

integer() ->
    weigh([{6, fun() -> r(20) - 10 end}, {2, fun() -> r(1000) end},
           {3, fun() -> one([127, 128, 255, 256, -128, -129, 65535, 65536, 16#10FFFF, 16#D800, 16#7FFFFFFF, -16#80000000]) end},
           {4, fun() -> one([1, -1]) * (1 bsl one([27, 28, 31, 32, 52, 53, 58, 59, 60, 62, 63, 64, 65, 127, 128])) + r(3) - 2 end},
           {1, fun() -> one([1, -1]) * binary:decode_unsigned(rand:bytes(r(30))) end}]).

float_value() ->
    weigh([{3, fun() -> one([0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.5, 1.0e10, 1.0e22, 1.0e23, 1.7976931348623157e308,
                             5.0e-324, 2.2250738585072014e-308, 9007199254740992.0, 9223372036854775808.0, -5.76460752303423488e17]) end},
           {2, fun() -> (rand:uniform() - 0.5) * math:pow(10, r(40) - 20) end},
           {1, fun() -> float(r(2000) - 1000) end}]).

bits() ->
    weigh([{3, fun() -> rand:bytes(r(12) - 1) end}, {2, fun() -> B = rand:bytes(9), N = r(70) - 1, <<X:N/bits, _/bits>> = B, X end},
           {1, fun() -> one([<<>>, <<"abc">>, <<"åäö"/utf8>>, <<1.5/float>>, <<255, 255>>]) end}, {1, fun() -> rand:bytes(60 + r(20)) end}]).

%% ---- bodies ----
%% Env: [{Variable, Type}]
body(T, D, E) -> body(T, D, E, r(3) - 1).
body(T, D, E, 0) -> [gen(T, D, E)];
body(T, D, E, N) ->
    {Form, E1} = statement(D - 1, E),
    [Form | body(T, D, E1, N - 1)].

statement(D, E) ->
    weigh([{6, fun() -> T = one(types()), V = new_var(), {match(var(V), gen(T, D, E)), [{V, T} | E]} end},
           {2, fun() -> {P, E1} = pattern(2, E), {match(P, gen(any, D, E)), E1} end},
           {1, fun() -> K = key_form(), {call(put, [K, gen(any, D, E)]), E} end},
           {1, fun() -> {op('!', call(self, []), tuple([atom(one([m, n])), gen(any, D, E)])), E} end},
           {1, fun() -> {gen(any, D, E), E} end}]).

key_form() -> atom(one([k1, k2])).

%% ---- expressions ----
gen(T, D, E) -> case chance(3) of true -> gen1(one(types()), D, E); false -> gen1(T, D, E) end.

gen1(any, D, E) -> gen1(one([int, float, atom, list, tuple, map, bin, 'fun']), D, E);
gen1(T, D, E) when D =< 0 -> leaf(T, E);
gen1(T, D, E) ->
    weigh([{3, fun() -> leaf(T, E) end}, {12, fun() -> made(T, D - 1, E) end}, {4, fun() -> control(T, D - 1, E) end}]).

leaf(T, E) ->
    Vs = [V || {V, VT} <- E, VT =:= T orelse VT =:= any orelse T =:= any],
    case Vs =/= [] andalso chance(75) of
        true -> var(one(Vs));
        false when T =:= 'fun' -> {'fun', line(), {function, {atom, line(), erlang}, {atom, line(), one([abs, hd, length, '+', '<', element])},
                                                   {integer, line(), one([1, 2])}}};
        false -> lit(value(T, 2))
    end.

small(D, E) -> op('band', gen(int, D, E), int(one([3, 7, 15, 31, 63, 127]))).

made(int, D, E) ->
    I = fun() -> gen(int, D, E) end,
    weigh([{8, fun() -> op(one(['+', '-', '*']), I(), I()) end}, {3, fun() -> op(one(['div', 'rem']), I(), I()) end},
           {4, fun() -> op(one(['band', 'bor', 'bxor']), I(), I()) end}, {2, fun() -> op(one(['-', 'bnot', '+']), I()) end},
           {2, fun() -> op(one(['bsl', 'bsr']), I(), small(D - 1, E)) end},
           {3, fun() -> size_of(D, E) end}, {1, fun() -> call(one([abs]), [I()]) end},
           {2, fun() -> call(one([round, trunc, ceil, floor]), [gen(float, D, E)]) end},
           {1, fun() -> call(erlang, one([max, min]), [I(), I()]) end},
           {2, fun() -> call(erlang, phash2, [gen(any, D, E)]) end},
           {1, fun() -> call(one([hd]), [gen(list, D, E)]) end},
           {1, fun() -> call(element, [int(r(4)), gen(tuple, D, E)]) end},
           {1, fun() -> call(lists, one([sum, max, min]), [list([I(), I()])]) end},
           {1, fun() -> B = one([2, 10, 16, 36]), call(binary_to_integer, [call(integer_to_binary, [I(), int(B)]), int(B)]) end},
           {1, fun() -> call(erlang, one([crc32, adler32, iolist_size]), [gen(bin, D, E)]) end},
           {1, fun() -> call(binary, one([decode_unsigned, first, last]), [gen(bin, D, E)]) end},
           {1, fun() -> call(erlang, external_size, [gen(any, D, E)]) end}]);
made(float, D, E) ->
    N = fun() -> gen(one([int, float, float]), D, E) end,
    weigh([{8, fun() -> op(one(['+', '-', '*', '/']), N(), N()) end}, {2, fun() -> call(float, [N()]) end}, {1, fun() -> op('-', N()) end},
           {2, fun() -> call(math, one([sqrt, floor, ceil]), [N()]) end}, {1, fun() -> call(abs, [N()]) end},
           {1, fun() -> call(list_to_float, [call(float_to_list, [N(), lit(one([[short], [{decimals, 4}], []]))])]) end}]);
made(atom, D, E) ->
    weigh([{6, fun() -> boolean(D, E) end}, {1, fun() -> call(binary_to_atom, [call(integer_to_binary, [small(D, E)])]) end},
           {1, fun() -> call(erase, [key_form()]) end}, {1, fun() -> call(get, [key_form()]) end}]);
made(list, D, E) -> made_list(D, E);
made(tuple, D, E) ->
    weigh([{6, fun() -> tuple([gen(any, D, E) || _ <- lists:seq(1, r(4))]) end},
           {2, fun() -> call(setelement, [int(r(3)), gen(tuple, D, E), gen(any, D, E)]) end},
           {1, fun() -> call(list_to_tuple, [gen(list, D, E)]) end},
           {1, fun() -> call(erlang, append_element, [gen(tuple, D, E), gen(any, D, E)]) end},
           {1, fun() -> call(erlang, one([delete_element]), [int(r(3)), gen(tuple, D, E)]) end},
           {1, fun() -> call(lists, one([partition]), [one_fun(atom, D, E), gen(list, D, E)]) end},
           {1, fun() -> call(erlang, make_tuple, [small(D - 1, E), gen(any, D, E)]) end}]);
made(map, D, E) -> made_map(D, E);
made(bin, D, E) -> made_bin(D, E);
made('fun', D, E) ->
    weigh([{6, fun() -> one_fun(one(types()), D, E) end}, {2, fun() -> {I, A} = one(get(functions)), {'fun', line(), {function, fname(I), A}} end},
           {1, fun() -> leaf('fun', E) end}]).

size_of(D, E) ->
    {F, T} = one([{length, list}, {byte_size, bin}, {bit_size, bin}, {tuple_size, tuple}, {map_size, map}, {size, bin}, {size, tuple}]),
    call(F, [gen(T, D, E)]).

boolean(D, E) ->
    A = fun() -> gen(any, D, E) end, I = fun() -> gen(one([int, float]), D, E) end,
    weigh([{4, fun() -> op(one(['<', '>', '=<', '>=', '==', '/=', '=:=', '=/=']), A(), A()) end},
           {4, fun() -> op(one(['<', '>', '=<', '>=', '==', '/=', '=:=', '=/=']), I(), I()) end},
           {3, fun() -> op(one(['andalso', 'orelse', 'and', 'or', 'xor']), boolean(D - 1, E), boolean(D - 1, E)) end},
           {1, fun() -> op('not', boolean(D - 1, E)) end}, {3, fun() -> call(type_test(), [A()]) end},
           {1, fun() -> call(is_map_key, [A(), gen(map, D, E)]) end}, {1, fun() -> call(is_function, [gen('fun', D, E), int(r(3) - 1)]) end},
           {1, fun() -> call(lists, member, [A(), gen(list, D, E)]) end}, {1, fun() -> call(lists, one([any, all]), [one_fun(atom, D, E), gen(list, D, E)]) end}]).

type_test() ->
    one([is_integer, is_float, is_number, is_atom, is_list, is_tuple, is_map, is_binary, is_bitstring, is_function, is_boolean, is_pid]).

made_list(D, E) ->
    L = fun() -> gen(list, D, E) end, A = fun() -> gen(any, D, E) end,
    weigh([{5, fun() -> list([A() || _ <- lists:seq(1, r(4))]) end}, {2, fun() -> list([A()], L()) end},
           {3, fun() -> op(one(['++', '--']), L(), L()) end}, {6, fun() -> comprehension(lc, gen_one(D), D, E) end},
           {2, fun() -> call(tl, [L()]) end}, {2, fun() -> call(lists, one([reverse, sort, usort, flatten, droplast]), [L()]) end},
           {3, fun() -> call(lists, one([map, filter, flatmap, takewhile, dropwhile]), [one_fun(any, D, E), L()]) end},
           {2, fun() -> call(lists, one([foldl, foldr]), [any_fun(2, list, D, E), L(), L()]) end},
           {1, fun() -> call(lists, seq, [int(r(5)), small(D - 1, E)]) end},
           {1, fun() -> call(lists, keysort, [int(1), list([tuple([A(), A()]), tuple([A(), A()]), tuple([A()])])]) end},
           {1, fun() -> call(tuple_to_list, [gen(tuple, D, E)]) end}, {1, fun() -> call(binary_to_list, [gen(bin, D, E)]) end},
           {1, fun() -> call(lists, sort, [call(maps, one([to_list, keys, values]), [gen(map, D, E)])]) end},
           {1, fun() -> call(integer_to_list, [gen(int, D, E)]) end}, {1, fun() -> call(float_to_list, [gen(float, D, E)]) end},
           {1, fun() -> call(lists, zip, [L(), L()]) end}, {1, fun() -> call(lists, sort, [any_fun(2, atom, D, E), L()]) end},
           {1, fun() -> call(unicode, characters_to_list, [gen(one([bin, list]), D, E)]) end},
           {2, fun() -> table(D, E) end}, {1, fun() -> call(string, one([uppercase, trim, reverse]), [gen(bin, D, E)]) end},
           {1, fun() -> call(lists, flatten, [call(io_lib, format, [lit(one(["~w", "~p", "~tp", "~s", "~10.3f", "~.16b"])), list([A()])])]) end}]).

gen_one(_) -> one([any, int, list, tuple, bin, atom]).

made_map(D, E) ->
    M = fun() -> gen(map, D, E) end, A = fun() -> gen(any, D, E) end, K = fun() -> gen(one([int, int, float, bin]), D - 1, E) end,
    Assoc = fun() -> {map_field_assoc, line(), K(), A()} end, Exact = fun() -> {map_field_exact, line(), K(), A()} end,
    weigh([{5, fun() -> {map, line(), some(4, Assoc)} end}, {4, fun() -> {map, line(), M(), [Assoc() | some(2, Assoc)]} end},
           {2, fun() -> {map, line(), M(), [Exact()]} end}, {1, fun() -> call(maps, merge, [M(), M()]) end},
           {1, fun() -> call(maps, put, [K(), A(), M()]) end}, {1, fun() -> call(maps, remove, [K(), M()]) end},
           {1, fun() -> call(maps, one([map, filter]), [any_fun(2, atom, D, E), M()]) end},
           {1, fun() -> call(maps, from_list, [list([tuple([K(), A()]), tuple([K(), A()])])]) end},
           {1, fun() -> call(maps, with, [gen(list, D, E), M()]) end},
           {1, fun() -> call(maps, from_list, [comprehension(lc, tuple([leaf(any, E), leaf(any, E)]), D, E)]) end},
           {1, fun() -> call(maps, update_with, [K(), one_fun(any, D, E), A(), M()]) end}]).

made_bin(D, E) ->
    B = fun() -> gen(bin, D, E) end,
    weigh([{8, fun() -> {bin, line(), [segment(D, E) || _ <- lists:seq(1, r(4))]} end},
           {3, fun() -> comprehension(bc, {bin, line(), [segment(D - 1, E)]}, D, E) end},
           {1, fun() -> call(term_to_binary, [gen(one([int, float, bin]), D, E)]) end}, {1, fun() -> call(list_to_binary, [gen(list, D, E)]) end},
           {1, fun() -> call(binary_part, [B(), small(D - 1, E), small(D - 1, E)]) end},
           {1, fun() -> call(integer_to_binary, [gen(int, D, E)]) end}, {1, fun() -> call(binary, one([copy, encode_unsigned]), [B()]) end},
           {1, fun() -> call(binary, replace, [B(), lit(<<1>>), lit(<<"xyz">>), lit([global])]) end},
           {1, fun() -> call(unicode, characters_to_binary, [gen(list, D, E)]) end}, {1, fun() -> call(list_to_bitstring, [list([B(), small(D, E)])]) end},
           {1, fun() -> call(float_to_binary, [gen(float, D, E)]) end}, {1, fun() -> call(erlang, md5, [B()]) end},
           {1, fun() -> call(iolist_to_binary, [list([B(), gen(list, D, E)])]) end}]).

%% ---- the bit syntax ----
segment(D, E) ->
    weigh([{5, fun() -> {bin_element, line(), gen(int, D, E), bit_size(D, E), int_flags()} end},
           {1, fun() -> {bin_element, line(), gen(int, D, E), default, default} end},
           {2, fun() -> {bin_element, line(), gen(one([float, int]), D, E), int(one([16, 32, 64, 64, 24])), [float, one([big, little, native])]} end},
           {3, fun() -> {bin_element, line(), gen(bin, D, E), default, [one([binary, bitstring])]} end},
           {1, fun() -> {bin_element, line(), gen(bin, D, E), int(r(4) - 1), [one([binary, bitstring])]} end},
           {1, fun() -> {bin_element, line(), gen(int, D, E), default, [one([utf8, utf16, utf32])]} end},
           {1, fun() -> {bin_element, line(), {string, line(), one(["abc", "\x{e5}"])}, default, default} end}]).

int_flags() ->
    one([default, [integer], [little], [signed], [big, unsigned], [little, signed], [native], [{unit, 8}], [little, {unit, 4}]]).

bit_size(D, E) ->
    weigh([{6, fun() -> int(one([0, 1, 3, 4, 7, 8, 9, 12, 16, 24, 31, 32, 33, 56, 60, 64, 65, 100])) end}, {2, fun() -> small(D - 1, E) end}]).

%% Segments of a pattern; sizes may be variables bound before, also in the same pattern.
bin_pattern(N, E, Outer) ->
    {P, Local} = bin_pattern1(N, [], [], Outer),
    {P, Local ++ E}.

bin_pattern1(0, E, Acc, _) ->
    V = new_var(),
    weigh([{3, fun() -> {{bin, line(), lists:reverse(Acc)}, E} end},
           {4, fun() -> {{bin, line(), lists:reverse(Acc, [{bin_element, line(), var(V), default, [one([binary, bitstring])]}])}, [{V, bin} | E]} end},
           {1, fun() -> {{bin, line(), lists:reverse(Acc, [{bin_element, line(), var('_'), default, [one([binary, bitstring])]}])}, E} end}]);
bin_pattern1(N, E, Acc, Outer) ->
    Local = E ++ Outer,
    V = new_var(),
    {S, E1} =
        weigh([{6, fun() -> {{bin_element, line(), var(V), pattern_size(Local), int_flags()}, [{V, int} | E]} end},
               {1, fun() -> {{bin_element, line(), int(r(256) - 1), default, default}, E} end},
               {1, fun() -> {{bin_element, line(), var('_'), pattern_size(Local), int_flags()}, E} end},
               {1, fun() -> {{bin_element, line(), var(V), int(one([16, 32, 64])), [float, one([big, little])]}, [{V, float} | E]} end},
               {2, fun() -> {{bin_element, line(), var(V), int(r(3) - 1), [one([binary, bitstring])]}, [{V, bin} | E]} end},
               {1, fun() -> {{bin_element, line(), var(V), default, [one([utf8, utf16, utf32])]}, [{V, int} | E]} end}]),
    bin_pattern1(N - 1, E1, [S | Acc], Outer).

pattern_size(E) ->
    case [V || {V, int} <- E] of
        [_ | _] = Vs when length(Vs) > 1 -> case chance(15) of true -> var(one(Vs)); false -> literal_size() end;
        _ -> literal_size()
    end.
literal_size() -> int(one([0, 1, 3, 4, 7, 8, 8, 8, 9, 16, 24, 32, 33, 60, 64, 65])).

%% ---- patterns and guards ----
%% Sizes in a pattern may use what was bound before all of it.
pattern(D, E) -> put(outer, E), pat(D, E).
patterns(N, D, E) -> put(outer, E), pats(N, D, E).

pats(0, _, E) -> {[], E};
pats(N, D, E) ->
    {P, E1} = pat(D, E),
    {Ps, E2} = pats(N - 1, D, E1),
    {[P | Ps], E2}.

%% Variables bound in the pattern itself are not used in it again, but for sizes.
pat(D, E) when D =< 0 ->
    weigh([{6, fun() -> V = new_var(), {var(V), [{V, any} | E]} end}, {1, fun() -> {var('_'), E} end},
           {2, fun() -> {lit(value(one([int, atom, float]), 0)), E} end}]);
pat(D, E) ->
    weigh([{5, fun() -> pat(0, E) end},
           {3, fun() -> {Ps, E1} = pats(r(4) - 1, D - 1, E), {tuple(Ps), E1} end},
           {3, fun() -> {[H, T], E1} = pats(2, D - 1, E), {{cons, line(), H, T}, E1} end},
           {1, fun() -> {Ps, E1} = pats(r(3), D - 1, E), {list(Ps), E1} end},
           {2, fun() -> {P, E1} = pat(D - 1, E), {{map, line(), [{map_field_exact, line(), lit(value(key(), 0)), P}]}, E1} end},
           {3, fun() -> bin_pattern(r(4), E, get(outer)) end},
           {1, fun() -> V = new_var(), {P, E1} = pat(D - 1, E), {match(var(V), P), [{V, any} | E1]} end}]).

maybe_guard(E) -> case chance(40) of true -> guard(E); false -> [] end.
guard(E) -> [[guard_test(2, E) || _ <- lists:seq(1, r(2))] || _ <- lists:seq(1, r(2))].

guard_test(D, E) ->
    X = fun() -> guard_value(D - 1, E) end,
    weigh([{4, fun() -> call(type_test(), [X()]) end},
           {5, fun() -> op(one(['<', '>', '=<', '>=', '==', '/=', '=:=', '=/=']), X(), X()) end},
           {1, fun() -> op('not', call(type_test(), [X()])) end}, {1, fun() -> call(is_map_key, [X(), X()]) end},
           {2, fun() -> case D > 0 of
                            true -> op(one(['andalso', 'orelse', 'and', 'or', 'xor']), guard_test(D - 1, E), guard_test(D - 1, E));
                            false -> atom(one([true, false]))
                        end end}]).

guard_value(D, E) when D =< 0 ->
    case E =/= [] andalso chance(75) of
        true -> var(element(1, one(E)));
        false -> lit(value(one([int, int, float, atom, list, tuple, bin]), 0))
    end;
guard_value(D, E) ->
    X = fun() -> guard_value(D - 1, E) end,
    weigh([{5, fun() -> guard_value(0, E) end}, {3, fun() -> op(one(['+', '-', '*', 'div', 'rem', 'band', '/', 'bsr']), X(), X()) end},
           {3, fun() -> call(one([length, hd, tl, tuple_size, map_size, byte_size, bit_size, abs, size, round, trunc, float]), [X()]) end},
           {1, fun() -> call(element, [int(r(3)), X()]) end}, {1, fun() -> call(map_get, [X(), X()]) end},
           {1, fun() -> call(binary_part, [X(), int(0), int(1)]) end}]).

%% ---- comprehensions and funs ----
comprehension(Kind, What, D, E) ->
    {Qs, E1} = qualifiers(r(2), D - 1, E, []),
    Filter = [boolean(D - 2, E1) || chance(40)],
    Body = if is_atom(What) -> gen(What, D - 1, E1); true -> What end,
    {Kind, line(), Body, Qs ++ Filter}.

qualifiers(0, _, E, Acc) -> {lists:reverse(Acc), E};
qualifiers(N, D, E, Acc) ->
    {Q, E1} =
        weigh([{3, fun() -> V = new_var(), {{generate, line(), var(V), gen(list, D, E)}, [{V, any} | E]} end},
               {1, fun() -> {P, E2} = pattern(1, E), {{generate, line(), P, gen(list, D, E)}, E2} end},
               {1, fun() -> V = new_var(), {{generate, line(), var(V), call(lists, seq, [int(1), small(0, E)])}, [{V, int} | E]} end},
               {2, fun() -> {{bin, L, Ss}, E2} = bin_pattern(r(2), E, E),
                            One = {bin_element, line(), var('_'), int(8), default},
                            {{b_generate, line(), {bin, L, [One | all_sized(Ss)]}, gen(bin, D, E)}, E2} end}]),
    qualifiers(N - 1, D, E1, [Q | Acc]).

%% A generator's last segment may not be of all the rest: it would run once only, but is allowed nowhere else.
all_sized(Ss) -> [case S of {bin_element, L, V, default, [T]} when T =:= binary; T =:= bitstring -> {bin_element, L, V, {integer, L, 1}, [T]}; _ -> S end || S <- Ss].

one_fun(T, D, E) -> any_fun(1, T, D, E).
any_fun(Arity, T, D, E) ->
    case chance(20) of
        true -> named_fun(Arity, T, D, E);
        false -> 'fun'([fun_clause(Arity, T, D, E) || _ <- lists:seq(1, r(2))])
    end.
fun_clause(Arity, T, D, E) ->
    {Ps, E1} = case chance(70) of true -> patterns(Arity, 0, E); false -> patterns(Arity, 1, E) end,
    clause(Ps, maybe_guard(E1), [gen(T, D - 1, E1)]).

named_fun(Arity, T, D, E) ->
    {named_fun, line(), new_var(), [fun_clause(Arity, T, D, E)]}.

%% ---- control ----
control(T, D, E) ->
    weigh([{5, fun() -> {'case', line(), gen(any, D, E), [case_clause(T, D, E) || _ <- lists:seq(1, r(3))] ++ [last_clause(T, D, E) || chance(70)]} end},
           {2, fun() -> {'if', line(), [clause([], guard(E), body(T, D - 1, E)), clause([], [[atom(true)]], body(T, D - 1, E))]} end},
           {4, fun() -> try_expr(T, D, E) end}, {2, fun() -> {'catch', line(), gen(T, D, E)} end},
           {2, fun() -> block(body(T, D - 1, E)) end}, {2, fun() -> apply_fun(T, D, E) end},
           {2, fun() -> received(T, D, E) end}, {1, fun() -> spawned(T, D, E) end},
           {2, fun() -> loop(T, D, E) end}, {1, fun() -> raised(D, E) end}]).

case_clause(T, D, E) -> {P, E1} = pattern(2, E), clause([P], maybe_guard(E1), body(T, D - 1, E1)).
last_clause(T, D, E) -> V = new_var(), clause([var(V)], [], body(T, D - 1, [{V, any} | E])).

try_expr(T, D, E) ->
    C = new_var(), R = new_var(), S = new_var(),
    Of = case chance(30) of true -> [case_clause(T, D - 1, E), last_clause(T, D - 1, E)]; false -> [] end,
    {Class, E1} = weigh([{3, fun() -> {var(C), [{C, atom}, {R, any} | E]} end}, {3, fun() -> {atom(one([error, throw, exit])), [{R, any} | E]} end}]),
    Stack = case chance(30) of true -> var(S); false -> var('_') end,
    Handler = case chance(60) of
                  true -> tuple([Class, var(R), shown(Stack)]);
                  false -> gen(T, D - 1, E1)
              end,
    Catch = clause([tuple([Class, var(R), Stack])], [], [Handler]),
    After = [call(put, [key_form(), gen(int, D - 1, E)]) || chance(20)],
    {'try', line(), body(T, D, E), Of, [Catch], After}.

shown({var, _, '_'}) -> atom(no_stack);
shown({var, _, S}) -> call(is_list, [var(S)]).

apply_fun(T, D, E) ->
    case chance(50) of
        true -> A = r(3) - 1, {call, line(), any_fun(A, T, D, E), [gen(any, D, E) || _ <- lists:seq(1, A)]};
        false -> {call, line(), gen('fun', D, E), [gen(any, D, E)]}
    end.

received(T, D, E) ->
    {P, E1} = pattern(1, E),
    Send = op('!', call(self, []), tuple([atom(one([m, n])), gen(any, D, E)])),
    block([Send || chance(70)] ++
          [{'receive', line(), [clause([tuple([atom(one([m, n])), P])], maybe_guard(E1), [gen(T, D, E1)])], int(0), [gen(T, D - 1, E)]}]).

%% A process that leaves with a value or an error; its monitor tells.
spawned(T, D, E) ->
    P = new_var(), M = new_var(), W = new_var(),
    block([match(tuple([var(P), var(M)]), call(spawn_monitor, ['fun'([clause([], [], [call(exit, [tuple([atom(v), gen(T, D, E)])])])])])),
           {'receive', line(), [clause([tuple([atom('DOWN'), var(M), atom(process), var(P), var(W)])], [], [var(W)])]}]).

%% Calls itself a few times.
loop(T, D, E) ->
    F = new_var(), N = new_var(), A = new_var(),
    E1 = [{N, int}, {A, T} | E],
    Stop = clause([int(0), var(A)], [], [var(A)]),
    Go = clause([var(N), var(A)], [], [{call, line(), var(F), [op('-', var(N), int(1)), gen(T, D - 1, E1)]}]),
    {call, line(), {named_fun, line(), F, [Stop, Go]}, [int(r(5)), gen(T, D, E)]}.

raised(D, E) ->
    weigh([{3, fun() -> call(one([throw, error, exit]), [gen(any, D, E)]) end},
           {1, fun() -> call(error, [gen(any, D, E), list([gen(any, D, E)])]) end},
           {1, fun() -> call(erlang, raise, [atom(one([throw, error, exit])), gen(any, D, E), {nil, line()}]) end}]).

%% A table, filled and asked; what it says is sorted.
table(D, E) ->
    T = new_var(),
    Kind = one([set, ordered_set, bag, duplicate_bag]),
    Row = fun() -> tuple([gen(key(), D - 1, E), gen(any, D - 1, E)]) end,
    Asked = weigh([{2, fun() -> call(ets, tab2list, [var(T)]) end}, {2, fun() -> call(ets, lookup, [var(T), gen(key(), D - 1, E)]) end},
                   {1, fun() -> call(ets, match, [var(T), lit({'$1', '_'})]) end},
                   {1, fun() -> call(ets, select, [var(T), lit([{{'$1', '$2'}, [{'>', '$1', 3}], [{{'$2', '$1'}}]}])]) end},
                   {1, fun() -> list([call(ets, update_counter, [var(T), gen(int, D - 1, E), int(r(9)), lit({1, 5})])]) end}]),
    block([match(var(T), call(ets, new, [atom(t), list([atom(Kind)])])), call(ets, insert, [var(T), list([Row() || _ <- lists:seq(1, r(5))])]),
           call(lists, sort, [Asked])]).
