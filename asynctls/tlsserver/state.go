package tlsserver

// state is where a connection is in its life.
//
//	        first byte             handshake done          close_notify came
//	fresh ------------> handshaking ------------> open ----------------------> halfClosed
//	  |                      |                      |                              |
//	  |                      | it failed            | Close, Handler's error,      | the same
//	  |                      |                      | read error, Shutdown         |
//	  |                      v                      v                              |
//	  |                   closing <----------------------------------------------- +
//	  |                      |
//	  |                      | all output is sent
//	  |                      v
//	  |                   draining
//	  |                      |
//	  | Shutdown             | the peer has closed, or one second is over
//	  v                      v
//	closed <----------------------  from every state: Abort, a deadline, a broken socket, a panic
type state uint8

const (
	fresh       state = iota // nothing has been received but a PROXY header; there is no asynctls.Conn
	handshaking              // the handshake has begun
	open                     // the Handler is given data
	halfClosed               // as open, but the peer sends no more
	closing                  // the connection is ending: the output that is held is being sent
	draining                 // all output is sent; input is discarded until the peer closes too
	closed                   // the fd is closed
)

// serving reports whether the Handler may still be called with anything but Closed.
func (s state) serving() bool { return s == open || s == halfClosed }

// ending reports whether the end has begun.
func (s state) ending() bool { return s >= closing }

// flow says whether input is held back because too much output is held.
//
//	                 half of HighWater is held
//	flowing ------------------------------------> heldBack
//	   ^  \                                           |
//	   |   \  Write returns ErrWantWrite              | Write returns ErrWantWrite
//	   |    \                                         v
//	   |     ----------------------------------> writeRefused
//	   |                                              |
//	   +--- no more than half of HighWater is held ---+   (from heldBack too)
type flow uint8

const (
	flowing      flow = iota // Data is called
	heldBack                 // Data is not called
	writeRefused             // as heldBack, and a WriteHandler is owed a call of Writable
)
