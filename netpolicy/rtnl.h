/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses, routes and neighbours by netlink: several messages in one send, each answered, so that a whole set-up is one system call.
 *
 * The kernel goes on after a message that it refuses: what a failed batch has made is the caller's to remove.
 */
#ifndef NETPOLICY_RTNL_H
#define NETPOLICY_RTNL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A connection to the network namespace that it was opened in. */
struct rtnl;

/* One descriptor, close-on-exec.  0 or a negative errno with err set. */
int rtnl_open(struct rtnl **rtnl, struct error *err);
void rtnl_close(struct rtnl *rtnl); /* accepts NULL */

/* The descriptor, borrowed: an ioctl on it asks the same namespace. */
int rtnl_fd(const struct rtnl *rtnl);

/* Start anew; what was put in before is forgotten. */
void rtnl_begin(struct rtnl *rtnl);

/* Start a message with its fixed header (struct ifinfomsg and such); label must live until the commit. */
void rtnl_message(struct rtnl *rtnl, uint16_t type, uint16_t flags, const void *header, size_t length,
		  const char *label);

/* Attributes of the message.  What does not fit is remembered, and rtnl_commit refuses it. */
void rtnl_put(struct rtnl *rtnl, int type, const void *data, size_t length);
void rtnl_u8(struct rtnl *rtnl, int type, uint8_t value);
void rtnl_u32(struct rtnl *rtnl, int type, uint32_t value);
void rtnl_address(struct rtnl *rtnl, int type, uint32_t address); /* host byte order */
void rtnl_text(struct rtnl *rtnl, int type, const char *text);
struct nlattr *rtnl_nest(struct rtnl *rtnl, int type);
void rtnl_nest_end(struct rtnl *rtnl, struct nlattr *nest);

/* Raw bytes within a nest: a header that is no attribute. */
void rtnl_raw(struct rtnl *rtnl, const void *data, size_t length);

/* Send, and wait for all answers.  0; or the first refusal as a negative errno, with the label and the kernel's words in err. */
int rtnl_commit(struct rtnl *rtnl, struct error *err);

/* One object of an answer.  Not 0 ends the reading with that result. */
typedef int rtnl_each(void *context, const struct nlmsghdr *message);

/* Ask for a dump: type is RTM_GET*, of a family.  0, what each returned, or a negative errno with err set. */
int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, rtnl_each *each, void *context, struct error *err);

#endif
