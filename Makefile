# Chartroom. The two commands are `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: help run build test check bench engine engine-check engine-packages peer-packages paper calibrate eval eval-ocr eval-barcodes eval-patient eval-search eval-separators packages test-packages tools clean

# The one path outside the project: sample scans with their truth, where they are at hand.
SAMPLES ?= ../shared/samples
DATA    ?= var

export OMP_THREAD_LIMIT := 1
export CHARTROOM_SAMPLES := $(abspath $(SAMPLES))

# What building and running needs of Debian, and what the tests need besides.
RUN_PACKAGES  := gcc g++ libc6-dev pkg-config libtesseract-dev libleptonica-dev libheif-dev libwebp-dev libzxing-dev tesseract-ocr tesseract-ocr-eng tesseract-ocr-osd poppler-utils fonts-dejavu-core
TEST_PACKAGES := postgresql chromium strace e2fsprogs qpdf zxing-cpp-tools $(PAPER_FONTS)
EVAL_PACKAGES := zbar-tools
# The faces of made-up paper (testdata/paper/font.go): office print, forms, a typewriter, two hands.
PAPER_FONTS   := fonts-dejavu-core fonts-liberation fonts-freefont-ttf fonts-gnutypewriter fonts-dkg-handwriting fonts-breip fonts-crosextra-carlito

# Packages that ./... leaves out, because of their folder's name.
MADE := ./testdata/make ./testdata/paper/...

# What building a faster engine needs, and the programs that reading is compared with.
ENGINE_PACKAGES := dpkg-dev autoconf automake libtool autoconf-archive make zlib1g-dev libpng-dev libjpeg-dev libtiff-dev libgif-dev libwebp-dev libopenjp2-7-dev
PEER_PACKAGES   := ocrmypdf unpaper

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# On a terminal the program gets Ctrl-C alone (set -m), so that make ends with
# its status instead of dying of the same key.
run: build ## install, build and start on embedded defaults, data under var/
	@if [ -t 0 ]; then set -m; bin/chartroom serve --data $(DATA); else exec bin/chartroom serve --data $(DATA); fi

build: packages ## build bin/chartroom
	go build $(GOFLAGS_BUILD) -o bin/chartroom ./cmd/chartroom

test: packages test-packages tools build ## install and run every test
	go test -timeout 60m ./... $(MADE)

check: packages tools ## formatting, vet, lint, and that only two rooms need C
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./... $(MADE)
	bin/tools/staticcheck ./... $(MADE)
	CGO_ENABLED=0 go build $(MADE) $$(go list ./... | grep -vE '/(ocr|cmd/chartroom)(/|$$)')
	go mod verify

bench: build peer-packages ## what each stage costs, beside a baseline in the same run (half an hour)
	go test -run '^$$' -bench 'Find|Match|ReadCSV|Put' -timeout 30m ./identify ./patient ./objectstore/...
	go test -run '^$$' -bench Export -benchtime 1x ./pdf
	go test -run '^$$' -bench Registry -benchtime 1x -timeout 60m ./catalog
	go test -run '^$$' -bench 'Indexing|Query' -timeout 30m ./index
	set -o pipefail; CHARTROOM_BENCH=1 CHARTROOM_TEST_ENGINE=$(BUILT) go test -count 1 -run 'ReadingCost|MemoryStaysFlat' -v -timeout 120m ./ocr | grep -E '^(cost|memory|FAIL|ok|---)|_test.go'
	go test -run '^$$' -bench Box/chart -benchtime 1x -timeout 60m ./cmd/chartroom

# A faster Tesseract and Leptonica, from the distribution's own source packages.
# Nobody needs it; whoever has it reads a page for a quarter less.
ENGINE_LEVEL ?= x86-64-v3
BUILT         = $(wildcard $(CURDIR)/bin/engine)

engine: packages engine-packages ## build Tesseract for newer processors into bin/engine; used from then on
	tools/engine.sh bin/engine $(ENGINE_LEVEL)

engine-check: engine test-packages ## its text beside the system's engine's, on all samples and made-up paper
	set -o pipefail; CHARTROOM_TEST_ENGINE=$(CURDIR)/bin/engine go test -count 1 -run ReadsLikeTheSystems -v -timeout 120m ./ocr | grep -E '^(engines|FAIL|ok)|_test.go'

eval: eval-ocr eval-barcodes eval-patient eval-search eval-separators ## accuracy on samples and generated paper

eval-ocr: packages test-packages ## words read and pages turned, beside plain Tesseract, by wear; SEED=, N= scans, FULL=1
	CHARTROOM_EVAL=1 CHARTROOM_CALIBRATE=check SEED=$(SEED) N=$(N) FULL=$(FULL) go test -count 1 -run 'WornPagesReadBetter|TurnedPagesAreReadUpright$$|OfTheWordsGiven' -v -timeout 120m ./ocr

calibrate: packages test-packages ## measure what the engine's confidences are worth, on made-up pages, and write it to ocr/ and doc/
	CHARTROOM_CALIBRATE=write FULL=$(FULL) go test -count 1 -run OfTheWordsGiven -v -timeout 120m ./ocr

eval-barcodes: packages test-packages ## barcodes read, beside zbarimg and ZXing's own program
	@$(call install,$(EVAL_PACKAGES))
	go test -run '^$$' -bench Barcodes -benchtime 1x -timeout 30m ./ocr

eval-patient: packages ## filing on the sample boxes by the whole program, and on misread made-up documents
	go test -run '^$$' -bench Box -benchtime 1x -timeout 60m ./cmd/chartroom
	go test -count 1 -run Misreading -v -timeout 60m ./patient

eval-separators: packages ## batches split at their separators
	go test -count 1 -run SampleSeparators -v -timeout 30m ./cmd/chartroom

eval-search: ## known items found, by the rate of misread letters
	go test -run '^$$' -bench KnownItem -benchtime 1x -timeout 30m ./index

paper: test-packages ## a box of made-up scans with registry and truth: make paper SEED=7 N=100 OUT=folder
	go run ./testdata/paper/cmd/box -seed $(or $(SEED),1) -n $(or $(N),80) -out $(or $(OUT),var/paper)

tools: bin/tools/versitygw bin/tools/staticcheck ## the pinned tools of the tests

bin/tools/%: tools/go.mod tools/go.sum
	@mkdir -p bin/tools
	cd tools && go build -o ../bin/tools/$* $(TOOL_$*)

TOOL_versitygw   := github.com/versity/versitygw/cmd/versitygw
TOOL_staticcheck := honnef.co/go/tools/cmd/staticcheck

packages: ## install the Debian packages that running needs
	@$(call install,$(RUN_PACKAGES))

engine-packages:
	@$(call install,$(ENGINE_PACKAGES))

peer-packages: test-packages # programs that the benchmarks compare with
	@$(call install,$(PEER_PACKAGES))

test-packages:
	@$(call install,$(TEST_PACKAGES))

# install PACKAGES: apt-get what is missing, as root or through sudo; else say what to install.
define install
missing=""; for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
  if [ "$$(id -u)" = 0 ]; then as=""; \
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then as=sudo; \
  else echo "These Debian packages are missing, and installing them needs root:$$missing" >&2; echo "Run: sudo apt-get install$$missing" >&2; exit 1; fi; \
  echo "installing:$$missing"; \
  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
fi
endef

clean: ## remove what was built (never the data)
	rm -rf bin
