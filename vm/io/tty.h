/* SPDX-License-Identifier: Apache-2.0 */
/* tty - the terminal of the shell in OTP 25: the driver tty_sl.
 * Commands are one byte and its arguments, as kernel's user_drv.erl sends them: put, insert and delete
 * characters of the line that is being edited, move in it, beep. The driver keeps that line, so that it
 * can redraw what follows the cursor and find its way over lines that wrap.
 * The terminal is in raw mode while the port is open. Layer: io. */
#ifndef JOIST_IO_TTY_H
#define JOIST_IO_TTY_H

#include "io/port.h"

extern const PortDriver drv_tty;

/* Back to the mode the terminal had; any thread, also while the VM ends. */
void tty_restore(Vm *vm);
/* Raw again after that. */
void tty_resume(Vm *vm);

#endif
