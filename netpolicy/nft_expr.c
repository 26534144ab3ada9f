/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/nft_expr.h"

#include <string.h>

const struct nft_field FIELD_ETHER_TARGET = {NFT_PAYLOAD_LL_HEADER, 0, 6};
const struct nft_field FIELD_ETHER_SOURCE = {NFT_PAYLOAD_LL_HEADER, 6, 6};
const struct nft_field FIELD_ETHER_TYPE = {NFT_PAYLOAD_LL_HEADER, 12, 2};
const struct nft_field FIELD_IP_VERSION_AND_LENGTH = {NFT_PAYLOAD_NETWORK_HEADER, 0, 1};
const struct nft_field FIELD_IP_FRAGMENT = {NFT_PAYLOAD_NETWORK_HEADER, 4, 4};
const struct nft_field FIELD_IP_SOURCE = {NFT_PAYLOAD_NETWORK_HEADER, 12, 4};
const struct nft_field FIELD_IP_TARGET = {NFT_PAYLOAD_NETWORK_HEADER, 16, 4};
const struct nft_field FIELD_PORT_TARGET = {NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2};

/* An expression is a name and its attributes, nested twice. */
struct nest {
	struct nlattr *element, *data;
};

static struct nest start(struct nft *nft, const char *name)
{
	struct nest nest = {.element = nft_nest(nft, NFTA_LIST_ELEM)};

	nft_text(nft, NFTA_EXPR_NAME, name);
	nest.data = nft_nest(nft, NFTA_EXPR_DATA);
	return nest;
}

static void end(struct nft *nft, struct nest nest)
{
	nft_nest_end(nft, nest.data);
	nft_nest_end(nft, nest.element);
}

void expr_payload(struct nft *nft, const struct nft_field *field, uint32_t reg)
{
	struct nest nest = start(nft, "payload");

	nft_u32(nft, NFTA_PAYLOAD_DREG, reg);
	nft_u32(nft, NFTA_PAYLOAD_BASE, field->base);
	nft_u32(nft, NFTA_PAYLOAD_OFFSET, field->offset);
	nft_u32(nft, NFTA_PAYLOAD_LEN, field->length);
	end(nft, nest);
}

/* "meta" and "ct" alike: a key, and a register. */
static void keyed(struct nft *nft, const char *name, int key_attribute, uint32_t key, int reg_attribute, uint32_t reg)
{
	struct nest nest = start(nft, name);

	nft_u32(nft, key_attribute, key);
	nft_u32(nft, reg_attribute, reg);
	end(nft, nest);
}

void expr_meta(struct nft *nft, enum nft_meta_keys key, uint32_t reg)
{
	keyed(nft, "meta", NFTA_META_KEY, key, NFTA_META_DREG, reg);
}

void expr_meta_set(struct nft *nft, enum nft_meta_keys key, uint32_t reg)
{
	keyed(nft, "meta", NFTA_META_KEY, key, NFTA_META_SREG, reg);
}

void expr_ct(struct nft *nft, enum nft_ct_keys key, uint32_t reg)
{
	keyed(nft, "ct", NFTA_CT_KEY, key, NFTA_CT_DREG, reg);
}

void expr_ct_set(struct nft *nft, enum nft_ct_keys key, uint32_t reg)
{
	keyed(nft, "ct", NFTA_CT_KEY, key, NFTA_CT_SREG, reg);
}

void expr_cmp(struct nft *nft, enum nft_cmp_ops op, uint32_t reg, const void *data, size_t length)
{
	struct nest nest = start(nft, "cmp");

	nft_u32(nft, NFTA_CMP_SREG, reg);
	nft_u32(nft, NFTA_CMP_OP, op);
	nft_data(nft, NFTA_CMP_DATA, data, length);
	end(nft, nest);
}

void expr_mask(struct nft *nft, uint32_t reg, const void *mask, size_t length)
{
	static const unsigned char nothing[16];
	struct nest nest = start(nft, "bitwise");

	nft_u32(nft, NFTA_BITWISE_SREG, reg);
	nft_u32(nft, NFTA_BITWISE_DREG, reg);
	nft_u32(nft, NFTA_BITWISE_LEN, (uint32_t)length);
	nft_u32(nft, NFTA_BITWISE_OP, NFT_BITWISE_BOOL);
	nft_data(nft, NFTA_BITWISE_MASK, mask, length);
	nft_data(nft, NFTA_BITWISE_XOR, nothing, length);
	end(nft, nest);
}

void expr_value(struct nft *nft, uint32_t reg, const void *data, size_t length)
{
	struct nest nest = start(nft, "immediate");

	nft_u32(nft, NFTA_IMMEDIATE_DREG, reg);
	nft_data(nft, NFTA_IMMEDIATE_DATA, data, length);
	end(nft, nest);
}

void nft_put_verdict(struct nft *nft, int attribute, int verdict, const char *chain)
{
	struct nlattr *data = nft_nest(nft, attribute);
	struct nlattr *nest = nft_nest(nft, NFTA_DATA_VERDICT);

	nft_u32(nft, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain)
		nft_text(nft, NFTA_VERDICT_CHAIN, chain);
	nft_nest_end(nft, nest);
	nft_nest_end(nft, data);
}

void expr_verdict(struct nft *nft, int verdict, const char *chain)
{
	struct nest nest = start(nft, "immediate");

	nft_u32(nft, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nft_put_verdict(nft, NFTA_IMMEDIATE_DATA, verdict, chain);
	end(nft, nest);
}

static struct nest start_lookup(struct nft *nft, const char *set, uint32_t key, uint32_t flags)
{
	struct nest nest = start(nft, "lookup");

	nft_text(nft, NFTA_LOOKUP_SET, set);
	nft_u32(nft, NFTA_LOOKUP_SREG, key);
	nft_u32(nft, NFTA_LOOKUP_FLAGS, flags);
	return nest;
}

void expr_lookup(struct nft *nft, const char *set, uint32_t key)
{
	end(nft, start_lookup(nft, set, key, 0));
}

void expr_lookup_not(struct nft *nft, const char *set, uint32_t key)
{
	end(nft, start_lookup(nft, set, key, NFT_LOOKUP_F_INV));
}

void expr_lookup_map(struct nft *nft, const char *set, uint32_t key, uint32_t to)
{
	struct nest nest = start_lookup(nft, set, key, 0);

	nft_u32(nft, NFTA_LOOKUP_DREG, to);
	end(nft, nest);
}

void expr_counter(struct nft *nft)
{
	struct nest nest = start(nft, "counter");

	nft_u64(nft, NFTA_COUNTER_BYTES, 0);
	nft_u64(nft, NFTA_COUNTER_PACKETS, 0);
	end(nft, nest);
}

void expr_limit(struct nft *nft, uint64_t rate, uint64_t seconds, uint32_t burst)
{
	struct nest nest = start(nft, "limit");

	nft_u64(nft, NFTA_LIMIT_RATE, rate);
	nft_u64(nft, NFTA_LIMIT_UNIT, seconds);
	nft_u32(nft, NFTA_LIMIT_BURST, burst);
	nft_u32(nft, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nft_u32(nft, NFTA_LIMIT_FLAGS, 0);
	end(nft, nest);
}

void expr_log(struct nft *nft, uint16_t group, uint32_t bytes)
{
	struct nest nest = start(nft, "log");

	nft_u16(nft, NFTA_LOG_GROUP, group);
	nft_u32(nft, NFTA_LOG_SNAPLEN, bytes);
	/* Each at once: the kernel would keep them back for a hundred, or a second. */
	nft_u16(nft, NFTA_LOG_QTHRESHOLD, 1);
	end(nft, nest);
}

void expr_reject_tcp(struct nft *nft)
{
	struct nest nest = start(nft, "reject");

	nft_u32(nft, NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST);
	end(nft, nest);
}

void expr_reject_icmp(struct nft *nft, uint8_t code)
{
	struct nest nest = start(nft, "reject");

	nft_u32(nft, NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
	nft_u8(nft, NFTA_REJECT_ICMP_CODE, code);
	end(nft, nest);
}

void expr_masquerade(struct nft *nft)
{
	/* Without attributes the nest of the data goes away by itself. */
	end(nft, start(nft, "masq"));
}

void expr_target_type(struct nft *nft, uint32_t reg)
{
	struct nest nest = start(nft, "fib");

	nft_u32(nft, NFTA_FIB_DREG, reg);
	nft_u32(nft, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_u32(nft, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(nft, nest);
}
