//go:build unix

package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// umask sets the umask until the test ends.
func umask(t *testing.T, mask int) {
	old := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(old) })
}

// The permissions of a socket are those that are asked for, whatever the umask. Without any it is the
// umask that counts.
func TestUnixMode(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		umask(t, mask)
		for mode, want := range map[fs.FileMode]fs.FileMode{0o600: 0o600, 0o660: 0o660, 0o777: 0o777, 0: 0o777 &^ fs.FileMode(mask)} {
			dir, err := os.MkdirTemp("", "")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			path := filepath.Join(dir, "s")
			ln, err := Unix("unix", path, path, mode)
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode() != want|fs.ModeSocket {
				t.Errorf("umask %03o, mode %03o: %v, %v", mask, mode, info.Mode(), err)
			}
			if mask == 0 && mode != 0 {
				wider(t, filepath.Join(dir, "w"), mode)
			}
			ln.Close()
		}
	}
}

// wider checks that the socket is not wider than mode before chmod either.
func wider(t *testing.T, path string, mode fs.FileMode) {
	config, done := restricted(mode)
	ln, err := config.Listen(t.Context(), "unix", path)
	done()
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm()&^mode != 0 {
		t.Errorf("mode %03o: %v at first, %v", mode, info.Mode(), err)
	}
}

// A socket that was left behind is replaced. One at which a server listens is not, nor is a file.
func TestUnixInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Close(fd)); err != nil {
		t.Fatal(err)
	}
	ln, err := Unix("unix", "unix:"+path, path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unix("unix", "unix:"+path, path, 0o600); !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), "-unix unix:"+path+": ") {
		t.Error(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	ln.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is left")
	}
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unix("unix", path, path, 0); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Unix("unix", "x", filepath.Join(path, "x"), 0o600); !errors.Is(err, syscall.ENOTDIR) {
		t.Error(err)
	}
}
