//go:build unix

package hsmtest

import (
	"os"
	"os/exec"
	"syscall"
)

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) error     { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
func stopGroup(p *os.Process) error     { return syscall.Kill(-p.Pid, syscall.SIGSTOP) }
func continueGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGCONT) }
