/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/syscall_raw.h"

/* The i386 entry of a 64-bit process: numbers and 32-bit registers as i386 has them. */
static long int80(const uint32_t number, const uint32_t args[5])
{
	long ret;
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number), "b"(args[0]), "c"(args[1]), "d"(args[2]), "S"(args[3]), "D"(args[4])
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}

static int run_int80(int argc, char **argv, struct facts *facts)
{
	uint64_t value;
	uint32_t number, args[5] = {0};
	if (argc < 2 || argc > 7 || !syscall_parse_number(argv[1], &value))
		return 1;
	number = (uint32_t)value;
	for (int i = 2; i < argc; i++) {
		if (!syscall_parse_number(argv[i], &value))
			return 1;
		args[i - 2] = (uint32_t)value;
	}
	fact_result(facts, syscall_libc_style(int80(number, args)));
	return 0;
}

static const struct probe int80_probe = {"int80", "NR [A0 [A1 [A2 [A3 [A4]]]]]",
					 "make one i386 system call through int 0x80", run_int80};
PROBE(int80_probe);
