/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up everything but the descriptors that are open. */
#ifndef RESOLVER_LOCKDOWN_H
#define RESOLVER_LOCKDOWN_H

#include <stdint.h>

#include "base/error.h"

/* Each step is checked.  0 or a negative errno with err set: the program ends then. */
int lockdown(int32_t parent, struct error *err);

/* The last step: from here on any system call that the loop does not make kills the program. */
int filter_install(struct error *err);

#endif
