package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"asynccrypto/cmd/asynccrypto/internal/tlstest"
	"asynccrypto/internal/testwait"
)

// The reader of the log ends. The server goes on, after lines that nothing reads.
func TestServeLogReaderEnds(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	cmd := exec.Command("asynccrypto", "serve", "-addr", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	addr := ""
	for lines := bufio.NewScanner(log); addr == "" && lines.Scan(); {
		if found := regexp.MustCompile(`listening on (\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			addr = found[1]
		}
	}
	log.Close()
	for range 3 { // each is a line of the log
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "SSH-2.0-none\r\n")
		io.Copy(io.Discard, c)
		c.Close()
	}
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: cert.Pool})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// Where the system forbids setpriority, the default of -nice is given up with a warning, and an
// option that was given is an error.
func TestServeWithoutSetpriority(t *testing.T) {
	cert := tlstest.NewCertificate(t)
	start := func(args ...string) (*exec.Cmd, *testwait.Log) {
		log := new(testwait.Log)
		args = append([]string{"serve", "-addr", "127.0.0.1:0", "-cert", cert.File, "-key", cert.KeyFile}, args...)
		cmd := exec.Command("asynccrypto", args...)
		cmd.Stderr = log
		started := make(chan error)
		go func() { // on a thread that ends with this goroutine, and whose children inherit its filter
			runtime.LockOSThread()
			err := forbidSetpriority()
			if err == nil {
				err = cmd.Start()
			}
			started <- err
		}()
		if err := <-started; err != nil {
			t.Skip(err)
		}
		return cmd, log
	}
	cmd, log := start()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	log.Find(t, `warning: the workers have the same priority as the rest: .*operation not permitted`, ended)
	log.Find(t, `listening on`, ended)
	cmd.Process.Signal(syscall.SIGTERM)
	<-ended
	if strings.Contains(log.String(), "at nice") {
		t.Error(log)
	}
	cmd, log = start("-nice", "3")
	if err := cmd.Wait(); err == nil || !strings.Contains(log.String(), "operation not permitted; give -nice 0") {
		t.Errorf("%v: %s", err, log)
	}
}

// forbidSetpriority makes setpriority fail with EPERM on the calling thread and in its children.
func forbidSetpriority() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SETPRIORITY, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
