/* SPDX-License-Identifier: Apache-2.0 */
/* System calls by number, past libc: the whole 64 bits of every register reach the kernel as they are given. */
#ifndef PROBES_SYSCALL_RAW_H
#define PROBES_SYSCALL_RAW_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* The kernel's answer: -4095..-1 is a negated errno. */
static inline long syscall_raw(uint64_t number, const uint64_t args[6])
{
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	long ret;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(number), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/*
 * The same for calls that return twice.  The child ends inside the assembly, with status 0, before it touches the
 * stack, which after vfork it shares with its parent.
 */
static inline long syscall_raw_child_exits(uint64_t number, const uint64_t args[6])
{
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	long ret;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%edi, %%edi\n\t"
			 "mov $231, %%eax\n\t" /* exit_group */
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(number), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

/* As libc says it: -1 and errno. */
static inline long syscall_libc_style(long ret)
{
	if (ret >= 0 || ret < -4095)
		return ret;
	errno = (int)-ret;
	return -1;
}

/* "12", "0x40000027", "-1": all 64 bits.  false where the text is not a number. */
bool syscall_parse_number(const char *text, uint64_t *value);

#endif
