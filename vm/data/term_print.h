/* SPDX-License-Identifier: Apache-2.0 */
/* term_print - text of terms as erlang:display/1, crash reports and logs show them.
 * Not io_lib's ~p: strings of printable characters appear quoted, the rest as ~w.
 * Layer: data. */
#ifndef JOIST_DATA_TERM_PRINT_H
#define JOIST_DATA_TERM_PRINT_H

#include "base/buf.h"
#include "term/boxed.h"

#define PRINT_NO_LIMIT SIZE_MAX

/* Append the text of t as UTF-8. At most about `limit` elements are shown, then "...". */
void term_print(Buf *b, term_t t, size_t limit);
/* Append an atom, quoted when the syntax needs it (`quote` false: never). */
void atom_print(Buf *b, term_t atom, bool quote);
/* Text in fresh memory of type TEMP, for debuggers and logs; free with mem_free_text. */
char *term_text(term_t t);
/* "#Ref<0.1.2.3>", "#Port<0.4>", "<0.5.0>": local and external. */
void pid_print(Buf *b, term_t pid);
void port_print(Buf *b, term_t port);
void ref_print(Buf *b, term_t ref);
/* "#Fun<m.index.uniq>" or "fun m:f/a". */
void fun_print(Buf *b, term_t fun);

#endif
