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

// choosePins: see pin_linux.go.
func choosePins() (servers, clients int, err error) {
	_, err = choosePin()
	return noPin, noPin, err
}

func prior(start func() error) (how string, err error) { return "at the same priority", start() }

func startOn(_ int, cmd *exec.Cmd) error {
	return cmd.Start()
}
