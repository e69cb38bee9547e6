#!/bin/bash
# gnet and nbio: a client that closes only its sending half gets no answer that takes time.
#
# Software    github.com/panjf2000/gnet/v2 v2.10.0, github.com/lesismal/nbio v1.6.8
# Best guess  TCP closes each direction by itself, and so do these event loops: a request, then
#             the end of the client's sending half, then the answer, as with the net package
# Seen        both loops close the whole connection when they read the end. The client reads the
#             end of the stream without an error. gnet's AsyncWrite returns nil all the same, and
#             only its callback learns that the connection is closed; nbio's Write fails.
# Matters to  servers that answer once an engine has signed: the answer is made and thrown away.
#             Clients that pipe a file into a socket close their half like that.
source "$(dirname "$0")/common.bash"
go_modules github.com/panjf2000/gnet/v2@v2.10.0 github.com/lesismal/nbio@v1.6.8

cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/lesismal/nbio"
	nbiolog "github.com/lesismal/nbio/logging"
	"github.com/panjf2000/gnet/v2"
)

// A server's answer is ready when the loop has closed the connection, or after this time.
const enough = 2 * time.Second

var answer = []byte("signature")

func ready(closed chan struct{}) {
	select {
	case <-closed:
	case <-time.After(enough):
	}
}

// received returns what a client gets: it sends a request, closes its sending half and reads to the
// end.
func received(address string) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("request")); err != nil {
		log.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		log.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(5 * enough))
	got, err := io.ReadAll(conn)
	return fmt.Sprintf("%q, %v", got, err)
}

func free() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func tryNet() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		io.ReadAll(conn) // the request, to the end of the client's half
		conn.Write(answer)
		conn.Close()
	}()
	fmt.Println("net: client gets", received(l.Addr().String()))
}

type gnetServer struct {
	gnet.BuiltinEventEngine
	booted, closed   chan struct{}
	written, outcome chan error
}

func (s *gnetServer) OnBoot(gnet.Engine) gnet.Action {
	close(s.booted)
	return gnet.None
}

func (s *gnetServer) OnTraffic(c gnet.Conn) gnet.Action {
	c.Discard(-1)
	go func() {
		ready(s.closed)
		s.written <- c.AsyncWrite(answer, func(c gnet.Conn, err error) error {
			s.outcome <- err
			return c.Close()
		})
	}()
	return gnet.None
}

func (s *gnetServer) OnClose(gnet.Conn, error) gnet.Action {
	close(s.closed)
	return gnet.None
}

func tryGnet() {
	s := &gnetServer{booted: make(chan struct{}), closed: make(chan struct{}),
		written: make(chan error, 1), outcome: make(chan error, 1)}
	address := free()
	go func() {
		if err := gnet.Run(s, "tcp://"+address); err != nil {
			log.Fatal(err)
		}
	}()
	<-s.booted
	fmt.Println("gnet: client gets", received(address))
	fmt.Printf("gnet: AsyncWrite: %v; its callback: %v\n", <-s.written, <-s.outcome)
}

func tryNbio() {
	nbiolog.SetLevel(nbiolog.LevelNone)
	closed, outcome := make(chan struct{}), make(chan error, 1)
	address := free()
	engine := nbio.NewEngine(nbio.Config{Network: "tcp", Addrs: []string{address}})
	engine.OnData(func(c *nbio.Conn, _ []byte) {
		go func() {
			ready(closed)
			_, err := c.Write(answer)
			c.Close()
			outcome <- err
		}()
	})
	engine.OnClose(func(*nbio.Conn, error) { close(closed) })
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("nbio: client gets", received(address))
	fmt.Printf("nbio: Write: %v\n", <-outcome)
}

func main() {
	tryNet()
	tryGnet()
	tryNbio()
}
END
GNET_LOGGING_LEVEL=2 go run . >seen # its errors alone

expect "gnet and nbio close the connection when the client has closed only its sending half" <<'END'
net: client gets "signature", <nil>
gnet: client gets "", <nil>
gnet: AsyncWrite: <nil>; its callback: use of closed network connection
nbio: client gets "", <nil>
nbio: Write: use of closed network connection
END
