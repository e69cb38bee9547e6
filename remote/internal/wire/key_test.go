package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	want := []Key{
		{Name: "web", SPKI: []byte("spki"), Rules: []string{"sign:sha256,pss", "list"}},
		{Name: strings.Repeat("n", MaxName), SPKI: make([]byte, MaxSPKI)},
	}
	var data []byte
	var err error
	for _, k := range want {
		if data, err = AppendKey(data, k); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ParseKeys(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	ends := map[int]bool{0: true}
	first, _ := AppendKey(nil, want[0])
	ends[len(first)], ends[len(data)] = true, true
	for n := range data {
		if _, err := ParseKeys(data[:n]); (err == nil) != ends[n] {
			t.Errorf("cut to %d of %d bytes: %v", n, len(data), err)
		}
	}
	for name, malformed := range map[string][]byte{
		"SPKI":  append([]byte{0, 0x20, 0x01}, make([]byte, MaxSPKI+2)...),
		"rules": append([]byte{0, 0, 0, MaxRules + 1}, make([]byte, MaxRules+1)...),
	} {
		if keys, err := ParseKeys(malformed); !errors.Is(err, ErrMalformed) {
			t.Errorf("too much of the %s: %v, %v", name, keys, err)
		}
	}
	for _, k := range []Key{{Name: strings.Repeat("n", MaxName+1)}, {Name: "\xff"}, {SPKI: make([]byte, MaxSPKI+1)}} {
		if b, err := AppendKey([]byte("x"), k); err == nil || string(b) != "x" {
			t.Errorf("a key beyond the bounds: %d bytes, %v", len(b), err)
		}
	}
}

func TestTheLongestKeyFits(t *testing.T) {
	k := Key{Name: strings.Repeat("n", MaxName), SPKI: make([]byte, MaxSPKI)}
	for range MaxRules + 1 {
		k.Rules = append(k.Rules, strings.Repeat("r", MaxRule))
	}
	data, err := AppendKey(nil, k)
	if err != nil {
		t.Fatal(err)
	}
	if n := AnswerSize(&Answer{ID: 1, Data: data}); n > MinFrame {
		t.Errorf("%d bytes", n)
	}
	keys, err := ParseKeys(data)
	if err != nil || len(keys[0].Rules) != MaxRules || keys[0].Rules[MaxRules-1] != "..." {
		t.Errorf("%d rules, %v", len(keys[0].Rules), err)
	}
	data, err = AppendKey(nil, Key{Rules: []string{"sign", strings.Repeat("r", MaxRule+1), "list"}})
	if err != nil {
		t.Fatal(err)
	}
	if keys, err = ParseKeys(data); err != nil || !reflect.DeepEqual(keys[0].Rules, []string{"sign", "..."}) {
		t.Errorf("a long rule: %q, %v", keys, err)
	}
}

func FuzzParseKeys(f *testing.F) {
	seed, err := AppendKey(nil, Key{Name: "web", SPKI: []byte("spki"), Rules: []string{"sign:pss"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(seed, seed...))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := ParseKeys(data)
		if err != nil {
			return
		}
		var again []byte
		for _, k := range keys {
			if again, err = AppendKey(again, k); err != nil {
				t.Fatal(err)
			}
		}
		if same, err := ParseKeys(again); err != nil || !reflect.DeepEqual(same, keys) {
			t.Errorf("%+v again: %+v, %v", keys, same, err)
		}
	})
}
