%% SPDX-License-Identifier: Apache-2.0
%% Terms from any bytes: each byte says what comes next, so every change of an input is a term again. What is used
%% where the words of a language (match specifications) matter more than how terms are encoded; bytes/1 is the way back.
-module(target_terms).
-export([terms/1, bytes/1]).

-define(WORDS, 128). % first byte of a word
-define(DEEP, 30).

words() ->
    {'_', '$1', '$2', '$3', '$_', '$$', '$0', '$20', '$100000', a, b, true, false, undefined, {}, #{}, <<>>, 1.5, 0.0, <<"abc">>,
     <<5:3>>, 1 bsl 70, -(1 bsl 63), const, 'and', 'or', 'xor', 'not', 'andalso', 'orelse', '+', '-', '*', 'div', 'rem', 'band',
     'bor', 'bxor', 'bnot', 'bsl', 'bsr', '>', '>=', '<', '=<', '=:=', '==', '=/=', '/=', is_atom, is_float, is_integer,
     is_list, is_number, is_pid, is_port, is_reference, is_tuple, is_map, is_map_key, is_binary, is_bitstring, is_boolean,
     is_function, is_record, abs, element, hd, length, map_get, map_size, max, min, node, float, round, size, bit_size,
     byte_size, tl, trunc, binary_part, tuple_size, self, get_tcw, message, return_trace, exception_trace, silent,
     process_dump, caller, caller_line, current_stacktrace, display, get_seq_token, set_seq_token, enable_trace, ceil, floor, '/',
     'if', '$9', '$01', '$x', 'is_nil', "ab", 16#7FFFFFF, -1}.

%% At least one term, as many as the bytes give.
terms(B) ->
    {T, R} = term(B, ?DEEP),
    case R of <<>> -> [T]; _ -> [T | terms(R)] end.

term(<<>>, _) -> {[], <<>>};
term(<<_, R/binary>>, 0) -> {[], R};
term(<<N, R/binary>>, _) when N >= ?WORDS -> {element((N - ?WORDS) rem tuple_size(words()) + 1, words()), R};
term(<<N, R/binary>>, _) when N >= 64 -> {N - 70, R};
term(<<N, R/binary>>, D) when N < 16 -> several(N, R, D - 1, []);
term(<<N, R/binary>>, D) when N < 32 -> {L, R1} = several(N - 16, R, D - 1, []), {list_to_tuple(L), R1};
term(<<N, R/binary>>, D) when N < 40 -> {L, R1} = several(2 * (N - 32), R, D - 1, []), {maps:from_list(pairs(L)), R1};
term(<<N, R/binary>>, D) when N < 48 ->
    {Tail, R1} = term(R, D - 1),
    {L, R2} = several(N - 39, R1, D - 1, []),
    {L ++ Tail, R2};
term(<<48, I:64/signed, R/binary>>, _) -> {I, R};
term(<<49, F/float, R/binary>>, _) -> {F, R};
term(<<50, N, R/binary>>, _) when N =< byte_size(R) -> split_binary(R, N);
term(<<51, N, R/binary>>, _) -> {lists:seq(1, N), R};
term(<<52, N, R/binary>>, _) -> {maps:from_list([{I, I} || I <- lists:seq(1, N)]), R};
term(<<53, N, R/binary>>, _) -> {1 bsl (N * 8), R};
term(<<54, R/binary>>, _) -> {self(), R};
term(<<55, R/binary>>, _) -> {fun lists:map/2, R};
term(<<_, R/binary>>, _) -> {make_ref(), R}.

several(0, R, _, L) -> {lists:reverse(L), R};
several(N, R, D, L) -> {T, R1} = term(R, D), several(N - 1, R1, D, [T | L]).

pairs([K, V | L]) -> [{K, V} | pairs(L)];
pairs([]) -> [].

bytes(T) ->
    case [I || {I, W} <- lists:zip(lists:seq(0, tuple_size(words()) - 1), tuple_to_list(words())), W =:= T] of
        [N | _] -> <<(?WORDS + N)>>;
        [] -> built(T)
    end.

built(T) when is_integer(T), T >= -6, T < 58 -> <<(T + 70)>>;
built(T) when is_integer(T) -> <<48, T:64>>;
built(T) when is_float(T) -> <<49, T/float>>;
built(T) when is_binary(T) -> <<50, (byte_size(T)), T/binary>>;
built(T) when is_tuple(T) -> all(16 + tuple_size(T), tuple_to_list(T));
built(T) when is_map(T) -> all(32 + map_size(T), lists:append([[K, V] || {K, V} <- maps:to_list(T)]));
built(T) when is_list(T) ->
    case improper(T, []) of
        {L, []} -> all(length(L), L);
        {L, Tail} -> all(39 + length(L), [Tail | L])
    end.

improper([H | T], L) -> improper(T, [H | L]);
improper(Tail, L) -> {lists:reverse(L), Tail}.

all(N, L) -> iolist_to_binary([N | [bytes(E) || E <- L]]).
