package asynctls_test

import (
	"testing"

	"asynccrypto/async"
	"asynccrypto/asynctls"
	"asynccrypto/asynctls/internal/tlstest"
)

// FuzzBuffers feeds arbitrary bytes, cut anyhow, to a server or a client, before, in or after
// the handshake: nothing panics, no job stays behind, and nothing grows beyond what came in by
// more than an answer.
func FuzzBuffers(f *testing.F) {
	e := tlstest.NewEngine(f)
	sc, cc := tlstest.Configs(f, e)
	hello := newSide(f, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(f, 0)})
	hello.Handshake()
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), byte(3), byte(0))
	f.Add(append([]byte{}, hello.buf.Out()...), byte(200), byte(0))
	f.Add([]byte{22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff}, byte(1), byte(1))
	f.Add([]byte{23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, byte(7), byte(2))
	f.Add([]byte{21, 3, 3, 0, 2, 1, 0}, byte(1), byte(15))
	f.Fuzz(func(t *testing.T, b []byte, cut, how byte) {
		pool, err := async.NewPool(1, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		o := &asynctls.Options{Pool: pool, HighWater: 1000}
		s, c := newSide(t, asynctls.NewServerConn, sc, o), newSide(t, asynctls.NewClientConn, cc, &asynctls.Options{Pool: newPool(t, 1)})
		if how&2 != 0 { // after
			if sErr, cErr := handshake(t, s, c, 1<<20); sErr != nil || cErr != nil {
				t.Fatal(sErr, cErr)
			}
		} else if how&4 != 0 { // in the middle
			c.Handshake()
			carry(c, s, 1<<20)
			for s.Handshake(); s.WaitingForAsync(); s.Handshake() {
				<-s.wakes
			}
			carry(s, c, int(cut))
		}
		it := s
		if how&1 != 0 {
			it, o = c, nil
		}
		var p [100]byte
		held := it.buf.Buffered()
		for len(b) > 0 {
			n := min(len(b), int(cut)+1)
			it.buf.Feed(b[:n])
			b = b[n:]
			for {
				n, err := it.Read(p[:])
				if err == asynctls.ErrWantAsync {
					<-it.wakes
					continue
				}
				if n == 0 {
					break
				}
				if how&8 != 0 {
					it.Write(p[:n])
				}
			}
			if got := it.buf.Buffered(); got > held+100000 {
				t.Fatal(got, "bytes are held to be sent")
			}
		}
		it.buf.FeedEOF()
		for asynctls.Wants(it.Handshake()) {
			<-it.wakes // nothing but the engine is left to wait for
		}
		it.Close()
		it.Abort()
		if o != nil && !hasPlace(pool) {
			t.Fatal("a job is left")
		}
	})
}
