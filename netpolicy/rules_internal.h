/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of netpolicy/rules.h share: names of sets, and the static rules as messages. */
#ifndef NETPOLICY_RULES_INTERNAL_H
#define NETPOLICY_RULES_INTERNAL_H

#include "netpolicy/nft.h"
#include "netpolicy/rules.h"

#define RULES_TABLE     "agentcore"
#define RULES_CHAIN_MAX 32

/* How often a question is asked anew: others add their elements meanwhile, and then a dump is torn. */
#define RULES_TRIES 100

/* The same where each reading met a change of others. */
#define RULES_CROWD_TRIES 5000

#define RULES_CHANGED_HINT "end all sandboxes of this state directory: the next one makes a new router"

/* Sets of the sandboxes' elements.  Addresses and ports are in network byte order, marks and indices in the host's. */
#define SET_SOURCES "sources" /* bridge: port index . MAC, padded to 8 . address */
#define SET_DENIED  "denied" /* bridge: port index, ip: address -> slot; counts what is refused */
#define SET_LOGS    "logs" /* slot -> jump to its log chain */
#define SET_LIVE    "live" /* address . mark: packets of connections that this sandbox opened */
#define SET_MARKS   "marks" /* address -> mark */
#define SET_BUDGET  "budget" /* address, with the limit and the counter of admitted flows */
#define SET_FULL    "full" /* address: mode full */
#define SET_PINS    "pins" /* mark . target, with a timeout */
#define SET_PORTS   "pins-port" /* mark . target . port, with a timeout */
#define SET_NEVER   "never"
#define SET_PRIVATE "private"

/* Prefixes of allowed networks are rounded up to multiples of this, and cut into so many of the longer ones. */
#define RULES_PREFIX_STEP 4u
#define RULES_PREFIXES    (32u / RULES_PREFIX_STEP + 1)

/* The set of allowed networks of a prefix length (a multiple of the step): address . network, or address . network . port. */
const char *rules_allowed_set(unsigned prefix, bool port);

/* Put everything static into the batch that is begun: what rules_install sends and rules_verify expects. */
void rules_plan(struct nft *nft, const struct rules_router *router);
void rules_plan_sets(struct nft *nft);
void rules_plan_fixed_elements(struct nft *nft, const struct rules_router *router);

/*
 * The chain that logs for a slot: to make it where there is none.  0; -EBADMSG where it is there and is not as it should be, or another negative errno.
 * Its rule jumps to CHAIN_LOGGED, so that the kernel's count of uses of that one tells how many log chains there are.
 */
#define CHAIN_LOGGED "logged"
#define LOG_CHAIN    "log-%u"
int rules_ensure_log_chains(struct nft *nft, unsigned slot, struct error *err);

/* Attributes that are sent against attributes that the kernel tells: values, nests, lists of expressions. */
bool rules_same_value(const struct nlattr *ours, const struct nlattr *theirs);
bool rules_same_attributes(const struct nlattr *ours, const struct nlattr *theirs);
bool rules_same_list(const struct nlattr *ours, const struct nlattr *theirs);

/* Elements: a message for a set, elements in it, the end of the message. */
struct nlattr *elements_start(struct nft *nft, uint16_t type, uint8_t family, const char *set, uint16_t flags);
struct nlattr *element_start(struct nft *nft, const void *key, size_t length);

/* A list that would get too long for one attribute goes on in another message. */
#define RULES_LIST_MAX (60 * 1024u)

/* rules_pin on kernels that cannot give an element a new time. */
int rules_replace_pins(struct nft *nft, const struct rules_sandbox *sandbox, const struct rules_pin *pins, size_t count,
		       struct error *err);

#endif
