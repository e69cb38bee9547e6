//go:build !unix

package hsmtest

import (
	"errors"
	"os"
	"os/exec"
)

func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) error   { return p.Kill() }
func stopGroup(*os.Process) error     { return errors.ErrUnsupported }
func continueGroup(*os.Process) error { return errors.ErrUnsupported }
