/* Made by tools/atomgen.c from the am_ names in the sources. */
extern const char *const atom_predefined_names[10];
const char *const atom_predefined_names[10] = {
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
};
