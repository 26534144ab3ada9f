#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Other runtimes' networks, judged by the same cases: who makes a namespace of its own passes those of mode none, who does not fails them.
# PEERS=1 judges the bridges of podman and docker as well, where they are.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

# judge WORDS...: the cases of mode none; results in $scratch/results.jsonl.
judge() {
	run "$conformance" run --suite network --profile standard --filter 'network.*.none.*' --filter 'network.*.empty.*' \
		--jsonl "$scratch/results.jsonl" "$@"
}

# count STATUS: how many cases of the last judgement have it.
count() {
	jq -s --arg status "$1" '[.[] | select(.type == "result" and .status == $status)] | length' "$scratch/results.jsonl"
}

# settled NAME PASS FAIL: nothing but those, and the request limit, which is UNSUPPORTED.
settled() {
	local counts
	counts="$(count PASS) $(count FAIL) $(count UNSUPPORTED)"
	[ "$counts" = "$2 $3 1" ]
	ok "$1" $? "PASS, FAIL, UNSUPPORTED: $counts; $output $errors"
}

run env PATH=/nonexistent "$conformance" run --runtime podman --suite network
expect "a podman that is not there is neither conformant nor judged" 2 'podman: no such program'

if [ "$(id -u)" -ne 0 ]; then
	echo "ok - the rest needs root # SKIP"
	finish
	exit
fi

judge --runtime-cmd 'bwrap --ro-bind / / --unshare-net --'
expect "bwrap --unshare-net is conformant" 0
settled "bwrap: each case was judged" 9 0
judge --runtime-cmd 'unshare --net --'
expect "unshare --net is not" 1 'network.standard.none.loopback'
settled "unshare: the loopback alone, which is down" 8 1
judge --runtime-cmd 'env --'
expect "a command that isolates nothing fails" 1
settled "env: everything but the loopback" 1 8

# bridge RUNTIME: mode none, and some of what its bridge lets through.
bridge() {
	command -v "$1" >/dev/null || return 0
	judge --runtime "$1"
	settled "$1 --network none" 9 0
	run "$conformance" run --suite network --profile standard --runtime "$1" --filter 'network.*.allowed.full*' \
		--filter 'network.*.metadata-full' --filter 'network.*.peer.direct' --expect "$root/fixtures/expectations/$1.json"
	expect "$1's bridge: as expected" 0 '2 PASS, 3 XFAIL'
}

if [ -n "${PEERS:-}" ]; then
	before=$(ip -o link; nft list ruleset)
	bridge podman
	command -v dockerd >/dev/null && bridge docker
	[ "$before" = "$(ip -o link; nft list ruleset)" ]
	ok "neither has touched the machine's links and rules" $?
fi

finish
