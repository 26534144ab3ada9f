/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: the network switch, hosts, permissions. */
#include <string.h>

#include "base/array.h"
#include "policy/parse.h"
#include "policy/string_list.h"

#define HOST_MAX  253 /* the longest name that DNS has */
#define HOSTS_MAX 256 /* each is up to eight elements of the kernel's sets, sent in one batch at the start */

static int read_allow_network(struct document *document, const struct place *place, json_t *value)
{
	(void)place;
	document->network_allowed = json_is_true(value);
	document->network_denied = document->network_denied || json_is_false(value);
	return 0;
}

/* What a host or a CIDR may look like is netpolicy's to say; here is what neither can hold. */
static int read_host(struct document *document, const struct place *place, json_t *value)
{
	const char *host = json_string_value(value);

	if (strlen(host) > HOST_MAX)
		return refuse(document, place, "longer than %d characters: no host name is", HOST_MAX);
	for (const char *at = host; *at; at++) {
		if ((unsigned char)*at > ' ' && *at != 0x7f)
			continue;
		(void)refuse(document, place, "\"%.80s\" has blanks or control characters in it", host);
		return error_hint(document->err, "one host, address or network for each item of the list");
	}
	return string_list_add(&document->policy->allowed_hosts, host) < 0 ? out_of_memory(document) : 0;
}

static int read_permission(struct document *document, const struct place *place, json_t *value)
{
	(void)place;
	return string_list_add(&document->policy->permissions, json_string_value(value)) < 0 ? out_of_memory(document)
											     : 0;
}

static int read_hosts(struct document *document, const struct place *place, json_t *value)
{
	if (json_array_size(value) > HOSTS_MAX) {
		(void)refuse(document, place, "%zu entries, at most %d are possible", json_array_size(value),
			     HOSTS_MAX);
		return error_hint(document->err, "allow networks, or *.NAME for all subdomains of a name");
	}
	return read_strings(document, place, value, read_host);
}

static int read_permissions(struct document *document, const struct place *place, json_t *value)
{
	return read_strings(document, place, value, read_permission);
}

size_t sandbox_fields(struct field fields[SECTION_FIELDS_MAX])
{
	static const struct field sandbox[] = {
		{"allow_network", JSON_TRUE, read_allow_network},
		{"allowed_hosts", JSON_ARRAY, read_hosts},
		{"permissions", JSON_ARRAY, read_permissions},
	};

	memcpy(fields, sandbox, sizeof(sandbox));
	return ARRAY_SIZE(sandbox);
}
