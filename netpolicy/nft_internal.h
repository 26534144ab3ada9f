/* SPDX-License-Identifier: Apache-2.0 */
/* The connection, as its parts see it: nft.c sends, nft_batch.c puts together, nft_read.c asks. */
#ifndef NETPOLICY_NFT_INTERNAL_H
#define NETPOLICY_NFT_INTERNAL_H

#include <sys/types.h>

#include "netpolicy/nft.h"

/* The kernel makes a datagram of a dump no longer than 32 KiB.  So many of them are read by one call. */
#define NFT_ANSWER_MAX (32 * 1024u)
#define NFT_ANSWERS    4

struct nl_sock;

struct nft {
	struct nl_sock *socket;

	/* The batch.  The last message is open: what is put in goes to its end. */
	unsigned char *batch;
	size_t size;
	struct nft_message *messages;
	size_t count, room;
	int failed; /* negative errno: something did not fit */

	uint32_t sequence; /* of the batch's first message */

	/* Answers that are read: the current one, and those behind it. */
	unsigned char *answers;
	ssize_t lengths[NFT_ANSWERS]; /* negative errno: it was cut off */
	size_t answer, answer_count;
	bool drained; /* there were no more */

	uint16_t generation; /* of the rules, as the first answer since nft_watch told */
	bool generation_known, changed;
};

struct nlmsghdr *nft_message_at(const struct nft *nft, size_t index);
/* Where the batch ends. */
size_t nft_used(const struct nft *nft);
/* The message that ends a batch. */
void nft_end(struct nft *nft);

int nft_send(struct nft *nft, const void *data, size_t length);
/*
 * The next answer: its length, -EAGAIN where there is none, or another negative errno.  The kernel has answered when send returns, and a dump goes
 * on while it is read, so nothing is waited for.
 */
ssize_t nft_receive(struct nft *nft, struct nlmsghdr **answer);

#endif
