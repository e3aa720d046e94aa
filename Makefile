# make          build/medley, and the packages it needs        make check    all tests, both compilers, sanitizers
# make demo     from nothing to filled-in scans                make bench    timings
# make install  PREFIX=/usr/local                              make clean
# make fuzz     T=60: every parser on broken input for so many seconds
BUILD  ?= build
PREFIX ?= /usr/local

.PHONY: all setup demo check fuzz bench install clean
all: setup
	@cmake -S . -B $(BUILD) $(if $(wildcard $(BUILD)/CMakeCache.txt),,-G Ninja) > /dev/null
	@cmake --build $(BUILD) --target medley

setup:
	@tools/setup.sh

demo: all
	tools/demo.sh

check:
	@tests/run.sh

fuzz: setup
	@tests/fuzz/run.sh $(or $(T),60)

bench: all
	$(BUILD)/medley bench synth --preset paper --given us --threads 2

install: all
	cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf build build-san build-clang build-fuzz
