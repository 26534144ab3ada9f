/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says to what it was asked. */
#include "resolver/answer.h"

#include <arpa/inet.h>
#include <strings.h>
#include <string.h>

#include "resolver/message.h"

#define CHAIN_MAX 16 /* CNAMEs that are followed: loops end here */

void answer_clear(struct answer *answer)
{
	bytes_clear(&answer->reply);
	answer->count = 0;
}

/* The question that the message repeats, against the one that was asked: the whole, and without regard to case. */
static bool repeats(const ldns_pkt *packet, const struct asked *asked, bool *exactly)
{
	const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(packet), 0);
	const ldns_rdf *owner = question ? ldns_rr_owner(question) : NULL;

	if (!owner || ldns_rr_get_type(question) != LDNS_RR_TYPE_A || ldns_rr_get_class(question) != LDNS_RR_CLASS_IN ||
	    ldns_rdf_size(owner) != asked->wire.length)
		return false;
	*exactly = memcmp(ldns_rdf_data(owner), asked->wire.data, asked->wire.length) == 0;
	for (size_t i = 0; i < asked->wire.length; i++) {
		uint8_t a = ldns_rdf_data(owner)[i], b = asked->wire.data[i];
		if (a != b && ((a ^ b) != 0x20 || (a | 0x20) < 'a' || (a | 0x20) > 'z'))
			return false;
	}
	return true;
}

static bool is_record(const ldns_rr *record, const ldns_rdf *owner, ldns_rr_type type)
{
	return ldns_rr_get_type(record) == type && ldns_rr_get_class(record) == LDNS_RR_CLASS_IN &&
	       ldns_rr_rd_count(record) == 1 && ldns_dname_compare(ldns_rr_owner(record), owner) == 0;
}

/* Keep an address that the list lets through, as far as there is room. */
static bool keep_address(const struct answer_policy *policy, ldns_rr *record, ldns_rr_list *kept, struct answer *answer)
{
	const ldns_rdf *data = ldns_rr_rdf(record, 0);
	uint32_t address;

	if (ldns_rdf_size(data) != sizeof(address) || answer->count == RESOLVER_ADDRESSES_MAX)
		return true;
	memcpy(&address, ldns_rdf_data(data), sizeof(address));
	address = ntohl(address);
	if (!resolver_address_passes(policy->hosts, address))
		return true;
	answer->addresses[answer->count++] = (struct resolver_pinned){.address = address, .ttl = ldns_rr_ttl(record)};
	return ldns_rr_list_push_rr(kept, record);
}

/*
 * From the name asked along its CNAMEs, within this message alone: the addresses at the end, and the way there.  Records of other names are what a
 * server wants to be believed, not what was asked.
 */
static bool follow(const struct answer_policy *policy, const struct asked *asked, const ldns_rr_list *records,
		   ldns_rr_list *kept, struct answer *answer)
{
	ldns_rdf *start = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, asked->wire.length, asked->wire.data);
	const ldns_rdf *name = start;
	bool good = start != NULL;

	for (int hop = 0; good && name && hop <= CHAIN_MAX; hop++) {
		const ldns_rdf *next = NULL;
		for (size_t i = 0; good && i < ldns_rr_list_rr_count(records); i++) {
			ldns_rr *record = ldns_rr_list_rr(records, i);
			if (is_record(record, name, LDNS_RR_TYPE_A))
				good = keep_address(policy, record, kept, answer);
			else if (!next && is_record(record, name, LDNS_RR_TYPE_CNAME)) {
				next = ldns_rr_rdf(record, 0);
				good = ldns_rr_list_push_rr(kept, record);
			}
		}
		name = answer->count ? NULL : next;
	}
	ldns_rdf_deep_free(start);
	return good;
}

static enum answer_verdict take(const struct answer_policy *policy, const struct question *question,
				const struct asked *asked, const ldns_pkt *packet, struct answer *answer)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);
	if (rcode != LDNS_RCODE_NOERROR && rcode != LDNS_RCODE_NXDOMAIN)
		return ANSWER_USELESS;

	ldns_rr_list *kept = ldns_rr_list_new();
	bool good = kept != NULL;
	if (good && rcode == LDNS_RCODE_NOERROR)
		good = follow(policy, asked, ldns_pkt_answer(packet), kept, answer);
	/* A chain that leads to no address that may be told is NODATA: where it led is nobody's business inside. */
	if (good)
		good = message_reply(question, rcode, false, answer->count ? kept : NULL, &answer->reply) == 0;
	ldns_rr_list_free(kept);
	if (good)
		return ANSWER_TAKEN;
	answer_clear(answer);
	return ANSWER_USELESS;
}

enum answer_verdict answer_judge(const struct answer_policy *policy, const struct question *question,
				 const struct asked *asked, bool stream, const uint8_t *data, size_t length,
				 struct answer *answer)
{
	ldns_pkt *packet = NULL;
	enum answer_verdict verdict;
	bool exactly = false;

	*answer = (struct answer){0};
	if (length < DNS_HEADER_SIZE || length > DNS_ANSWER_MAX || !LDNS_QR_WIRE(data) ||
	    LDNS_ID_WIRE(data) != asked->id || LDNS_OPCODE_WIRE(data) != LDNS_PACKET_QUERY || LDNS_QDCOUNT(data) != 1)
		return ANSWER_FOREIGN;
	if (ldns_wire2pkt(&packet, data, length) != LDNS_STATUS_OK)
		return LDNS_TC_WIRE(data) && !stream ? ANSWER_TRUNCATED : ANSWER_FOREIGN;

	if (!repeats(packet, asked, &exactly))
		verdict = ANSWER_FOREIGN;
	else if (!exactly && !stream)
		verdict = ANSWER_DOUBTFUL;
	else if (ldns_pkt_tc(packet))
		verdict = stream ? ANSWER_USELESS : ANSWER_TRUNCATED;
	else
		verdict = take(policy, question, asked, packet, answer);
	ldns_pkt_free(packet);
	return verdict;
}
