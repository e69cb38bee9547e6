//go:build unix

package reactor_test

import (
	"context"
	"fmt"
	"log"

	"golang.org/x/sys/unix"

	"asynccrypto/async"
	"asynccrypto/reactor"
)

// A socket is edge-triggered: each event is followed by reading until the system has no more.
func ExampleLoop_Socket() {
	loop, err := reactor.New(reactor.Options{})
	if unsupported(err, "hello\nthe end\n") {
		return
	}
	defer loop.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		log.Fatal(err)
	}
	fd, peer := pair[0], pair[1]
	if err := unix.SetNonblock(fd, true); err != nil {
		log.Fatal(err)
	}

	var socket *reactor.Socket
	buf := make([]byte, 1024)
	socket, err = loop.Socket(async.FD(fd), func(ev reactor.Events) {
		if ev&reactor.Readable == 0 {
			return // Writable: nothing waits to be written here
		}
		for {
			n, err := unix.Read(fd, buf)
			switch {
			case err == unix.EINTR:
			case err == unix.EAGAIN:
				return // the next event comes when there is more
			case err != nil:
				log.Fatal(err)
			case n == 0:
				fmt.Println("the end")
				socket.Remove()
				unix.Close(fd)
				loop.Close()
				return
			default:
				fmt.Println(string(buf[:n]))
			}
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		unix.Write(peer, []byte("hello"))
		unix.Close(peer)
	}()
	if err := loop.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// hello
	// the end
}
