// Package tlsserver serves tens of thousands of TLS connections on a few event loops (package
// reactor). Handshakes run as jobs (package async), so an engine may compute the signatures, and
// no handshake blocks a loop; open connections need neither a job nor a goroutine.
//
// # When to use it
//
// Use it where a goroutine for each connection costs too much memory, or where open connections
// must not wait behind handshakes: in each turn of a loop, open connections come before
// handshakes, so that a flood of new connections never starves them. For net/http use
// [asynctls.Config]; on an event loop of your own use [asynctls.Conn].
//
// Set up a [Server] and call Serve:
//
//	s := &tlsserver.Server{TLS: asynctls.Config(config), Handler: handler}
//	err := s.Serve(ln)
//
// The [Handler] gets the data, and answers with [Conn.Write]. Each connection stays on one
// loop, which calls the Handler for it, so that a connection's state needs no lock. The
// methods of a Handler must not block.
//
// # Limits
//
//   - A connection that has sent nothing costs some 400 bytes of Go's memory, and an open, idle
//     one a tls.Conn and some hundred bytes: 4 KB with X25519, 7 KB with Go's default curves.
//   - MaxHandshakes bounds the handshake jobs of a loop, some 20 KB each, and MaxPending the
//     connections that are not open yet.
//   - HighWater bounds the output that a connection holds; a Handler whose Write was refused is
//     given no more data until there is room.
//   - HandshakeTimeout bounds the handshake and the end of a connection, and IdleTimeout, if
//     set, the time without a byte.
//
// It works on Linux, and on macOS and the BSDs as far as package reactor does; elsewhere Serve
// returns an error.
package tlsserver
