package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstHanded is the fd of the first socket that is handed over (SD_LISTEN_FDS_START).
const firstHanded = 3

// Sockets returns the listening sockets that the service manager has opened for this process, as
// sd_listen_fds(3) describes, or nil. It returns them once.
func Sockets() ([]Socket, error) {
	pid, n := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	if pid != strconv.Itoa(os.Getpid()) || n == "" {
		return nil, nil
	}
	count, err := strconv.Atoi(n)
	if err != nil || count < 1 || count > 100 {
		return nil, fmt.Errorf("LISTEN_FDS=%q: not a number of sockets from 1 to 100", n)
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	var all []Socket
	for i := range count {
		fd := firstHanded + i
		syscall.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), fmt.Sprint("fd ", fd))
		ln, err := net.FileListener(f)
		f.Close()
		if err != nil {
			Close(all)
			return nil, fmt.Errorf("fd %d (LISTEN_FDS): %w; it should be a listening stream socket", fd, err)
		}
		s := Socket{Listener: ln}
		if i < len(names) {
			s.Name = names[i]
		}
		all = append(all, s)
	}
	return all, nil
}

// Reloading says that a reload begins. The service manager wants to know when, so that it can tell
// this reload from an earlier one.
func (m *Manager) Reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		m.notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
	}
}
