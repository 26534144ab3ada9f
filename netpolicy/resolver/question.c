/* SPDX-License-Identifier: Apache-2.0 */
/* What the sandbox asks. */
#include <ctype.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "resolver/answer.h"

void bytes_clear(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

static uint16_t read_16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

/*
 * The name as text, for the list.  A label may hold any byte, also a dot ("a\.example.com" is two labels): such bytes become '?', which no
 * entry matches.
 */
static void spell(const struct wire_name *wire, struct question *question)
{
	size_t at = 0, used = 0;

	question->plain = true;
	while (at < wire->length && wire->data[at] != 0) {
		size_t end = at + 1 + wire->data[at];
		if (used)
			question->name[used++] = '.';
		for (at++; at < end; at++) {
			unsigned char c = wire->data[at];
			bool plain = isalnum(c) || c == '-' || c == '_';
			question->plain &= plain;
			question->name[used++] = plain ? (char)tolower(c) : '?';
		}
	}
	question->name[used] = '\0';
}

static int read_question(const uint8_t *data, size_t length, struct question *question)
{
	ldns_pkt *packet = NULL;
	int r = -EINVAL;

	if (ldns_wire2pkt(&packet, data, length) != LDNS_STATUS_OK)
		return -EINVAL;
	const ldns_rr *asked = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
	const ldns_rdf *owner = asked ? ldns_rr_owner(asked) : NULL;
	if (owner && ldns_rdf_size(owner) >= 1 && ldns_rdf_size(owner) <= DNS_NAME_SIZE) {
		question->wire.length = ldns_rdf_size(owner);
		memcpy(question->wire.data, ldns_rdf_data(owner), question->wire.length);
		question->type = (uint16_t)ldns_rr_get_type(asked);
		question->edns = ldns_pkt_edns(packet);
		if (question->edns && ldns_pkt_edns_udp_size(packet) > DNS_UDP_MIN)
			question->room = ldns_pkt_edns_udp_size(packet);
		if (question->room > DNS_UDP_MAX)
			question->room = DNS_UDP_MAX;
		spell(&question->wire, question);
		r = ldns_rr_get_class(asked) == LDNS_RR_CLASS_IN ? 0 : -EAFNOSUPPORT;
	}
	ldns_pkt_free(packet);
	return r;
}

static bool is_allowed(const struct answer_policy *policy, const struct question *question)
{
	uint16_t port;

	if (policy->mode == NETWORK_FULL)
		return true;
	return policy->mode == NETWORK_RESTRICTED && question->plain &&
	       host_list_name_ports(policy->hosts, question->name, &port, 1) > 0;
}

enum question_verdict question_judge(const struct answer_policy *policy, const uint8_t *data, size_t length,
				     struct question *question, unsigned *rcode)
{
	*question = (struct question){.room = DNS_UDP_MIN};
	if (length < DNS_HEADER_SIZE || LDNS_QR_WIRE(data))
		return QUESTION_DROPPED;

	question->id = read_16(data);
	question->recursion = LDNS_RD_WIRE(data) != 0;
	*rcode = LDNS_RCODE_NOTIMPL;
	if (LDNS_OPCODE_WIRE(data) != LDNS_PACKET_QUERY)
		return QUESTION_ANSWERED;
	*rcode = LDNS_RCODE_FORMERR;
	if (LDNS_QDCOUNT(data) != 1 || LDNS_ANCOUNT(data) != 0 || LDNS_NSCOUNT(data) != 0)
		return QUESTION_ANSWERED;

	int r = read_question(data, length, question);
	if (r == -EINVAL)
		return QUESTION_ANSWERED;
	*rcode = LDNS_RCODE_REFUSED;
	if (r < 0 || question->type == LDNS_RR_TYPE_AXFR || question->type == LDNS_RR_TYPE_IXFR)
		return QUESTION_ANSWERED;
	if (!is_allowed(policy, question))
		return QUESTION_UNLISTED;
	/* No other type is asked of a server: what it would carry out (TXT, NULL) or in (AAAA, HTTPS) is no address that the rules know. */
	*rcode = LDNS_RCODE_NOERROR;
	return question->type == LDNS_RR_TYPE_A ? QUESTION_FORWARDED : QUESTION_ANSWERED;
}
