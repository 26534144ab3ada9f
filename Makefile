# SPDX-License-Identifier: Apache-2.0
# AgentCore: one Makefile, no recursion.  `make help` lists the targets.
#
# A room is a folder.  Each room is compiled with a private include tree (build/inc/ROOM) that
# holds nothing but links to the rooms it may use: a forbidden #include does not compile.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

B       := build
CC      := gcc
VERSION := 0.1.0
PREFIX  := /usr/local
DESTDIR :=
# V=1 shows the commands.
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' $(1) '$(2)')

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings
HARDEN   := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS   ?= $(HARDEN)
BASE_CFLAGS  := -std=gnu17 -D_GNU_SOURCE -isystem /usr/include/libnl3 -DAGENTCORE_VERSION='"$(VERSION)"' $(WARNINGS)
PIE          := -fPIE
LINK_STATIC  := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack
LINK_DYNAMIC := -pie -Wl,-z,relro,-z,now,-z,noexecstack

# `make coverage` is the same build with counters, in a directory of its own.
ifneq ($(filter coverage,$(MAKECMDGOALS)),)
B      := build/coverage
CFLAGS := -O0 -g --coverage -fprofile-update=atomic
endif

# `make sanitize` is the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer.
ifneq ($(filter sanitize,$(MAKECMDGOALS)),)
B      := build/sanitize
CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
endif

# --- Rooms: name, folder, and the rooms whose headers it may include -----------------------------
ROOMS := base policy enforce audit oci netpolicy resolver recipe probes harness suites adapters report saboteurs shim conformance testnet bench fuzz

DIR_base        := runtime/base
DIR_policy      := runtime/policy
DIR_enforce     := runtime/enforce
DIR_audit       := runtime/audit
DIR_oci         := runtime/oci
DIR_netpolicy   := netpolicy
DIR_resolver    := netpolicy/resolver
DIR_recipe      := runtime
DIR_probes      := conformance/probes
DIR_harness     := conformance/harness
DIR_suites      := conformance/suites
DIR_adapters    := conformance/adapters
DIR_report      := conformance/report
DIR_saboteurs   := conformance/saboteurs
DIR_shim        := conformance/saboteurs/shim
DIR_conformance := conformance
DIR_testnet     := fixtures/network
DIR_bench       := bench
DIR_fuzz        := tests/fuzz

USES_base        := base
USES_policy      := base policy
USES_enforce     := base policy enforce
USES_audit       := base policy audit
USES_oci         := base policy oci
USES_netpolicy   := base policy netpolicy
USES_resolver    := base policy netpolicy resolver
USES_recipe      := base policy enforce audit oci netpolicy recipe
USES_probes      := probes
USES_harness     := base model harness report
USES_suites      := base model harness suites
USES_adapters    := base model harness adapters
USES_report      := base model harness report
USES_saboteurs   := base model harness report saboteurs
USES_shim        := base saboteurs
USES_conformance := base model harness report suites adapters saboteurs conformance
USES_testnet     := base testnet
USES_bench       := base policy netpolicy bench
USES_fuzz        := base policy netpolicy resolver
# tests/ROOM/ may include what the room may, and the room itself.

# The suite sees of runtime/policy the model and its parser, never a verdict table.
MODEL_HEADERS := policy.h

# --- What must be installed: asked (a few milliseconds) before jobs that promise to set up ---------
# Parsing this file needs nothing but make; no object is compiled before the packages are there.
SETS_conformance := build run
SETS_check       := build run test fuzz
SETS_coverage    := build run test coverage
SETS_sanitize    := build run test
SETS_bench       := build test
SETS_soak        := build run
SETS_docs        := build run test
SETS_lint        := build test lint
SETS_fuzz        := build fuzz
SETS_vm-check    := build run test vm
NEEDED_SETS      := $(sort $(foreach g,$(MAKECMDGOALS),$(SETS_$(g))))
READY            := $(if $(NEEDED_SETS),ready)
ready:
	@ci/bootstrap $(NEEDED_SETS)

# --- Compiling -----------------------------------------------------------------------------------
src = $(wildcard $(DIR_$(1))/*.c)
obj = $(patsubst %.c,$(B)/obj/%.o,$(call src,$(1)))

# Objects depend on the flags that they were made with: a change of CFLAGS rebuilds.
FLAGS := $(CC) $(BASE_CFLAGS) $(CFLAGS) $(PIE)
$(B)/flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

# Links for room 1 to use room 2.
link_room  = ln -s $(CURDIR)/$(DIR_$(2)) $(B)/inc/$(1)/$(2);
link_model = mkdir $(B)/inc/$(1)/policy; $(foreach h,$(MODEL_HEADERS),ln -s $(CURDIR)/runtime/policy/$(h) $(B)/inc/$(1)/policy/$(h);)
link       = $(if $(filter model,$(2)),$(call link_model,$(1)),$(call link_room,$(1),$(2)))

define room_rules
$(B)/inc/$(1)/.stamp: Makefile
	@rm -rf $(B)/inc/$(1) && mkdir -p $(B)/inc/$(1)
	@$(foreach u,$(USES_$(1)),$(call link,$(1),$(u)))
	@touch $$@
$(B)/obj/$(DIR_$(1))/%.o: $(DIR_$(1))/%.c $(B)/flags | $(B)/inc/$(1)/.stamp $(READY)
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$(FLAGS) -I$(B)/inc/$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

# --- Programs ------------------------------------------------------------------------------------
AGENTCORE_OBJ   := $(foreach r,base policy enforce audit oci netpolicy recipe,$(call obj,$(r)))
CONFORMANCE_OBJ := $(foreach r,base policy harness suites adapters report saboteurs conformance,$(call obj,$(r)))
PROBE_OBJ       := $(call obj,probes)

SHIM_OBJ        := $(foreach r,base shim,$(call obj,$(r))) $(foreach f,edit saboteur table table_reference table_network table_mac,$(B)/obj/conformance/saboteurs/$(f).o)

# The resolver is a program of its own: ldns brings libcrypto, which no start should pay for.
# Static: relocating a shared libcrypto takes longer than all else that it does until it is ready.
RESOLVER_OBJ    := $(call obj,base) $(call obj,resolver) $(B)/obj/netpolicy/hosts.o $(B)/obj/netpolicy/resolver_wire.o
TESTNET_OBJ     := $(foreach r,base testnet,$(call obj,$(r)))

PROGRAMS := $(B)/agentcore $(B)/agentcore-conformance $(B)/probe $(B)/oci-saboteur \
	$(if $(call src,resolver),$(B)/agentcore-resolver) $(if $(call src,testnet),$(B)/testnet)

# libnl can look names up, which a static program cannot, and nobody here does.
AGENTCORE_LIBS := -Wl,--no-warnings -lseccomp -lapparmor -lcap -ljansson -lnettle -lnl-nf-3 -lnl-3

all: $(PROGRAMS)

$(B)/agentcore: $(AGENTCORE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) $^ $(AGENTCORE_LIBS) -o $@

$(B)/agentcore-conformance: $(CONFORMANCE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_DYNAMIC) $^ -ljansson -lcap -lnettle -o $@

$(B)/probe: $(PROBE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) -pthread $^ -o $@

$(B)/agentcore-resolver: $(RESOLVER_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) -Wl,--no-warnings $^ -lldns -lcrypto -o $@

# The test internet, in network namespaces of its own.
$(B)/testnet: $(TESTNET_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_DYNAMIC) $^ -lldns -ljansson -o $@

# An OCI runtime that breaks bundles, for `agentcore-conformance mutate`.
$(B)/oci-saboteur: $(SHIM_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) $^ -ljansson -o $@

# Programs of the room bench: each has a main of its own.
NETWORK_RULES_OBJ := $(B)/obj/bench/network_rules.o
$(B)/bench-floor: $(call obj,base) $(filter-out $(NETWORK_RULES_OBJ),$(call obj,bench))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) $^ -o $@

NETWORK_RULES_SRC := $(wildcard netpolicy/nft*.c netpolicy/rules*.c netpolicy/hosts.c)
$(B)/bench-network-rules: $(call obj,base) $(patsubst %.c,$(B)/obj/%.o,$(NETWORK_RULES_SRC)) $(NETWORK_RULES_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) $^ $(AGENTCORE_LIBS) -o $@

# The runtime with faults on purpose (runtime/base/fault.h): for tests, never installed.
FAULTY_SRC := runtime/base/fault.c runtime/enforce/apparmor.c runtime/enforce/landlock.c runtime/policy/apparmor_profile.c runtime/policy/mac.c \
              $(call src,netpolicy) $(call src,recipe)
FAULTS_OBJ := $(patsubst %.c,$(B)/obj/faults/%.o,$(FAULTY_SRC))
$(B)/obj/faults/%.o: %.c $(B)/flags | $(B)/inc/recipe/.stamp $(READY)
	@mkdir -p $(@D)
	$(call say,CC,$< with faults)
	$(Q)$(FLAGS) -DAGENTCORE_FAULTS -I$(B)/inc/recipe -MMD -MP -c $< -o $@
$(B)/agentcore-faults: $(filter-out $(patsubst %.c,$(B)/obj/%.o,$(FAULTY_SRC)),$(AGENTCORE_OBJ)) $(FAULTS_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) $^ $(AGENTCORE_LIBS) -o $@

# --- Tests: tests/ROOM/NAME_test.c -> build/tests/ROOM/NAME_test, linked with the room and what it uses ----
TEST_ROOMS := base policy enforce audit oci netpolicy resolver testnet recipe harness suites adapters report saboteurs
TEST_SRC   := $(foreach r,$(TEST_ROOMS),$(wildcard tests/$(r)/*_test.c))
TESTS      := $(patsubst %.c,$(B)/%,$(TEST_SRC))
# The conformance cases as a cmocka group: it reads the results of a run, so it comes after one.
CASES_TEST := $(B)/tests/harness/cases_test
UNIT_TESTS := $(filter-out $(CASES_TEST),$(TESTS))

# Every object that a test of the room may need, without a main.
LINK_base      := base
LINK_policy    := base policy
LINK_enforce   := base policy enforce
LINK_audit     := base policy audit
LINK_oci       := base policy oci
LINK_netpolicy := base policy netpolicy
LINK_resolver  := base policy netpolicy
LINK_testnet   := base
LINK_recipe    := base policy enforce audit oci netpolicy
LINK_harness   := base policy harness report adapters
LINK_report    := base policy harness report adapters
LINK_suites    := base policy harness report adapters suites
LINK_adapters  := base policy harness report adapters
LINK_saboteurs := base policy harness report adapters saboteurs
# Files of a room with a program, but for its main.
EXTRA_recipe = $(filter-out %/main.o,$(call obj,recipe))
EXTRA_resolver = $(filter-out %/main.o,$(call obj,resolver))
EXTRA_testnet = $(filter-out %/main.o,$(call obj,testnet))

TEST_DEFINES = -DFIXTURES_DIR='"$(CURDIR)/fixtures"' -DBUILD_DIR='"$(abspath $(B))"'
TEST_LIBS   := -lcmocka -lldns $(AGENTCORE_LIBS)

define test_rules
$(B)/tests/$(1)/%: tests/$(1)/%.c $(foreach r,$(LINK_$(1)),$(call obj,$(r))) $(EXTRA_$(1)) $(B)/flags | $(B)/inc/$(1)/.stamp $(READY)
	@mkdir -p $$(@D)
	$$(call say,TEST,$$<)
	$$(Q)$$(FLAGS) $(TEST_DEFINES) -I$(B)/inc/$(1) -MMD -MP -MF $$@.d $$< $$(filter %.o,$$^) $(LINK_DYNAMIC) $(TEST_LIBS) -o $$@
endef
$(foreach r,$(TEST_ROOMS),$(eval $(call test_rules,$(r))))

# --- Fuzzing: tests/fuzz/NAME_fuzz.c -> build/fuzz/NAME, with the code that reads what others wrote ----
FUZZ_SECONDS := 20
FUZZERS      := $(patsubst tests/fuzz/%_fuzz.c,$(B)/fuzz/%,$(call src,fuzz))
FUZZED_SRC   := $(filter-out %/main.c,$(foreach r,base policy resolver,$(call src,$(r)))) $(patsubst %,netpolicy/%.c,hosts denied_packet resolver_wire)
FUZZED_OBJ   := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(FUZZED_SRC))
FUZZ_CFLAGS  := $(BASE_CFLAGS) -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
$(B)/fuzz/obj/%.o: %.c $(B)/flags | $(B)/inc/fuzz/.stamp $(READY)
	@mkdir -p $(@D)
	$(call say,CC,$< for fuzzing)
	$(Q)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined -I$(B)/inc/fuzz -MMD -MP -c $< -o $@
# An archive, so that a target has no more than it reaches.
$(B)/fuzz/fuzzed.a: $(FUZZED_OBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(FUZZERS): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/%_fuzz.o $(B)/fuzz/fuzzed.a
	$(call say,LINK,$@)
	$(Q)clang -fsanitize=fuzzer,address,undefined $^ -lldns -lcrypto $(AGENTCORE_LIBS) -o $@

tests: $(TESTS) $(PROGRAMS) $(B)/agentcore-faults $(B)/bench-floor $(B)/bench-network-rules

# --- Jobs ----------------------------------------------------------------------------------------
conformance: all $(READY)
	@ci/conformance $(B)

check: all tests $(FUZZERS) $(READY)
	@CASES_TEST=$(filter $(CASES_TEST),$(TESTS)) ci/check $(B) $(UNIT_TESTS)

unit: $(TESTS)
	@ci/check --unit $(B) $(UNIT_TESTS)

sanitize: $(TESTS) $(READY)
	@ci/check --unit $(B) $(UNIT_TESTS)

coverage: all $(TESTS) $(READY)
	@ci/coverage $(B) $(UNIT_TESTS)

bench: all $(B)/agentcore-faults $(B)/bench-floor $(B)/bench-network-rules $(READY)
	@bench/compare-start --build $(B)
	@bench/compare-limits --build $(B)
	@bench/compare-mac --build $(B)
	@bench/compare-network --build $(B)

fuzz: $(FUZZERS) $(READY)
	@ci/fuzz $(B) $(FUZZ_SECONDS)

soak: $(B)/agentcore $(READY)
	@CROWD=200 BUILD=$(B) bash tests/cli/crowd_test.sh

# In a virtual machine with AppArmor and cgroup v2, which this machine may not have.
vm-check: all tests $(READY)
	@ci/vm/check $(B)

docs: $(B)/agentcore-conformance $(READY)
	@ci/ordering-doc runtime/stages.c >$(B)/ordering.md && cp $(B)/ordering.md docs/ordering.md
	@ci/requirements-doc $< >$(B)/requirements.md && cp $(B)/requirements.md docs/requirements.md

# --- Lint: clang-tidy sees each file with the include paths of its room -----------------------------
C_FILES   := $(foreach r,$(ROOMS),$(call src,$(r))) $(TEST_SRC)
C_HEADERS := $(foreach r,$(ROOMS),$(wildcard $(DIR_$(r))/*.h)) $(foreach r,$(TEST_ROOMS),$(wildcard tests/$(r)/*.h))
TIDY      := clang-tidy --quiet --warnings-as-errors='*'

define tidy_rules
$(B)/tidy/$(DIR_$(1))/%: $(DIR_$(1))/%.c .clang-tidy $(wildcard $(DIR_$(1))/*.h) | $(B)/inc/$(1)/.stamp $(READY)
	@mkdir -p $$(@D)
	$$(call say,TIDY,$$<)
	$$(Q)$$(TIDY) $$< -- $$(BASE_CFLAGS) -I$(B)/inc/$(1) 2>$$@.log || { cat $$@.log; exit 1; }
	@touch $$@
endef
$(foreach r,$(ROOMS),$(eval $(call tidy_rules,$(r))))
define tidy_test_rules
$(B)/tidy/tests/$(1)/%: tests/$(1)/%.c .clang-tidy | $(B)/inc/$(1)/.stamp $(READY)
	@mkdir -p $$(@D)
	$$(call say,TIDY,$$<)
	$$(Q)$$(TIDY) $$< -- $$(BASE_CFLAGS) $(TEST_DEFINES) -I$(B)/inc/$(1) 2>$$@.log || { cat $$@.log; exit 1; }
	@touch $$@
endef
$(foreach r,$(TEST_ROOMS),$(eval $(call tidy_test_rules,$(r))))

tidy: $(patsubst %.c,$(B)/tidy/%,$(C_FILES))

lint: tidy $(READY)
	@ci/lint $(C_FILES) $(C_HEADERS)

format-check:
	@clang-format --dry-run --Werror $(C_FILES) $(C_HEADERS)

format:
	@clang-format -i $(C_FILES) $(C_HEADERS)

# --- Installing ----------------------------------------------------------------------------------
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/agentcore $(DESTDIR)$(PREFIX)/share/agentcore
	install -m 755 $(B)/agentcore $(B)/agentcore-conformance $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/probe $(filter %/agentcore-resolver,$(PROGRAMS)) $(DESTDIR)$(PREFIX)/libexec/agentcore/
	install -m 644 runtime/policy/policy.schema.json $(DESTDIR)$(PREFIX)/share/agentcore/
	cp -R fixtures $(DESTDIR)$(PREFIX)/share/agentcore/
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(wildcard docs/man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5/

clean:
	rm -rf $(B)

help:
	@echo 'make               build agentcore, agentcore-conformance and probe in build/'
	@echo 'make conformance   install what is missing, build, and judge the reference runtime; reports in build/report/'
	@echo 'make check         install what is missing, build, run every test; ends with "N passed, N failed"'
	@echo 'make unit          the cmocka programs alone'
	@echo 'make lint          clang-tidy, cppcheck, formatting, shell scripts, manual pages'
	@echo 'make coverage      line coverage in build/coverage/html'
	@echo 'make sanitize      the cmocka programs under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make bench         start-up time against the floor, crun and bwrap; what limits add to it'
	@echo 'make fuzz          each fuzz target for FUZZ_SECONDS=20: policies, allowlist, DNS messages, logged packets'
	@echo 'make soak          200 sandboxes with limits at once: all end as they must, nothing is left'
	@echo 'make vm-check      tests in a virtual machine with AppArmor and cgroup v2 (docs/vm.md)'
	@echo 'make install       PREFIX=/usr/local DESTDIR='
	@echo 'make format        rewrite the sources with clang-format; format-check only reports'
	@echo 'make docs          regenerate docs/requirements.md and docs/ordering.md'
	@echo 'make clean'
	@echo 'Variables: V=1 shows commands, B=DIR builds elsewhere, CFLAGS=, CC='

FORCE:
.PHONY: all tests unit check vm-check conformance coverage sanitize fuzz bench soak docs tidy lint format format-check install clean help ready FORCE

# Dependencies on headers, as the compiler saw them.
-include $(shell test -d $(B) && find $(B) -name '*.d')
