/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables by netlink: messages are put into a batch, the kernel takes all of it or nothing; and dumps.
 *
 * Each message has a label, so that an error says which one it was.  Encoding cannot fail half-way: what does not fit is remembered and
 * nft_commit refuses the batch.
 */
#ifndef NETPOLICY_NFT_H
#define NETPOLICY_NFT_H

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "netpolicy/rules.h"

/* Families, as nfgenmsg has them. */
#define NFT_FAMILY_ANY    0 /* dumps alone */
#define NFT_FAMILY_IP     2
#define NFT_FAMILY_BRIDGE 7

/* --- A batch ----------------------------------------------------------------------------------------------------- */

/* Start anew; what was put in before is forgotten. */
void nft_begin(struct nft *nft);

/* Start a message: NFT_MSG_*, NLM_F_CREATE and such; label must live until the commit. */
void nft_message(struct nft *nft, uint16_t type, uint8_t family, uint16_t flags, const char *label);

/* Attributes of the message.  Numbers go in network byte order, as all of nf_tables' own attributes do. */
void nft_u8(struct nft *nft, int type, uint8_t value);
void nft_u16(struct nft *nft, int type, uint16_t value);
void nft_u32(struct nft *nft, int type, uint32_t value);
void nft_u64(struct nft *nft, int type, uint64_t value);
void nft_text(struct nft *nft, int type, const char *text);
void nft_data(struct nft *nft, int type, const void *data, size_t length); /* as NFTA_DATA_VALUE within type */
struct nlattr *nft_nest(struct nft *nft, int type);
void nft_nest_end(struct nft *nft, struct nlattr *nest);

/* Something else failed while the batch was put together: nft_commit will refuse it.  r is a negative errno. */
void nft_fail(struct nft *nft, int r);

/* Bytes of the message so far: an attribute is at most 64 KiB long, so long lists are split. */
size_t nft_message_size(const struct nft *nft);

/*
 * Send the batch, and wait for the kernel's answer.  0; or a negative errno with err set: the label, the kernel's own words if there are any,
 * and the expression that was refused.
 */
int nft_commit(struct nft *nft, struct error *err);

/* Messages that are kept instead of sent, to be compared with what the kernel has. */
struct nft_message {
	size_t offset; /* in bytes */
	const char *label;
};
struct nft_plan {
	unsigned char *bytes;
	struct nft_message *messages; /* the first one only begins the batch */
	size_t count;
};

/* Take the batch out of the connection.  0 (nft_plan_clear), or a negative errno. */
int nft_take(struct nft *nft, struct nft_plan *plan);
const struct nlmsghdr *nft_planned(const struct nft_plan *plan, size_t index);
void nft_plan_clear(struct nft_plan *plan);

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* One object of an answer: its attributes, indexed up to max.  Not 0 ends the reading with that result. */
typedef int nft_each(void *context, const struct nlmsghdr *message);

/*
 * Ask what the messages in the batch ask (NFT_MSG_GET*: one with NLM_F_DUMP, or several without) and hand over the answers.  0, -EINTR (the rules
 * changed meanwhile: the caller starts anew), the first negative result of each or of the kernel, or another negative errno.
 */
int nft_ask(struct nft *nft, nft_each *each, void *context);

/* Forget what was read; and whether answers since then were of different generations of the rules, so that they do not belong together. */
void nft_watch(struct nft *nft);
bool nft_changed(const struct nft *nft);

/* The attributes of a message of nf_tables.  0 or -EBADMSG. */
int nft_parse(const struct nlmsghdr *message, struct nlattr **attributes, int max);
uint8_t nft_family(const struct nlmsghdr *message);

/* Of an attribute in network byte order; 0 where there is none. */
uint32_t nft_get_u32(const struct nlattr *attribute);
uint64_t nft_get_u64(const struct nlattr *attribute);
const char *nft_get_text(const struct nlattr *attribute); /* "" where there is none, or it does not end */

#endif
