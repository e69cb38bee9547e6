package keyuri

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]URI{
		"keyserver:///web?unix=/run/keys.sock": {Nodes: []string{"unix:/run/keys.sock"}, Name: "web"},
		"keyserver://a:1,b.example:2/web?cert=c.pem&key=k.pem&ca=ca.pem": {Nodes: []string{"a:1", "b.example:2"}, Name: "web", Cert: "c.pem",
			Key: "k.pem", CA: "ca.pem"},
		"KeyServer://[::1]:7070/key%20of%2Fweb?ca=a%26b&cert=c+d": {Nodes: []string{"[::1]:7070"}, Name: "key of/web", Cert: "c+d", CA: "a&b"},
		"keyserver://a:1/%C3%A9?unix=/a&cert=c&unix=b&ca=d":       {Nodes: []string{"a:1", "unix:/a", "unix:b"}, Name: "é", Cert: "c", CA: "d"},
		"keyserver://a:1?cert=c&ca=d":                             {Nodes: []string{"a:1"}, Cert: "c", CA: "d"},
		"keyserver://?unix=a":                                     {Nodes: []string{"unix:a"}},
	} {
		if got, err := Parse(text); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

// An error names what is wrong, and shows nothing of the query.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                          "begins with keyserver:",
		"key.pem":                                                   "begins with keyserver:",
		"keyserver:web?unix=SECRET":                                 "followed by //",
		"keyserver:///web":                                          "names no server",
		"keyserver:///web?unix=":                                    "unix in the URI's query needs",
		"keyserver:///web?unix=a%00SECRET":                          "unix in the URI's query needs",
		"keyserver:///web?unix=SECRET%zz":                           "attribute 1 of the URI's query has a malformed",
		"keyserver:///web?unix=a&SECRET=1":                          "attribute 2 of the URI's query is none of",
		"keyserver:///web?unix=a&":                                  "attribute 2 of the URI's query is none of",
		"keyserver:///web?unix=a#SECRET":                            "has a #",
		"keyserver:///a/b?unix=SECRET":                              "write %2F",
		"keyserver:///%2?unix=SECRET":                               "the key's name in the URI has a malformed",
		"keyserver:///%ff?unix=SECRET":                              "is not UTF-8",
		"keyserver:///web?unix=a&cert=SECRET":                       "for servers on the network",
		"keyserver://a/web?cert=SECRET":                             "server 1 of the URI is not HOST:PORT",
		"keyserver://a:1,/web?cert=SECRET":                          "server 2 of the URI is not HOST:PORT",
		"keyserver://:1/web?cert=SECRET":                            "server 1 of the URI is not HOST:PORT",
		"keyserver://SECRET@a:1/web?cert=SECRET":                    "server 1 of the URI is not HOST:PORT",
		"keyserver://unix:1/web?cert=SECRET":                        "server 1 of the URI is not HOST:PORT",
		"keyserver://a:1/web?ca=SECRET":                             "has no cert",
		"keyserver://a:1/web?cert=SECRET":                           "has no ca",
		"keyserver://a:1/web?ca=SECRET&ca=b":                        "ca is in the URI's query twice",
		"keyserver:///" + strings.Repeat("n", 256) + "?unix=SECRET": "at most 255 bytes",
	} {
		u, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: %+v, %v", text, u, err)
		}
	}
}

func TestServers(t *testing.T) {
	servers := func(text string) string {
		u, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u.Servers()
	}
	same := servers("keyserver://a:1/web?cert=c&ca=d")
	for text, equal := range map[string]bool{
		"keyserver://a:1/api?ca=%64&cert=c":         true,
		"keyserver://a:2/web?cert=c&ca=d":           false,
		"keyserver://a:1/web?cert=c&ca=e":           false,
		"keyserver://a:1/web?cert=c&ca=d&key=k":     false,
		"keyserver://a:1/web?cert=c&ca=d&unix=sock": false,
	} {
		if got := servers(text); (got == same) != equal {
			t.Errorf("%s: %s and %s", text, got, same)
		}
	}
}

// A URI that is parsed keeps the promises of type URI, and an error shows nothing of the query.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"keyserver:///web?unix=/run/keys.sock", "keyserver://a:1,[::1]:2/w%20eb?cert=c&key=k&ca=a", "keyserver://a:1/?ca=",
		"keyserver:///%ff?unix=a#b", "KEYSERVER://@/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse(text)
		if err != nil {
			_, query, _ := strings.Cut(text, "?")
			for attribute := range strings.SplitSeq(query, "&") {
				if _, value, _ := strings.Cut(attribute, "="); len(value) > 12 && strings.Contains(err.Error(), value) {
					t.Errorf("%q: %v", text, err)
				}
			}
			return
		}
		network := false
		for _, node := range u.Nodes {
			network = network || !strings.HasPrefix(node, unixPrefix)
			if node == unixPrefix || strings.Contains(node, "\x00") && strings.HasPrefix(node, unixPrefix) {
				t.Errorf("%q: node %q", text, node)
			}
		}
		if !Is(text) || len(u.Nodes) == 0 || !utf8.ValidString(u.Name) || network != (u.Cert != "" && u.CA != "") || !network && u.Key != "" {
			t.Errorf("%q: %+v", text, u)
		}
	})
}
