%% SPDX-License-Identifier: Apache-2.0
%% Integers around the ends of smalls, of one limb and of two: every operation on every pair, and their texts.
-module(wide_integer_tests).
-export([main/0]).

main() ->
    Vs = values(),
    [io:format("~s ~p~n", [Name, erlang:phash2([catch F(A, B) || A <- Vs, B <- Vs])]) || {Name, F} <- operations()],
    [io:format("~s ~p~n", [Name, erlang:phash2([[catch F(A, S) || A <- Vs] || S <- shifts()])]) || {Name, F} <- shifting()],
    [true = A - B =:= -(B - A) andalso (A + B) - B =:= A andalso (A bxor B) bxor B =:= A andalso (A * B) =:= -(A * -B)
         andalso (A band B) + (A bor B) =:= A + B || A <- Vs, B <- Vs],
    [text(A) || A <- Vs],
    [io:format("~w ~w~n", [T, catch list_to_integer(T)]) || T <- texts()],
    [Same = catch list_to_integer(T) || T <- texts(), Same <- [without_place(catch binary_to_integer(list_to_binary(T)))], is_integer(Same)].

values() ->
    lists:usort([S * ((1 bsl K) + D) || K <- [0, 1, 7, 31, 32, 57, 58, 59, 60, 61, 62, 63, 64, 65, 95, 124, 125, 126, 127, 128, 129, 190, 192],
                                        D <- [-1, 0, 1], S <- [1, -1]]).

operations() ->
    [{"+", fun(A, B) -> A + B end}, {"-", fun(A, B) -> A - B end}, {"*", fun(A, B) -> A * B end}, {"div", fun(A, B) -> A div B end},
     {"rem", fun(A, B) -> A rem B end}, {"band", fun(A, B) -> A band B end}, {"bor", fun(A, B) -> A bor B end},
     {"bxor", fun(A, B) -> A bxor B end}, {"<", fun(A, B) -> A < B end}, {"/", fun(A, B) -> A / B end},
     {"+ float", fun(A, B) -> A + float(B) end}, {"float *", fun(A, B) -> float(A) * B end}].

shifts() -> [0, 1, 3, 31, 58, 59, 60, 61, 63, 64, 65, 66, 100, 125, 126, 127, 128, 129, 191, 200].

shifting() -> [{"bsl", fun(A, S) -> A bsl S end}, {"bsr", fun(A, S) -> A bsr S end}, {"bnot", fun(A, S) -> bnot A + S end}, {"neg", fun(A, S) -> -A - S end}].

text(A) ->
    A = list_to_integer(integer_to_list(A)),
    A = binary_to_integer(integer_to_binary(A)),
    [A = list_to_integer(integer_to_list(A, Base), Base) || Base <- [2, 3, 16, 36]],
    io:format("~s ~w~n", [integer_to_binary(A), integer_to_list(A)]).

texts() ->
    ["", "+", "-", "+0", "-0", "00000000000000000000000000000000000012", "12345678901234567", "123456789012345678", "1234567890123456789",
     "-12345678901234567", "-123456789012345678", "+12345678901234567", "99999999999999999", "999999999999999999", "1 ", " 1", "1a", "--1", "+-1",
     "-576460752303423488", "576460752303423487", "576460752303423488", "-576460752303423489", [49, 300], [49 | 50], [a]].

without_place({'EXIT', {Reason, _}}) -> Reason;
without_place(N) -> N.
