/* SPDX-License-Identifier: Apache-2.0 */
/* bif_absent - natives of the reference that Joist does not have yet: calling one raises
 * not_supported, which tools/count-natives counts and `make check` prints.
 * Writing one means taking its line away here. Layer: bifs. */
#include "bifs/bif.h"

BIF(erts_debug, dist_ext_to_term, 2, 0) { return bif_not_supported(p); }
