// Package difftest compares package async with OpenSSL's own ASYNC_* functions, step by step.
//
// A script is a list of steps (step.go): calls of the facility on a few wait contexts and jobs. Whoever has control
// takes the next step, be it the program outside, the body of a job or a cleanup, so that a script is flat and any
// part of one is a script too. Random scripts (gen.go) pass through a model (model.go) that drops the steps for which
// OpenSSL's behaviour is undefined, and counts what the rest covers (counts.go). What is left is run three ways:
//
//   - against async, by the machine (machine.go, goside.go);
//   - against the library, by a C program that reads scripts from a pipe (testdata/interp.c, interp.go). It is compiled
//     on the spot. All calls can stand anywhere in it, also in jobs;
//   - against the library loaded into the test's own process without cgo (direct_linux.go), by the machine again. A Go
//     frame must not stand across a switch of C's stacks, so jobs there have C functions for bodies.
//
// Each run writes a trace of all outputs, counts, orders, cleanups, callbacks, statuses and outcomes. The traces must be
// equal to the byte; if they are not, the script is shrunk and both are shown around the difference (compare.go).
//
// Most of the model is about what must not be generated, the table "where OpenSSL breaks" of the design notes: nested
// starts, a cleanup that clears its own just added key, pausing without a wait context, freeing under a job, pools
// cleaned up under jobs, blocks left behind. The one defined thing that is left out because async differs on purpose:
// WaitCtx.Close unsets the callback before it calls the cleanups, so they do not ask for it.
//
// The library is libcrypto.so.3 unless the flag -lib or the variable DIFFTEST_LIB names another one that exports
// the same functions; cabi.TestDifferential has it run on libasync. A run takes the flags -seed and -steps, and -mutants to check that changes to async would be caught
// (mutants_test.go), as in
//
//	go test -v ./internal/difftest -steps 1000000 -seed 7 -mutants
//
// It skips what this machine lacks a library or a compiler for. With CI=true it runs a million steps and the mutants,
// and lacking something is a failure.
package difftest
