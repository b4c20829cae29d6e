/* SPDX-License-Identifier: Apache-2.0 */
/* bif_dyntrace - tags of dynamic tracing, as a VM built without DTrace and SystemTap answers.
 * Semantics: dyntrace(3), "Functions used by OTP". Layer: bifs. */
#include "bifs/bif.h"

BIF(erlang, dt_put_tag, 1, 0) { return am_undefined; }
BIF(erlang, dt_get_tag, 0, 0) { return am_undefined; }
BIF(erlang, dt_get_tag_data, 0, 0) { return am_undefined; }
BIF(erlang, dt_spread_tag, 1, 0) { return am_true; }
BIF(erlang, dt_restore_tag, 1, 0) { return am_true; }
BIF(erlang, dt_append_vm_tag_data, 1, 0) { return a[0]; }
BIF(erlang, dt_prepend_vm_tag_data, 1, 0) { return a[0]; }
