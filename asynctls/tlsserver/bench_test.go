//go:build unix

package tlsserver_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"asynccrypto/asynctls/internal/tlstest"
	"asynccrypto/asynctls/tlsserver"
)

// BenchmarkServerEcho is a small echo on 200 connections that take turns, by a Server with one
// loop and by a goroutine for each connection. The clients are another process, so that
// cpu-us/op is the server's.
func BenchmarkServerEcho(b *testing.B) {
	server, _ := tlstest.Configs(b, tlstest.NewEngine(b))
	b.Run("loop", func(b *testing.B) {
		benchEcho(b, serve(b, &tlsserver.Server{TLS: server, Handler: echo{}, Loops: 1}))
	})
	b.Run("goroutines", func(b *testing.B) {
		ln := listen(b, "tcp", "127.0.0.1:0")
		defer ln.Close()
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					c, p := tls.Server(c, server), make([]byte, 512)
					for {
						n, err := c.Read(p)
						if err != nil {
							return
						}
						c.Write(p[:n])
					}
				}()
			}
		}()
		benchEcho(b, ln.Addr().String())
	})
}

func benchEcho(b *testing.B, addr string) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	clients := exec.Command(self, "-test.run=^TestEchoClients$")
	clients.Env = append(os.Environ(), "ECHO_SERVER="+addr, fmt.Sprint("ECHOES=", b.N), "GOMAXPROCS=1")
	clients.Stderr = os.Stderr
	in, _ := clients.StdinPipe()
	out, _ := clients.StdoutPipe()
	if err := clients.Start(); err != nil {
		b.Fatal(err)
	}
	said := bufio.NewReader(out)
	said.ReadString('\n') // connected
	b.ResetTimer()
	before := cpuTime()
	io.WriteString(in, "go\n")
	if s, err := said.ReadString('\n'); err != nil {
		b.Error(s, err)
	}
	used := cpuTime() - before
	b.StopTimer()
	b.ReportMetric(float64(used.Nanoseconds())/1000/float64(b.N), "cpu-us/op")
	in.Close()
	io.Copy(io.Discard, said)
	clients.Wait()
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestEchoClients is the clients of BenchmarkServerEcho, 16 of which wait for an answer at any
// moment.
func TestEchoClients(t *testing.T) {
	addr := os.Getenv("ECHO_SERVER")
	if addr == "" {
		return
	}
	var n int
	fmt.Sscan(os.Getenv("ECHOES"), &n)
	conns := make(chan net.Conn, 200)
	for range cap(conns) {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		conns <- c
	}
	fmt.Println("connected")
	var line string
	fmt.Scan(&line)
	left, done := make(chan bool, n), make(chan bool)
	for range n {
		left <- true
	}
	close(left)
	for range 16 {
		go func() {
			p := make([]byte, 64)
			for range left {
				c := <-conns
				c.Write(p)
				if _, err := io.ReadFull(c, p); err != nil {
					t.Error(err)
				}
				conns <- c
			}
			done <- true
		}()
	}
	for range 16 {
		<-done
	}
	fmt.Println("done")
	fmt.Scan(&line)
}
