%% SPDX-License-Identifier: Apache-2.0
%% Whether the stack trace of a failed sum names the native depends on where the constants stand and on their size.
-module(sum_trace).
-compile([export_all, nowarn_export_all]).

main() ->
    [io:format("~p: ~w~n", [F, first(F)])
     || {F, 1} <- lists:sort(?MODULE:module_info(exports)), lists:suffix("_t", atom_to_list(F))].

first(F) -> try apply(?MODULE, F, [a]) catch error:badarith:Trace -> setelement(4, hd(Trace), where) end.

add_one_right_t(X) -> X + 1.
add_one_left_t(X) -> 1 + X.
sub_one_right_t(X) -> X - 1.
sub_one_left_t(X) -> 1 - X.
mul_one_right_t(X) -> X * 1.
mul_one_left_t(X) -> 1 * X.
both_one_t(_) -> 1 + b.
both_less_one_t(_) -> [] - 1.
add_m31_right_t(X) -> X + 2147483647.
add_m31_left_t(X) -> 2147483647 + X.
sub_m31_right_t(X) -> X - 2147483647.
sub_m31_left_t(X) -> 2147483647 - X.
mul_m31_right_t(X) -> X * 2147483647.
mul_m31_left_t(X) -> 2147483647 * X.
both_m31_t(_) -> 2147483647 + b.
both_less_m31_t(_) -> [] - 2147483647.
add_max_right_t(X) -> X + 576460752303423487.
add_max_left_t(X) -> 576460752303423487 + X.
sub_max_right_t(X) -> X - 576460752303423487.
sub_max_left_t(X) -> 576460752303423487 - X.
mul_max_right_t(X) -> X * 576460752303423487.
mul_max_left_t(X) -> 576460752303423487 * X.
both_max_t(_) -> 576460752303423487 + b.
both_less_max_t(_) -> [] - 576460752303423487.
add_min_right_t(X) -> X + -576460752303423488.
add_min_left_t(X) -> -576460752303423488 + X.
sub_min_right_t(X) -> X - -576460752303423488.
sub_min_left_t(X) -> -576460752303423488 - X.
mul_min_right_t(X) -> X * -576460752303423488.
mul_min_left_t(X) -> -576460752303423488 * X.
both_min_t(_) -> -576460752303423488 + b.
both_less_min_t(_) -> [] - -576460752303423488.
add_neg_right_t(X) -> X + -5.
add_neg_left_t(X) -> -5 + X.
sub_neg_right_t(X) -> X - -5.
sub_neg_left_t(X) -> -5 - X.
mul_neg_right_t(X) -> X * -5.
mul_neg_left_t(X) -> -5 * X.
both_neg_t(_) -> -5 + b.
both_less_neg_t(_) -> [] - -5.
add_big_right_t(X) -> X + 576460752303423488.
add_big_left_t(X) -> 576460752303423488 + X.
sub_big_right_t(X) -> X - 576460752303423488.
sub_big_left_t(X) -> 576460752303423488 - X.
mul_big_right_t(X) -> X * 576460752303423488.
mul_big_left_t(X) -> 576460752303423488 * X.
both_big_t(_) -> 576460752303423488 + b.
both_less_big_t(_) -> [] - 576460752303423488.
add_fl_right_t(X) -> X + 1.5.
add_fl_left_t(X) -> 1.5 + X.
sub_fl_right_t(X) -> X - 1.5.
sub_fl_left_t(X) -> 1.5 - X.
mul_fl_right_t(X) -> X * 1.5.
mul_fl_left_t(X) -> 1.5 * X.
both_fl_t(_) -> 1.5 + b.
both_less_fl_t(_) -> [] - 1.5.
add_atom_right_t(X) -> X + b.
add_atom_left_t(X) -> b + X.
sub_atom_right_t(X) -> X - b.
sub_atom_left_t(X) -> b - X.
mul_atom_right_t(X) -> X * b.
mul_atom_left_t(X) -> b * X.
plus_atom_t(_) -> + b.
both_atom_t(_) -> b + b.
both_less_atom_t(_) -> [] - b.
add_list_right_t(X) -> X + [c].
add_list_left_t(X) -> [c] + X.
sub_list_right_t(X) -> X - [c].
sub_list_left_t(X) -> [c] - X.
mul_list_right_t(X) -> X * [c].
mul_list_left_t(X) -> [c] * X.
plus_list_t(_) -> + [c].
both_list_t(_) -> [c] + b.
both_less_list_t(_) -> [] - [c].
