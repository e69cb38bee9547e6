// Package tlsname has the names that options and reports use for versions and key exchanges of TLS.
package tlsname

import (
	"crypto/tls"
	"errors"
	"strings"

	"asynccrypto/cmd/asynccrypto/internal/cli"
)

// SetVersion limits c to the version that the option -tls names, 1.2 or 1.3. The empty text
// leaves both.
func SetVersion(c *tls.Config, version string) error {
	switch version {
	case "":
	case "1.2":
		c.MaxVersion = tls.VersionTLS12
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		return cli.Usagef("-tls %q: must be 1.2 or 1.3", version)
	}
	return nil
}

// KeyExchange is a key exchange of crypto/tls.
type KeyExchange struct {
	Name   string
	ID     tls.CurveID
	Only13 bool // TLS 1.2 does not have it
}

// KeyExchanges are all that crypto/tls has.
var KeyExchanges = append([]KeyExchange{
	{"X25519", tls.X25519, false},
	{"P-256", tls.CurveP256, false},
	{"P-384", tls.CurveP384, false},
	{"P-521", tls.CurveP521, false},
	{"X25519MLKEM768", tls.X25519MLKEM768, true},
	{"SecP256r1MLKEM768", tls.SecP256r1MLKEM768, true},
	{"SecP384r1MLKEM1024", tls.SecP384r1MLKEM1024, true},
}, newKeyExchanges...)

// FindKeyExchange returns the one of that name, or a usage error that lists them. Case and
// hyphens do not matter.
func FindKeyExchange(name string) (KeyExchange, error) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	var names []string
	for _, k := range KeyExchanges {
		if plain(k.Name) == plain(name) {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return KeyExchange{}, cli.Usagef("unknown curve %q; there are %s", name, strings.Join(names, ", "))
}

// OfKeyExchange returns the name for id. It is empty for 0: a resumed session of TLS 1.2, or RSA
// key exchange, has none.
func OfKeyExchange(id tls.CurveID) string {
	for _, k := range KeyExchanges {
		if k.ID == id {
			return k.Name
		}
	}
	if id == 0 {
		return ""
	}
	return id.String()
}

// ParseALPN parses a list of application protocols, with commas between them.
func ParseALPN(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, name := range names {
		if name == "" || len(name) > 255 {
			return nil, errors.New("not a list of protocols, such as h2,http/1.1")
		}
	}
	return names, nil
}
