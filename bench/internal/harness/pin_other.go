//go:build !linux

package harness

import (
	"errors"
	"os/exec"
)

// ChoosePin: see pin_linux.go.
func ChoosePin() (int, error) {
	return NoPin, errors.New("only possible on linux")
}

// choosePins: see pin_linux.go.
func choosePins() (servers, clients int, err error) {
	_, err = ChoosePin()
	return NoPin, NoPin, err
}

// prior: see pin_linux.go.
func prior(start func() error) (how string, err error) { return "at the same priority", start() }

// StartOn: see pin_linux.go.
func StartOn(_ int, cmd *exec.Cmd) error {
	return cmd.Start()
}
