/* Made by tools/atomgen.c from the am_ names in the sources. */
#include "atoms.gen.h"
const unsigned atom_predefined_count = 11;
const char *const atom_predefined_names[] = {
    "false",
    "true",
    "",
    "+",
    "=:=",
    "badmatch",
    "erlang",
    "ok",
    "self",
    "zebra",
    "badarg",
};
