#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every long option that a command's --help names stands in the manual page, in the command's own section, and every one
# that stands there is in its --help.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(dirname "$(readlink -f "$0")")")/cli/lib.sh"
set -uo pipefail

# The options of a help text on its standard input: from the lines of usage and those that explain an option, not from
# examples.  --help itself goes without saying.
options_of_help() {
	sed -n '/^[Uu]sage: /,/^$/p; /^  -/p' | grep -E '^([Uu]sage: | *agentcore | +-)' |
		sed -E 's/^( +(-., )?--[a-z-]+).*/\1/' | grep -oE -- '--[a-z][a-z-]+' | grep -vx -- --help | sort -u
}

# section PAGE NAME: from its .Ss to the next; with no such section, nothing.
section() {
	awk -v name="$2" '/^\.S[sh] /{inside = $0 == ".Ss " name} inside' "$1"
}

# The same in mdoc on its standard input: "Fl -name", several on a line.  What a text says in passing may be another's.
options_of_page() {
	grep '^\.It ' | grep -oE 'Fl -[a-z][a-z-]+' | grep -vx 'Fl -help' | sed 's/^Fl -/--/' | sort -u
}

# agree NAME HELP PAGE: both are lists of options.
agree() {
	local difference
	difference=$(diff <(echo "$2") <(echo "$3") | grep '^[<>] .' | sed 's/^</only in --help:/; s/^>/only in the page:/' | paste -sd ' ')
	[ -z "$difference" ]
	ok "$1: --help and the manual page name the same options" $? "$difference"
}

# The commands in the order of the program's own help.
commands() {
	"$build/$1" --help | sed -nE 's/^  ([a-z][a-z-]+) +[a-z].*/\1/p'
}

count=0
for program in agentcore agentcore-conformance; do
	for command in $(commands "$program"); do
		page=$root/docs/man/$program-$command.1
		if [ -f "$page" ]; then
			text=$(<"$page")
		else
			page=$root/docs/man/$program.1
			text=$(section "$page" "$command")
		fi
		[ -n "$text" ]
		ok "$program $command has a section in $(basename "$page")" $?
		agree "$program $command" "$("$build/$program" "$command" --help 2>&1 | options_of_help)" \
			"$(echo "$text" | options_of_page)"
		count=$((count + 1))
	done
done
[ "$count" -ge 14 ]
ok "all commands were found" $? "$count"

finish
