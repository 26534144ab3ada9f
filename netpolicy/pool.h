/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool of addresses: a file with a byte for each slot.  A lock on it holds the address, and the kernel gives it back when
 * its holder dies; its value remembers that the holder did not say goodbye.
 */
#ifndef NETPOLICY_POOL_H
#define NETPOLICY_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct pool {
	int fd; /* -1: not open */
	uint32_t network; /* host byte order */
	unsigned prefix;
};

#define POOL_CLOSED ((struct pool){.fd = -1})

/* Where the parts of a pool lie: the gateway first, slots from there, the uplink's /30 last. */
unsigned pool_slots(unsigned prefix);
uint32_t pool_gateway(const struct pool *pool);
uint32_t pool_address(const struct pool *pool, unsigned slot);
uint32_t pool_uplink(const struct pool *pool); /* the router's side; the far side is the next address */

/* Open the file in directory for the subnet; it is made where it is not there.  0 or a negative errno with err set. */
int pool_open(struct pool *pool, int directory, uint32_t network, unsigned prefix, struct error *err);
void pool_close(struct pool *pool);

/* Does anybody else hold an address?  1, 0, or a negative errno with err set. */
int pool_in_use(const struct pool *pool, struct error *err);

/* A new router: nobody has left anything.  The caller has made sure that nobody holds an address. */
int pool_reset(struct pool *pool, struct error *err);

/* A number that was never given before under this router, not 0.  The caller has the router's lock.  0 or a negative errno with err set. */
int pool_number(struct pool *pool, uint32_t *number, struct error *err);

/*
 * Take an address.  *dirty: its last holder died and what it left must be removed.  The caller has the router's lock.
 * 0, or a negative errno with err set: EBUSY when all are held.
 */
int pool_take(struct pool *pool, uint32_t number, unsigned *slot, bool *dirty, struct error *err);

/* Give it back, clean or not.  0 or a negative errno with err set; it is given back in any case. */
int pool_release(struct pool *pool, unsigned slot, bool dirty, struct error *err);

#endif
