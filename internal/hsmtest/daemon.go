package hsmtest

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// Daemon is a program that runs beside the test, with every process that it starts, in a process
// group of their own. A shell in another group watches over them. It kills the program's group when
// its standard input ends, so that nothing outlives this process, however it ends. A goroutine of the
// test calls the methods.
type Daemon struct {
	t     T
	argv  []string
	ready func() bool

	cmd   *exec.Cmd // nil after Kill
	watch *watcher
	log   *lockedBuffer
}

// newDaemon starts a program and returns when ready reports true.
func newDaemon(t T, ready func() bool, argv ...string) *Daemon {
	t.Helper()
	d := &Daemon{t: t, argv: argv, ready: ready}
	t.Cleanup(func() {
		if d.cmd != nil {
			d.Kill()
		}
	})
	d.Start()
	return d
}

// Start starts the program again after Kill. It returns when the program does its work.
func (d *Daemon) Start() {
	d.t.Helper()
	d.log = &lockedBuffer{}
	d.cmd = exec.Command(d.argv[0], d.argv[1:]...)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	// A process that has left the group may still hold the log's pipe.
	d.cmd.WaitDelay = time.Second
	ownGroup(d.cmd)
	if err := d.cmd.Start(); err != nil {
		d.cmd = nil
		d.t.Fatalf("%v: %v", d.argv, err)
	}
	var err error
	if d.watch, err = watch(d.cmd.Process.Pid); err != nil {
		d.t.Fatalf("%v: no shell to watch over it: %v", d.argv, err)
	}
	for limit := time.Now().Add(time.Minute); !d.ready(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			d.t.Fatalf("%v did not start\n%s", d.argv, d.log)
		}
	}
}

// Kill kills the program and its processes at once (SIGKILL), and returns when the program is gone.
func (d *Daemon) Kill() {
	d.t.Helper()
	if d.watch != nil {
		d.watch.end() // first: it must not kill another group to which the kernel gives the number
		d.watch = nil
	}
	if err := killGroup(d.cmd.Process); err != nil {
		d.t.Fatalf("%v: %v", d.argv, err)
	}
	d.cmd.Wait() // its error says that the program was killed
	d.cmd = nil
}

// Pause stops the program and its processes until Resume (SIGSTOP, SIGCONT).
func (d *Daemon) Pause() { d.signal(stopGroup) }

// Resume lets them run again.
func (d *Daemon) Resume() { d.signal(continueGroup) }

func (d *Daemon) signal(send func(*os.Process) error) {
	d.t.Helper()
	if err := send(d.cmd.Process); err != nil {
		d.t.Fatalf("%v: %v", d.argv, err)
	}
}

// A watcher is a shell that kills a process group when this process ends. It is in a group of its own,
// because a program that is stopped by Pause cannot watch over itself. The kernel wakes a stopped group
// whose parent has ended only if the group's new parent is of another session. Process 1 of a container
// often is of the same one.
type watcher struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func watch(group int) (*watcher, error) {
	cmd := exec.Command("sh", "-c", `trap "" HUP; read -r _; kill -9 "-$0"`, strconv.Itoa(group))
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &watcher{cmd, stdin}, nil
}

func (w *watcher) end() {
	w.cmd.Process.Kill()
	w.cmd.Wait() // its error says that the shell was killed
	w.stdin.Close()
}

// lockedBuffer is the beginning of what a program has written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() < 64<<10 {
		l.b.Write(p)
	}
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func exists(path string) func() bool {
	return func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
}
