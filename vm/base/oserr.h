/* SPDX-License-Identifier: Apache-2.0 */
/* oserr - errno values and the atoms that name them to Erlang (oserr.def).
 * Layer: base. */
#ifndef JOIST_BASE_OSERR_H
#define JOIST_BASE_OSERR_H

#include "base/base.h"

/* errno -> text of the atom ("enoent"); an unknown number gives "unknown". */
const char *oserr_name(int error);

#endif
