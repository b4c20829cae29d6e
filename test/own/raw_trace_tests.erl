%% SPDX-License-Identifier: Apache-2.0
%% What try_case leaves in x2 is a term with a bignum in it. Code that no compiler has made can return it, and its last
%% limb was 0 when the stack was shallow: printing it asked for petabytes. (The reference refuses its own.)
-module(raw_trace_tests).
-export([main/0]).

main() ->
    {ok, m, Code} = compile:forms(assembly(), [from_asm, binary, no_postopt]),
    {module, m} = code:load_binary(m, "none", Code),
    [_ | Number] = m:caught(),
    Limbs = erts_debug:flat_size(Number) - 1,
    io:format("~p ~p~n", [Number bsr (64 * (Limbs - 1)) > 0, is_list(integer_to_list(Number))]).

assembly() ->
    {m, [{caught, 0}], [],
     [{function, caught, 0, 2,
       [{label, 1}, {func_info, {atom, m}, {atom, caught}, 0},
        {label, 2}, {allocate, 1, 0}, {'try', {y, 0}, {f, 3}},
        {move, {atom, x}, {x, 0}}, {call_ext, 1, {extfunc, erlang, error, 1}},
        {label, 3}, {try_case, {y, 0}}, {move, {x, 2}, {x, 0}}, {deallocate, 1}, return]}], 4}.
