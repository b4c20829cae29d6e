BIF(a, b, 1, 0)
