package keyserver

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha3" // of requests, as are the next two
	_ "crypto/sha512"
	"errors"
	"fmt"
	"time"

	"asynccrypto/engine"
	"asynccrypto/remote/internal/allow"
	"asynccrypto/remote/internal/audit"
	"asynccrypto/remote/internal/wire"
)

// maxAtOnce is the most bits of an RSA key that signs on the goroutine that reads. With more the
// connection would be silent for 10 ms and longer.
const maxAtOnce = 4096

// outcome is the outcome of a request: a signature, or a refusal.
type outcome struct {
	status    wire.Status
	signature []byte // of wire.OK
	text      string // of every other status
	// waits is set, and nothing else, if the signature was to be made at once and cannot be.
	waits bool
}

func refuse(status wire.Status, text string) outcome { return outcome{status: status, text: text} }

// sign answers a request for a signature by done, exactly once: before it returns, or on another
// goroutine. If stay is set, the caller's goroutine has nothing else to do. Then it signs the server's
// only request itself if the key's engine lets it at once, which spares two changes of threads. here
// tells done that the caller's goroutine calls it. ctx is the connection's. r is not changed, and sign
// owns it and its data. bad says why no server can do r, as [wire.Request.Check] does.
func (s *Server) sign(ctx context.Context, c *client, r *wire.Request, bad error, stay bool, done func(a wire.Answer, here bool)) {
	answer := func(o outcome, here bool) {
		c.outcomes.count(o.status)
		done(wire.Answer{ID: r.ID, Status: o.status, Data: o.signature, Text: o.text}, here)
	}
	if s.draining.Load() {
		answer(refuse(wire.Unavailable, shutsDown), stay)
		return
	}
	ok, alone := s.acquire(c)
	if !ok {
		answer(refuse(wire.Busy, fmt.Sprintf("the client has %d requests under way, which is the most", s.inFlight)), stay)
		return
	}
	finish := func(o outcome, here bool) {
		s.leave(c, requestHold) // first, so that a client that has its answer has room for a request
		answer(o, here)
	}
	if stay && alone && s.operate(ctx, c, r, bad, true, finish) {
		return
	}
	go s.operate(ctx, c, r, bad, false, finish)
}

// callers tells whether one session asks for signatures, or several.
type callers struct {
	latest  *session  // that has asked
	asked   time.Time // when it did
	crowded time.Time // when two sessions had last asked within a crowd
}

// crowd is how long a session that has asked for a signature is taken to ask for more. Several such
// sessions of a busy machine, each with one request at a time, look like one: while the server signs for
// one, the others do not run. Workers of low priority let them ask first, and then sign for all of them
// at once. A batch of large keys takes a tenth of this.
const crowd = 100 * time.Millisecond

// onlyCaller notes that a session asks for a signature, and reports whether it is the only one that does
// so in these moments.
func (s *Server) onlyCaller(ss *session) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.callers
	if c.latest != ss && now.Sub(c.asked) < crowd {
		c.crowded = now
	}
	c.latest, c.asked = ss, now
	return now.Sub(c.crowded) >= crowd
}

// operate makes a signature, or refuses to, and has it recorded. done is called once, by the
// goroutine of the audit log if there is one. With atOnce, operate returns false, and has done nothing,
// if the signature would have to wait.
func (s *Server) operate(ctx context.Context, c *client, r *wire.Request, bad error, atOnce bool, done func(o outcome, here bool)) bool {
	record := audit.Record{
		Time:      time.Now(),
		Peer:      c.peer.String(),
		Operation: wire.OpSign.String(),
		Hedge:     r.Hedge,
	}
	o := refuse(wire.Bad, "")
	if bad != nil {
		o.text = bad.Error()
	} else if o = s.useKey(ctx, c.peer, r, atOnce, &record); o.waits {
		return false
	}
	record.Duration = time.Since(record.Time)
	record.Result = o.status.String()
	log := s.log.Load()
	if log == nil || o.status != wire.OK && !c.refusals.record(log) {
		done(o, atOnce)
		return true
	}
	if bad == nil && r.Hash == wire.NoHash {
		digest := sha256.Sum256(r.Data)
		record.Digest = digest[:]
	}
	log.Add(&record, func(err error) {
		if err != nil && o.status == wire.OK {
			clear(o.signature)
			o = unrecorded(err)
		}
		done(o, false)
	})
	return true
}

const shutsDown = "the key server shuts down"

// unrecorded is the outcome of a signature without a line. The log's error may have a path in it.
func unrecorded(err error) outcome {
	if errors.Is(err, audit.ErrBehind) {
		return refuse(wire.Busy, audit.ErrBehind.Error())
	}
	return refuse(wire.Unavailable, audit.ErrFailing.Error())
}

// useKey performs a request with the key that it names.
func (s *Server) useKey(ctx context.Context, peer allow.Peer, r *wire.Request, atOnce bool, record *audit.Record) outcome {
	set := s.currentKeys()
	defer s.releaseKeys(set)
	k := set.find(r)
	o := s.perform(ctx, peer, k, r, atOnce, record)
	if k != nil && !o.waits {
		k.outcomes.count(o.status)
	}
	return o
}

// perform checks a request and makes the signature. k is nil if the server has no such key. It
// completes the record but for its duration and its result.
func (s *Server) perform(ctx context.Context, peer allow.Peer, k *key, r *wire.Request, atOnce bool, record *audit.Record) outcome {
	record.Hash = r.Hash.String()
	input := input(r)
	if r.Hash != wire.NoHash { // else input is what the client sent, which is not for the log
		record.Digest = input
	}
	if r.Message && r.Context == "" {
		record.Context = allow.TLS13(r.Data)
	}
	if k == nil {
		record.Key = r.Name
		return refuse(wire.NoKey, "the key server has no such key")
	}
	record.Key = k.name
	if k.algorithm == algorithmRSA {
		record.Padding = r.Padding.String()
	} else if r.Hash == wire.NoHash {
		record.Hash = "" // the word nohash is about PKCS #1
	}
	use := allow.Use{RSA: k.algorithm == algorithmRSA, Hash: r.Hash, Padding: r.Padding, Message: r.Message, Data: r.Data, Context: r.Context}
	rules := s.rules.Load()
	identity, ok := rules.Allowed(peer, k.name, &use)
	if !ok {
		return refuse(wire.Denied, rules.Refusal(peer, k.name, &use))
	}
	record.Peer = identity
	opts, err := k.options(r)
	if err != nil {
		return refuse(wire.Bad, err.Error())
	}
	if log := s.log.Load(); log != nil {
		if err := log.Err(); err != nil {
			return unrecorded(err)
		}
	}
	if !atOnce {
		return s.signBy(ctx, k, r.Timeout, input, opts)
	}
	if k.bits > maxAtOnce {
		return outcome{waits: true}
	}
	signature, done, err := engine.TrySign(k.signer, rand.Reader, input, opts)
	if !done {
		return outcome{waits: true}
	}
	return s.signed(k, signature, err)
}

// input returns the bytes that the key signs: the digest, or the message if the key hashes it itself.
func input(r *wire.Request) []byte {
	hash, _ := r.Hash.Crypto()
	if !r.Message || hash == 0 {
		return r.Data
	}
	h := hash.New()
	h.Write(r.Data)
	return h.Sum(nil)
}

// options returns the options for the key's Sign, or an error that says why the request makes no
// sense for the key. The request has passed [wire.Request.Check].
func (k *key) options(r *wire.Request) (crypto.SignerOpts, error) {
	if k.algorithm == algorithmRSA {
		return k.optionsRSA(r)
	}
	hash, _ := r.Hash.Crypto()
	switch {
	case r.Padding != wire.NoPadding:
		return nil, fmt.Errorf("the padding %v is one of RSA keys, and the key is another", r.Padding)
	case k.algorithm == algorithmECDSA && hash == 0:
		return nil, errors.New("an ECDSA key needs the name of the hash")
	case k.algorithm == algorithmECDSA && r.Context != "":
		return nil, errors.New("a signature of ECDSA has no context")
	case k.algorithm == algorithmECDSA:
		return hash, nil
	case hash == 0 && !r.Message:
		return nil, errors.New("the key signs messages, and the request has a digest")
	case k.algorithm == algorithmMLDSA && hash != 0:
		return nil, errors.New("an ML-DSA key signs messages, without a hash")
	case k.algorithm == algorithmMLDSA:
		return mldsaOptions(r.Context), nil
	case hash != 0 && hash != crypto.SHA512:
		return nil, fmt.Errorf("an Ed25519 key signs messages, or digests of sha512, and not of %v", r.Hash)
	}
	return &ed25519.Options{Hash: hash, Context: r.Context}, nil
}

func (k *key) optionsRSA(r *wire.Request) (crypto.SignerOpts, error) {
	hash, _ := r.Hash.Crypto()
	switch r.Padding {
	case wire.PKCS1:
		const overhead = 11 // RFC 8017, section 9.2
		if most := (k.bits+7)/8 - overhead; hash == 0 && len(r.Data) > most {
			return nil, fmt.Errorf("%d bytes to be padded, and the key takes at most %d", len(r.Data), most)
		}
		return hash, nil
	case wire.PSS:
		return k.optionsPSS(hash, int(r.Salt))
	}
	return nil, errors.New("an RSA key needs a padding")
}

func (k *key) optionsPSS(hash crypto.Hash, salt int) (crypto.SignerOpts, error) {
	most := (k.bits+6)/8 - hash.Size() - 2 // RFC 8017, section 9.1.1
	switch {
	case hash == crypto.MD5SHA1:
		return nil, errors.New("PSS with md5sha1")
	case salt == 0: // to crypto/rsa that means the longest
		return nil, errors.New("PSS without a salt is not supported")
	case salt > most:
		return nil, fmt.Errorf("a salt of %d bytes, and the key has room for %d", salt, max(most, 0))
	}
	return &rsa.PSSOptions{SaltLength: salt, Hash: hash}, nil
}

// endedHere reports whether the server has ended a connection of gRPC, by its context. The session
// learns that a moment later, and may still send answers.
func endedHere(conn context.Context) bool {
	cause := context.Cause(conn)
	return errors.Is(cause, errNotAfter) || errors.Is(cause, errShutsDown)
}

// signBy signs within the timeout, unless that is 0. conn is the connection's context. If the server
// ends the connection, the request is not late: the client may ask again.
func (s *Server) signBy(conn context.Context, k *key, timeout time.Duration, input []byte, opts crypto.SignerOpts) outcome {
	ctx := conn
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	signature, err := k.sign(ctx, input, opts)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		if endedHere(conn) {
			return refuse(wire.Unavailable, "the connection ended before the signature was made; ask again")
		}
		return refuse(wire.Expired, "the time was over before the signature was made")
	}
	return s.signed(k, signature, err)
}

// signed is the outcome of a key's work.
func (s *Server) signed(k *key, signature []byte, err error) outcome {
	if err == nil {
		return outcome{status: wire.OK, signature: signature}
	}
	if k.errors.due() {
		s.logger.Error("a key failed to sign; further errors of this second are not logged", "key", k.name, "error", err)
	}
	if errors.Is(err, engine.ErrUnavailable) || errors.Is(err, engine.ErrClosed) {
		return refuse(wire.Unavailable, "the place of the key cannot be reached; ask another server")
	}
	return refuse(wire.Failed, "the key failed to sign; the key server's log has the error")
}

// sign has a panic of the key as its error. Such a panic must not end the service of all the others.
func (k *key) sign(ctx context.Context, input []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	defer func() {
		if value := recover(); value != nil {
			signature, err = nil, fmt.Errorf("panic: %v", value)
		}
	}()
	return k.signer.WithContext(ctx).Sign(rand.Reader, input, opts)
}
