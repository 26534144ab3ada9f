/* SPDX-License-Identifier: Apache-2.0 */
/* The network's events in the monitor: refused flows and names, pins for the resolver. */
#ifndef RECIPE_NETWORK_EVENTS_H
#define RECIPE_NETWORK_EVENTS_H

#include "recipe/monitor.h"

/* Watch them.  0 or a negative errno. */
int network_events_watch(struct monitor *monitor);

/* The sandbox has ended: put on record what is still unread, and read the exact sums. */
void network_events_conclude(struct monitor *monitor);

#endif
