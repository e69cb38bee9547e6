package failure

import "testing"

// The client is at fault if it sends the alert, and not if a key server does.
func TestHandshake(t *testing.T) {
	const alert = "remote error: tls: unknown certificate authority"
	const sign = "tls: failed to sign handshake: remote: the key is unavailable: "
	for cause, want := range map[string]string{
		alert:                                   alert + " (the client does not trust the certificate)",
		sign + alert:                            sign + alert,
		"EOF":                                   "the client closed the connection before it was done",
		sign + "read: connection reset by peer": sign + "read: connection reset by peer",
	} {
		if got := Handshake(cause); got != want {
			t.Errorf("%q is explained as %q, want %q", cause, got, want)
		}
	}
}
