# SPDX-License-Identifier: Apache-2.0
# Builds Joist. The commands a user needs:
#   make run      set everything up, build, run the example release on Joist
#   make check    set everything up, build, run every test; ends with "N passed, N failed"
#   make          the VM, its launchers and bin/;  make TYPE=debug|checked|asan|ubsan|tsan|fuzz
#   make fuzz     the coverage-guided fuzzers, an hour each;  make fuzz FUZZ='code 600'
#   make install prefix=DIR [DESTDIR=DIR]
#   make gen      only the generated sources;  make build/release/vm/term/atom.o  one object
# Works in the source folder and, through configure, in any other folder.

SRC := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
TYPE ?= release
B := build
OBJ := $(B)/$(TYPE)
GEN := $(B)/gen
TOOLS := $(B)/tools
BIN := bin
SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# A fresh clone has no configure and no config.mk: both are made here, before anything else is read.
# `make run` and `make check` first install what is missing; other goals only let configure name it.
GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out clean distclean setup,$(GOALS)),)
include config.mk
endif

config.mk: $(SRC)/configure $(SRC)/tools/config.mk.in
	@$(if $(filter run check,$(GOALS)),$(SRC)/tools/setup build)
	@if test -x config.status && test ! $(SRC)/configure -nt config.status; \
	then ./config.status --quiet; else $(SRC)/configure; fi
	@touch $@

$(SRC)/configure: $(SRC)/configure.ac
	@$(if $(filter run check,$(GOALS)),$(SRC)/tools/setup build)
	@command -v autoconf >/dev/null || \
	    { echo "autoconf is missing (Debian package: autoconf), or: $(SRC)/tools/setup build" >&2; exit 1; }
	cd $(SRC) && autoconf && rm -rf autom4te.cache

# ---- flags -------------------------------------------------------------------------------------

TYPE_CFLAGS_release := -O2 -g -fno-tree-vectorize
TYPE_CFLAGS_debug := -O0 -g -DJOIST_DEBUG -DJOIST_SWITCH
TYPE_CFLAGS_checked := -O1 -g -foptimize-sibling-calls -DJOIST_DEBUG -DJOIST_CHECKED
SANITIZE := -O1 -g -fno-omit-frame-pointer -DJOIST_DEBUG -DJOIST_SWITCH
TYPE_CFLAGS_asan := $(SANITIZE) -fsanitize=address
TYPE_CFLAGS_ubsan := $(SANITIZE) -fsanitize=undefined -fno-sanitize-recover=undefined
TYPE_CFLAGS_tsan := $(SANITIZE) -fsanitize=thread
TYPE_CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -DJOIST_SWITCH -DJOIST_CHECKED -fsanitize=fuzzer-no-link,address
TYPE_LDFLAGS_asan := -fsanitize=address
TYPE_LDFLAGS_ubsan := -fsanitize=undefined
TYPE_LDFLAGS_tsan := -fsanitize=thread
TYPE_LDFLAGS_fuzz := -fsanitize=fuzzer-no-link,address
ifeq ($(TYPE_CFLAGS_$(TYPE)),)
$(error TYPE=$(TYPE) is not one of release debug checked asan ubsan tsan fuzz)
endif

# The fuzzers' instrumentation is clang's alone, whatever compiler everything else is made with.
FUZZ_CC ?= clang
ifeq ($(TYPE),fuzz)
override CC := $(FUZZ_CC)
endif

# What the compiler says of itself. CLANG: it does not know some of gcc's flags. JIT: native code (vm/exec/jit), where
# the interpreter keeps its registers: gcc, x86-64, no sanitizer.
SAYS := $(shell $(CC) -dM -E -x c /dev/null 2>/dev/null | awk '$$2 ~ /^__(x86_64|clang)__$$/ { print $$2 }')
CLANG := $(filter __clang__,$(SAYS))
GCC_X86 := $(and $(filter __x86_64__,$(SAYS)),$(if $(CLANG),,yes))
JIT := $(and $(filter release checked,$(TYPE)),$(GCC_X86))

# By itself gcc clears a struct of 100 bytes with `rep stos`, whose start alone takes longer than the stores.
STRING_OPS := vector_loop:512:noalign,libcall:-1:noalign
TYPE_CFLAGS_release += $(if $(GCC_X86),-mmemset-strategy=$(STRING_OPS) -mmemcpy-strategy=$(STRING_OPS))

# CFLAGS_x: what the one file x.c needs besides.
include $(SRC)/vm/exec/flags.mk
WARN := -Wall -Wextra -Wno-unused-parameter \
    $(if $(CLANG),-Wno-gnu-variable-sized-type-not-at-end,-Wno-format-truncation) \
    -Werror=implicit-function-declaration -Werror=int-conversion -Werror=incompatible-pointer-types
JCFLAGS := -std=gnu11 -D_GNU_SOURCE $(TYPE_CFLAGS_$(TYPE)) -fno-strict-aliasing -pthread $(WARN) $(CFLAGS)
JCPPFLAGS := $(if $(JIT),-DJOIST_JIT) -I $(SRC)/vm -I $(SRC) -I $(SRC)/vm/include -I $(GEN) -isystem $(GEN)/atoms $(CPPFLAGS)
JLDFLAGS := $(TYPE_LDFLAGS_$(TYPE)) -rdynamic -pthread $(LDFLAGS)
HOSTCC ?= $(CC)
HOSTCFLAGS := -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wno-unused-parameter $(if $(CLANG),,-Wno-format-truncation)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' $(1) $(2);)

# Comparisons guide the fuzzers in what reads input; elsewhere, above all in the interpreter, they only cost time.
NOT_GUIDING := $(addprefix $(OBJ)/vm/,base/% heap/% code/% exec/% proc/% sched/%)
guiding = $(if $(filter fuzz,$(TYPE)),$(if $(filter $(NOT_GUIDING),$@),-fno-sanitize-coverage=trace-cmp))

# ---- sources -----------------------------------------------------------------------------------

find-src = $(sort $(patsubst $(SRC)/%,%,$(wildcard $(addprefix $(SRC)/,$(1)))))
VM_C := $(call find-src,vm/*/*.c $(if $(JIT),vm/exec/jit/*.c) loader/*.c bifs/*.c)
VM_C := $(filter-out vm/exec/jit/stencils.c,$(VM_C))
VM_H := $(call find-src,vm/*/*.h vm/*/*.def vm/exec/jit/*.h loader/*.h loader/*.def bifs/*.h bifs/*.def)
INSN := $(call find-src,vm/exec/*.insn)
LAUNCH_C := $(call find-src,vm/api/launch/*.c)
STDLIB_ERL := $(call find-src,stdlib/*.erl)

VM_OBJ := $(VM_C:%.c=$(OBJ)/%.o) $(OBJ)/gen/atoms/atoms.gen.o $(OBJ)/gen/bif_table.gen.o \
    $(if $(JIT),$(OBJ)/stencil/stencil_table.gen.o)
MAIN_OBJ := $(OBJ)/vm/api/main.o
LIB_OBJ := $(filter-out $(MAIN_OBJ),$(VM_OBJ))
LAUNCH_SH := $(call find-src,vm/api/launch/*.sh)
LAUNCH := $(LAUNCH_C:vm/api/launch/%.c=$(OBJ)/launch/%) $(LAUNCH_SH:vm/api/launch/%.sh=$(OBJ)/launch/%)

.PHONY: conformance all gen programs FORCE
all: $(OBJ)/joist programs $(BIN)/.made

# ---- generated sources: made before the first object, rewritten only when they change ------------

# atoms.gen.h counts as a system header, which keeps it out of the .d files: a new atom leaves the numbers of the
# others as they were, and an object that names a new atom is new itself. atoms.base tells when numbers did change.
ATOMS := $(GEN)/atoms
GEN_H := $(ATOMS)/atoms.gen.h $(GEN)/config.h
GEN_C := $(ATOMS)/atoms.gen.c $(GEN)/bif_table.gen.c
INSNGEN := $(if $(wildcard $(SRC)/tools/insngen.c),$(GEN)/insn.stamp)
gen: $(GEN_H) $(GEN_C) $(INSNGEN)

$(TOOLS)/%: $(SRC)/tools/%.c $(SRC)/tools/genlib.h
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@) $(HOSTCC) $(HOSTCFLAGS) -o $@ $<

# The generators read every source each time (a few milliseconds), so a deleted file is noticed too.
ATOM_SOURCES = $(addprefix $(SRC)/,$(VM_C) $(VM_H) $(INSN))
$(GEN)/atoms.stamp: FORCE $(TOOLS)/atomgen
	@mkdir -p $(ATOMS)
	$(Q)$(TOOLS)/atomgen $(ATOMS) $(SRC)/vm/term/atoms.def $(ATOM_SOURCES)
	@touch $@
$(GEN)/bifs.stamp: FORCE $(TOOLS)/bifgen
	@mkdir -p $(GEN)
	$(Q)$(TOOLS)/bifgen $(GEN) $(addprefix $(SRC)/,$(VM_C))
	@touch $@
$(GEN)/insn.stamp: $(TOOLS)/insngen $(addprefix $(SRC)/,$(INSN))
	@mkdir -p $(GEN)
	$(call say,INSN,$(GEN)) $(TOOLS)/insngen $(GEN) $(filter %.insn,$^)
	@touch $@
$(GEN)/config.stamp: config.mk $(SRC)/Makefile
	@mkdir -p $(GEN)
	@{ echo '/* Made by the Makefile from config.mk. */'; \
	   echo '#define JOIST_VERSION "$(VERSION)"'; \
	   echo '/* The OTP root when neither the command line, the environment nor the place of the executable tells. */'; \
	   echo '#define JOIST_OTP_ROOT "$(OTP_ROOT)"'; \
	   echo '#define JOIST_OTP_ERTS "$(OTP_ERTS)"'; } > $(GEN)/config.h.new
	@cmp -s $(GEN)/config.h.new $(GEN)/config.h || cp $(GEN)/config.h.new $(GEN)/config.h
	@rm -f $(GEN)/config.h.new; touch $@
$(ATOMS)/atoms.gen.h $(ATOMS)/atoms.gen.c $(ATOMS)/atoms.base: $(GEN)/atoms.stamp ;
$(GEN)/bif_table.gen.c: $(GEN)/bifs.stamp ;
$(GEN)/config.h: $(GEN)/config.stamp ;
INSN_GEN := insn_families.gen.h insn_variants.gen.h interp_tail.gen.h interp_switch.gen.h
$(addprefix $(GEN)/,$(INSN_GEN)): $(GEN)/insn.stamp ;

# ---- objects and programs ----------------------------------------------------------------------

# Rebuilds everything of one TYPE when the compiler or its flags change.
$(OBJ)/flags: FORCE
	@mkdir -p $(OBJ)
	@echo '$(CC) $(JCFLAGS) $(JCPPFLAGS)' | cmp -s - $@ || echo '$(CC) $(JCFLAGS) $(JCPPFLAGS)' > $@

$(OBJ)/%.o: $(SRC)/%.c $(OBJ)/flags $(ATOMS)/atoms.base | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(JCFLAGS) $(CFLAGS_$(*F)) $(guiding) $(JCPPFLAGS) -MMD -MP -c -o $@ $<
$(OBJ)/gen/%.o: $(GEN)/%.c $(OBJ)/flags $(ATOMS)/atoms.base | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(JCFLAGS) $(JCPPFLAGS) -MMD -MP -c -o $@ $<

# Stencils: compiled to assembler, rearranged, assembled, and cut out of the object.
$(OBJ)/stencil/stencil_table.gen.c: $(SRC)/vm/exec/jit/stencils.c $(TOOLS)/stencilgen $(GEN)/insn.stamp $(OBJ)/flags | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,STENCIL,$@) $(CC) $(JCFLAGS) $(CFLAGS_stencils) $(JCPPFLAGS) -MMD -MP -MT $@ -MF $(@D)/stencils.d -S -o $(@D)/stencils.s $<
	$(Q)$(TOOLS)/stencilgen --thread $(@D)/stencils.s $(@D)/threaded.s
	$(Q)$(CC) -c -o $(@D)/stencils.o $(@D)/threaded.s
	$(Q)$(TOOLS)/stencilgen --table $(@D)/stencils.o $(@D) && touch $@
$(OBJ)/stencil/stencil_table.gen.o: $(OBJ)/stencil/stencil_table.gen.c
	$(call say,CC,$@) $(CC) $(JCFLAGS) $(JCPPFLAGS) -c -o $@ $<

# Only these see the instructions; the layers below build while an .insn file is broken.
SEES_INSN := $(filter vm/exec/% loader/% vm/trace/% vm/nif/% vm/sys/% vm/api/% bifs/%,$(VM_C))
$(SEES_INSN:%.c=$(OBJ)/%.o) $(OBJ)/gen/bif_table.gen.o: | $(INSNGEN)

$(OBJ)/joist: $(VM_OBJ)
	$(call say,LINK,$@) $(CC) $(JCFLAGS) $(JLDFLAGS) -o $@ $^ $(LIBS)

programs: $(LAUNCH)
$(OBJ)/launch/%: $(SRC)/vm/api/launch/%.c $(wildcard $(SRC)/vm/api/launch/*.h) $(OBJ)/flags | $(GEN_H)
	@mkdir -p $(@D)
	$(call say,CC,$@) $(CC) $(JCFLAGS) $(JCPPFLAGS) $(TYPE_LDFLAGS_$(TYPE)) -o $@ $< -lm
$(OBJ)/launch/%: $(SRC)/vm/api/launch/%.sh
	@mkdir -p $(@D) && cp $< $@

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# ---- bin/: usable in place ----------------------------------------------------------------------
# Programs are copied, so that /proc/self/exe names bin/ and helpers are found beside the VM.

NAMES_OF_VM := erl erlexec beam.smp
$(BIN)/.made: $(OBJ)/joist $(LAUNCH) $(OBJ)/flags
	@mkdir -p $(BIN)/preloaded/erts-$(OTP_ERTS)
	@for f in $(OBJ)/joist $(LAUNCH); do \
	    cp -f $$f $(BIN)/.new.$$$$ && mv -f $(BIN)/.new.$$$$ $(BIN)/$${f##*/}; done
	@for n in $(NAMES_OF_VM); do ln -sfn joist $(BIN)/$$n; done
	@cp -f $(OTP_PRELOADED)/*.beam $(BIN)/preloaded/erts-$(OTP_ERTS)/
	@echo $(TYPE) > $@
ifneq ($(filter-out clean distclean setup,$(GOALS)),)
ifneq ($(shell cat $(BIN)/.made 2>/dev/null),$(TYPE))
$(BIN)/.made: FORCE
endif
endif

# ---- stdlib/: Joist's own Erlang modules ---------------------------------------------------------

STDLIB_BEAM := $(STDLIB_ERL:stdlib/%.erl=$(B)/stdlib/ebin/%.beam)
all: $(STDLIB_BEAM)
$(B)/stdlib/ebin/%.beam: $(SRC)/stdlib/%.erl
	@mkdir -p $(@D)
	$(call say,ERLC,$@) $(OTP_ERLC) +debug_info -o $(@D) $<

# ---- run, check, install -------------------------------------------------------------------------

.PHONY: setup run check install uninstall clean distclean
setup:
	$(SRC)/tools/setup all

run: all
	@$(SRC)/tools/setup run
	@$(SRC)/tools/run-example $(abspath $(BIN)) $(abspath $(B))

check: all $(TOOLS)/stencilgen
	@$(SRC)/tools/setup check
	@rm -f $(OBJ)/unit-built; if $(MAKE) --no-print-directory -k unit-tests; then touch $(OBJ)/unit-built; fi
	@rm -f $(B)/fuzzers-built; $(if $(TESTS),$(if $(findstring fuzz,$(TESTS)),,true ||)) \
	    if $(MAKE) --no-print-directory TYPE=fuzz fuzzers; then touch $(B)/fuzzers-built; fi
	@TYPE='$(TYPE)' ROOT='$(CURDIR)' SRC='$(abspath $(SRC))' B='$(abspath $(B))' OBJ='$(abspath $(OBJ))' \
	 BIN='$(abspath $(BIN))' OTP_ROOT='$(OTP_ROOT)' OTP_ERL='$(OTP_ERL)' OTP_ERLC='$(OTP_ERLC)' \
	 $(SRC)/tools/run-tests $(TESTS)

# Unit tests in C: test/unit/x_test.c is a program of its own, linked with the VM without its main.
UNIT_C := $(call find-src,test/unit/*_test.c)
UNIT := $(UNIT_C:test/unit/%.c=$(OBJ)/unit/%)
.PHONY: unit-tests
unit-tests: $(UNIT)
$(OBJ)/libvm.a: $(LIB_OBJ)
	@rm -f $@
	$(call say,AR,$@) ar rcs $@ $^
$(OBJ)/unit/%: $(SRC)/test/unit/%.c $(OBJ)/libvm.a
	@mkdir -p $(@D)
	$(call say,UNIT,$@) $(CC) $(JCFLAGS) $(JCPPFLAGS) $$(pkg-config --cflags check) -MMD -MP \
	    $(JLDFLAGS) -o $@ $< $(OBJ)/libvm.a $$(pkg-config --libs check) $(LIBS)

# The coverage-guided fuzzers (tools/fuzz): libFuzzer's main, the VM without its own; TYPE=fuzz.
FUZZERS := $(OBJ)/fuzzers/vm $(OBJ)/fuzzers/epmd $(OBJ)/fuzzers/words
WRAPPED_vm := dlopen
WRAPPED_words := fopen execvp leave setenv sys_print_error
$(OBJ)/fuzzers/vm: $(OBJ)/test/fuzz/harness.o $(OBJ)/test/fuzz/mutate_code.o $(OBJ)/libvm.a
$(OBJ)/fuzzers/words: $(OBJ)/test/fuzz/words_fuzz.o $(OBJ)/libvm.a
$(OBJ)/fuzzers/epmd: $(OBJ)/test/fuzz/epmd_fuzz.o
.PHONY: fuzzers
fuzzers: $(FUZZERS)
$(FUZZERS):
	@mkdir -p $(@D)
	$(call say,LINK,$@) $(CC) $(JCFLAGS) $(JLDFLAGS) -fsanitize=fuzzer $(WRAPPED_$(@F):%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

# Developers' view of a .beam: make build/release/beamdump
$(OBJ)/beamdump: $(SRC)/tools/beamdump.c $(OBJ)/libvm.a
	$(call say,TOOL,$@) $(CC) $(JCFLAGS) $(JCPPFLAGS) $(JLDFLAGS) -o $@ $^ $(LIBS)

# An OTP root of our own: lib/joist/{erts-VSN/bin, bin, lib, releases}. The last two lead to the OTP found
# by configure, so that ROOT/lib/kernel-... resolves and mix's include_erts: finds lib/ beside erts-VSN/.
JROOT = $(libdir)/joist
ERTS = $(JROOT)/erts-$(OTP_ERTS)
# OTP's own suites on both VMs, case by case; SUITES='emulator:map stdlib:lists' chooses.
conformance: all
	@$(SRC)/tools/setup conformance
	@B='$(abspath $(B))' BIN='$(abspath $(BIN))' OTP_ROOT='$(OTP_ROOT)' OTP_ERL='$(OTP_ERL)' \
	 $(SRC)/tools/conformance $(SUITES)

# Coverage-guided, each target for an hour; FUZZ='code 600' chooses a target (or all), seconds, a seed (tools/fuzz).
# fuzz-blindly: damaged input for each decoder of this TYPE until stopped, a seed a round.
FUZZ ?= all 3600
.PHONY: fuzz fuzz-blindly
fuzz: all
	@$(MAKE) --no-print-directory TYPE=fuzz fuzzers
	@B='$(abspath $(B))' BIN='$(abspath $(BIN))' OTP_ERL='$(OTP_ERL)' OTP_ERLC='$(OTP_ERLC)' $(SRC)/tools/fuzz $(FUZZ)
fuzz-blindly: all
	@seed=$$(date +%s); while :; do seed=$$((seed + 1)); echo "seed $$seed"; \
	 FUZZ_SEED=$$seed FUZZ_ROUNDS=5000 TEST_TIMEOUT=3600 ROOT='$(CURDIR)' SRC='$(abspath $(SRC))' B='$(abspath $(B))' \
	 OBJ='$(abspath $(OBJ))' BIN='$(abspath $(BIN))' OTP_ROOT='$(OTP_ROOT)' OTP_ERL='$(OTP_ERL)' OTP_ERLC='$(OTP_ERLC)' \
	 $(SRC)/tools/run-tests fuzz/ || exit 1; done

# A generated mix on all schedulers, checked; SOAK='--seconds 60 --seed 7' chooses.
.PHONY: soak
soak: all
	@B='$(abspath $(B))' BIN='$(abspath $(BIN))' OTP_ERLC='$(OTP_ERLC)' $(SRC)/tools/soak $(SOAK)

# Joist against the reference: ratios, as a table and a plot in build/bench; CASES='fib ets' chooses.
.PHONY: bench
bench: all
	@B='$(abspath $(B))' BIN='$(abspath $(BIN))' OTP_ERL='$(OTP_ERL)' OTP_ERLC='$(OTP_ERLC)' $(SRC)/tools/bench $(CASES)

install: all
	mkdir -p $(DESTDIR)$(bindir) $(DESTDIR)$(ERTS)/bin/preloaded $(DESTDIR)$(JROOT)/bin
	cp -fR $(BIN)/preloaded/erts-$(OTP_ERTS) $(DESTDIR)$(ERTS)/bin/preloaded/
	for f in joist $(notdir $(LAUNCH)); do install -m 755 $(BIN)/$$f $(DESTDIR)$(ERTS)/bin/$$f; done
	for n in $(NAMES_OF_VM); do ln -sfn joist $(DESTDIR)$(ERTS)/bin/$$n; done
	for n in start_clean start_sasl no_dot_erlang start; do \
	    cp -f $(OTP_ROOT)/bin/$$n.boot $(DESTDIR)$(JROOT)/bin/; done
	for n in joist erl $(notdir $(LAUNCH)); do \
	    ln -sfn ../erts-$(OTP_ERTS)/bin/$$n $(DESTDIR)$(JROOT)/bin/$$n; \
	    ln -sfn $$(realpath -m --relative-to=$(bindir) $(ERTS)/bin/$$n) $(DESTDIR)$(bindir)/$$n; done
	ln -sfn $(OTP_ROOT)/lib $(DESTDIR)$(JROOT)/lib
	ln -sfn $(OTP_ROOT)/releases $(DESTDIR)$(JROOT)/releases
	$(if $(STDLIB_BEAM),mkdir -p $(DESTDIR)$(JROOT)/stdlib/ebin && cp -f $(STDLIB_BEAM) $(DESTDIR)$(JROOT)/stdlib/ebin/)

uninstall:
	for n in joist erl $(notdir $(LAUNCH)); do rm -f $(DESTDIR)$(bindir)/$$n; done
	rm -rf $(DESTDIR)$(JROOT)

clean:
	rm -rf $(B) $(BIN)
distclean: clean
	rm -rf config.mk config.log config.status autom4te.cache $(SRC)/configure
