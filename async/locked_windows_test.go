package async_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"asynccrypto/async"
)

func init() { children["callback"] = callbackChild }

// A function that Windows calls runs on a locked thread. It may use a pool of its own, and the
// check refuses it one that others use.
func TestPoolInWindowsCallback(t *testing.T) {
	runChild(t, "callback", "ASYNCCRYPTO_CHECK=")
	runChild(t, "callback", checkThreads)
}

func callbackChild() error {
	pool, err := async.NewPool(1, 0)
	if err != nil {
		return err
	}
	job, _, err := pool.Start(nil, func(j async.Job) error { return j.Pause() })
	if err != nil {
		return err
	}
	var inside error
	callback := syscall.NewCallback(func(uintptr) uintptr {
		inside = ownPool()
		if checked() {
			if _, err := job.Resume(); err != async.ErrThreadLocked {
				inside = errors.Join(inside, fmt.Errorf("Resume: %v", err))
			}
		}
		return 0
	})
	// EnumSystemLocalesA calls the function until it returns 0.
	enumerate := syscall.NewLazyDLL("kernel32.dll").NewProc("EnumSystemLocalesA")
	if ok, _, err := enumerate.Call(callback, 1); ok == 0 {
		return err
	}
	if inside != nil {
		return inside
	}
	if _, err := job.Resume(); err != nil {
		return err
	}
	return pool.Close()
}

// ownPool uses a pool and closes it.
func ownPool() error {
	pool, err := async.NewPool(2, 2)
	if err != nil {
		return err
	}
	job, _, err := pool.Start(nil, func(j async.Job) error { return j.Pause() })
	if err == nil {
		_, err = job.Resume()
	}
	return errors.Join(err, pool.Close())
}

func checked() bool {
	value, _ := syscall.Getenv("ASYNCCRYPTO_CHECK")
	return value == "threads"
}
