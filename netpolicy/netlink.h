/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses, routes and neighbours by netlink (rtnetlink(7)): several messages go in one send, and each is acknowledged.
 *
 * Unlike a batch of nf_tables, what comes behind a message that failed is still done: callers undo.
 */
#ifndef NETPOLICY_NETLINK_H
#define NETPOLICY_NETLINK_H

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct netlink;

/* Open it in the caller's network namespace, for which it then speaks from everywhere.  0 or a negative errno with err set. */
int netlink_open(struct netlink **netlink, struct error *err);
void netlink_close(struct netlink *netlink); /* accepts NULL */

/* Start anew; what was put in before is forgotten. */
void netlink_begin(struct netlink *netlink);

/* Start a message: RTM_*, NLM_F_CREATE and such, and its fixed header.  label must live until the commit. */
void netlink_message(struct netlink *netlink, uint16_t type, uint16_t flags, const void *header, size_t length,
		     const char *label);

/* Attributes of the message, in the byte order that they are given in. */
void netlink_u8(struct netlink *netlink, int type, uint8_t value);
void netlink_u16(struct netlink *netlink, int type, uint16_t value);
void netlink_u32(struct netlink *netlink, int type, uint32_t value);
void netlink_text(struct netlink *netlink, int type, const char *text);
void netlink_data(struct netlink *netlink, int type, const void *data, size_t length); /* NULL: zeros */
struct nlattr *netlink_nest(struct netlink *netlink, int type);
void netlink_nest_end(struct netlink *netlink, struct nlattr *nest);
void netlink_header(struct netlink *netlink, const void *data, size_t length); /* bytes that are no attribute */

/* Send them and read all answers.  0, or the first failure: a negative errno with err set (the label, and the kernel's own words). */
int netlink_commit(struct netlink *netlink, struct error *err);

/*
 * Hand over each object of a dump (RTM_GET*, with its fixed header); not 0 from each ends it with that result.
 * 0 or a negative errno with err set.
 */
typedef int netlink_each(void *context, const struct nlmsghdr *message);
int netlink_dump(struct netlink *netlink, uint16_t type, const void *header, size_t length, netlink_each *each,
		 void *context, struct error *err);

#endif
