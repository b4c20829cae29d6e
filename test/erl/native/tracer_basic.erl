%% SPDX-License-Identifier: Apache-2.0
%% A tracer module with the two natives that each must have (tracer_tests.c).
-module(tracer_basic).
-export([enabled/3, trace/5]).
-on_load(load/0).

load() -> erlang:load_nif("./tracer_basic", 0).
enabled(_, _, _) -> erlang:nif_error(not_loaded).
trace(_, _, _, _, _) -> erlang:nif_error(not_loaded).
