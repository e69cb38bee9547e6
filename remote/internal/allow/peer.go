package allow

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Peer is the client at the other end of a connection. The zero Peer is nobody: nothing is allowed
// to it. A Peer is immutable.
type Peer struct {
	identities []string // as an allow file names them: "uid:33", "dns:app", "spiffe://corp/edge"
	key, text  string
}

// UnixPeer is the client of a Unix socket, by its effective user id.
func UnixPeer(uid uint32) Peer { return newPeer("uid:" + strconv.FormatUint(uint64(uid), 10)) }

// CertificatePeer is the client that leaf belongs to. Its identities are the DNS names and URIs of
// leaf's subjectAltName (RFC 5280, section 4.2.1.6). The caller has verified leaf.
//
// The error says that leaf has none. A URI of one of the allow file's own schemes, such as
// "uid:0", is no identity; nor is a name that is not printable ASCII.
func CertificatePeer(leaf *x509.Certificate) (Peer, error) {
	var identities []string
	for _, name := range leaf.DNSNames {
		if _, _, ok := cutScheme("dns:" + name); ok {
			identities = append(identities, "dns:"+name)
		}
	}
	for _, uri := range uris(leaf) {
		if scheme, _, ok := cutScheme(uri); ok && !reserved(scheme) {
			identities = append(identities, uri)
		}
	}
	if len(identities) == 0 {
		return Peer{}, errors.New("the client's certificate has no DNS name or URI that an allow file can name: issue it with one in its subjectAltName")
	}
	return newPeer(identities...), nil
}

var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// uris returns the URIs of a certificate as they are. leaf.URIs has been through [net/url], which
// changes some: it lets an empty fragment go, and two URIs become one.
func uris(leaf *x509.Certificate) (all []string) {
	const uniformResourceIdentifier = 6 // the tag in a GeneralName
	for _, ext := range leaf.Extensions {
		if !ext.Id.Equal(subjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(ext.Value, &names); err != nil || len(rest) > 0 {
			return nil
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == uniformResourceIdentifier {
				all = append(all, string(name.Bytes))
			}
		}
	}
	return all
}

// maxText bounds the text of a Peer, because each line of the audit log may have it.
const maxText = 256

func newPeer(identities ...string) Peer {
	slices.Sort(identities)
	identities = slices.Compact(identities)
	p := Peer{identities: identities, key: strings.Join(identities, " ")}
	p.text = p.key
	if len(p.text) > maxText {
		p.text = p.text[:maxText] + "..."
	}
	return p
}

// String returns the peer's identities with blanks between them, for logs. It is cut if they are
// long.
func (p Peer) String() string { return p.text }

// Key returns a string that is the same for two peers only if their identities are, and the zero
// Peer's is "".
func (p Peer) Key() string { return p.key }

// cutScheme splits a URI behind its scheme. It reports whether s begins with the scheme of a URI
// (RFC 3986, section 3.1) in lower case, and the rest is not empty and printable ASCII.
func cutScheme(s string) (scheme, rest string, ok bool) {
	scheme, rest, _ = strings.Cut(s, ":")
	if scheme == "" || rest == "" || scheme[0] < 'a' || scheme[0] > 'z' {
		return "", "", false
	}
	for _, c := range scheme {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return "", "", false
		}
	}
	if strings.ContainsFunc(rest, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", "", false
	}
	return scheme, rest, true
}

// reserved reports whether the scheme is one that an allow file gives a meaning of its own.
func reserved(scheme string) bool { return scheme == "uid" || scheme == "user" || scheme == "dns" }
