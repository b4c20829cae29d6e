
BIF(a, c, 1, 0)
BIF(a, b, 1, GUARD)
