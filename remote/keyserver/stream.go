package keyserver

import (
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"asynccrypto/remote/internal/pbwire"
	"asynccrypto/remote/internal/wire"
	"asynccrypto/remote/keyserverpb"
)

type sessionStream = grpc.BidiStreamingServer[keyserverpb.ClientMessage, keyserverpb.ServerMessage]

// Session implements keyserverpb.KeyServerServer. When it returns, gRPC ends the stream, and with
// it the goroutines that receive and send.
func (v service) Session(stream sessionStream) error {
	call, err := v.admit(stream.Context(), sessionHold)
	if err != nil {
		return err
	}
	defer call.leave()
	ss := v.server.newSession(call.ctx, call.client)
	t := &streamed{ss, stream}
	ss.send, ss.goodbye, ss.unblock = t.send, func(error) {}, func() {}
	if !v.server.begin(ss) {
		ss.end(nil)
		return errShutsDown
	}
	defer v.server.done(ss)
	go t.receive()
	<-ss.ctx.Done()
	ss.end(callError(call.ctx)) // unless it has ended by itself
	if err, _ = ss.result(); err == ErrClosed {
		err = errShutsDown
	}
	return err
}

// streamed is a session of gRPC.
type streamed struct {
	session *session
	stream  sessionStream
}

// receive handles the client's messages until the client closes its side, or the session ends.
func (t *streamed) receive() {
	if err := t.hello(); err != nil {
		t.session.end(err)
		return
	}
	go t.session.write()
	for {
		waits := time.Now()
		in, err := t.stream.Recv()
		waited := time.Since(waits) >= atOnce
		switch {
		case err == io.EOF:
			t.session.finish(nil, true)
			return
		case err != nil:
			t.session.end(err)
			return
		}
		if !t.handle(in.GetRequests(), waited) {
			return
		}
	}
}

// atOnce is the most time that a message takes that has come already. gRPC does not tell whether
// there are more of them.
const atOnce = 20 * time.Microsecond

// handle handles the requests of a message. waited says that there was no message before this one came.
func (t *streamed) handle(requests []*keyserverpb.Request, waited bool) bool {
	for i, in := range requests {
		r := new(wire.Request)
		err := pbwire.FromRequest(in, r)
		if r.ID == 0 {
			t.session.finish(errNumber, false)
			return false
		}
		if !t.session.handle(r, err, waited && i == len(requests)-1) {
			return false
		}
	}
	return true
}

// hello exchanges the first messages, within the time for a write.
func (t *streamed) hello() error {
	ss := t.session
	timeout := time.AfterFunc(ss.server.writeTimeout, func() { ss.end(errNoHello) })
	defer timeout.Stop()
	in, err := t.stream.Recv()
	if err != nil {
		return err
	}
	if in.GetHello() == nil || len(in.GetRequests()) > 0 {
		return errNoHello
	}
	client := pbwire.FromHello(in.GetHello())
	answer, err := ss.server.hello(client)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	// A key of a list is up to a third longer here than in a frame.
	ss.maxFrame = int(min(client.MaxFrame, wire.MaxFrame)) * 3 / 4
	return t.stream.Send(&keyserverpb.ServerMessage{Hello: pbwire.ToHello(answer)})
}

// send sends all answers in one message, or in several if the client does not accept one so long.
func (t *streamed) send(replies []reply) (ok bool, err error) {
	timeout := time.AfterFunc(t.session.server.writeTimeout, func() { t.session.end(errSlow) })
	defer timeout.Stop()
	out, length := &keyserverpb.ServerMessage{}, 0
	for i := range replies {
		a, err := pbwire.ToAnswer(replies[i].op, &replies[i].Answer)
		if err != nil {
			return false, status.Error(codes.Internal, err.Error())
		}
		if length += encoded(&replies[i]); length > t.session.maxFrame*4/3 && len(out.Answers) > 0 {
			if t.stream.Send(out) != nil {
				return false, nil
			}
			out, length = &keyserverpb.ServerMessage{}, encoded(&replies[i])
		}
		out.Answers = append(out.Answers, a)
	}
	return t.stream.Send(out) == nil, nil
}

// encoded is a bound for the length of an answer in a message.
func encoded(r *reply) int { return 32 + len(r.Data)*4/3 + len(r.Text) }
