/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions of nf_tables: each call adds one to the rule (or set element) that is open in the batch.
 *
 * All attributes are given, also those with default values, in the form in which the kernel reads them back (registers above all):
 * rules_verify compares the two.
 */
#ifndef NETPOLICY_NFT_EXPR_H
#define NETPOLICY_NFT_EXPR_H

#include "netpolicy/nft.h"

/* 32-bit registers, as the kernel names them when it reads back: the first of four has the old name.  A concatenation takes them in a row. */
#define NFT_WORD(n) ((n) % 4 == 0 ? NFT_REG_1 + (n) / 4 : NFT_REG32_00 + (n))

/* A field of a packet. */
struct nft_field {
	enum nft_payload_bases base;
	uint32_t offset, length;
};
extern const struct nft_field FIELD_ETHER_TARGET, FIELD_ETHER_SOURCE, FIELD_ETHER_TYPE, FIELD_IP_VERSION_AND_LENGTH,
	FIELD_IP_FRAGMENT, FIELD_IP_SOURCE, FIELD_IP_TARGET, FIELD_PORT_TARGET;

void expr_payload(struct nft *nft, const struct nft_field *field, uint32_t reg);
void expr_meta(struct nft *nft, enum nft_meta_keys key, uint32_t reg);
void expr_meta_set(struct nft *nft, enum nft_meta_keys key, uint32_t reg);
void expr_ct(struct nft *nft, enum nft_ct_keys key, uint32_t reg);
void expr_ct_set(struct nft *nft, enum nft_ct_keys key, uint32_t reg);

/* The rule goes on where the register is (NFT_CMP_EQ) or is not (NFT_CMP_NEQ) what data holds. */
void expr_cmp(struct nft *nft, enum nft_cmp_ops op, uint32_t reg, const void *data, size_t length);
void expr_mask(struct nft *nft, uint32_t reg, const void *mask, size_t length);
void expr_value(struct nft *nft, uint32_t reg, const void *data, size_t length);
void expr_verdict(struct nft *nft, int verdict, const char *chain); /* chain: of NFT_JUMP and NFT_GOTO */

/* The rule goes on where the set has the key; of a map, the value comes to `to`, NFT_REG_VERDICT for verdicts. */
void expr_lookup(struct nft *nft, const char *set, uint32_t key);
void expr_lookup_not(struct nft *nft, const char *set, uint32_t key);
void expr_lookup_map(struct nft *nft, const char *set, uint32_t key, uint32_t to);

void expr_counter(struct nft *nft);
void expr_limit(struct nft *nft, uint64_t rate, uint64_t seconds, uint32_t burst);
void expr_log(struct nft *nft, uint16_t group, uint32_t bytes);
void expr_reject_tcp(struct nft *nft);
void expr_reject_icmp(struct nft *nft, uint8_t code);
void expr_masquerade(struct nft *nft);
void expr_target_type(struct nft *nft, uint32_t reg); /* RTN_*, by the routing table of this moment */

/* A verdict as the value of a map's element. */
void nft_put_verdict(struct nft *nft, int attribute, int verdict, const char *chain);

#endif
