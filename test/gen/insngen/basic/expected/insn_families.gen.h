/* Made by tools/insngen.c from vm/exec/ (the .insn files). */
#ifndef INSN_FAMILIES_GEN_H
#define INSN_FAMILIES_GEN_H

enum InsnFamily {
    INSN_add = 0,
    INSN_nothing = 1,
    INSN_tuple = 2,
    INSN_pointer = 3,
    INSN_FAMILIES = 4
};

#endif
