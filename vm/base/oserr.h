/* SPDX-License-Identifier: Apache-2.0 */
/* oserr - errno values, the atoms that name them to Erlang, and their descriptions (oserr.def).
 * Layer: base. */
#ifndef JOIST_BASE_OSERR_H
#define JOIST_BASE_OSERR_H

#include "base/base.h"

/* errno -> text of the atom ("enoent"); an unknown number gives "unknown". */
const char *oserr_name(int error);

/* errno -> description ("no such file or directory"). */
const char *oserr_text(int error);

/* Text of an atom -> errno; 0 if there is none of that name. */
int oserr_number(const char *name);

#endif
