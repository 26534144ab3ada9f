/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces: going into one and back, and one that outlives its maker as a bind-mounted file, as ip-netns(8) keeps them. */
#ifndef NETPOLICY_NETNS_H
#define NETPOLICY_NETNS_H

#include <stdbool.h>

#include "base/error.h"

/* The caller's own, as a fresh descriptor.  It or a negative errno with err set. */
int netns_current(struct error *err);

/* Go into a namespace; *back is what netns_leave takes.  0, or a negative errno with err set and nothing changed. */
int netns_enter(int ns, int *back, struct error *err);
int netns_leave(int *back, struct error *err);

/* Make one, and stay where we are.  Its descriptor, or a negative errno with err set. */
int netns_make(struct error *err);

/* Are both the same namespace? */
bool netns_same(int ns, int other);

/* Keep a namespace alive as a file in directory.  0 or a negative errno with err set. */
int netns_pin(int ns, int directory, const char *name, struct error *err);

/* A descriptor of what was pinned; -ENOENT (without err): there is no file, or one with no namespace on it; or another negative errno with err set. */
int netns_open_pinned(int directory, const char *name, struct error *err);

/* Let go, and remove the file.  0 also where there is none; or a negative errno with err set. */
int netns_unpin(int directory, const char *name, struct error *err);

#endif
