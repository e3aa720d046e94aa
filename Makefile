# make          build/medley, and the packages it needs        make check    all tests, both compilers, sanitizers
# make demo     from nothing to filled-in scans                make bench    timings
# make install  PREFIX=/usr/local                              make clean
# make bench-peer  the same networks in PyTorch beside ours; MODEL=m2dn: only that one
# make fuzz     T=60: every parser on broken input for so many seconds
BUILD  ?= build
PREFIX ?= /usr/local

.PHONY: all setup demo check fuzz bench bench-peer install clean
all: setup
	@cmake -S . -B $(BUILD) $(if $(wildcard $(BUILD)/CMakeCache.txt),,-G Ninja) > /dev/null
	@cmake --build $(BUILD) --target medley medley_lib

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

# PyTorch into a virtual environment, its networks held to the fixtures, both timed in turn.
GOLDEN = ../shared/golden
PEER   = env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BUILD)/peer/bin/python bench/peer
bench-peer: all
	test -d $(BUILD)/peer || python3 -m venv $(BUILD)/peer
	$(BUILD)/peer/bin/pip install --quiet torch numpy safetensors
	$(PEER)/verify.py $(wildcard $(GOLDEN)/mmhvae-*.safetensors \
	    $(foreach m,mopoe mhvae mmgan resvit-tiny resvit-full m2dn,$(GOLDEN)/baselines/$(m)*.safetensors))
	$(PEER)/run.py $(BUILD)/medley $(if $(MODEL),--model $(MODEL))

install: all
	cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf build build-san build-clang build-portable build-arm64 build-fuzz
