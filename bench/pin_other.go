//go:build !linux

package main

import (
	"errors"
	"os/exec"
)

// choosePin: see pin_linux.go.
func choosePin() (int, error) {
	return noPin, errors.New("only done on linux")
}

func startOn(_ int, cmd *exec.Cmd) error {
	return cmd.Start()
}
