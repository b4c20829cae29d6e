# SPDX-License-Identifier: Apache-2.0
# What vm/exec/interp.c needs besides the flags of all files: tail calls, no pushes, one symbol per handler.
CFLAGS_interp = -foptimize-sibling-calls -fno-stack-protector -fcf-protection=none -fomit-frame-pointer \
    -fno-tree-vectorize $(if $(CLANG),,-fno-ipa-icf -fno-ipa-ra -fno-reorder-blocks-and-partition) \
    -Wno-volatile-register-var
# clang's warnings follow the control flow, which in one function of all handlers takes them minutes; gcc's see it too.
ifneq ($(CLANG),)
CFLAGS_interp += -w
endif
# The same for native code, whatever the TYPE, and: nothing but code, addresses as symbols, no padding.
CFLAGS_stencils = $(CFLAGS_interp) -O2 -g0 -fno-pic -mcmodel=small -ffunction-sections -fno-jump-tables \
    -fno-asynchronous-unwind-tables -fno-align-functions -fno-align-jumps -fno-align-labels -fno-align-loops
# One function holds all handlers there: checks of each pointer would take the compiler minutes.
ifeq ($(TYPE),ubsan)
CFLAGS_interp += -fno-sanitize=null,alignment,object-size,pointer-overflow
endif
