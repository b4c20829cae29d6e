/* SPDX-License-Identifier: Apache-2.0 */
/* places - where we are and which OTP root is in use.
 * Order: called as erlexec (by the start script of a release): ROOTDIR, BINDIR of the environment;
 * the layout in which we are installed (ROOT/erts-VSN/bin/joist); the root chosen by configure.
 * Layer: api. */
#ifndef JOIST_API_PLACES_H
#define JOIST_API_PLACES_H

#include "api/erlexec.h"
#include "sys/release.h"

/* name: last part of argv[0]. Exits with 1 and a message when there is no usable root. */
const Release *places_find(const char *name, Places *out);
/* Folder of our own executable. */
const char *places_bin(void);

#endif
