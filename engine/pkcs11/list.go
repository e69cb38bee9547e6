package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/uri"
)

// IsURI reports whether s is a PKCS #11 URI, and not the name of a file: it begins with "pkcs11:",
// in upper or lower case.
func IsURI(s string) bool { return uri.Is(s) }

// Tokens returns the tokens that uri matches, in the module's order, without a login. An empty path
// ("pkcs11:?module-path=...") matches all. It takes no longer than [Options].Hang, and returns ctx's
// error if ctx is done first. The error wraps [engine.ErrUnavailable] if the module does not work, so
// that a later call may succeed.
func Tokens(ctx context.Context, uri string, o Options) ([]TokenInfo, error) {
	t, err := newToken(uri, o)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, t.o.Hang, ck.ErrHung)
	defer cancel()
	all, err := t.placesWithin(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("pkcs11: %w", opening(err))
	}
	var infos []TokenInfo
	for _, p := range all {
		if p.matches(t.uri) {
			infos = append(infos, t.describe(p))
		}
	}
	return infos, nil
}

// A place is a slot with its token.
type place struct {
	slot  ck.Slot
	about ck.SlotInfo
	token ck.TokenInfo
}

// matches reports whether u may name the token.
func (p place) matches(u *uri.URI) bool { return u.MatchesToken(p.slot, p.about, p.token) }

// mismatch returns an error if u cannot name the token.
func (p place) mismatch(u *uri.URI) error {
	for _, one := range u.EachOfToken() {
		if !p.matches(one) {
			return fmt.Errorf("pkcs11: this token has not %s; it is %s", one.Path(), p.name())
		}
	}
	return nil
}

// name names the token for an error, by attributes of a URI.
func (p place) name() string {
	u := uri.URI{Token: p.token.Label, Serial: p.token.Serial}
	return u.Path()
}

// places returns the slots that have a token.
func places(conn ck.Conn) (ps []place, err error) {
	slots, err := conn.Slots()
	if err != nil {
		return nil, err
	}
	for _, slot := range slots {
		p := place{slot: slot}
		if p.about, err = conn.SlotInfo(slot); err != nil {
			return nil, err
		}
		p.token, err = conn.TokenInfo(slot)
		switch {
		case errors.Is(err, ck.RVTokenNotPresent) || errors.Is(err, ck.RVTokenNotRecognized):
			continue // taken out meanwhile, or of no use
		case err != nil:
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// placesWithin connects to find the places, and ends when ctx is done.
func (t *Token) placesWithin(ctx context.Context) ([]place, error) {
	conn, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	return places(conn)
}

// findToken returns the one initialized token that u matches.
func findToken(conn ck.Conn, u *uri.URI) (found place, err error) {
	all, err := places(conn)
	if err != nil {
		return found, err
	}
	all = slices.DeleteFunc(all, func(p place) bool {
		return p.token.Flags&ck.FlagTokenInitialized == 0 // SoftHSM shows its empty slot so
	})
	var matching []place
	for _, p := range all {
		if p.matches(u) {
			matching = append(matching, p)
		}
	}
	switch {
	case len(matching) == 1:
		return matching[0], nil
	case len(matching) > 1:
		return found, mistake{fmt.Errorf("%d tokens match: %s; add serial= to the URI", len(matching), namesOf(matching))}
	case len(all) == 0:
		return found, fmt.Errorf("the module has no token: %w", ck.RVTokenNotPresent)
	}
	return found, fmt.Errorf("no token has %s; there are: %s: %w", missed(all, u), namesOf(all), ck.RVTokenNotPresent)
}

// missed returns the attribute of u that no place has, or all of those that describe the token.
func missed(all []place, u *uri.URI) string {
	var names []string
	for _, one := range u.EachOfToken() {
		if !slices.ContainsFunc(all, func(p place) bool { return p.matches(one) }) {
			return one.Path()
		}
		names = append(names, one.Path())
	}
	return strings.Join(names, " and ")
}

// namesOf names tokens for an error.
func namesOf(all []place) string {
	var names []string
	for _, p := range all {
		names = append(names, p.name())
	}
	return shown(names, len(names))
}

// describe returns what the token says about itself.
func (t *Token) describe(p place) TokenInfo {
	raw := p.token
	info := TokenInfo{
		Label: raw.Label, Manufacturer: raw.Manufacturer, Model: raw.Model, Serial: raw.Serial,
		Slot:          uint64(p.slot),
		LoginRequired: raw.Flags&ck.FlagLoginRequired != 0,
		PINPad:        raw.Flags&ck.FlagProtectedAuthPath != 0,
		PINLow:        raw.Flags&ck.FlagUserPINCountLow != 0,
		PINFinalTry:   raw.Flags&ck.FlagUserPINFinalTry != 0,
		PINLocked:     raw.Flags&ck.FlagUserPINLocked != 0,
		Initialized:   raw.Flags&ck.FlagTokenInitialized != 0,
		MaxSessions:   raw.MaxSessions,
	}
	if info.MaxSessions >= 1<<64-2 { // CK_UNAVAILABLE_INFORMATION, and opencryptoki's
		info.MaxSessions = 0
	}
	info.URI = t.name(raw, "", nil, "").String()
	return info
}

// nameKey returns the URI of a key on the token.
func (s *session) nameKey(k KeyInfo) string {
	return s.t.name(s.place.token, k.Label, k.ID, "private").String()
}

// name returns the URI of an object on a token. It has no slot, which may be another one in another
// process, and String shows no PIN.
func (t *Token) name(token ck.TokenInfo, object string, id []byte, typ string) *uri.URI {
	return &uri.URI{
		Token: token.Label, Manufacturer: token.Manufacturer, Model: token.Model, Serial: token.Serial,
		Object: object, ID: id, Type: typ, ModulePath: t.uri.ModulePath,
	}
}
