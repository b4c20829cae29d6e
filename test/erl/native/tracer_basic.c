/* SPDX-License-Identifier: Apache-2.0 */
/* tracer_basic - see tracer_tests.c. */
#define BASIC
#include "tracer_tests.c"
