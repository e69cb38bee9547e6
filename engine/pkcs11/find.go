package pkcs11

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"asynccrypto/engine/pkcs11/internal/ck"
	"asynccrypto/engine/pkcs11/internal/uri"
	"asynccrypto/internal/publickey"
)

// mostObjects bounds one search, because a broken module may list objects without end. Further
// objects are not seen.
const mostObjects = 10_000

// wanted lists the attributes that are read of a private key, and of the public key or certificate
// that belongs to it.
var wanted = []uint64{
	ck.AttrLabel, ck.AttrID, ck.AttrKeyType, ck.AttrSign, ck.AttrDecrypt, ck.AttrAlwaysAuthenticate,
	ck.AttrModulus, ck.AttrPublicExponent, ck.AttrECParams, ck.AttrECPoint, ck.AttrPublicKeyInfo,
}

// attributes has the attributes of one object, by type.
type attributes map[uint64]ck.Attribute

func (s *session) attributes(o ck.Object, types ...uint64) (attributes, error) {
	list, err := s.conn.Attributes(s.handle, o, types)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: read an object: %w", called(err))
	}
	as := make(attributes, len(list))
	for _, a := range list {
		as[a.Type] = a
	}
	return as, nil
}

// objects returns the objects of a class that have all the attributes.
func (s *session) objects(class uint64, template ...ck.Attribute) ([]ck.Object, error) {
	template = append([]ck.Attribute{{Type: ck.AttrClass, Number: class}}, template...)
	os, err := s.conn.Find(s.handle, template, mostObjects)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: find objects: %w", called(err))
	}
	return os, nil
}

func byLabel(label string) ck.Attribute {
	return ck.Attribute{Type: ck.AttrLabel, Bytes: []byte(label)}
}

func byID(id []byte) ck.Attribute { return ck.Attribute{Type: ck.AttrID, Bytes: id} }

// template returns the attributes of the objects that match the object and the id of u.
func template(u *uri.URI) (as []ck.Attribute) {
	if u.Object != "" {
		as = append(as, byLabel(u.Object))
	}
	if u.ID != nil {
		as = append(as, byID(u.ID))
	}
	return as
}

// read returns the private keys that have all the attributes.
func (s *session) read(template ...ck.Attribute) ([]*foundKey, error) {
	os, err := s.objects(ck.ClassPrivateKey, template...)
	if err != nil {
		return nil, err
	}
	return s.readObjects(os)
}

// readObjects returns the private keys that the objects are.
func (s *session) readObjects(os []ck.Object) ([]*foundKey, error) {
	keys := make([]*foundKey, 0, len(os))
	for _, o := range os {
		as, err := s.attributes(o, wanted...)
		if err != nil {
			return nil, err
		}
		k := &foundKey{
			handle: o,
			name:   keyName{id: string(as[ck.AttrID].Bytes), label: string(as[ck.AttrLabel].Bytes), kind: as[ck.AttrKeyType].Number},
			info: KeyInfo{
				Label:              string(as[ck.AttrLabel].Bytes),
				ID:                 as[ck.AttrID].Bytes,
				Sign:               as[ck.AttrSign].Bool,
				Decrypt:            as[ck.AttrDecrypt].Bool,
				AlwaysAuthenticate: as[ck.AttrAlwaysAuthenticate].Bool,
			},
		}
		if err := s.addPublic(k, as); err != nil {
			return nil, err
		}
		k.info.Type = typeName(k.name.kind, k.info.Public)
		k.info.URI = s.nameKey(k.info)
		keys = append(keys, k)
	}
	return keys, nil
}

// addPublic sets the public key of k: from the private key's own attributes as, or else from the
// public key or the certificate of the same id. If k has no label, it takes the label of that
// object.
func (s *session) addPublic(k *foundKey, as attributes) error {
	k.info.Public = publicKey(k.name.kind, as)
	k.proved = k.info.Public != nil
	if k.proved && k.info.Label != "" || len(k.info.ID) == 0 {
		return nil
	}
	for _, class := range []uint64{ck.ClassPublicKey, ck.ClassCertificate} {
		os, err := s.objects(class, byID(k.info.ID))
		if err != nil {
			return err
		}
		for _, o := range os {
			as, err := s.attributes(o, append([]uint64{ck.AttrValue}, wanted...)...)
			if err != nil {
				return err
			}
			if class == ck.ClassPublicKey && as[ck.AttrKeyType].Number != k.name.kind {
				continue
			}
			if k.info.Public == nil {
				k.info.Public = publicKey(k.name.kind, as)
			}
			if k.info.Public == nil && class == ck.ClassCertificate {
				k.info.Public = certified(k.name.kind, as[ck.AttrValue].Bytes)
			}
			if k.info.Label == "" {
				k.info.Label = string(as[ck.AttrLabel].Bytes)
			}
		}
	}
	return nil
}

// certified returns the public key of a certificate, or nil if the key is not of that kind.
func certified(kind uint64, der []byte) crypto.PublicKey {
	cert, err := x509.ParseCertificate(der)
	if err != nil || !fits(kind, cert.PublicKey) {
		return nil
	}
	return cert.PublicKey
}

// findKey returns the one private key that matches the object and the id of u. The label may be that
// of a public key or a certificate: the id leads from it to the private key.
func (s *session) findKey(u *uri.URI) (*foundKey, error) {
	keys, err := s.matching(u)
	switch {
	case err != nil:
		return nil, err
	case len(keys) > 1:
		return nil, fmt.Errorf("pkcs11: %d private keys match %s: %s; %s", len(keys), cmp.Or(keyPath(u), "the URI"), shown(namesOfKeys(keys), len(keys)), narrower(u))
	case len(keys) == 0:
		return nil, s.noKey(u)
	}
	return keys[0], nil
}

// matching returns the private keys that match the object and the id of u.
func (s *session) matching(u *uri.URI) ([]*foundKey, error) {
	keys, err := s.read(template(u)...)
	if err == nil && len(keys) == 0 && u.Object != "" {
		return s.labelledElsewhere(u)
	}
	return keys, err
}

// labelledElsewhere returns the private keys whose public key or certificate has the label of u.
func (s *session) labelledElsewhere(u *uri.URI) (keys []*foundKey, err error) {
	seen := make(map[string]bool) // a public key and a certificate of one key have one id
	for _, class := range []uint64{ck.ClassCertificate, ck.ClassPublicKey} {
		os, err := s.objects(class, template(u)...)
		if err != nil {
			return nil, err
		}
		for _, o := range os {
			as, err := s.attributes(o, ck.AttrID)
			if err != nil {
				return nil, err
			}
			id := as[ck.AttrID].Bytes
			if len(id) == 0 || seen[string(id)] {
				continue
			}
			seen[string(id)] = true
			more, err := s.read(byID(id))
			if err != nil {
				return nil, err
			}
			keys = append(keys, more...)
		}
	}
	return keys, nil
}

// narrower returns a hint for a URI that several private keys match.
func narrower(u *uri.URI) string {
	switch {
	case u.Object == "" && u.ID == nil:
		return "add object= or id="
	case u.ID == nil:
		return "add id="
	case u.Object == "":
		return "add object="
	}
	return "give one of them another id on the token"
}

// mostShown is the most keys or tokens that an error names.
const mostShown = 10

// shown joins the first of names for an error, and says how many more of total there are.
func shown(names []string, total int) string {
	names = names[:min(len(names), mostShown)]
	list := strings.Join(names, ", ")
	if more := total - len(names); more > 0 {
		list += fmt.Sprintf(", and %d more", more)
	}
	return list
}

// keyPath returns the attributes of u that describe a key.
func keyPath(u *uri.URI) string {
	key := uri.URI{Object: u.Object, ID: u.ID}
	return key.Path()
}

// nameOfKey names a key for an error, by the attribute of a URI that people know it by.
func nameOfKey(info KeyInfo) string {
	if info.Label == "" {
		return keyPath(&uri.URI{ID: info.ID})
	}
	return keyPath(&uri.URI{Object: info.Label})
}

// namesOfKeys names keys for an error. Keys of one label are told apart by their ids.
func namesOfKeys(keys []*foundKey) (names []string) {
	labels := make(map[string]int)
	for _, k := range keys {
		labels[k.info.Label]++
	}
	for _, k := range keys {
		name := nameOfKey(k.info)
		if labels[k.info.Label] > 1 {
			name = keyPath(&uri.URI{Object: k.info.Label, ID: k.info.ID})
		}
		names = append(names, cmp.Or(name, "one without label and id"))
	}
	return names
}

// noKey returns the error for a URI that no private key matches. It says which attribute found
// nothing, and names some of the keys that are there; to read all of them could take minutes.
func (s *session) noKey(u *uri.URI) error {
	os, err := s.objects(ck.ClassPrivateKey)
	if err != nil {
		return err
	}
	keys, err := s.readObjects(os[:min(len(os), mostShown)])
	if err != nil {
		return err
	}
	missed, err := s.missed(u)
	if err != nil {
		return err
	}
	text := "the token shows no private key"
	if len(keys) > 0 {
		text = "no private key has " + missed + "; there are: " + shown(namesOfKeys(keys), len(os))
	}
	if s.t.o.NoLogin && s.place.token.Flags&ck.FlagLoginRequired != 0 {
		text += "; it may hide keys until a login: add pin-source=file:PATH to the URI's query, and leave out Options.NoLogin"
	}
	return fmt.Errorf("pkcs11: %s", text)
}

// missed returns the attribute of u that no private key has, or both.
func (s *session) missed(u *uri.URI) (string, error) {
	if u.Object == "" || u.ID == nil {
		return keyPath(u), nil
	}
	for _, one := range []*uri.URI{{Object: u.Object}, {ID: u.ID}} {
		keys, err := s.matching(one)
		if err != nil {
			return "", err
		}
		if len(keys) == 0 {
			return keyPath(one), nil
		}
	}
	return keyPath(&uri.URI{Object: u.Object}) + " and " + keyPath(&uri.URI{ID: u.ID}), nil
}

var (
	errKeyMissing = errors.New("the key is not on the token any more")
	// errModuleBlind is errKeyMissing the first time, if the module is in this process: modules do
	// not see a token again that was away, until they are initialized anew.
	errModuleBlind = errors.New("the module does not show the key any more")
)

// locate returns k as the session sees it. The first time on a connection, it looks for it.
func (s *session) locate(k *key) (*foundKey, error) {
	f, ok := s.keys[k.name]
	if !ok {
		var err error
		if k.uri != nil {
			f, err = s.lookUp(k)
		} else {
			f, err = s.find(k)
		}
		if err != nil {
			return nil, err
		}
		k.missing.Store(false)
		s.keys[k.name] = f
	}
	if f.info.Public != nil && !publickey.Equal(f.info.Public, k.public) {
		delete(s.keys, k.name)
		return nil, unavailable(fmt.Errorf("the key %s is another key than the one that was opened", nameOfKey(f.info)))
	}
	return f, nil
}

// find finds k by its name.
func (s *session) find(k *key) (*foundKey, error) {
	template := []ck.Attribute{{Type: ck.AttrKeyType, Number: k.name.kind}}
	if k.name.label != "" { // to some modules, a label that is not there is not an empty one
		template = append(template, byLabel(k.name.label))
	}
	if k.name.id != "" {
		template = append(template, byID([]byte(k.name.id)))
	}
	keys, err := s.read(template...)
	keys = slices.DeleteFunc(keys, func(f *foundKey) bool { return f.name != k.name })
	switch {
	case err != nil:
		return nil, err
	case len(keys) > 1:
		return nil, fmt.Errorf("pkcs11: %d private keys on the token are %s", len(keys), nameOfKey(keys[0].info))
	case len(keys) == 0 && s.blind(k):
		return nil, errModuleBlind
	case len(keys) == 0:
		return nil, errKeyMissing
	}
	return keys[0], nil
}

// blind reports whether the module may be blind to k, which it does not show: see errModuleBlind.
func (s *session) blind(k *key) bool { return s.t.o.Load != nil && !k.missing.Swap(true) }

// lookUp finds k, a key of [Token.SignerOf], by its URI. If there is no such key, k is unavailable,
// and the next operation looks again.
func (s *session) lookUp(k *key) (f *foundKey, err error) {
	if err = s.place.mismatch(k.uri); err == nil {
		f, err = s.findKey(k.uri)
	}
	switch {
	case err == nil && !f.info.Sign:
		err = errNoSign(f.info)
	case err == nil && !fits(f.name.kind, k.public):
		err = fmt.Errorf("the key %s is of type %s, and its public key is a %T", nameOfKey(f.info), f.info.Type, k.public)
	}
	switch {
	case err == nil:
		return f, nil
	case classify(err) != caller:
		return nil, err
	case s.blind(k):
		return nil, errModuleBlind
	}
	return nil, unavailable(err)
}
