/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netpolicy/router.h"

/* Numbers count up to here; a new router starts over when half of them are used. */
#define NUMBER_MAX 0x7fffff00u

#define WINDOW_MIN     256u
#define ASK_IN_THE_WAY 8u

struct pool_head {
	char magic[8];
	uint32_t number, window;
};
static const char magic[8] = "acpool1";

unsigned pool_slots(unsigned prefix)
{
	/* Without the network's own address, the gateway's, and the uplink's four. */
	const unsigned addresses = (1u << (32 - prefix)) - 6;

	return addresses < ROUTER_SLOTS_MAX ? addresses : ROUTER_SLOTS_MAX;
}

uint32_t pool_gateway(const struct pool *pool)
{
	return pool->network + 1;
}

uint32_t pool_address(const struct pool *pool, unsigned slot)
{
	return pool->network + 2 + slot;
}

uint32_t pool_uplink(const struct pool *pool)
{
	return pool->network + (1u << (32 - pool->prefix)) - 3;
}

static int read_head(const struct pool *pool, struct pool_head *head, struct error *err)
{
	ssize_t n = pread(pool->fd, head, sizeof(*head), 0);

	if (n < 0)
		return error_set(err, errno, "network/pool in the state directory");
	/* New, or cut off by a crash of the machine, which ended all holders as well. */
	if ((size_t)n < sizeof(*head) || memcmp(head->magic, magic, sizeof(magic)) != 0) {
		*head = (struct pool_head){0};
		memcpy(head->magic, magic, sizeof(magic));
	}
	return 0;
}

static int write_head(const struct pool *pool, const struct pool_head *head, struct error *err)
{
	ssize_t n = pwrite(pool->fd, head, sizeof(*head), 0);

	return n == (ssize_t)sizeof(*head) ? 0
					   : error_set(err, n < 0 ? errno : EIO, "network/pool in the state directory");
}

int pool_open(struct pool *pool, int directory, uint32_t network, unsigned prefix, struct error *err)
{
	struct stat stat;

	_cleanup_fd_ int fd = openat(directory, "pool", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0 || fstat(fd, &stat) < 0)
		return error_set(err, errno, "network/pool in the state directory");
	if (!S_ISREG(stat.st_mode))
		return error_say(err, EINVAL, "network/pool in the state directory is no file");
	*pool = (struct pool){.fd = TAKE_FD(fd), .network = network, .prefix = prefix};
	return 0;
}

void pool_close(struct pool *pool)
{
	cleanup_fd(&pool->fd);
	*pool = POOL_CLOSED;
}

static struct flock slot_lock(short type, unsigned slot, unsigned count)
{
	return (struct flock){.l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)(sizeof(struct pool_head) + slot),
			      .l_len = count};
}

int pool_in_use(const struct pool *pool, struct error *err)
{
	struct flock lock = slot_lock(F_WRLCK, 0, ROUTER_SLOTS_MAX);

	if (fcntl(pool->fd, F_OFD_GETLK, &lock) < 0)
		return error_set(err, errno, "lock on network/pool");
	return lock.l_type != F_UNLCK;
}

int pool_reset(struct pool *pool, struct error *err)
{
	struct pool_head head;
	int r = read_head(pool, &head, err);

	if (r < 0)
		return r;
	if (head.number > NUMBER_MAX / 2)
		head.number = 0;
	if (ftruncate(pool->fd, 0) < 0)
		return error_set(err, errno, "network/pool in the state directory");
	return write_head(pool, &head, err);
}

int pool_number(struct pool *pool, uint32_t *number, struct error *err)
{
	struct pool_head head;
	int r = read_head(pool, &head, err);

	if (r < 0)
		return r;
	if (head.number >= NUMBER_MAX) {
		(void)error_say(err, EOVERFLOW, "the router has had %u sandboxes: its numbers are used up", NUMBER_MAX);
		if (err)
			(void)error_hint(err, "end all sandboxes with a network: the next one gets a new router");
		return -EOVERFLOW;
	}
	head.number++;
	r = write_head(pool, &head, err);
	if (r == 0)
		*number = head.number;
	return r;
}

static int set_dirty(const struct pool *pool, unsigned slot, bool dirty, struct error *err)
{
	const char flag = dirty ? 1 : 0;

	if (pwrite(pool->fd, &flag, 1, (off_t)(sizeof(struct pool_head) + slot)) != 1)
		return error_set(err, errno, "network/pool in the state directory");
	return 0;
}

static int was_dirty(const struct pool *pool, unsigned slot, bool *dirty, struct error *err)
{
	char flag = 0;

	/* Beyond the end: never used. */
	if (pread(pool->fd, &flag, 1, (off_t)(sizeof(struct pool_head) + slot)) < 0)
		return error_set(err, errno, "network/pool in the state directory");
	*dirty = flag != 0;
	return 0;
}

/* 1: it is ours now; 0: somebody holds it. */
static int try_slot(const struct pool *pool, unsigned slot, bool *dirty, struct error *err)
{
	struct flock lock = slot_lock(F_WRLCK, slot, 1);

	if (fcntl(pool->fd, F_OFD_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES ? 0 : error_set(err, errno, "lock on network/pool");
	int r = was_dirty(pool, slot, dirty, err);
	if (r == 0)
		r = set_dirty(pool, slot, true, err);
	if (r == 0)
		return 1;
	lock.l_type = F_UNLCK;
	(void)fcntl(pool->fd, F_OFD_SETLK, &lock);
	return r;
}

/*
 * Addresses come again in turn, so that each rests for a while; but not all of the pool in turn: what the rules keep for an address they
 * keep for the router's life, and the more there is the longer a new one takes.  A part that is at most half in use does.
 */
static int widen(const struct pool *pool, const char *flags, unsigned slots, unsigned *window, struct error *err)
{
	struct pool_head head;
	unsigned used = 0;
	int r = read_head(pool, &head, err);

	if (r < 0)
		return r;
	*window = head.window < WINDOW_MIN ? WINDOW_MIN : head.window;
	if (*window > slots)
		*window = slots;
	for (unsigned i = 0; i < *window; i++)
		used += flags[i] != 0;
	if (used * 2 > *window && *window < slots)
		*window = *window * 2 < slots ? *window * 2 : slots;
	if (*window == head.window)
		return 0;
	head.window = *window;
	return write_head(pool, &head, err);
}

/* A slot of the first count, from start: 1, 0 (none), or a negative errno.  Of those that look taken, some are asked in the way: their holder may be dead. */
static int take_from(const struct pool *pool, const char *flags, unsigned start, unsigned count, unsigned ask,
		     unsigned *slot, bool *dirty, struct error *err)
{
	for (unsigned i = 0; i < count; i++) {
		const unsigned candidate = (start + i) % count;
		if (flags[candidate] && ask == 0)
			continue;
		if (flags[candidate])
			ask--;
		int r = try_slot(pool, candidate, dirty, err);
		if (r > 0)
			*slot = candidate;
		if (r != 0)
			return r;
	}
	return 0;
}

int pool_take(struct pool *pool, uint32_t number, unsigned *slot, bool *dirty, struct error *err)
{
	const unsigned slots = pool_slots(pool->prefix);
	char flags[ROUTER_SLOTS_MAX] = {0};
	unsigned window = 0;

	/* What is beyond the end of the file was never used. */
	if (pread(pool->fd, flags, slots, sizeof(struct pool_head)) < 0)
		return error_set(err, errno, "network/pool in the state directory");
	int r = widen(pool, flags, slots, &window, err);
	if (r == 0)
		r = take_from(pool, flags, number, window, ASK_IN_THE_WAY, slot, dirty, err);
	if (r == 0)
		r = take_from(pool, flags, 0, slots, slots, slot, dirty, err);
	if (r != 0)
		return r < 0 ? r : 0;
	(void)error_say(err, EBUSY, "no free address: all %u of the network pool are in use", slots);
	if (err)
		(void)error_hint(err, "end some sandboxes, or start with a wider --network-pool and another --root");
	return -EBUSY;
}

int pool_release(struct pool *pool, unsigned slot, bool dirty, struct error *err)
{
	struct flock lock = slot_lock(F_UNLCK, slot, 1);
	int r = set_dirty(pool, slot, dirty, err);

	/* Not by closing alone: a child may have the descriptor still. */
	if (fcntl(pool->fd, F_OFD_SETLK, &lock) < 0 && r == 0)
		return error_set(err, errno, "lock on network/pool");
	return r;
}
