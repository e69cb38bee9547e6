// Package difftest compares package async with OpenSSL's ASYNC_* functions, step by step.
//
// A script is a list of steps (step.go): calls of the functions on a few wait contexts and jobs.
// One list of steps serves the program outside jobs, the bodies of jobs and the cleanups: the
// code that has control takes the next step. So any part of a script is a script too. A generator
// (gen.go) makes random scripts. A model (model.go) drops the steps for which OpenSSL's behaviour
// is undefined, and counts the cases that the rest covers (counts.go). Each script then runs
// three times:
//
//   - On async, by the machine (machine.go, goside.go).
//   - On the library, by a C program that reads scripts from a pipe (testdata/interp.c,
//     interp.go) and is compiled by the test. Any step can be anywhere in these scripts, also in
//     jobs.
//   - On the library loaded into the test's own process without cgo (direct_linux.go), by the
//     machine again. Go must have no frame on a stack that C switches away from, so the bodies of
//     these jobs are C functions.
//
// Each run writes a trace of all outputs, counts, orders, cleanups, callbacks, statuses and
// outcomes. The traces must be equal byte by byte. If they are not, the script is shrunk, and
// both traces are shown around the first difference (compare.go).
//
// Most of the model is about steps that must not be generated, since OpenSSL breaks on them:
// nested starts, a cleanup that clears its own just added key, pausing without a wait context,
// freeing under a job, cleaning up a pool under jobs, and blocks that a job leaves behind. One
// defined case is left out because async differs on purpose: WaitCtx.Close unsets the callback
// before it calls the cleanups, so the cleanups do not get the callback. And the model knows in
// which versions OpenSSL corrected two calls, and leaves them out for earlier ones (version.go).
//
// The library is libcrypto.so.3, unless the flag -lib or the variable DIFFTEST_LIB names another
// one that exports the same functions, such as libcrypto.so.4. cabi.TestDifferential runs the test
// on libasync. The flags -seed and -steps choose the scripts; -mutants checks that changes to
// async would be caught (mutants_test.go):
//
//	go test -v ./internal/difftest -steps 1000000 -seed 7 -mutants
//
// The tests skip if the library or a C compiler is missing. With CI=true they run a million steps
// and the mutants, and fail if something is missing.
package difftest
