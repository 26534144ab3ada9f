/* SPDX-License-Identifier: Apache-2.0 */
/* What the packets of a static rule have in common, or what the rule does with them; each adds expressions to the rule that is open. */
#ifndef NETPOLICY_RULES_MATCH_H
#define NETPOLICY_RULES_MATCH_H

#include "netpolicy/nft.h"
#include "netpolicy/rules.h"

struct rule_row;
typedef void match(struct nft *nft, const struct rule_row *row, const struct rules_router *router);

struct rule_row {
	unsigned place; /* index of its chain */
	const char *name;
	match *match; /* NULL: all packets */
	uint32_t value; /* for it */
	enum refusal refusal; /* not NONE: refuse for that reason */
	int verdict; /* else: NF_ACCEPT and such; NFT_CONTINUE: the match has said it */
	const char *chain; /* of NFT_GOTO */
	const char *wish; /* the opposite of a rule: only there when this fault is wished */
};

#define MATCH_PORT 0x100u /* in the value of a row, beside the prefix */

match match_protocol_is;
match match_not_ip;
match match_with_options;
match match_fragment;
match match_not_to_gateway;
match match_foreign_source;
match match_log_frame;
match match_from_bridge;
match match_not_from_bridge;
match match_from_uplink;
match match_state_in;
match match_state_not_in;
match match_translated;
match match_other_protocol;
match match_marked_source;
match match_foreign_mark;
match match_target_never;
match match_target_private;
match match_full;
match match_allowed;
match match_take_mark;
match match_pinned;
match match_within_budget;
match match_spend_and_mark;
match match_log_packet;
match match_reset;
match match_reject;

#endif
