package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Key is a key of a list.
type Key struct {
	Name  string
	SPKI  []byte   // DER
	Rules []string // the client's permissions, in words of the allow file: "sign:sha256,pss"
}

// AppendKey appends k to b, the data of an answer to [OpList]. It returns b and an error if the name
// or the SPKI is longer than its bound. Rules are for people: those beyond [MaxRules], and longer
// ones than [MaxRule], are left out, and a last rule "..." says so.
func AppendKey(b []byte, k Key) ([]byte, error) {
	if len(k.Name) > MaxName || len(k.SPKI) > MaxSPKI || !utf8.ValidString(k.Name) {
		return b, fmt.Errorf("key %q: its name is longer than %d bytes or not UTF-8, "+
			"or its public key is longer than %d bytes", CutText(k.Name), MaxName, MaxSPKI)
	}
	rules := k.fittingRules()
	b = append(b, byte(len(k.Name)))
	b = append(b, k.Name...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(k.SPKI)))
	b = append(b, k.SPKI...)
	b = append(b, byte(len(rules)))
	for _, r := range rules {
		b = append(b, byte(len(r)))
		b = append(b, r...)
	}
	return b, nil
}

func (k Key) fittingRules() []string {
	rules := make([]string, 0, MaxRules)
	for _, r := range k.Rules {
		if len(r) > MaxRule || len(rules) == MaxRules {
			return append(rules[:min(len(rules), MaxRules-1)], "...")
		}
		rules = append(rules, r)
	}
	return rules
}

// ParseKeys parses the data of an answer to [OpList]. Names and rules are as [CleanText] makes them.
// The keys refer to no memory of data.
func ParseKeys(data []byte) ([]Key, error) {
	var keys []Key
	for p := (parser{rest: data}); len(p.rest) > 0; {
		k := Key{Name: p.text(), SPKI: p.bytes(p.number(2))}
		rules := p.number(1)
		if len(k.SPKI) > MaxSPKI || rules > MaxRules {
			return nil, malformed("a key with %d bytes and %d rules", len(k.SPKI), rules)
		}
		for range rules {
			k.Rules = append(k.Rules, p.text())
		}
		if p.short {
			return nil, malformed("a list of keys that ends within a key")
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// parser takes fields from the front of rest. A field that is not there sets short.
type parser struct {
	rest  []byte
	short bool
}

func (p *parser) take(n int) []byte {
	if n > len(p.rest) {
		p.short, p.rest = true, nil
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) number(bytes int) (n int) {
	for _, b := range p.take(bytes) {
		n = n<<8 | int(b)
	}
	return n
}

func (p *parser) bytes(n int) []byte { return append([]byte(nil), p.take(n)...) }
func (p *parser) text() string       { return CleanText(string(p.take(p.number(1)))) }
