%% SPDX-License-Identifier: Apache-2.0
%% Modules from generic instructions, past the compiler and its validator.
-module(forge).
-export([binary/2, binary/3, try_load/2, quiet/0, log/2]).

%% One function f/Arity; label 1 is its func_info, 2 its entry. Others from 3 on.
binary(Arity, Code) -> binary(Arity, Code, []).

%% More: [{Name, Arity, EntryLabel, Code}], each with a func_info label before its entry; {in_front, Code}: before all.
binary(Arity, Code, More) ->
    [First | Rest] = [function(N, A, E, C) || {N, A, E, C} <- [{f, Arity, 2, Code} | More]],
    InFront = lists:append([C || {in_front, C} <- More]),
    Fs = [setelement(5, First, InFront ++ element(5, First)) | Rest],
    Module = {forged, [{f, Arity}], [], Fs, 1 + lists:max(labels(Fs))},
    {ok, Bin} = beam_asm:module(Module, [], [], []),
    Bin.

labels(T) when is_list(T) -> lists:append([labels(E) || E <- T]);
labels({label, L}) -> [L];
labels(T) when is_tuple(T) -> labels(tuple_to_list(T));
labels(_) -> [].

function(Name, Arity, Entry, Code) ->
    {function, Name, Arity, Entry,
     [{label, Entry - 1}, {func_info, {atom, forged}, {atom, Name}, Arity}, {label, Entry} | Code]}.

%% The reason of the refusal, or the prepared code.
try_load(Module, Bin) ->
    case erlang:prepare_loading(Module, Bin) of
        {error, badfile} -> receive {refused, Text} -> Text after 5000 -> no_report end;
        Prepared -> {prepared, Prepared}
    end.

%% Reports go to the caller from here on.
quiet() ->
    logger:remove_handler(default),
    logger:add_handler(forge, ?MODULE, #{config => self()}).

log(#{msg := {report, _}}, _) -> ok;
log(#{msg := {Format, Args}}, #{config := Pid}) ->
    Text = lists:flatten(io_lib:format(Format, Args)),
    case string:split(string:trim(Text), "\n") of
        ["Error loading module" ++ _, Why] -> Pid ! {refused, string:trim(Why)};
        _ -> Pid ! {other, Text}
    end;
log(_, _) -> ok.
