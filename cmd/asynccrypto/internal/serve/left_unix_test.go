//go:build unix

package serve

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"asynccrypto/internal/testwait"
)

// openFiles returns a description of each open file of the process. The key is the fd and the
// inode, which stay the same as long as the file is open. Other goroutines may open and close files
// meanwhile.
func openFiles(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil { // the directory itself has been closed
			files[fmt.Sprintf("fd %d, inode %d", fd, st.Ino)] = fmt.Sprintf("mode %#o%s", st.Mode, describeFile(fd))
		}
	}
	return files
}

// describeFile returns what the system knows of the file beside its inode.
func describeFile(fd int) (what string) {
	if name, err := os.Readlink(fmt.Sprint("/dev/fd/", fd)); err == nil { // on Linux
		what += ", " + name
	}
	if own, err := unix.Getsockname(fd); err == nil {
		what += ", at " + socketAddress(own)
	}
	if peer, err := unix.Getpeername(fd); err == nil {
		what += ", connected to " + socketAddress(peer)
	}
	return what
}

func socketAddress(addr unix.Sockaddr) string {
	switch a := addr.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrUnix:
		return "unix:" + a.Name
	}
	return fmt.Sprintf("%T", addr)
}

// awaitFiles waits until no file is open that was not open before. Its error lists the others.
func awaitFiles(t *testing.T, before map[string]string) {
	t.Helper()
	for limit := testwait.Limit(); ; time.Sleep(5 * time.Millisecond) {
		var left strings.Builder
		for file, what := range openFiles(t) {
			if _, ok := before[file]; !ok {
				fmt.Fprintf(&left, "\n%s, %s", file, what)
			}
		}
		if left.Len() == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Errorf("files are left open:%s", &left)
			return
		}
	}
}

// awaitGoroutines waits until there are no more goroutines than before. Its error lists all.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	for limit := testwait.Limit(); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			var all strings.Builder
			pprof.Lookup("goroutine").WriteTo(&all, 1)
			t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, &all)
			return
		}
	}
}
