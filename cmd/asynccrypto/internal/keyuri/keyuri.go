// Package keyuri parses the URIs of keys on key servers:
//
//	keyserver://HOST:PORT,HOST:PORT/NAME?cert=FILE&key=FILE&ca=FILE
//	keyserver:///NAME?unix=PATH&unix=PATH
//
// NAME and the values are percent-decoded. The attribute cert is the file of the certificate that
// this client shows, key that of its private key (by default it is in the certificate's file), and ca
// that of the CAs of the servers' certificates. They are for servers on the network. Errors show
// nothing of the query.
package keyuri

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"
)

const scheme = "keyserver:"

// Is reports whether text is meant to be such a URI, and not the name of a file.
func Is(text string) bool {
	return len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme)
}

// URI is a URI's content.
type URI struct {
	// Nodes are HOST:PORT, or unix:PATH: those of package remote. There is at least one.
	Nodes []string
	Name  string // of the key; empty if the URI has none
	// Cert, Key and CA name files. Cert and CA are not empty if a node is on the network, and all are
	// empty if none is.
	Cert, Key, CA string
}

// unixPrefix begins a node that is a Unix socket.
const unixPrefix = "unix:"

// Servers returns a text that is the same for URIs which differ in nothing but the name of the key
// and the way in which they are written.
func (u *URI) Servers() string {
	return fmt.Sprintf("%q %q %q %q", u.Nodes, u.Cert, u.Key, u.CA)
}

// Parse parses a URI.
func Parse(text string) (*URI, error) {
	if !Is(text) {
		return nil, errors.New("not the URI of a key on a key server, which begins with keyserver: and two slashes")
	}
	rest, ok := strings.CutPrefix(text[len(scheme):], "//")
	if !ok {
		return nil, errors.New("keyserver: is followed by //, as in keyserver://HOST:PORT/NAME and keyserver:///NAME?unix=PATH")
	}
	if strings.Contains(rest, "#") {
		return nil, errors.New("the URI has a #; write %23")
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, path, _ := strings.Cut(rest, "/")
	u := &URI{}
	if err := u.setHosts(hosts); err != nil {
		return nil, err
	}
	network := len(u.Nodes) > 0
	if err := u.setName(path); err != nil {
		return nil, err
	}
	if err := u.setQuery(query); err != nil {
		return nil, err
	}
	switch {
	case len(u.Nodes) == 0:
		return nil, errors.New("the URI names no server; write keyserver://HOST:PORT/NAME, or keyserver:///NAME?unix=PATH")
	case network && u.Cert == "":
		return nil, errors.New("the URI has no cert, the file of the certificate by which the servers know this client; add cert=FILE")
	case network && u.CA == "":
		return nil, errors.New("the URI has no ca, the file of the CAs of the servers' certificates; add ca=FILE")
	case !network && u.Cert+u.Key+u.CA != "":
		return nil, errors.New("cert, key and ca are for servers on the network, and the URI names none")
	}
	return u, nil
}

func (u *URI) setHosts(list string) error {
	if list == "" {
		return nil
	}
	for node := range strings.SplitSeq(list, ",") {
		host, port, err := net.SplitHostPort(node)
		if err != nil || host == "" || port == "" || host == "unix" || strings.ContainsAny(node, "@%\\ ") {
			return fmt.Errorf("server %d of the URI is not HOST:PORT", len(u.Nodes)+1)
		}
		u.Nodes = append(u.Nodes, node)
	}
	return nil
}

// maxName is the longest name of a key, in bytes.
const maxName = 255

func (u *URI) setName(path string) (err error) {
	if strings.Contains(path, "/") {
		return errors.New("the URI's path is more than the key's name; write %2F for a / in the name")
	}
	if u.Name, err = url.PathUnescape(path); err != nil {
		return errors.New("the key's name in the URI has a malformed percent-encoding")
	}
	if len(u.Name) > maxName || !utf8.ValidString(u.Name) {
		return fmt.Errorf("the key's name in the URI is not UTF-8 of at most %d bytes", maxName)
	}
	return nil
}

func (u *URI) setQuery(query string) error {
	if query == "" {
		return nil
	}
	n := 0
	for attribute := range strings.SplitSeq(query, "&") {
		n++
		name, raw, _ := strings.Cut(attribute, "=")
		value, err := url.PathUnescape(raw)
		if err != nil {
			return fmt.Errorf("attribute %d of the URI's query has a malformed percent-encoding", n)
		}
		field := map[string]*string{"cert": &u.Cert, "key": &u.Key, "ca": &u.CA, "unix": nil}
		p, known := field[name]
		switch {
		case !known:
			return fmt.Errorf("attribute %d of the URI's query is none of cert, key, ca and unix", n)
		case value == "" || strings.Contains(value, "\x00"):
			return fmt.Errorf("%s in the URI's query needs the name of a file", name)
		case p == nil:
			u.Nodes = append(u.Nodes, unixPrefix+value)
		case *p != "":
			return fmt.Errorf("%s is in the URI's query twice", name)
		default:
			*p = value
		}
	}
	return nil
}
