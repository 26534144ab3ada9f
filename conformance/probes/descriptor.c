/* SPDX-License-Identifier: Apache-2.0 */
/* What a command inherits: open descriptors and environment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probes/probe.h"

#define SWEEP_MAX 1024

struct words {
	char text[1000];
	size_t used;
};

static void words_add(struct words *words, const char *word)
{
	int length = snprintf(words->text + words->used, sizeof(words->text) - words->used, "%s%s",
			      words->used ? " " : "", word);
	if (length > 0 && words->used + (size_t)length < sizeof(words->text))
		words->used += (size_t)length;
}

static void number_add(struct words *words, int number)
{
	char text[16];
	(void)snprintf(text, sizeof(text), "%d", number);
	words_add(words, text);
}

/* By fcntl(2), which needs no /proc and cannot be hidden from. */
static void sweep(struct words *words)
{
	for (int fd = 0; fd < SWEEP_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			number_add(words, fd);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* By /proc/self/fd, which has the descriptors above the sweep too; the one that lists is left out. */
static int list(struct words *words)
{
	int numbers[SWEEP_MAX], count = 0;
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return -1;
	for (const struct dirent *entry; (entry = readdir(dir)) && count < SWEEP_MAX;)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir))
			numbers[count++] = atoi(entry->d_name);
	(void)closedir(dir);
	qsort(numbers, (size_t)count, sizeof(numbers[0]), by_number);
	for (int i = 0; i < count; i++)
		number_add(words, numbers[i]);
	return 0;
}

/* "leak" makes the control: a descriptor of our own that the listing has to show. */
static int run_list(int argc, char **argv, struct facts *facts)
{
	struct words swept = {.used = 0}, listed = {.used = 0};
	if (argc == 2 && strcmp(argv[1], "leak") == 0)
		(void)dup2(open("/", O_RDONLY | O_DIRECTORY), 77);
	else if (argc != 1)
		return 1;
	sweep(&swept);
	fact_result(facts, list(&listed));
	fact_text(facts, "swept", swept.text);
	fact_text(facts, "listed", listed.text);
	return 0;
}

static const struct probe descriptor_list = {"descriptor-list", "[leak]", "the open descriptors, by fcntl and by /proc",
					     run_list};
PROBE(descriptor_list);

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? "directory" : S_ISREG(mode) ? "file" : S_ISBLK(mode) ? "disk" : NULL;
}

/* The command itself is the parent of this child: its descriptors are the ones it was started with. */
static int run_kinds(int argc, char **argv, struct facts *facts)
{
	struct words found = {.used = 0};
	char path[64];
	struct stat st;
	if (argc == 2 && strcmp(argv[1], "leak") == 0)
		(void)dup2(open("/", O_RDONLY | O_DIRECTORY), 77);
	else if (argc != 1)
		return 1;
	int seen = 0;
	for (int fd = 0; fd < SWEEP_MAX; fd++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", argc == 2 ? (int)getpid() : (int)getppid(), fd);
		if (stat(path, &st) < 0)
			continue;
		seen++;
		if (kind_of(st.st_mode))
			words_add(&found, kind_of(st.st_mode));
	}
	fact_number(facts, "seen", seen);
	fact_text(facts, "objects", seen == 0 ? "unreadable" : found.used ? found.text : "none");
	return 0;
}

static const struct probe descriptor_kinds = {
	"descriptor-kinds", "[leak]", "directories, files and disks among the command's descriptors", run_kinds};
PROBE(descriptor_kinds);

/* The names are sorted, so that they compare as a set. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int run_environment(int argc, char **argv, struct facts *facts)
{
	(void)argv;
	char *names[64];
	size_t count = 0;
	struct words words = {.used = 0};
	if (argc != 1)
		return 1;
	for (char **variable = environ; *variable && count < 64; variable++)
		names[count++] = strndup(*variable, strcspn(*variable, "="));
	qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count; i++)
		words_add(&words, names[i]);
	fact_text(facts, "names", words.text);
	fact_number(facts, "count", (int64_t)count);
	return 0;
}

static const struct probe descriptor_environment = {"descriptor-environment", "",
						    "names of the environment variables, sorted", run_environment};
PROBE(descriptor_environment);
