//go:build unix

package pkcs11

import (
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"asynccrypto/internal/rawio"
)

// startPiped starts cmd in a process group of its own, with pipes as its standard input and output,
// and returns the other ends. Pipes and not a socket: whenever the reader of a socket takes
// something out, the poller of the writer is woken to be told that there is room.
func startPiped(cmd *exec.Cmd) (io.ReadWriteCloser, error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer stdout.Close()
	conn, err := rawio.NewConn(out, in)
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Stdout = stdin, stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// quick returns conn with quicker system calls.
func quick(conn net.Conn) (io.ReadWriteCloser, error) {
	f := conn.(rawio.File) // as all of package net's are that have an fd
	return rawio.NewConn(f, f)
}

// killGroup kills the process and those that it has started.
func killGroup(cmd *exec.Cmd) { unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
