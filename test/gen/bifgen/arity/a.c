BIF(a, b, two, 0)
