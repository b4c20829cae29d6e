BIF(erlang, abs, 1, GUARD)
BIF(erlang, abs, 0, 0)
