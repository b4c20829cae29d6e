/* Made by tools/bifgen.c from the BIF lines in the sources. */
#include "bifs/bif.h"

extern term_t bif_erlang_append_2(Process *p, term_t *a);
extern term_t bif_erlang_abs_0(Process *p, term_t *a);
extern term_t bif_erlang_abs_1(Process *p, term_t *a);
extern term_t bif_lists_member_2(Process *p, term_t *a);

const struct BifEntry bif_table[] = {
    {am_erlang, am_x2b2b, 2, GUARD | DIRTY_CPU,
     bif_erlang_append_2, "erlang:++/2"},
    {am_erlang, am_abs, 0, 0,
     bif_erlang_abs_0, "erlang:abs/0"},
    {am_erlang, am_abs, 1, GUARD,
     bif_erlang_abs_1, "erlang:abs/1"},
    {am_lists, am_member, 2, 0,
     bif_lists_member_2, "lists:member/2"},
};

const unsigned bif_table_count = 4;
