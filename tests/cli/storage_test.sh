#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The storage quota as a user meets it: one size for all writable places together, and nothing left when the sandbox is gone.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

# On a disk, wherever this machine has its /tmp.
storage=$(mktemp -d /var/tmp/agentcore-storage-test.XXXXXX)
trap 'rm -rf "$storage"; drop_scratch' EXIT

# limited MIB COMMAND...
limited() {
	local quota=$1
	shift
	run "$agentcore" run --network none --storage-dir "$storage" --limit "storage_quota_mb=$quota" "$@"
}

# Loop devices whose image lies in the test's directory.
bound() {
	cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -c "^$storage/"
}

none_bound() {
	[ "$(bound)" -eq 0 ]
}

some_bound() {
	[ "$(bound)" -gt 0 ]
}

# Writes blocks to PATH until none fits; prints the bytes that did.
fill='
import os, sys
def fill(path):
    fd, written = os.open(path, os.O_WRONLY | os.O_CREAT), 0
    try:
        while True:
            written += os.write(fd, b"x" * 4096)
    except OSError as e:
        assert e.errno == 28, e
    return written
'
mib=1048576

limited 8 -- python3 -c "$fill
print(fill('/tmp/a'))
try:
    os.mkdir('/workspace/directory')
    print('made')
except OSError as e:
    print(e.strerror)"
expect "the quota is exact" 0 'No space left'
written=$(head -n 1 <<<"$output")
[ "$written" -le $((8 * mib)) ] && [ "$written" -ge $((8 * mib - 65536)) ]
ok "in bytes" $? "$written"
limited 8 -- python3 -c "$fill
print(fill('/tmp/a') - 4194304)
os.truncate('/tmp/a', 4194304)
print(fill('/workspace/b'))"
written=$(tail -n 1 <<<"$output")
[ "$written" -le $((4 * mib)) ] && [ "$written" -ge $((4 * mib - 65536)) ]
ok "/tmp and /workspace share it" $? "$output $errors"
limited 64 -- python3 -c "$fill
print(fill('/tmp/a'))"
[ "$output" -ge $((63 * mib)) ]
ok "the control: a larger one holds more" $? "$output $errors"
limited 8 -- python3 -c "
import os
made = 0
try:
    while True:
        os.close(os.open('/tmp/%d' % made, os.O_WRONLY | os.O_CREAT))
        made += 1
except OSError as e:
    print(made, e.strerror)"
expect "inodes are bounded" 0 '^20[0-4][0-9] No space left'

profiles=(minimal standard)
! shifts_owners || profiles+=(privileged)
for profile in "${profiles[@]}"; do
	run "$agentcore" run --profile "$profile" --network none --storage-dir "$storage" -- \
		/usr/bin/stat -c '%n %a %u %g' /tmp /workspace
	expect "owner and mode under $profile" 0 '^/tmp 1777 0 0$'
	grep -qx '/workspace 755 0 0' <<<"$output"
	ok "and of /workspace" $? "$output"
done
run "$agentcore" run --profile minimal --network none --storage-dir "$storage" --user 1000:1001 -- \
	/bin/sh -c 'stat -c "%n %a %u %g" /workspace; echo mine >file && chmod 600 file && cat file'
expect "/workspace belongs to the user" 0 '^/workspace 755 1000 1001$'
limited 8 -- /bin/sh -c 'echo "echo run" >/tmp/script && chmod 4755 /tmp/script; ls -A /tmp /workspace; /bin/sh /tmp/script'
expect "files can be made and run" 0 '^run$'
! grep -q 'lost+found' <<<"$output"
ok "and nothing of the file system's own shows" $? "$output"

run "$agentcore" run --profile privileged --network none --storage-dir "$storage" --limit storage_quota_mb=8 -- python3 -c "$fill
print(fill('/usr/lib/a') - 4194304)
os.truncate('/usr/lib/a', 4194304)
os.remove('/usr/bin/git')
print(fill('/tmp/b'))"
if shifts_owners; then
	expect "the writable root of privileged counts too" 0
	written=$(tail -n 1 <<<"$output")
	[ "$written" -le $((4 * mib)) ] && [ "$written" -ge $((3 * mib)) ]
	ok "in one sum" $? "$output $errors"
else
	expect "the writable root of privileged is refused" 125 'cannot shift owners'
fi

within 10 none_bound
ok "nothing is bound after the end" $?
[ -z "$(find "$storage" -mindepth 1 ! -name 'template-*.img')" ]
ok "and only templates are left" $? "$(ls -A "$storage")"
! grep -q "$storage" /proc/self/mountinfo
ok "no mount either" $?

"$agentcore" run --network none --storage-dir "$storage" --limit storage_quota_mb=8 -- \
	/bin/sh -c 'echo x >/tmp/file; exec sleep 31536000' </dev/null >/dev/null 2>&1 &
monitor=$!
within 10 some_bound
ok "a live sandbox holds a device" $?
kill -KILL "$monitor"
{ wait "$monitor"; } 2>/dev/null
within 10 none_bound
ok "nothing is bound after a SIGKILL of the runtime" $? "$(bound)"

mkdir "$scratch/memory"
if mount -t tmpfs tmpfs "$scratch/memory" 2>/dev/null; then
	run "$agentcore" run --network none --storage-dir "$scratch/memory" -- /bin/true
	expect "a directory in memory is refused" 125 'memory'
	umount "$scratch/memory"
fi
run "$agentcore" run --network none --storage-dir "$storage" --limit storage_quota_mb=16777216 -- /bin/true
expect "more than the disk holds is refused" 125 'storage_quota_mb|disk'
mkfs=$(PATH=$PATH:/usr/sbin:/sbin command -v mkfs.ext4)
# shellcheck disable=SC2016  # for the shell inside
run unshare -m /bin/sh -c 'mount --bind /dev/null "$1" && exec "$2" run --network none --storage-dir "$3" --limit storage_quota_mb=9 -- /bin/true' \
	sh "$(readlink -f "$mkfs")" "$agentcore" "$storage"
expect "without mkfs.ext4 it says what to install" 125 'e2fsprogs'
none_bound
ok "and nothing is bound" $?

finish
