/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/message.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int add_question(ldns_pkt *packet, const struct wire_name *name, uint16_t type)
{
	ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->length, name->data);
	ldns_rr *question = ldns_rr_new();

	if (!owner || !question) {
		ldns_rdf_deep_free(owner);
		ldns_rr_free(question);
		return -ENOMEM;
	}
	ldns_rr_set_question(question, true);
	ldns_rr_set_owner(question, owner);
	ldns_rr_set_type(question, (ldns_rr_type)type);
	ldns_rr_set_class(question, LDNS_RR_CLASS_IN);
	if (ldns_pkt_push_rr(packet, LDNS_SECTION_QUESTION, question))
		return 0;
	ldns_rr_free(question);
	return -ENOMEM;
}

static int add_records(ldns_pkt *packet, const ldns_rr_list *records)
{
	for (size_t i = 0; records && i < ldns_rr_list_rr_count(records); i++) {
		ldns_rr *copy = ldns_rr_clone(ldns_rr_list_rr(records, i));
		if (!copy || !ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, copy)) {
			ldns_rr_free(copy);
			return -ENOMEM;
		}
	}
	return 0;
}

/* Takes the packet. */
static int finish(ldns_pkt *packet, int r, struct bytes *out)
{
	struct bytes wire = {0};

	if (r == 0 && ldns_pkt2wire(&wire.data, packet, &wire.length) != LDNS_STATUS_OK)
		r = -ENOMEM;
	ldns_pkt_free(packet);
	if (r == 0)
		*out = wire;
	return r;
}

int message_reply(const struct question *question, unsigned rcode, bool truncated, const ldns_rr_list *records,
		  struct bytes *reply)
{
	ldns_pkt *packet = ldns_pkt_new();
	int r = 0;

	if (!packet)
		return -ENOMEM;
	ldns_pkt_set_id(packet, question->id);
	ldns_pkt_set_qr(packet, true);
	ldns_pkt_set_rd(packet, question->recursion);
	ldns_pkt_set_ra(packet, true);
	ldns_pkt_set_tc(packet, truncated);
	ldns_pkt_set_rcode(packet, (uint8_t)rcode);
	if (question->edns)
		ldns_pkt_set_edns_udp_size(packet, DNS_UDP_MAX);
	if (question->wire.length)
		r = add_question(packet, &question->wire, question->type);
	if (r == 0)
		r = add_records(packet, records);
	return finish(packet, r, reply);
}

int reply_make(const struct question *question, unsigned rcode, bool truncated, struct bytes *reply)
{
	return message_reply(question, rcode, truncated, NULL, reply);
}

/* Letters alone: a label's length never lies among them, being at most 63. */
static void mix_case(struct wire_name *name, const uint8_t *random)
{
	for (size_t i = 0; i < name->length; i++)
		if (isalpha(name->data[i]) && (random[i / 8] >> (i % 8) & 1))
			name->data[i] ^= 0x20;
}

int asked_make(const struct question *question, const uint8_t random[ASKED_RANDOM_SIZE], struct asked *asked,
	       struct bytes *query)
{
	ldns_pkt *packet = ldns_pkt_new();

	if (!packet)
		return -ENOMEM;
	asked->id = (uint16_t)(random[0] << 8 | random[1]);
	asked->wire = question->wire;
	mix_case(&asked->wire, random + 2);
	ldns_pkt_set_id(packet, asked->id);
	ldns_pkt_set_rd(packet, true);
	ldns_pkt_set_edns_udp_size(packet, DNS_UDP_MAX);
	return finish(packet, add_question(packet, &asked->wire, question->type), query);
}
