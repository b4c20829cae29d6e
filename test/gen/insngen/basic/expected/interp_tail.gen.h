/* Made by tools/insngen.c from vm/exec/ (the .insn files). */
SHARED int rt_raise(void);

ROUTINE(raise)
{
#line 15 "case.insn"
 fail(); }

SLOW_OP(add_fxxx)
{
#line 5 "case.insn"

    X[F16(8)] = slow_add("A is not replaced here", X[F16(4)], X[F16(6)]);
NEXT(2);
}

OP(0, add_fxxx)
{ ENTER(0); {
#line 2 "case.insn"

    if (SMALLS(X[F16(4)], 'x', X[F16(6)])) X[F16(8)] = X[F16(4)] + X[F16(6)];
    else SLOW_(add_fxxx, 0);
} NEXT(2);
}

SLOW_OP(add_fxxy)
{
#line 5 "case.insn"

    E[F16(8)] = slow_add("A is not replaced here", X[F16(4)], X[F16(6)]);
NEXT(2);
}

OP(1, add_fxxy)
{ ENTER(1); {
#line 2 "case.insn"

    if (SMALLS(X[F16(4)], 'x', X[F16(6)])) E[F16(8)] = X[F16(4)] + X[F16(6)];
    else SLOW_(add_fxxy, 1);
} NEXT(2);
}

SLOW_OP(add_fxnx)
{
#line 5 "case.insn"

    X[F16(6)] = slow_add("A is not replaced here", X[F16(4)], ((term_t)(int64_t)F32S(12)));
NEXT(2);
}

OP(2, add_fxnx)
{ ENTER(2); {
#line 2 "case.insn"

    if (SMALLS(X[F16(4)], 'x', ((term_t)(int64_t)F32S(12)))) X[F16(6)] = X[F16(4)] + ((term_t)(int64_t)F32S(12));
    else SLOW_(add_fxnx, 2);
} NEXT(2);
}

SLOW_OP(add_fxny)
{
#line 5 "case.insn"

    E[F16(6)] = slow_add("A is not replaced here", X[F16(4)], ((term_t)(int64_t)F32S(12)));
NEXT(2);
}

OP(3, add_fxny)
{ ENTER(3); {
#line 2 "case.insn"

    if (SMALLS(X[F16(4)], 'x', ((term_t)(int64_t)F32S(12)))) E[F16(6)] = X[F16(4)] + ((term_t)(int64_t)F32S(12));
    else SLOW_(add_fxny, 3);
} NEXT(2);
}

SLOW_OP(add_fnxx)
{
#line 5 "case.insn"

    X[F16(6)] = slow_add("A is not replaced here", ((term_t)(int64_t)F32S(12)), X[F16(4)]);
NEXT(2);
}

OP(4, add_fnxx)
{ ENTER(4); {
#line 2 "case.insn"

    if (SMALLS(((term_t)(int64_t)F32S(12)), 'n', X[F16(4)])) X[F16(6)] = ((term_t)(int64_t)F32S(12)) + X[F16(4)];
    else SLOW_(add_fnxx, 4);
} NEXT(2);
}

SLOW_OP(add_fnxy)
{
#line 5 "case.insn"

    E[F16(6)] = slow_add("A is not replaced here", ((term_t)(int64_t)F32S(12)), X[F16(4)]);
NEXT(2);
}

OP(5, add_fnxy)
{ ENTER(5); {
#line 2 "case.insn"

    if (SMALLS(((term_t)(int64_t)F32S(12)), 'n', X[F16(4)])) E[F16(6)] = ((term_t)(int64_t)F32S(12)) + X[F16(4)];
    else SLOW_(add_fnxy, 5);
} NEXT(2);
}

SLOW_OP(add_fnnx)
{
#line 5 "case.insn"

    X[F16(4)] = slow_add("A is not replaced here", ((term_t)(int64_t)F32S(12)), ((term_t)(int64_t)F32S(16)));
NEXT(3);
}

OP(6, add_fnnx)
{ ENTER(6); {
#line 2 "case.insn"

    if (SMALLS(((term_t)(int64_t)F32S(12)), 'n', ((term_t)(int64_t)F32S(16)))) X[F16(4)] = ((term_t)(int64_t)F32S(12)) + ((term_t)(int64_t)F32S(16));
    else SLOW_(add_fnnx, 6);
} NEXT(3);
}

SLOW_OP(add_fnny)
{
#line 5 "case.insn"

    E[F16(4)] = slow_add("A is not replaced here", ((term_t)(int64_t)F32S(12)), ((term_t)(int64_t)F32S(16)));
NEXT(3);
}

OP(7, add_fnny)
{ ENTER(7); {
#line 2 "case.insn"

    if (SMALLS(((term_t)(int64_t)F32S(12)), 'n', ((term_t)(int64_t)F32S(16)))) E[F16(4)] = ((term_t)(int64_t)F32S(12)) + ((term_t)(int64_t)F32S(16));
    else SLOW_(add_fnny, 7);
} NEXT(3);
}

SLOW_OP(add_fSSD)
{
#line 5 "case.insn"

    (*DST(F16(4))) = slow_add("A is not replaced here", SRC(F64(16)), SRC(F64(24)));
NEXT(4);
}

OP(8, add_fSSD)
{ ENTER(8); {
#line 2 "case.insn"

    if (SMALLS(SRC(F64(16)), 'S', SRC(F64(24)))) (*DST(F16(4))) = SRC(F64(16)) + SRC(F64(24));
    else SLOW_(add_fSSD, 8);
} NEXT(4);
}

OP(9, nothing)
{ ENTER(9); {
#line 8 "case.insn"
 } NEXT(1);
}

OP(10, tuple_x)
{ ENTER(10); {
#line 10 "case.insn"

    for (unsigned i_ = 0; i_ < F32(8); i_++) put((PC + 2)[i_]); /* } */
    if (x == '}') GOTO(raise);
} NEXT(2 + F32(8));
}

OP(11, tuple_y)
{ ENTER(11); {
#line 10 "case.insn"

    for (unsigned i_ = 0; i_ < F32(8); i_++) put((PC + 2)[i_]); /* } */
    if (x == '}') GOTO(raise);
} NEXT(2 + F32(8));
}

OP(12, pointer__wtu)
{ ENTER(12); {
#line 14 "case.insn"
 use(F64(16), F16(4), F32(8), 3); } NEXT(3);
}

HANDLERS_BEGIN
HANDLER(add_fxxx)
HANDLER(add_fxxy)
HANDLER(add_fxnx)
HANDLER(add_fxny)
HANDLER(add_fnxx)
HANDLER(add_fnxy)
HANDLER(add_fnnx)
HANDLER(add_fnny)
HANDLER(add_fSSD)
HANDLER(nothing)
HANDLER(tuple_x)
HANDLER(tuple_y)
HANDLER(pointer__wtu)
HANDLERS_END
