%% SPDX-License-Identifier: Apache-2.0
%% Code without a line of its own shows the last one before it that is kept: not that of a call in tail position behind a
%% move to x0 (random modules 558493, 591453).
-module(tail_call_line).
-export([main/0]).

main() ->
    [t:p(Name, fun() -> lines(Move, Call) end)
     || {Name, Move, Call} <- [{"moved", {move, {x, 1}, {x, 0}}, {call_ext_only, 1, {extfunc, lists, sort, 1}}},
                               {"local", {move, {x, 1}, {x, 0}}, {call_only, 2, {f, 2}}},
                               {"elsewhere", {move, {x, 0}, {x, 1}}, {call_ext_only, 1, {extfunc, lists, sort, 1}}},
                               {"native", {move, {x, 1}, {x, 0}}, {call_ext_only, 1, {extfunc, erlang, list_to_atom, 1}}}]].

lines(Move, Call) ->
    Code = [{label, 1}, {line, [{location, "lines.erl", 10}]}, {func_info, {atom, lines}, {atom, f}, 2},
            {label, 2}, {test, is_atom, {f, 3}, [{x, 0}]}, Move, {line, [{location, "lines.erl", 100}]}, Call,
            {label, 3}, {allocate, 0, 1}, {call_ext, 1, {extfunc, lists, last, 1}}, {deallocate, 0}, return],
    {ok, lines, Bin} = compile:forms({lines, [{f, 2}], [], [{function, f, 2, 2, Code}], 4}, [from_asm]),
    {module, lines} = code:load_binary(lines, "lines.beam", Bin),
    R = try lines:f(1, 2) catch error:E:S -> {E, [Line || {lines, _, _, Line} <- S]} end,
    code:delete(lines),
    code:purge(lines),
    R.
