/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the program of a runtime and asking what version it is. */
#ifndef ADAPTERS_PROGRAM_H
#define ADAPTERS_PROGRAM_H

#include <limits.h>

#include "base/error.h"
#include "harness/adapter.h"

/* Fill path with an absolute path of the program: name itself where it has a slash, else searched in PATH.  0 or -ENOENT. */
int program_find(const char *name, char path[PATH_MAX]);

/*
 * The open of an adapter whose runtime is a program: finds options.runtime (fallback where that is NULL), and sets
 * adapter->program and adapter->version.  0, or a negative errno with err set.
 */
int program_open(struct adapter *adapter, const char *fallback, struct error *err);

#endif
