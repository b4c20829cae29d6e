%% SPDX-License-Identifier: Apache-2.0
%% Which of several errors is raised, and whether the native that failed stands in the stack trace.
-module(error_place_tests).
-export([main/0, plus/1, less/1, more/1, less_negative/1, minus/1]).
-export([all_utf32/2, utf32_all/2, mixed/3, utf16_size_utf32/3, all_size_all/3, byte_all_size_all/3]).

main() -> operators(), segments(), sizes(), characters().

p(Label, F) -> t:p(io_lib:format("~0p", [Label]), F).

operators() ->
    [p(F, fun() -> top(fun() -> ?MODULE:F(X) end) end)
     || F <- [plus, less, more, less_negative, minus], X <- [a, [1], {}, <<1>>, fun lists:map/2]],
    t:p("plus", fun() -> [plus(X) || X <- [1, -1.5, 1 bsl 70, 0.0]] end),
    t:p("apply", fun() -> top(fun() -> apply(erlang, t:id('+'), [a]) end) end).

plus(X) -> Y = +X, {Y}.
less(X) -> Y = X - 4, {Y}.
more(X) -> Y = X + 4, {Y}.
less_negative(X) -> Y = X - -4, {Y}.
minus(X) -> Y = -X, {Y}.

top(F) ->
    try F()
    catch C:R:S ->
        {M, N, A, L} = hd(S),
        {C, R, M, N, A, proplists:get_value(error_info, L)}
    end.

segments() ->
    [p({F, A, B}, fun() -> top(fun() -> ?MODULE:F(A, B) end) end)
     || F <- [all_utf32, utf32_all], A <- [a, <<1>>, <<1:1>>], B <- [a, -1, 16#D800, 16#110000]],
    [p({F, A, S, B}, fun() -> top(fun() -> ?MODULE:F(A, S, B) end) end)
     || F <- [mixed, utf16_size_utf32, all_size_all, byte_all_size_all], A <- [a, <<1>>, <<1:1>>], S <- [-1, x, 8],
        B <- [a, <<1>>, <<1:1>>, 16#D800, 16#110000]].

all_utf32(A, B) -> <<A/binary, B/utf32>>.
utf32_all(A, B) -> <<B/utf32-little, A/binary, B/utf8>>.
mixed(A, S, B) -> <<A/utf8, S:S, B/binary>>.
utf16_size_utf32(A, S, B) -> <<B/utf16, A:S, B/utf32>>.
all_size_all(A, S, B) -> <<A/binary, 1:S, B/binary>>.
byte_all_size_all(A, S, B) -> <<1, A/binary, 1:S, B/binary>>.

sizes() ->
    [t:p("size", fun() -> erlang:external_size(X) end)
     || X <- [fun() -> ok end, fun(Y) -> Y + t:id(1) end, fun lists:map/2, 1.5, <<1:3>>, 1 bsl 70, [300, 1]]].

characters() ->
    [p({F, X}, fun() -> unicode:F(X) end)
     || F <- [characters_to_list, characters_to_binary],
        X <- [[1, 1 bsl 64, {}], [1, -1 bsl 64 | a], [-1, {}], [1, {}], [[1, 1 bsl 64], {}], [<<255>>, a], [16#110000, a]]].
