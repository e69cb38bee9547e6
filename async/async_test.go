package async_test

import (
	"errors"
	"testing"

	"asynccrypto/async"
)

func TestPauseResume(t *testing.T) {
	pool := newPool(t, 1)
	var w async.WaitCtx
	boom := errors.New("boom")
	job, out, err := pool.Start(&w, func(j async.Job) error {
		if j.WaitCtx() != &w || !j.InJob() {
			t.Error("not in the job that was started")
		}
		for range 3 {
			if err := j.Pause(); err != nil {
				t.Error(err)
			}
		}
		return boom
	})
	for range 3 {
		if out != async.Paused || err != nil {
			t.Fatal(out, err)
		}
		out, err = job.Resume()
	}
	if out != async.Finished || err != boom {
		t.Fatal(out, err)
	}
	if out, err := job.Resume(); out != async.Failed || err != async.ErrStale {
		t.Fatal(out, err)
	}
}
