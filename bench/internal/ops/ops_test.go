package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"asynccrypto/bench/internal/harness"
	"asynccrypto/bench/internal/harness/harnesstest"
	"asynccrypto/engine/multibuffer"
	"asynccrypto/internal/measure"
)

func TestMain(m *testing.M) {
	harnesstest.Main(m, harness.Subject{Name: "ops", Roles: Roles()})
}

func silent(t *testing.T) *measure.Progress { return measure.NewProgress(t.Output()) }

// threeKeys makes keys once for all tests.
var threeKeys = sync.OnceValues(func() (KeySet, error) {
	return MakeKeys(context.Background(), []int{2048}, 3, measure.NewProgress(io.Discard))
})

// Every pair of primes is a key, and no key is there twice.
func TestMakeKeys(t *testing.T) {
	set, err := MakeKeys(t.Context(), []int{2048}, 7, silent(t))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range set["rsa2048"] {
		seen[string(key)] = true
	}
	if len(set["rsa2048"]) != 7 || len(seen) != 7 {
		t.Errorf("%d keys, %d different ones, not 7", len(set["rsa2048"]), len(seen))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := MakeKeys(ctx, []int{4096}, 64, silent(t)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A process does every operation in every way, and verifies all that it has done.
func TestWorker(t *testing.T) {
	keys, err := threeKeys()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := startWorker(program, harness.NoPin, 1, keys)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var tasks []Task
	vectorized, _ := multibuffer.Supported()
	for _, a := range []string{
		"rsa2048 sign", "rsa2048 verify", "rsa2048 decrypt", "ecdsap256 sign", "ecdsap256 " + SignRFC6979, "ecdsap384 sign",
		"ecdsap256 verify", "ecdsap384 verify", "ecdsap256 " + VerifyAny, "ed25519 sign", "ed25519 verify", "ed25519 " + VerifyAny,
		"ecdhx25519 derive", "ecdhx25519 keygen",
	} {
		algorithm, operation, _ := strings.Cut(a, " ")
		for _, way := range []string{WayDirect, WayPlain} {
			tasks = append(tasks, Task{algorithm, operation, way, 1, 0, time.Millisecond, false})
		}
		if operation != VerifyAny { // its functions know nothing of jobs
			tasks = append(tasks, Task{algorithm, operation, WayJobs, 3, 8, time.Millisecond, false})
		}
		tasks = append(tasks, Task{algorithm, operation, WayGoroutines, 3, 8, time.Millisecond, false})
		if vectorized && operation != "decrypt" {
			tasks = append(tasks, Task{algorithm, operation, WayKernel, 3, 0, time.Millisecond, false})
		}
		if operation != "keygen" && operation != "decrypt" && operation != VerifyAny {
			tasks = append(tasks, Task{algorithm, operation, WayWrap, 3, 0, time.Millisecond, false})
		}
	}
	tasks = append(tasks, Task{"rsa2048", "sign", WayJobs, 3, 64, 50 * time.Millisecond, true})
	for _, task := range tasks {
		o, err := do(c, task)
		if err != nil {
			t.Fatal(err)
		}
		if o.Done == 0 || o.Verified != o.Done || o.Time < task.Time || task.Way == WayJobs && (o.Batch < 1 || o.Done%uint64(task.Jobs) != 0) {
			t.Errorf("%+v: %+v", task, o)
		}
	}
	if o, err := do(c, Task{Algorithm: "rsa2048", Operation: "sign", Way: WayKeep, Keys: 3}); err != nil || o.KeyBytes > 64<<10 {
		t.Errorf("%+v, %v", o, err)
	}
	for complaint, task := range map[string]Task{
		"no such way":       {Algorithm: "rsa2048", Operation: "sign", Way: "none", Keys: 1},
		"keys do not":       {Algorithm: "ed25519", Operation: "decrypt", Way: WayDirect, Keys: 1},
		"unknown algorithm": {Algorithm: "none", Operation: "sign", Way: WayDirect, Keys: 1},
	} {
		if _, err := do(c, task); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", complaint, err)
		}
	}
}

// A wrong result is found among right ones.
func TestVerifyAll(t *testing.T) {
	right := func(uint64, []byte) error { return nil }
	wrong := func(uint64, []byte) error { return errors.New("forged") }
	if n, err := verifyAll(tally{{1, right, nil}, {2, right, nil}}); n != 2 || err != nil {
		t.Error(n, err)
	}
	if _, err := verifyAll(tally{{1, right, nil}, {2, wrong, nil}, {3, right, nil}}); err == nil || !strings.Contains(err.Error(), "1 of 3 ") || !strings.Contains(err.Error(), "forged") {
		t.Error(err)
	}
}

func TestStops(t *testing.T) {
	sum := AddStops([]Stop{{1, 1}, {3, 1}}, []Stop{{1, 2}, {2, 4}})
	if fmt.Sprint(sum) != "[{1 3} {2 4} {3 1}]" {
		t.Error(sum)
	}
	if Quantile(sum, 0.5) != 2 || Quantile(sum, 0.99) != 3 || Quantile(sum, 0.1) != 1 || Quantile(nil, 0.5) != 0 {
		t.Error(Quantile(sum, 0.5), Quantile(sum, 0.99))
	}
}
