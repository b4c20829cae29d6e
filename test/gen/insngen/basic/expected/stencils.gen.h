/* Made by tools/insngen.c from vm/exec/ (the .insn files). */

STENCIL(0, add_fxxx)
{
#line 2 "case.insn"

    if (SMALLS(XREG(1), 'x', XREG(2))) XREG(3) = XREG(1) + XREG(2);
    else SLOW_(add_fxxx, 0);
NEXT(2);
}

STENCIL(1, add_fxxy)
{
#line 2 "case.insn"

    if (SMALLS(XREG(1), 'x', XREG(2))) YREG(3) = XREG(1) + XREG(2);
    else SLOW_(add_fxxy, 1);
NEXT(2);
}

STENCIL(2, add_fxnx)
{
#line 2 "case.insn"

    if (SMALLS(XREG(1), 'x', IMM(2))) XREG(3) = XREG(1) + IMM(2);
    else SLOW_(add_fxnx, 2);
NEXT(2);
}

STENCIL(3, add_fxny)
{
#line 2 "case.insn"

    if (SMALLS(XREG(1), 'x', IMM(2))) YREG(3) = XREG(1) + IMM(2);
    else SLOW_(add_fxny, 3);
NEXT(2);
}

STENCIL(4, add_fnxx)
{
#line 2 "case.insn"

    if (SMALLS(IMM(1), 'n', XREG(2))) XREG(3) = IMM(1) + XREG(2);
    else SLOW_(add_fnxx, 4);
NEXT(2);
}

STENCIL(5, add_fnxy)
{
#line 2 "case.insn"

    if (SMALLS(IMM(1), 'n', XREG(2))) YREG(3) = IMM(1) + XREG(2);
    else SLOW_(add_fnxy, 5);
NEXT(2);
}

STENCIL(6, add_fnnx)
{
#line 2 "case.insn"

    if (SMALLS(IMM(1), 'n', IMM(2))) XREG(3) = IMM(1) + IMM(2);
    else SLOW_(add_fnnx, 6);
NEXT(3);
}

STENCIL(7, add_fnny)
{
#line 2 "case.insn"

    if (SMALLS(IMM(1), 'n', IMM(2))) YREG(3) = IMM(1) + IMM(2);
    else SLOW_(add_fnny, 7);
NEXT(3);
}

STENCIL(8, add_fSSD)
{
#line 2 "case.insn"

    if (SMALLS(SRC(WORD(1)), 'S', SRC(WORD(2)))) (*DST(NUM(3))) = SRC(WORD(1)) + SRC(WORD(2));
    else SLOW_(add_fSSD, 8);
NEXT(4);
}

STENCIL(9, nothing)
{
#line 8 "case.insn"
 NEXT(1);
}

STENCIL(10, tuple_x)
{
#line 10 "case.insn"

    for (unsigned i_ = 0; i_ < TRAILING; i_++) put((PC + 2)[i_]); /* } */
    if (x == '}') GOTO(raise);
NEXT(2 + TRAILING);
}

STENCIL(11, tuple_y)
{
#line 10 "case.insn"

    for (unsigned i_ = 0; i_ < TRAILING; i_++) put((PC + 2)[i_]); /* } */
    if (x == '}') GOTO(raise);
NEXT(2 + TRAILING);
}

STENCIL(12, pointer__wtu)
{
#line 14 "case.insn"
 use(WORD(1), NUM(2), NUM(3), 3); NEXT(3);
}
