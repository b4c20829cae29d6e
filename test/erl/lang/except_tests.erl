%% SPDX-License-Identifier: Apache-2.0
%% try, catch, after, stack traces, errors of natives and their error_info.
-module(except_tests).
-export([main/0, deep/1]).

main() ->
    t:p("throw", fun() -> throw(x) end),
    t:p("exit", fun() -> exit({a, 1}) end),
    t:p("error", fun() -> error(boom) end),
    t:p("error/2", fun() -> error(boom, [1, 2]) end),
    t:p("old catch", fun() -> [catch throw(a), catch exit(b), element(1, catch error(c))] end),
    t:p("catch of error", fun() -> {'EXIT', {c, [{M, F, A, _} | _]}} = (catch fail(c)), {M, F, A} end),
    t:p("of", fun() -> try t:id(1) of 1 -> one after io:format("after~n") end end),
    t:p("try_clause", fun() -> try t:id(2) of 1 -> one catch _ -> never end end),
    t:p("after on error", fun() -> try error(x) after io:format("cleanup~n") end end),
    t:p("rethrow", fun() -> try error(x) catch C:R:S -> erlang:raise(C, {again, R}, S) end end),
    t:p("raise checks", fun() -> erlang:raise(not_a_class, x, []) end),
    t:p("nested", fun() -> try try throw(a) catch error:_ -> wrong end catch throw:a -> right end end),
    t:p("stack of deep", fun() ->
        try deep(5) catch error:bottom:S -> [{F, A} || {except_tests, F, A, _} <- S, F =:= deep] end end),
    t:p("args in function_clause", fun() ->
        try deep(a) catch error:function_clause:S -> mfa(S) end end),
    t:p("args in bif error", fun() ->
        try element(t:id(3), {a}) catch error:badarg:S -> mfa(S) end end),
    t:p("undef", fun() ->
        try no_module:f(1, t:id(2)) catch error:undef:S -> mfa(S) end end),
    t:p("line", fun() -> try fail(l) catch _:_:S -> lists:keymember(line, 1, element(4, hd(S))) end end),
    t:each(fun native/1, [
        {atom_to_list, [1]}, {list_to_integer, ["x"]}, {list_to_atom, [a]}, {tuple_size, [[]]},
        {binary_to_atom, [<<255>>, utf8]}, {hd, [[]]}, {length, [[a | b]]}, {map_get, [k, #{}]},
        {map_get, [k, not_map]}, {'+', [a, 1]}, {'div', [1, 0]}, {'bsl', [1, a]}, {float, ["1"]},
        {integer_to_list, [1, 99]}, {setelement, [0, {}, x]}, {binary_part, [<<"abc">>, 2, 5]},
        {list_to_binary, [[256]]}, {iolist_to_binary, [[a]]}, {spawn, [x]}, {'!', [no_such_name, m]},
        {link, [a]}, {register, [undefined, x]}, {apply, [lists, no_such, []]}, {binary_to_term, [<<1, 2>>]},
        {process_flag, [no_such_flag, true]}, {make_tuple, [-1, x]}, {trunc, [foo]}, {'++', [a, []]},
        {'--', [[1 | 2], []]}, {max, [1]}, {node, [x]}, {send_after, [-1, self, x]}]).

deep(0) -> error(bottom);
deep(N) when is_integer(N) -> R = deep(N - 1), t:id(R).

fail(R) -> error(R).
mfa([{M, F, A, _} | _]) -> {M, F, A}.

native({F, Args0}) ->
    Args = [case A of self -> self(); _ -> A end || A <- Args0],
    try apply(erlang, F, Args) of R -> {ok, R}
    catch C:R:S ->
        Info = case S of
                   [{_, _, _, L} | _] -> [maps:with([cause], I) || {error_info, I} <- L];
                   _ -> none
               end,
        {C, R, Info}
    end.
