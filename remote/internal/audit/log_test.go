package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"asynccrypto/remote/internal/audit"
)

// file is a writer that a test can make fail or hang.
type file struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	room   int           // bytes until it is full
	hang   chan struct{} // if it is not nil, a write returns only when it is closed
}

func newFile() *file { return &file{room: 1 << 30} }

func (f *file) Write(p []byte) (int, error) {
	f.mu.Lock()
	f.writes++
	hang := f.hang
	f.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(p), f.room)
	f.room -= n
	f.text.Write(p[:n])
	if n < len(p) {
		return n, fmt.Errorf("write /secret/path: %w", syscall.ENOSPC)
	}
	return n, nil
}

func (f *file) setRoom(n int) {
	f.mu.Lock()
	f.room = n
	f.mu.Unlock()
}

func (f *file) setHang(hang chan struct{}) {
	f.mu.Lock()
	f.hang = hang
	f.mu.Unlock()
}

func (f *file) numWrites() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// keys returns the keys of the records, and "lost N" for a gap. It checks that each line is whole.
func (f *file) keys(t *testing.T) (keys []string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for line := range strings.Lines(f.text.String()) {
		var r struct {
			Key, Result string
			Lost        int
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("the line %q is not whole: %v", line, err)
		}
		if r.Result == "lost" {
			r.Key = fmt.Sprint("lost ", r.Lost)
		}
		keys = append(keys, r.Key)
	}
	return keys
}

func (f *file) want(t *testing.T, want ...string) {
	t.Helper()
	if got := f.keys(t); !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

// answers are the errors that Add's functions were called with, by key.
type answers struct {
	mu  sync.Mutex
	got map[string][]error
}

func (a *answers) add(l *audit.Log, keys ...string) {
	for _, key := range keys {
		l.Add(&audit.Record{Key: key, Result: "ok"}, func(err error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.got == nil {
				a.got = make(map[string][]error)
			}
			a.got[key] = append(a.got[key], err)
		})
	}
}

// want checks that each key has one answer, which is or wraps err.
func (a *answers) want(t *testing.T, err error, keys ...string) {
	t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		if got := a.got[key]; len(got) != 1 || !errors.Is(got[0], err) {
			t.Errorf("%s: %v, want %v", key, got, err)
		}
	}
}

func (a *answers) none(t *testing.T, keys ...string) {
	t.Helper()
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		if got := a.got[key]; len(got) != 0 {
			t.Errorf("%s: %v, want no answer yet", key, got)
		}
	}
}

func closed(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestBatches has lines gather while a write is under way.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFile(), new(answers)
		l := audit.New(f, audit.Options{})
		hang := make(chan struct{})
		f.setHang(hang)
		a.add(l, "a")
		synctest.Wait()
		a.add(l, "b", "c", "d")
		a.none(t, "a", "b", "c", "d")
		close(hang)
		a.want(t, nil, "a", "b", "c", "d")
		f.want(t, "a", "b", "c", "d")
		if n := f.numWrites(); n != 2 {
			t.Errorf("%d writes, want 2", n)
		}
		closed(t, l)
		if s, want := l.Stats(), (audit.Stats{Written: 4}); s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
	})
}

// TestFullDisk refuses signatures while the disk is full, and gives them again after that.
func TestFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		f, a := newFile(), new(answers)
		l := audit.New(f, audit.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		hang := make(chan struct{})
		f.setHang(hang)
		a.add(l, "a")
		synctest.Wait()
		a.add(l, "b", "c", "d")
		f.setRoom(150) // a and b, and a part of c
		close(hang)
		a.want(t, nil, "a", "b")
		a.want(t, audit.ErrFailing, "c", "d")
		a.want(t, syscall.ENOSPC, "c", "d")
		a.add(l, "e", "f")
		a.want(t, audit.ErrFailing, "e", "f")
		if err := l.Err(); !errors.Is(err, audit.ErrFailing) {
			t.Errorf("Err returns %v", err)
		}
		if s, want := l.Stats(), (audit.Stats{Written: 2, Lost: 2, Failing: true}); s != want {
			t.Errorf("%+v, want %+v", s, want)
		}

		before := f.numWrites()
		time.Sleep(time.Hour)
		if n := f.numWrites() - before; n < 3500 || n > 3700 {
			t.Errorf("%d tries in an hour, want one a second", n)
		}

		f.setRoom(1 << 20)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := l.Err(); err != nil {
			t.Errorf("Err returns %v", err)
		}
		a.add(l, "g")
		a.want(t, nil, "g")
		f.want(t, "a", "b", "c", "d", "lost 2", "g")
		if s, want := l.Stats(), (audit.Stats{Written: 6, Lost: 2}); s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
		if n := strings.Count(logged.String(), "\n"); n != 2 || !strings.Contains(logged.String(), "level=ERROR") ||
			!strings.Contains(logged.String(), "nothing is signed until") ||
			!strings.Contains(logged.String(), `msg="the audit log is written again" lost=2`) {
			t.Errorf("the logger has %d records, want an error and a recovery:\n%s", n, &logged)
		}

		// The next time the first try comes soon again.
		f.setRoom(0)
		a.add(l, "h")
		a.want(t, audit.ErrFailing, "h")
		f.setRoom(1 << 20)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if err := l.Err(); err != nil {
			t.Errorf("Err returns %v", err)
		}
		closed(t, l)
	})
}

// TestOptional signs while the disk is full. The log counts what it has no room for.
func TestOptional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		f, a := newFile(), new(answers)
		l := audit.New(f, audit.Options{Optional: true, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		f.setRoom(10)
		a.add(l, "a")
		a.want(t, nil, "a")
		var added []string
		for i := range 50_000 { // some 3 MB
			added = append(added, fmt.Sprint(i))
		}
		a.add(l, added...)
		a.want(t, nil, added...)
		lost := l.Stats().Lost
		if err := l.Err(); err != nil || lost < 20_000 || lost > 40_000 || !l.Stats().Failing {
			t.Errorf("Err returns %v, and the log %+v", err, l.Stats())
		}
		f.setRoom(1 << 30)
		time.Sleep(time.Minute)
		a.add(l, "b")
		a.want(t, nil, "b")
		kept := added[:len(added)-int(lost)]
		f.want(t, slices.Concat([]string{"a"}, kept, []string{fmt.Sprint("lost ", lost), "b"})...)
		closed(t, l)
		if !strings.Contains(logged.String(), "signatures are given without a line until") {
			t.Errorf("the logger has %s", &logged)
		}
		a.add(l, "late")
		a.want(t, nil, "late")
	})
}

// TestHang has a write that does not return. The lines that wait are refused after a while.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFile(), new(answers)
		l := audit.New(f, audit.Options{})
		hang := make(chan struct{})
		f.setHang(hang)
		a.add(l, "a")
		synctest.Wait()
		a.add(l, "b")
		time.Sleep(2 * time.Second)
		a.none(t, "a", "b")
		time.Sleep(2 * time.Second)
		a.want(t, audit.ErrFailing, "a", "b")
		a.add(l, "c")
		a.want(t, audit.ErrFailing, "c")
		close(hang)
		synctest.Wait()
		if err := l.Err(); err != nil {
			t.Error(err)
		}
		f.want(t, "a", "b", "lost 1")
		closed(t, l)
	})
}

// TestSlow has a writer that is slower than the clients are. The queue has a bound.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFile(), new(answers)
		l := audit.New(f, audit.Options{})
		hang := make(chan struct{})
		f.setHang(hang)
		a.add(l, "first")
		synctest.Wait()
		var added []string
		for i := range 20_000 {
			added = append(added, fmt.Sprint(i))
		}
		a.add(l, added...)
		lost := int(l.Stats().Lost)
		if lost == 0 || lost > 10_000 {
			t.Fatalf("%d records of 20,000 are refused", lost)
		}
		a.want(t, audit.ErrBehind, added[len(added)-lost:]...)
		a.none(t, added[:len(added)-lost]...)
		close(hang)
		a.want(t, nil, added[:len(added)-lost]...)
		closed(t, l)
		f.want(t, slices.Concat([]string{"first"}, added[:len(added)-lost], []string{fmt.Sprint("lost ", lost)})...)
	})
}

// TestSetWriter replaces the writer while a write is under way, and while writes fail.
func TestSetWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f1, f2, f3, a := newFile(), newFile(), newFile(), new(answers)
		l := audit.New(f1, audit.Options{})
		hang := make(chan struct{})
		f1.setHang(hang)
		a.add(l, "a")
		synctest.Wait()
		a.add(l, "b")
		replaced := make(chan struct{})
		go func() {
			l.SetWriter(f2)
			close(replaced)
		}()
		synctest.Wait()
		select {
		case <-replaced:
			t.Error("SetWriter does not wait for the write under way")
		default:
		}
		f2.setRoom(10)
		close(hang)
		<-replaced
		a.want(t, nil, "a")
		a.want(t, audit.ErrFailing, "b")
		f1.want(t, "a")

		start := time.Now()
		l.SetWriter(f3)
		synctest.Wait()
		if err := l.Err(); err != nil || time.Since(start) != 0 {
			t.Errorf("after %v: %v; want no error at once", time.Since(start), err)
		}
		a.add(l, "c")
		a.want(t, nil, "c")
		if text := f3.text.String(); text[0] != '\n' {
			t.Errorf("the third file begins with %q, and no newline ends what may stand there", text)
		}
		f3.text.Next(1)
		f3.want(t, "b", "c")
		closed(t, l)
	})
}

// TestSetWriterHang replaces a writer that hangs. SetWriter returns all the same.
func TestSetWriterHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f1, f2, a := newFile(), newFile(), new(answers)
		l := audit.New(f1, audit.Options{})
		hang := make(chan struct{})
		f1.setHang(hang)
		a.add(l, "a")
		synctest.Wait()
		l.SetWriter(f2)
		a.want(t, audit.ErrFailing, "a")
		f1.setRoom(0) // as if it were closed
		close(hang)
		a.add(l, "b")
		synctest.Wait()
		if err := l.Err(); err != nil {
			t.Error(err)
		}
		f2.want(t, "a", "lost 1")
		closed(t, l)
	})
}

// TestClose closes the log in each state.
func TestClose(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, a := audit.New(newFile(), audit.Options{}), new(answers)
			closed(t, l)
			closed(t, l)
			a.add(l, "a")
			a.want(t, audit.ErrClosed, "a")
			if err := l.Err(); !errors.Is(err, audit.ErrClosed) {
				t.Errorf("Err returns %v", err)
			}
		})
	})
	t.Run("lines are queued", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, a := newFile(), new(answers)
			l := audit.New(f, audit.Options{})
			hang := make(chan struct{})
			f.setHang(hang)
			a.add(l, "a")
			synctest.Wait()
			a.add(l, "b")
			time.AfterFunc(time.Second, func() { close(hang) })
			closed(t, l)
			a.want(t, nil, "a", "b")
			f.want(t, "a", "b")
		})
	})
	t.Run("failing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, a := newFile(), new(answers)
			l := audit.New(f, audit.Options{Optional: true})
			f.setRoom(0)
			a.add(l, "a")
			synctest.Wait()
			a.add(l, "b")
			if err := l.Close(t.Context()); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Close returns %v", err)
			}
			if s, want := l.Stats(), (audit.Stats{Lost: 2, Failing: true}); s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
		})
	})
	t.Run("failing, with room again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, a := newFile(), new(answers)
			l := audit.New(f, audit.Options{Optional: true})
			f.setRoom(30)
			a.add(l, "a")
			synctest.Wait()
			a.add(l, "b")
			f.setRoom(1000)
			closed(t, l)
			f.want(t, "a", "b")
		})
	})
	t.Run("hanging", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, a := newFile(), new(answers)
			l := audit.New(f, audit.Options{})
			hang := make(chan struct{})
			f.setHang(hang)
			a.add(l, "a")
			synctest.Wait()
			a.add(l, "b")
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, audit.ErrClosed) {
				t.Errorf("Close returns %v", err)
			}
			a.want(t, audit.ErrClosed, "a", "b")
			a.add(l, "c")
			a.want(t, audit.ErrClosed, "c")
			close(hang) // the goroutine ends, or the test does not
			synctest.Wait()
			f.want(t, "a", "b")
		})
	})
}

// liar is a writer that breaks the rules of io.Writer: once for each element.
type liar struct {
	file
	lies []func(n int) (int, error)
}

func (l *liar) Write(p []byte) (int, error) {
	if len(l.lies) > 0 {
		lie := l.lies[0]
		l.lies = l.lies[1:]
		return lie(len(p))
	}
	return l.file.Write(p)
}

func TestLiars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &liar{lies: []func(int) (int, error){
			func(int) (int, error) { return -5, io.ErrClosedPipe },
			func(n int) (int, error) { return 0, nil },
			func(n int) (int, error) { return -1, nil },
		}}
		l.room = 1000
		log, a := audit.New(l, audit.Options{Optional: true}), new(answers)
		a.add(log, "a", "b")
		time.Sleep(time.Minute)
		synctest.Wait()
		l.want(t, "a", "b")

		// All is written, and there is an error. The line's end is written again.
		l.lies = append(l.lies, func(n int) (int, error) { return n, io.ErrClosedPipe })
		l.text.Reset()
		a.add(log, "c")
		time.Sleep(time.Minute)
		synctest.Wait()
		if text := l.text.String(); text != "\n" || log.Stats().Failing {
			t.Errorf("the log has %q, and the log is %+v", text, log.Stats())
		}
		closed(t, log)
	})
}

// TestConcurrent has many clients, and a writer that fails, now here and now there.
func TestConcurrent(t *testing.T) {
	f := newFile()
	l := audit.New(f, audit.Options{})
	var wg, clients sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				f.setRoom(1 << 30)
				return
			default:
				f.setRoom(rand.IntN(2000))
				time.Sleep(time.Millisecond)
			}
		}
	})
	var mu sync.Mutex
	written := make(map[string]bool)
	const records = 500
	for c := range 8 {
		clients.Go(func() {
			for i := range records {
				key := fmt.Sprint(c, "-", i)
				answer := make(chan error, 2)
				l.Add(&audit.Record{Key: key}, func(err error) { answer <- err })
				if err := <-answer; err == nil {
					mu.Lock()
					written[key] = true
					mu.Unlock()
				}
				if l.Err() != nil {
					time.Sleep(time.Millisecond)
				}
				if len(answer) > 0 {
					t.Error("a second answer")
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	wg.Wait()
	closed(t, l)
	inLog := make(map[string]bool)
	lost := uint64(0)
	for _, key := range f.keys(t) {
		if n, ok := strings.CutPrefix(key, "lost "); ok {
			var k uint64
			fmt.Sscan(n, &k)
			lost += k
			continue
		}
		if inLog[key] {
			t.Errorf("%s is in the log twice", key)
		}
		inLog[key] = true
	}
	for key := range written {
		if !inLog[key] {
			t.Errorf("%s is not in the log, though it was reported as written", key)
		}
	}
	if s := l.Stats(); s.Lost != lost || len(inLog)+int(lost) != 8*records {
		t.Errorf("%+v; the log has %d records, and tells of %d lost, of %d", s, len(inLog), lost, 8*records)
	}
	t.Logf("%d given, %d in the log, %d lost", len(written), len(inLog), lost)
}
