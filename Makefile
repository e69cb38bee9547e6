# What a developer runs. `make help` lists it; .ci/run calls the same targets.

GO ?= go
FUZZTIME ?= 5s
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Each module's folder, as go.work has them.
modules = $(shell $(GO) list -m -f '{{.Dir}}')
systems = linux/arm64 darwin/arm64 windows/amd64 linux/386 freebsd/amd64 openbsd/amd64 netbsd/amd64 dragonfly/amd64

.PHONY: help build test race purego lint golangci cross wine fuzz bench cover api vulncheck

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

build: ## build every module, and the command as ./asynccrypto
	$(GO) build work
	$(GO) build -o asynccrypto ./cmd/asynccrypto

test: ## run every test of every module; CI=true fails where a test lacks what it needs, and runs all repetitions
	$(GO) test work

# The programs with a profile (default.pgo) compile all they import once more with it. Where no
# speed is judged that is time lost.
race purego lint golangci cross wine: export GOFLAGS += -pgo=off

race: ## run the tests with the race detector; it sees neither the C library nor the assembly, whose tests are short here
	$(GO) test -race $$($(GO) list work | grep -v -e '/cabi$$' -e /internal/ifma -e /multibuffer)
	$(GO) test -race -short ./internal/ifma ./engine/multibuffer

purego: ## run the tests without the assembly, switched off, and as on a CPU without AVX-512 IFMA
	$(GO) test -tags purego $$($(GO) list work | grep -v '/cabi$$')
	ASYNCCRYPTO_IFMA=off $(GO) test $$($(GO) list work | grep -v '/cabi$$')
	GODEBUG=cpu.avx512ifma=off $(GO) test ./... ./internal/interop

lint: ## check formatting, vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w: $$unformatted"; exit 1; fi
	$(GO) vet work
	for dir in $(modules); do (cd "$$dir" && $(GO) run $(STATICCHECK) ./...) || exit 1; done

golangci: ## check what .golangci.yml adds to lint
	for dir in $(modules); do (cd "$$dir" && $(GO) run $(GOLANGCI) run) || exit 1; done

cross: ## build every module and its tests for the other systems
	for system in $(systems); do \
	  echo $$system; \
	  for dir in $(modules); do \
	    (cd "$$dir" && export GOOS=$${system%/*} GOARCH=$${system#*/} && $(GO) build -o /dev/null ./... && $(GO) vet ./...) || exit 1; \
	  done; \
	done

# Under wine 8 os.Remove fails ("Invalid function"), so each test with a temporary folder does: those
# of asynctls with openssl, and most of the command's other packages.
wine: ## run under wine the tests that can pass there; others of Windows run on Windows alone
	scripts/wine -short -skip 'OpenSSL|^TestRenegotiation$$|^TestLookupInRenegotiation$$' ./async ./engine/... ./asynctls/... \
	  ./reactor ./internal/clock ./internal/ifma ./internal/measure ./cmd/asynccrypto/internal/sockerr ./cmd/asynccrypto/internal/speed

fuzz: ## fuzz each target for FUZZTIME (default 5s)
	scripts/fuzz $(FUZZTIME)

bench: ## measure this project beside OpenSSL; see docs/benchmarks.md
	$(GO) run ./bench

cover: ## write the coverage of the root module to cover.out and print it by function
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./...
	$(GO) tool cover -func=cover.out

api: ## write docs/api, after a deliberate change of the exported API
	$(GO) test ./docs -run TestAPI -update

vulncheck: ## look for known vulnerabilities in what the modules use
	for dir in $(modules); do (cd "$$dir" && $(GO) run $(GOVULNCHECK) ./...) || exit 1; done
