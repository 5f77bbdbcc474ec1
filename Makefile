# Copyright (c) the ngx_xr authors.
# SPDX-License-Identifier: BSD-2-Clause
#
# make            everything: NGINX, the module, xr
# make run        a working edge on this machine, with real models; Ctrl-C stops it
# make test       every test; the last line says how many passed and failed
# make help       the rest

SHELL     := /bin/bash
CC        := gcc
BUILD     := build
NGINX     := pinned
NGINX_SRC :=

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Werror
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS   := -O2 -g
XR_FLAGS  = -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(if $(SANITIZE),,$(HARDEN)) $(SANITIZE)
LDFLAGS  := -Wl,-z,relro,-z,now -pie

# "make asan" calls make again with these
SANITIZE :=

OBJ := $(BUILD)/obj

LIBXR_SRC  := $(addprefix libxr/,$(shell cat libxr/SOURCES))
ORIGIN_SRC := $(wildcard origin/*.c)
WORKER_SRC := $(wildcard edge_workers/*.c)
LIBXR_OBJ  := $(LIBXR_SRC:%.c=$(OBJ)/%.o)
XR_OBJ     := $(ORIGIN_SRC:%.c=$(OBJ)/%.o) $(WORKER_SRC:%.c=$(OBJ)/%.o)

LIBXR_LIBS := -lcrypto -ljwt -lmaxminddb -lzstd -lbrotlienc -lz -lm
XR_LIBS    := -lcurl -lexpat -lhiredis -ljansson -lmeshoptimizer $(LIBXR_LIBS)

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
REPLAY := $(patsubst tests/fuzz/%.c,$(BUILD)/replay/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all help setup nginx module xr viewer pack run test unit lint asan fuzz bench install deb clean

all: nginx module xr

help:
	@sed -n 's/^# \(make.*\)/\1/p' Makefile

# make setup      installs the packages that the other targets need
setup:
	scripts/setup

# make nginx      build/nginx: the pinned NGINX, without Lua, njs or perl
nginx: $(BUILD)/nginx/sbin/nginx

$(BUILD)/nginx/sbin/nginx: scripts/build-nginx
	NGINX_SRC=$(NGINX_SRC) scripts/build-nginx server

# make module     the module for build/nginx; NGINX=system: for the installed one
MODULE_SRC := ngx_xr_module/config libxr/SOURCES $(wildcard ngx_xr_module/*.[ch] libxr/*.[ch])

module: $(BUILD)/$(if $(filter system,$(NGINX)),system,modules)/ngx_http_xr_module.so

$(BUILD)/modules/ngx_http_xr_module.so: $(BUILD)/nginx/sbin/nginx $(MODULE_SRC)
	CC=$(CC) scripts/build-nginx module

$(BUILD)/system/ngx_http_xr_module.so: scripts/build-nginx $(MODULE_SRC)
	CC=$(CC) scripts/build-nginx module-system

# make xr         build/xr: the operator program and the workers
xr: $(BUILD)/xr

$(BUILD)/xr: $(XR_OBJ) $(BUILD)/libxr.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(XR_LIBS)

$(BUILD)/libxr.a: $(LIBXR_OBJ)
	rm -f $@ && ar rcs $@ $^

$(OBJ)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(XR_FLAGS) -Ilibxr -Iorigin -MMD -MP -c -o $@ $<

-include $(LIBXR_OBJ:.o=.d) $(XR_OBJ:.o=.d)

# make viewer     build/viewer: the page that shows the models, bundled
viewer: $(BUILD)/viewer/index.html

$(BUILD)/viewer/index.html: scripts/build-viewer $(wildcard config/viewer/*)
	scripts/build-viewer

# make pack       build/pack: the texture tool of "xr pack", for Node.js
pack: $(BUILD)/pack/textures.mjs

$(BUILD)/pack/textures.mjs: scripts/build-viewer $(wildcard edge_workers/pack/*)
	BUILD=$(BUILD) scripts/build-viewer pack

run:
	scripts/setup run
	$(MAKE) --no-print-directory all viewer
	scripts/run

test:
	scripts/setup test
	$(MAKE) --no-print-directory -j2 all viewer test-programs
	scripts/test

# make unit       the unit tests and the replayed fuzz corpora only
unit: test-programs
	scripts/test unit

test-programs: $(UNIT) $(REPLAY) $(TOOLS)
.PHONY: test-programs

$(BUILD)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(BUILD)/libxr.a Makefile
	@mkdir -p $(@D)
	$(CC) $(XR_FLAGS) -Ilibxr -Itests/unit -o $@ $< $(BUILD)/libxr.a -pie -lcmocka -lbrotlidec $(LIBXR_LIBS)

$(BUILD)/tools/%: tests/tools/%.c $(BUILD)/libxr.a Makefile
	@mkdir -p $(@D)
	$(CC) $(XR_FLAGS) -Ilibxr -o $@ $< $(BUILD)/libxr.a -pie $(LIBXR_LIBS)

# one fuzz target, twice: with libFuzzer, and with a main() that replays files
$(BUILD)/replay/%: tests/fuzz/%.c tests/fuzz/replay.c $(wildcard tests/fuzz/*.h) $(BUILD)/libxr.a Makefile
	@mkdir -p $(@D)
	$(CC) $(XR_FLAGS) -Ilibxr -Itests/fuzz -o $@ $< tests/fuzz/replay.c $(BUILD)/libxr.a -pie $(LIBXR_LIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(LIBXR_SRC) Makefile
	@mkdir -p $(@D)
	clang -std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	    -Ilibxr -Itests/fuzz -o $@ $< $(LIBXR_SRC) $(LIBXR_LIBS)

# make lint       layers, style, documents
lint:
	scripts/lint/run

# make asan       everything built with ASan and UBSan, and tested
asan:
	scripts/setup test
	scripts/test asan

# make fuzz       every fuzz target, FUZZ_SECONDS each (60)
fuzz: $(FUZZ)
	scripts/fuzz

# make bench      ours beside NGINX's proxy_cache; writes build/bench.json
bench:
	scripts/setup bench
	$(MAKE) --no-print-directory all
	tests/bench/run

# make install    the module, xr and the configuration below DESTDIR
install: module xr
	scripts/install

# make deb        a Debian package for the installed NGINX, in build/
deb:
	scripts/setup test
	$(MAKE) --no-print-directory module NGINX=system
	$(MAKE) --no-print-directory xr
	scripts/deb

# make clean      what was built is removed
clean:
	rm -rf $(BUILD)
