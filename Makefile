# What a developer runs. `make help` lists it; .ci/run calls the same targets.

GO ?= go
FUZZTIME ?= 5s
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0

# Each module's folder, as go.work has them.
modules = $(shell $(GO) list -m -f '{{.Dir}}')
systems = linux/arm64 darwin/arm64 windows/amd64 linux/386 freebsd/amd64 openbsd/amd64 netbsd/amd64 dragonfly/amd64

.PHONY: help build test generator race purego lint golangci cross wine fuzz bench cover api compat hsm vulncheck

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

build: ## build every module, and the command as ./asynccrypto
	$(GO) build work
	$(GO) build -o asynccrypto ./cmd/asynccrypto

test: ## run every test of every module; CI=true fails where a test lacks what it needs, and runs all repetitions
	$(GO) test work

# It is outside the workspace: the root module depends on nothing that the generator needs.
PROTO = --go_opt=module=asynccrypto/remote,Mkeyserverpb/keyserver.proto=asynccrypto/remote/keyserverpb
proto: ## make the Go code of keyserver.proto; needs protoc
	cd remote && export GOBIN=$$(mktemp -d) && $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 && \
	  $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 && \
	  protoc --plugin=$$GOBIN/protoc-gen-go --plugin=$$GOBIN/protoc-gen-go-grpc --go_out=. --go-grpc_out=. $(PROTO) $(subst go_opt,go-grpc_opt,$(PROTO)) \
	  keyserverpb/keyserver.proto; status=$$?; rm -r $$GOBIN; exit $$status

generator: ## check and test the generator of the assembly; "make test" compares the assembly with its output if CI=true
	cd internal/ifma/_asm && export GOWORK=off && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./... && $(GO) test ./...

# The programs with a profile (default.pgo) compile all they import once more with it. Where no
# speed is judged that is time lost.
race purego lint golangci cross wine: export GOFLAGS += -pgo=off

race: ## run the tests with the race detector; it sees neither C nor the assembly, whose tests are short here
	$(GO) test -race $$($(GO) list work | grep -v -e '/cabi$$' -e '/provider$$' -e /internal/ifma -e /multibuffer)
	$(GO) test -race -short ./internal/ifma/... ./engine/multibuffer

# Go's runtime does not know the CPU feature and says so on each program's stderr, which the tests of
# the command's output would see.
purego: ## run the tests without the assembly, switched off, and as on a CPU without AVX-512 IFMA; some under FIPS 140 and with BoringCrypto
	$(GO) test -tags purego $$($(GO) list work | grep -v -e '/cabi$$' -e '/provider$$')
	ASYNCCRYPTO_IFMA=off $(GO) test $$($(GO) list work | grep -v -e '/cabi$$' -e '/provider$$')
	$(GO) test -exec 'env GODEBUG=cpu.avx512ifma=off' $$($(GO) list work | grep -v -e '/cabi$$' -e '/provider$$' -e '/cmd/asynccrypto$$' -e '/internal/cgotest$$')
	env -u CI $(GO) test -short -exec 'env GODEBUG=fips140=on' ./engine ./engine/internal/... ./engine/multibuffer ./engine/workers $$($(GO) list work | grep -e /interop/ -e '/internal/jws')
	GOEXPERIMENT=boringcrypto $(GO) test -short -run 'BoringCrypto|Supported|Operations|Vectors|VerifyBatch|MixedBatches|DropIns' ./engine/multibuffer

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

# Left out are the tests that need a program which wine does not have: the go command (docs, two
# packages of bench), a C compiler and make (cabi, provider). Those that compare with the openssl command skip.
# serve -proxy does not exist on Windows.
wine: ## run the tests under wine as on Windows, but those that need the go command or a C compiler
	scripts/wine -short $$(GOOS=windows CGO_ENABLED=0 $(GO) list work | \
	  grep -v -e '/cabi$$' -e '/provider$$' -e '/docs$$' -e '/bench/internal/facility$$' -e '/bench/internal/reactor$$')

fuzz: ## fuzz each target for FUZZTIME (default 5s)
	scripts/fuzz $(FUZZTIME)
	$(MAKE) -C provider fuzz FUZZTIME=$(FUZZTIME:s=)

bench: ## measure this project beside OpenSSL; see docs/benchmarks.md
	$(GO) run ./bench

cover: ## write the coverage of the root module to cover.out and print it by function
	$(GO) test -coverprofile=cover.out -coverpkg=./... ./...
	$(GO) tool cover -func=cover.out

api: ## write docs/api, after a deliberate change of the exported API
	$(GO) test ./docs -run TestAPI -update

# interop/compat is outside the workspace, so the targets above do not see it.
compat: ## run other people's libraries with wrapped keys, as page 7 of the guide says
	cd interop/compat && export GOWORK=off && $(GO) vet . && $(GO) run $(STATICCHECK) . && $(GO) test .

# The program is outside the workspace: it needs cgo.
hsm: ## ask PKCS #11 modules what page 8 of the guide says, and check the benchmark's program with other people's libraries
	$(GO) test ./bench/internal/pkcs11 -run TestPage -page -v
	cd bench/internal/pkcs11/inprocess && export GOWORK=off && $(GO) vet . && $(GO) run $(STATICCHECK) . && $(GO) build -o /dev/null .

vulncheck: ## look for known vulnerabilities in what the modules use
	for dir in $(modules); do (cd "$$dir" && $(GO) run $(GOVULNCHECK) ./...) || exit 1; done
