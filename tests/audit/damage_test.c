/* SPDX-License-Identifier: Apache-2.0 */
/* Every byte of a log changed in turn, and damage by chance (from fixed seeds): verification finds all of it. */
#include "fixture.h"

#define FILES 4

static const char *const names[FILES] = {DAY_0, DAY_1, DAY_2, "head"};
static struct bytes original[FILES];

static int write_log(void **state)
{
	if (make_directory(state) < 0)
		return -1;
	for (int i = 0; i < 9; i++)
		write_at(DAY(i / 3), i % 2 ? "odd" : "even, and a longer line \x1b");
	for (int i = 0; i < FILES; i++)
		original[i] = read_bytes(names[i]);
	return 0;
}

static int release_log(void **state)
{
	for (int i = 0; i < FILES; i++)
		free(original[i].data);
	return remove_directory(state);
}

static void test_every_single_byte(void **state)
{
	(void)state;
	/* A newline makes two lines of one, digits make other numbers. */
	static const char others[] = "\n0a\"\xff"
				     "123456789bcdef";

	expect_intact(9);
	for (int f = 0; f < FILES; f++) {
		_cleanup_fd_ int fd = open(path_of(names[f]), O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		for (size_t at = 0; at < original[f].length; at++) {
			unsigned char good = (unsigned char)original[f].data[at];
			for (size_t i = 0; i < (f == FILES - 1 ? sizeof(others) : 5); i++) {
				unsigned char bad = (unsigned char)others[i];
				if (bad == good)
					continue;
				assert_int_equal(pwrite(fd, &bad, 1, (off_t)at), 1);
				if (verify().problems == 0)
					fail_msg("%s, byte %zu: %02x for %02x was not found", names[f], at, bad, good);
			}
			assert_int_equal(pwrite(fd, &good, 1, (off_t)at), 1);
		}
	}
	expect_intact(9);
}

/* --- By chance ------------------------------------------------------------------------------------------------ */
static uint64_t chance;

static size_t below(size_t limit)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(chance >> 33) % limit;
}

/* Remove up to 400 bytes somewhere and put other ones there: none, noise, or a piece of the same file. */
static struct bytes damage(const struct bytes *good)
{
	size_t at = below(good->length), cut = below(good->length - at < 400 ? good->length - at + 1 : 400);
	size_t added = below(3) ? below(400) : 0;
	bool noise = below(2);
	struct bytes bad = {.length = good->length - cut + added};

	if (added > good->length)
		added = good->length;
	size_t from = below(good->length - added + 1);
	bad.length = good->length - cut + added;
	bad.data = malloc(bad.length + 1);
	assert_non_null(bad.data);
	memcpy(bad.data, good->data, at);
	for (size_t i = 0; i < added; i++)
		bad.data[at + i] = noise ? (char)below(256) : good->data[from + i];
	memcpy(bad.data + at + added, good->data + at + cut, good->length - at - cut);
	return bad;
}

static bool same(const struct bytes *a, const struct bytes *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static void test_random_damage(void **state)
{
	(void)state;
	int found = 0;

	for (uint64_t seed = 1; seed <= 3000; seed++) {
		chance = seed;
		size_t f = below(FILES);
		struct bytes bad = damage(&original[f]);
		if (!same(&bad, &original[f])) {
			write_bytes(names[f], bad.data, bad.length);
			if (verify().problems == 0)
				fail_msg("seed %d: damage of %s was not found: %s", (int)seed, names[f], messages);
			write_bytes(names[f], original[f].data, original[f].length);
			found++;
		}
		free(bad.data);
	}
	assert_in_range(found, 2500, 3000);
	expect_intact(9);
}

/* Writers that meet random damage go on, and never make the log look whole again. */
static void test_writers_in_random_damage(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 500; seed++) {
		chance = seed;
		size_t f = below(FILES);
		struct bytes bad = damage(&original[f]);
		if (!same(&bad, &original[f])) {
			write_bytes(names[f], bad.data, bad.length);
			for (int i = 0; i < 3; i++)
				write_at(DAY(2 + i), "after");
			if (verify().problems == 0)
				fail_msg("seed %d: damage of %s was healed: %s", (int)seed, names[f], messages);
			assert_int_equal(remove_directory(state) | mkdir(directory, 0700), 0);
			for (int i = 0; i < FILES; i++)
				write_bytes(names[i], original[i].data, original[i].length);
		}
		free(bad.data);
	}
	expect_intact(9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_single_byte, write_log, release_log),
		cmocka_unit_test_setup_teardown(test_random_damage, write_log, release_log),
		cmocka_unit_test_setup_teardown(test_writers_in_random_damage, write_log, release_log),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
