/* Made by tools/atomgen.c from the am_ names in the sources. */
#ifndef GEN_ATOMS_H
#define GEN_ATOMS_H

#define am_false ATOM_CONST(0)
#define am_true ATOM_CONST(1)
#define am_empty ATOM_CONST(2)
#define am_Plus ATOM_CONST(3)
#define am_x2b ATOM_CONST(3)
#define am_x3d3a3d ATOM_CONST(4)
#define am_badmatch ATOM_CONST(5)
#define am_badmatch_ ATOM_CONST(5)
#define am_erlang ATOM_CONST(6)
#define am_ok ATOM_CONST(7)
#define am_self ATOM_CONST(8)
#define am_zebra ATOM_CONST(9)

extern const unsigned atom_predefined_count;
extern const char *const atom_predefined_names[];

#endif
