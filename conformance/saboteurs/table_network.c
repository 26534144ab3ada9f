/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saboteurs of the network, in the reference runtime's test build: rows of its rules left out ("drop:"), rules that should
 * not be there, and a resolver that knows no better.
 */
#include "base/array.h"
#include "saboteurs/saboteur.h"

/* clang-format off */
#define W(id) "network.standard." id

static const struct saboteur rows[] = {
	/* --- what may be reached --- */
	{.name = "net-full", .breaks = "restricted is full", .fault = "break:network-full",
	 .must = {W("unlisted.tcp"), W("unlisted.udp"), W("names.direct-public")},
	 .green = {W("allowed.tcp"), W("never.metadata")}},
	{.name = "net-unlisted", .breaks = "what no entry allows is admitted", .fault = "break:net-unlisted",
	 .must = {W("unlisted.tcp"), W("unlisted.port"), W("names.dot")},
	 .green = {W("allowed.tcp"), W("host.private-10")}},
	{.name = "net-never", .breaks = "a wide entry opens metadata and other sandboxes", .fault = "drop:never",
	 .must = {W("never.metadata-all"), W("never.metadata-wide"), W("never.peer-all")},
	 .green = {W("unlisted.tcp"), W("allowed.tcp")}},
	{.name = "net-host", .breaks = "the host's own addresses are a world like any other", .fault = "drop:never,drop:far-local,drop:far-input",
	 .must = {W("host.uplink"), W("never.host-all")},
	 .green = {W("unlisted.tcp")}},
	{.name = "net-private", .breaks = "full reaches private networks", .fault = "drop:private",
	 .must = {W("host.private-10"), W("host.private-172"), W("host.private-192"), W("host.private-100"), W("host.neighbour")},
	 .green = {W("never.metadata-full"), W("allowed.full")}},
	{.name = "net-dnat", .breaks = "the host's redirections are followed", .fault = "drop:far-translated",
	 .must = {W("host.dnat-allowed")},
	 .green = {W("host.uplink")}},
	{.name = "net-protocol", .breaks = "every protocol goes to an allowed address", .fault = "drop:protocol",
	 .must = {W("packets.gre"), W("packets.ipip"), W("packets.sctp")},
	 .green = {W("unlisted.tcp")}},

	/* --- frames --- */
	{.name = "net-source-pinning", .breaks = "a sandbox may send in its neighbour's name", .fault = "drop:source-pinning",
	 .must = {W("packets.spoof-peer")},
	 .green = {W("unlisted.tcp"), W("frames.vlan")}},
	{.name = "net-fragments", .breaks = "fragments pass", .fault = "drop:fragments",
	 .must = {W("packets.fragment")},
	 .green = {W("unlisted.tcp")}},
	{.name = "net-options", .breaks = "IP options pass", .fault = "drop:options",
	 .must = {W("packets.record-route")},
	 .green = {W("unlisted.tcp")}},
	{.name = "net-unasked", .breaks = "others reach into the sandbox", .fault = "drop:unasked,drop:established-mark,drop:far-unasked",
	 .must = {W("state.unsolicited")},
	 .green = {W("allowed.tcp"), W("unlisted.tcp")}},

	/* --- requests --- */
	{.name = "net-requests", .breaks = "requests are not counted", .fault = "break:net-requests",
	 .must = {W("requests.one"), W("requests.sequence"), W("requests.udp")},
	 .green = {W("unlisted.tcp")}},
	{.name = "net-requests-doubled", .breaks = "twice the requests", .fault = "break:requests-doubled",
	 .must = {W("requests.one"), W("requests.concurrent"), W("requests.full")},
	 .green = {W("unlisted.tcp")}},
	{.name = "net-requests-mark", .breaks = "each packet of a connection that has no answer counts", .fault = "break:net-requests-mark,break:net-established",
	 .must = {W("requests.udp-unreplied")},
	 .green = {W("unlisted.tcp"), W("allowed.tcp")}},

	/* --- names --- */
	{.name = "net-names-all", .breaks = "the resolver forwards and answers every name", .fault = "break:names-all",
	 .must = {W("names.unlisted"), W("names.subdomain"), W("names.suffix")},
	 .green = {W("unlisted.tcp")}},
	{.name = "net-answers-all", .breaks = "private addresses in answers are kept and pinned", .fault = "break:answers-all",
	 .must = {W("answers.private"), W("answers.mixed"), W("answers.alias-private")},
	 .green = {W("allowed.name"), W("answers.metadata")}},
	{.name = "net-pin-never", .breaks = "names are answered, and their addresses stay closed", .fault = "break:pin-never",
	 .must = {W("allowed.name")},
	 .green = {W("allowed.tcp")}},
	{.name = "net-pin-late", .breaks = "the answer leaves before the address is open", .fault = "break:pin-late",
	 .must = {W("allowed.pin-race")},
	 .green = {W("allowed.tcp")}},

	/* --- the rest --- */
	{.name = "net-six", .breaks = "IPv6 is left on", .fault = "break:ipv6-on",
	 .must = {W("six.addresses"), W("six.bind")},
	 .green = {W("allowed.tcp")}},
	{.name = "net-none", .breaks = "none is full", .fault = "break:network-none",
	 .must = {W("none.tcp"), W("none.links"), W("empty.tcp")},
	 .green = {W("allowed.tcp")}},
	{.name = "net-outlives", .breaks = "the sandbox and its rules go on when the runtime is killed",
	 .fault = "skip:die-with-monitor,break:outlives-monitor",
	 .must = {W("survival.monitor-killed-allowed")},
	 .green = {W("allowed.tcp")}},
};
/* clang-format on */

const struct saboteur_table saboteurs_of_the_network = {rows, ARRAY_SIZE(rows)};
