/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allowlist: what an entry of sandbox.allowed_hosts means.
 *
 * One strict parser for the runtime's rules and for the resolver, so that the two cannot read one entry in two ways.  An entry is a
 * name ("api.example.com"), a name's subdomains ("*.example.com", not the name itself), an IPv4 address in four decimal parts, or a
 * network ("10.9.0.0/24"), each with an optional ":PORT".
 */
#ifndef NETPOLICY_HOSTS_H
#define NETPOLICY_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "policy/policy.h"

#define HOST_NAME_MAX_TEXT 253 /* the longest name that DNS has, without the trailing dot (RFC 1035, 2.3.4) */

enum host_kind {
	HOST_NAME,
	HOST_SUBDOMAINS,
	HOST_NETWORK, /* an address is a network of 32 bits */
};

struct host_rule {
	enum host_kind kind;
	char name[HOST_NAME_MAX_TEXT +
		  1]; /* lower case, without the trailing dot; of HOST_SUBDOMAINS what is behind "*." */
	uint32_t address; /* host byte order, nothing set behind the prefix */
	unsigned prefix; /* bits */
	uint16_t port; /* TCP and UDP; 0: any */
};

struct host_list {
	struct host_rule *rules;
	size_t count;
};

/* A network of addresses and why it is in its set. */
struct network {
	uint32_t address; /* host byte order */
	unsigned prefix;
	const char *why; /* "link-local: metadata services" */
};

/* Allowed by no entry: 0/8, 127/8, 169.254/16, 224/3.  The sandboxes' own subnet and the host's addresses come to it at run time. */
extern const struct network never_networks[];
extern const size_t never_network_count;

/* What mode full leaves out besides: RFC 1918, 100.64/10.  An entry that names one of them opens it. */
extern const struct network private_networks[];
extern const size_t private_network_count;

/* The network of the rows that the address lies in, or NULL. */
const struct network *network_of(const struct network *networks, size_t count, uint32_t address);

/*
 * Read one entry.  Refused: octal, hexadecimal, decimal and short forms of addresses, names whose last label is a number (RFC 3696, 2),
 * characters other than letters, digits, '-' and '_', labels over 63 characters, U-labels (the A-label form "xn--..." is asked for),
 * IPv6, port 0, bits behind the prefix, and an entry that lies within the never-set.
 * 0, or -EINVAL with err set (what is wrong, and a suggestion); *rule is untouched on failure.
 */
int host_rule_parse(const char *text, struct host_rule *rule, struct error *err);

/*
 * All entries of a policy; err names the one that is refused: "allowed_hosts[2] \"...\": ...".  0 with *list (host_list_clear), or a
 * negative errno.
 */
int host_list_parse(const struct string_list *texts, struct host_list *list, struct error *err);
void host_list_clear(struct host_list *list);

/* Some entry is a name or a name's subdomains. */
bool host_list_has_names(const struct host_list *list);

/*
 * The ports that the list allows a name (lower case, no trailing dot): at most max into ports, without repetition; {0} alone where
 * one of its entries has no port.  0: the name is not allowed.
 */
size_t host_list_name_ports(const struct host_list *list, const char *name, uint16_t *ports, size_t max);

/* Some entry that is an address or a network covers the address, on whatever port. */
bool host_list_covers(const struct host_list *list, uint32_t address);

/* "a.b.c.d" of an address in host byte order. */
#define ADDRESS_TEXT_MAX 16
void address_text(uint32_t address, char text[ADDRESS_TEXT_MAX]);

/* The strict reading of "a.b.c.d": exactly four decimal parts, no leading zeros, nothing behind.  0 or -EINVAL. */
int address_parse(const char *text, uint32_t *address);

#endif
