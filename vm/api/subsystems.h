/* SPDX-License-Identifier: Apache-2.0 */
/* subsystems - rows of init.c's table for the folders above ets. Layer: api. */
#ifndef JOIST_API_SUBSYSTEMS_H
#define JOIST_API_SUBSYSTEMS_H

#define START_OPTIONAL

#endif
