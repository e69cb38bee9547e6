// Package remote is an engine for private keys that are held by key servers: by the command
// "asynccrypto keyserver", or by a program that uses package [asynccrypto/remote/keyserver].
//
//	eng, err := remote.New(remote.Config{
//		Nodes: []string{"keys.example.org:7070"}, // all addresses of the name
//		TLS:   &tls.Config{Certificates: []tls.Certificate{client}, RootCAs: roots},
//	})
//	signer, err := eng.Signer(ctx, "web") // a crypto.Signer
//
// Use the signers as those of any engine (see package [asynccrypto/engine]): a plain call of Sign
// blocks its goroutine, and in a job it pauses the job. No goroutine waits for a request. [Local]
// makes an engine with a node in this process, for tests and to begin with.
//
// # Nodes
//
// A node is a Unix socket, or an address of a name. A request goes to the node that is likely to
// answer first. A node that is killed, stopped or slow costs its callers a short delay: requests
// that it does not answer are asked of another node. [Engine.Stats] and [Engine.Nodes] say how the nodes are.
//
//	a node                                       is noticed
//	that is killed or restarted                  when its connection ends
//	that is stopped, or behind a broken network  after [Stats].HedgeDelay for a request, and within
//	                                             750 ms for good
//	that is slow                                 after [Stats].HedgeDelay
//	that is new, or gone, in the name service    within 5 s
//
// # Which operations
//
//	key      Sign                                         SignMessage
//	RSA      PKCS #1 v1.5, PSS                            the same
//	ECDSA    a digest; options may be engine.ECDSAOptions the same
//	Ed25519  a message, or a digest for Ed25519ph         the same
//	ML-DSA   a message (since Go 1.27)                    the same
//
// SignMessage of an RSA or ECDSA key sends a message of up to 16 KiB to the node, which hashes it.
// So the node checks the message itself by its allow file, which can hold a key to the handshakes of
// TLS 1.3: crypto/tls calls SignMessage. Longer messages are hashed here. Messages of Ed25519 and ML-DSA
// are at most 64 KiB long.
//
// # Errors
//
//	error                      when
//	engine.ErrUnavailable      no node is up, or none of those that are can do it; another place that
//	                           has the key may be asked: see package asynccrypto/engine/fallback
//	ErrNoKey                   no node that is up has the key; it is engine.ErrUnavailable too
//	ErrDenied                  the allow file of the node does not allow it
//	context.DeadlineExceeded   no answer in time: before the deadline of the signer's context, or
//	                           within Config.Timeout
//	engine.ErrClosed           the engine or the signer is closed
//	other errors               the input or the options do not fit the key, or the key failed
//
// While no node is up, or none that is can do it, an operation waits for one: until a little before its
// deadline, or for a second if its context has none. It does not wait if it has a fallback
// ([engine.WithFallback]), such as an operation of a chain.
//
// The first signature by a key that each connection gives is verified, so a node that has another
// key is found out. A node that fails is not asked for the key again on that connection. With
// [Config].VerifyAll every signature is verified: set it if a node may be in wrong hands, since such a
// node can give a right signature first and a wrong one later.
package remote
