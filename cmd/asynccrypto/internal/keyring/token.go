package keyring

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"asynccrypto/engine/fallback"
	"asynccrypto/engine/pkcs11"
)

// Token is a token that a [Ring] has opened.
type Token struct {
	*pkcs11.Token
	// Name tells the token from the ring's others: its label, and its serial number if another
	// token has that label. It is UTF-8.
	Name string

	uri     string // with which it was opened
	breaker fallback.Breaker
	signers map[string]*signer // by the URIs of the keys
}

// IsToken reports whether the value of an option is the URI of a key on a token.
func IsToken(value string) bool { return pkcs11.IsURI(value) }

// Object returns the object attribute of the URI of a key on a token, or an empty text.
func Object(uri string) string {
	path, _ := divide(uri)
	return attributes(path, ";")["object"]
}

// divide returns the path and the query of the URI of a key on a token.
func divide(uri string) (path, query string) {
	path, query, _ = strings.Cut(uri, "?")
	return path[len("pkcs11:"):], query
}

// attributes returns the attributes of a part of a URI. Package pkcs11 finds what is wrong with them.
func attributes(part, separator string) map[string]string {
	all := make(map[string]string)
	for attribute := range strings.SplitSeq(part, separator) {
		name, raw, _ := strings.Cut(attribute, "=")
		all[name], _ = url.PathUnescape(raw)
	}
	return all
}

// key returns the key of a URI, which t has.
func (t *Token) key(uri string) *Key {
	return &Key{Name: Shown(uri), Private: t.signers[uri].Signer, Token: t}
}

// token returns the token of a URI. mayBeAway is that of open.
func (r *Ring) token(uri string, mayBeAway bool) (*Token, error) {
	key := withoutKey(uri)
	if t := r.byURI[key]; t != nil {
		return t, nil
	}
	t, err := r.opened(uri)
	if mayBeAway && IsAway(err) {
		t, err = r.mayHave(uri), nil
	}
	if err == nil && t == nil {
		t, err = r.openToken(uri, mayBeAway)
	}
	if err != nil {
		return nil, err
	}
	r.byURI[key] = t
	return t, nil
}

// withoutKey returns a URI without the attributes of the key.
func withoutKey(uri string) string {
	path, query := divide(uri)
	ofToken := slices.DeleteFunc(strings.Split(path, ";"), func(attribute string) bool {
		name, _, _ := strings.Cut(attribute, "=")
		return slices.Contains(ofKey, name)
	})
	return strings.Join(ofToken, ";") + "?" + query
}

// ofKey are the attributes that describe the key, and not the token.
var ofKey = []string{"object", "id", "type"}

// modulePath returns the module-path of a URI.
func modulePath(uri string) string {
	_, query, _ := strings.Cut(uri, "?")
	return attributes(query, "&")["module-path"]
}

// opened returns the token of the ring that uri names, written differently, or nil.
func (r *Ring) opened(uri string) (*Token, error) {
	if len(r.tokens) == 0 {
		return nil, nil
	}
	infos, err := pkcs11.Tokens(context.Background(), uri, r.o.For(uri))
	if err != nil {
		return nil, err
	}
	var found []*Token
	for _, info := range infos {
		for _, t := range r.tokens {
			if known := t.Info(); identity(info) == identity(known) || !known.Initialized && mayBeOne(info.URI, t.uri) {
				found = append(found, t)
			}
		}
	}
	if len(infos) != 1 || len(found) != 1 {
		return nil, nil // Open finds it, or has the error
	}
	return found[0], nil
}

// identity returns a value that no other token has, nor the same token through another module.
func identity(info pkcs11.TokenInfo) any {
	_, module, _ := strings.Cut(info.URI, "?")
	return [...]string{module, info.Label, info.Manufacturer, info.Model, info.Serial}
}

// mayHave returns the first token of the ring that uri may name while it is away, or nil. To open that
// token again would try its PIN again.
func (r *Ring) mayHave(uri string) *Token {
	for _, t := range r.tokens {
		known := t.uri
		if info := t.Info(); info.Initialized {
			known = info.URI
		}
		if mayBeOne(uri, known) {
			return t
		}
	}
	return nil
}

// mayBeOne reports whether two URIs may name one token of one module: no attribute differs.
func mayBeOne(a, b string) bool {
	if modulePath(a) != modulePath(b) {
		return false
	}
	of := tokenAttributes(a)
	for name, value := range tokenAttributes(b) {
		if other, ok := of[name]; ok && other != value {
			return false
		}
	}
	return true
}

// tokenAttributes returns the attributes in the path of a URI that are not those of the key.
func tokenAttributes(uri string) map[string]string {
	path, _ := divide(uri)
	all := attributes(path, ";")
	for _, name := range ofKey {
		delete(all, name)
	}
	return all
}

func (r *Ring) openToken(uri string, mayBeAway bool) (*Token, error) {
	o := r.o.For(uri)
	o.AllowDown = mayBeAway
	opened, err := pkcs11.Open(uri, o)
	if err != nil {
		return nil, err
	}
	t := &Token{Token: opened, Name: r.nameFor(opened.Info()), uri: uri, signers: make(map[string]*signer)}
	r.tokens = append(r.tokens, t)
	return t, nil
}

// nameFor returns a name for a token that no other token of the ring has. Names are labels of
// metrics, so they are UTF-8 and not empty.
func (r *Ring) nameFor(info pkcs11.TokenInfo) string {
	name := strings.ToValidUTF8(cmp.Or(info.Label, info.Serial, "token"), "?")
	taken := func(name string) bool {
		return slices.ContainsFunc(r.tokens, func(t *Token) bool { return t.Name == name })
	}
	if taken(name) {
		name += " " + strings.ToValidUTF8(info.Serial, "?")
	}
	return unused(name, taken)
}

// Tokens returns the tokens that are open.
func (r *Ring) Tokens() []*Token { return r.tokens }
