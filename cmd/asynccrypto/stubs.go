package main
const speedUsage=""
const signUsage=""
const enginesUsage=""
const mainUsage=""
func signCommand(args []string, std stdio) error {return nil}
func enginesCommand(args []string, std stdio) error {return nil}
func (r *report) plot() []byte {return nil}
func writeFile(path string, data []byte) error {return nil}
type signalError struct{error}
func (*signalError) number() int {return 2}
