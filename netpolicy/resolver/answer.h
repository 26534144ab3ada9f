/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages: bytes in, a decision out.  No descriptors, no clock, no state: this is what hostile bytes meet, and what the fuzzer calls.
 */
#ifndef RESOLVER_ANSWER_H
#define RESOLVER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netpolicy/resolver_wire.h"

#define DNS_HEADER_SIZE 12
#define DNS_NAME_SIZE   255 /* on the wire; RFC 1035, 2.3.4 */
#define DNS_UDP_MIN     512
#define DNS_UDP_MAX     1232 /* what fits into any path's packets: no fragments, which can be forged */
#define DNS_QUERY_MAX   1232 /* of the sandbox */
#define DNS_ANSWER_MAX  16384 /* of a server, over TCP */

struct bytes {
	uint8_t *data; /* free(3) */
	size_t length;
};

void bytes_clear(struct bytes *bytes);

/* A name as it goes over the wire, uncompressed. */
struct wire_name {
	uint8_t data[DNS_NAME_SIZE];
	size_t length; /* 0: there is none */
};

struct question {
	uint16_t id, type;
	uint16_t room; /* bytes that the asker takes in a datagram */
	bool recursion, edns;
	struct wire_name wire; /* as it was asked, to be echoed */
	char name[RESOLVER_NAME_SIZE]; /* lower case, without the trailing dot; '?' for what no host's name has */
	bool plain; /* the name is a host's: no '?' in it */
};

/* What the list says. */
struct answer_policy {
	enum network_mode mode;
	const struct host_list *hosts;
};

enum question_verdict {
	QUESTION_DROPPED, /* not a question: no answer, or two resolvers would talk forever */
	QUESTION_ANSWERED, /* with *rcode and nothing else */
	QUESTION_UNLISTED, /* REFUSED, and worth telling of */
	QUESTION_FORWARDED,
};

/* Judge a message of the sandbox.  question is filled as far as the message could be read. */
enum question_verdict question_judge(const struct answer_policy *policy, const uint8_t *data, size_t length,
				     struct question *question, unsigned *rcode);

/* An answer without records; truncated asks the client to come back over TCP.  0 or -ENOMEM. */
int reply_make(const struct question *question, unsigned rcode, bool truncated, struct bytes *reply);

/* What a server is asked: the same name with random case (0x20), which an answer has to repeat. */
struct asked {
	uint16_t id;
	struct wire_name wire;
};

/* random: an id's two bytes and a bit for each byte of the name. */
#define ASKED_RANDOM_SIZE (2 + (DNS_NAME_SIZE + 7) / 8)
int asked_make(const struct question *question, const uint8_t random[ASKED_RANDOM_SIZE], struct asked *asked,
	       struct bytes *query);

enum answer_verdict {
	ANSWER_FOREIGN, /* not to what was asked: ignored */
	ANSWER_DOUBTFUL, /* right but for the letters' case: forged, or from a server that does not keep it.  TCP tells */
	ANSWER_TRUNCATED,
	ANSWER_USELESS, /* another server may know better */
	ANSWER_TAKEN,
};

struct answer {
	struct bytes reply;
	struct resolver_pinned addresses[RESOLVER_ADDRESSES_MAX]; /* that reply holds */
	size_t count;
};

/* Judge a server's message.  answer is filled where it is taken (answer_clear), and empty otherwise.  stream: it came over TCP. */
enum answer_verdict answer_judge(const struct answer_policy *policy, const struct question *question,
				 const struct asked *asked, bool stream, const uint8_t *data, size_t length,
				 struct answer *answer);
void answer_clear(struct answer *answer);

#endif
