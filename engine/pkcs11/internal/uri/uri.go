// Package uri reads the URIs of RFC 7512, which name tokens, objects and modules of PKCS #11, such
// as
//
//	pkcs11:token=web%20keys;object=site?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin
//
// No error holds a value of an attribute, nor a name that the RFC does not have: in a misspelt URI
// any of them may be a part of the PIN.
package uri

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"asynccrypto/engine/pkcs11/internal/ck"
)

// URI is a parsed URI. An attribute that was not given is empty and matches anything.
type URI struct {
	Token, Manufacturer, Serial, Model string // of the token
	SlotManufacturer, SlotDescription  string
	Slot                               *ck.Slot // slot-id
	Object                             string   // the label, CKA_LABEL
	ID                                 []byte   // CKA_ID
	Type                               string   // cert, data, private, public or secret-key
	ModulePath                         string   // an absolute path

	// empty are the attributes of the token or the slot that were given without a value. They match
	// only tokens and slots that have no value for them (section 2.3).
	empty []string

	pinSource string  // the path of a file
	pinValue  *string // nil if it was not given
}

// Is reports whether s has the scheme of such URIs, in any case.
func Is(s string) bool { return len(s) >= len(scheme) && strings.EqualFold(s[:len(scheme)], scheme) }

const scheme = "pkcs11:"

// Parse parses a URI. It refuses attributes that RFC 7512 does not have, as the RFC demands, but
// ignores those of vendors, which begin with x-. It also refuses two kinds that would mislead:
// library-*, which describes p11-kit itself when a module is reached through p11-kit, and
// module-name, whose meaning depends on p11-kit's configuration.
func Parse(s string) (*URI, error) {
	if !Is(s) {
		return nil, errors.New("pkcs11: a URI of a token or a key begins with pkcs11: (RFC 7512)")
	}
	u := new(URI)
	pathPart, queryPart, _ := strings.Cut(s[len(scheme):], "?")
	if err := each(pathPart, ";", "path", pathNames, u.setPath); err != nil {
		return nil, err
	}
	if err := each(queryPart, "&", "query", queryNames, u.setQuery); err != nil {
		return nil, err
	}
	if u.pinValue != nil && u.pinSource != "" {
		return nil, errors.New("pkcs11: the URI has both pin-value and pin-source: leave one out")
	}
	return u, nil
}

// pathNames and queryNames are the attributes that an error offers in place of an unknown one. The
// error does not show the unknown name, because it may be a part of a PIN that contains a
// separator.
const (
	pathNames  = "token, serial, manufacturer, model, object, id, type, slot-id, slot-description and slot-manufacturer"
	queryNames = "module-path, pin-source and pin-value"
)

// errUnknown is returned by the function set of [each] for a name that is no attribute.
var errUnknown = errors.New("no such attribute")

// each calls set for each attribute of a part of a URI. An error about an unknown attribute shows
// names.
func each(part, separator, where, names string, set func(name, value string) error) error {
	if part == "" {
		return nil
	}
	seen := make(map[string]bool)
	for i, attr := range strings.Split(part, separator) {
		name, raw, ok := strings.Cut(attr, "=")
		if !ok {
			return fmt.Errorf("pkcs11: attribute %d of the URI's %s has no =; in a value, %s is written %%%02X",
				i+1, where, separator, separator[0])
		}
		if strings.HasPrefix(name, "x-") {
			continue
		}
		value, err := url.PathUnescape(raw)
		if err != nil {
			return fmt.Errorf("pkcs11: attribute %d of the URI's %s has a %% without two hexadecimal digits behind it; %% itself is written %%25",
				i+1, where)
		}
		err = set(name, value)
		switch {
		case err == errUnknown:
			return fmt.Errorf("pkcs11: attribute %d of the URI's %s is none of %s; in a value, %s is written %%%02X",
				i+1, where, names, separator, separator[0])
		case err != nil:
			return fmt.Errorf("pkcs11: the URI's %s: %w", name, err)
		case seen[name]:
			return fmt.Errorf("pkcs11: the URI has %s twice", name)
		}
		seen[name] = true
	}
	return nil
}

var (
	errEmpty = errors.New("it has no value: leave it out to match any")
	errQuery = errors.New("it belongs into the query, behind a ?")
	errPath  = errors.New("it belongs into the path, before the ?")
)

func (u *URI) setPath(name, value string) error {
	if field := u.ofToken(name); field != nil {
		*field = value
		if value == "" {
			u.empty = append(u.empty, name)
		}
		return nil
	}
	switch name {
	case "object", "id", "type", "slot-id":
		if value == "" {
			return errEmpty
		}
	}
	switch name {
	case "object":
		u.Object = value
	case "id":
		u.ID = []byte(value)
	case "type":
		switch value {
		case "cert", "data", "private", "public", "secret-key":
			u.Type = value
		default:
			return errors.New("it is cert, data, private, public or secret-key")
		}
	case "slot-id":
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return errors.New("it is a decimal number")
		}
		u.Slot = new(ck.Slot(n))
	case "library-manufacturer", "library-description", "library-version":
		return errors.New("it names p11-kit where the module is reached through p11-kit: use module-path in the query")
	case "module-path", "module-name", "pin-value", "pin-source":
		return errQuery
	default:
		return errUnknown
	}
	return nil
}

// ofToken returns the field of an attribute that the token or its slot has.
func (u *URI) ofToken(name string) *string {
	switch name {
	case "token":
		return &u.Token
	case "manufacturer":
		return &u.Manufacturer
	case "serial":
		return &u.Serial
	case "model":
		return &u.Model
	case "slot-manufacturer":
		return &u.SlotManufacturer
	case "slot-description":
		return &u.SlotDescription
	}
	return nil
}

func (u *URI) setQuery(name, value string) error {
	switch name {
	case "module-path":
		// A path of another system may be for another machine.
		if !absolute(value) {
			return errors.New("it is an absolute path")
		}
		if strings.ContainsRune(value, 0) {
			return errors.New("it has a zero byte")
		}
		u.ModulePath = value
	case "pin-value":
		if value == "" { // to try it would cost one of the tries that the token allows
			return errors.New("it has no value: leave it out if the PIN is typed at the token")
		}
		u.pinValue = &value
	case "pin-source":
		file, err := fileOf(value)
		if err != nil {
			return err
		}
		u.pinSource = file
	case "module-name":
		return errors.New("p11-kit's names of modules are not looked up: use module-path")
	case "object", "id", "type", "slot-id", "library-manufacturer", "library-description", "library-version":
		return errPath
	default:
		if u.ofToken(name) != nil {
			return errPath
		}
		return errUnknown
	}
	return nil
}

// MatchesToken reports whether a token is one of those that the URI names.
func (u *URI) MatchesToken(slot ck.Slot, s ck.SlotInfo, t ck.TokenInfo) bool {
	if u.Slot != nil && *u.Slot != slot {
		return false
	}
	has := URI{Token: t.Label, Manufacturer: t.Manufacturer, Serial: t.Serial, Model: t.Model,
		SlotManufacturer: s.Manufacturer, SlotDescription: s.Description}
	for _, name := range tokenNames {
		if want := *u.ofToken(name); want != "" && want != *has.ofToken(name) {
			return false
		}
	}
	for _, name := range u.empty {
		if *has.ofToken(name) != "" {
			return false
		}
	}
	return true
}

var tokenNames = []string{"token", "manufacturer", "serial", "model", "slot-manufacturer", "slot-description"}

// EachOfToken returns a URI for each attribute of u that a token or its slot has, with only that
// attribute.
func (u *URI) EachOfToken() (each []*URI) {
	for _, name := range tokenNames {
		if v := *u.ofToken(name); v != "" {
			one := new(URI)
			*one.ofToken(name) = v
			each = append(each, one)
		}
	}
	for _, name := range u.empty {
		if *u.ofToken(name) == "" {
			each = append(each, &URI{empty: []string{name}})
		}
	}
	if u.Slot != nil {
		each = append(each, &URI{Slot: u.Slot})
	}
	return each
}

// String returns the URI without pin-value, pin-source, and the attributes of vendors.
func (u URI) String() string {
	s := scheme + u.Path()
	if u.ModulePath != "" {
		s += "?module-path=" + escape(u.ModulePath, "/")
	}
	return s
}

// Path returns the attributes of the token and of the object, as they stand in the URI.
func (u URI) Path() string {
	var path []string
	add := func(name, value string) { path = append(path, name+"="+escape(value, "")) }
	for _, name := range tokenNames {
		if v := *u.ofToken(name); v != "" {
			add(name, v)
		}
	}
	for _, name := range u.empty {
		if *u.ofToken(name) == "" {
			add(name, "")
		}
	}
	if u.Slot != nil {
		add("slot-id", strconv.FormatUint(uint64(*u.Slot), 10))
	}
	if len(u.ID) > 0 {
		var b strings.Builder
		for _, c := range u.ID { // every byte, as the RFC recommends (section 2.3)
			fmt.Fprintf(&b, "%%%02X", c)
		}
		path = append(path, "id="+b.String())
	}
	if u.Object != "" {
		add("object", u.Object)
	}
	if u.Type != "" {
		add("type", u.Type)
	}
	return strings.Join(path, ";")
}

// GoString returns the same as String, so that %#v does not show a PIN either.
func (u URI) GoString() string { return u.String() }

// escape percent-encodes s. Letters, digits, the marks that RFC 7512 allows everywhere, and the
// characters of more stay as they are.
func escape(s, more string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~,:+@"+more, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// absolute reports whether a path is absolute. On Windows a path that begins with a slash is, too.
func absolute(file string) bool { return filepath.IsAbs(file) || path.IsAbs(file) }
