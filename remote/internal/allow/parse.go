package allow

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"unicode/utf8"

	"asynccrypto/remote/internal/wire"
)

// Parse parses the text of an allow file, see the package comment. The names of user:NAME are
// looked up now. The error names the line, the part at fault and a remedy.
func Parse(text []byte) (*Rules, error) {
	r := &Rules{peers: make(map[string]map[string][]line)}
	number := 0
	for s := range strings.Lines(string(text)) {
		number++
		if err := r.parseLine(s); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return r, nil
}

func (r *Rules) parseLine(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", cut(s))
	}
	fields, err := split(s)
	switch {
	case err != nil:
		return err
	case len(fields) == 0:
		return nil
	case fields[0].text != "allow":
		return fmt.Errorf("%s is unknown: each line is \"allow PEER OPERATION[:WORD,...] NAME...\"", cut(fields[0].text))
	case len(fields) < 4:
		return fmt.Errorf("a part is missing: write \"allow PEER OPERATION[:WORD,...] NAME...\", such as \"allow dns:app sign web\"")
	}
	identity, err := parsePeer(fields[1].text)
	if err != nil {
		return err
	}
	l, err := parseOperation(fields[2].text)
	if err != nil {
		return err
	}
	keys := r.peers[identity]
	if keys == nil {
		keys = make(map[string][]line)
		r.peers[identity] = keys
	}
	for _, name := range fields[3:] {
		if !name.quoted && strings.Contains(name.text, "*") {
			return fmt.Errorf("the key's name %s has a *, and there are no patterns: name each key", cut(name.text))
		}
		keys[name.text] = append(keys[name.text], l)
	}
	return nil
}

// field is a part of a line.
type field struct {
	text   string
	quoted bool // it stood in double quotes, which text is without
}

// split splits a line at blanks, up to a comment.
func split(s string) (fields []field, err error) {
	for s = strings.TrimSpace(s); s != "" && s[0] != '#'; s = strings.TrimSpace(s) {
		if s[0] != '"' {
			end := strings.IndexAny(s, " \t")
			if end < 0 {
				end = len(s)
			}
			if strings.ContainsFunc(s[:end], func(c rune) bool { return c == '"' || !strconv.IsPrint(c) }) {
				return nil, fmt.Errorf("%s has a quote or a character that cannot be seen: put the key's name in double quotes", cut(s[:end]))
			}
			fields = append(fields, field{text: s[:end]})
			s = s[end:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%s has no closing quote, or an escape that Go does not have", cut(s))
		}
		text, err := strconv.Unquote(quoted)
		rest := s[len(quoted):]
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s is not a quoted name: %w", cut(s), err)
		case len(fields) < 3:
			return nil, fmt.Errorf("%s is quoted: only the names of keys may be", cut(text))
		case text == "":
			return nil, fmt.Errorf("a key's name is empty")
		case rest != "" && rest[0] != ' ' && rest[0] != '\t':
			return nil, fmt.Errorf("%s stands directly behind a quoted name: put a blank between them", cut(rest))
		}
		fields = append(fields, field{text: text, quoted: true})
		s = rest
	}
	return fields, nil
}

// parsePeer returns the identity that PEER names.
func parsePeer(s string) (identity string, err error) {
	scheme, rest, ok := cutScheme(s)
	if !ok {
		return "", fmt.Errorf("the peer %s is none of uid:N, user:NAME, dns:HOST and a URI in ASCII such as spiffe://corp/app", cut(s))
	}
	switch scheme {
	case "uid":
		return parseUID(rest, "the peer "+cut(s))
	case "user":
		u, err := user.Lookup(rest)
		if err != nil {
			return "", fmt.Errorf("the peer %s: %w: name a user of this system, or write uid:N", cut(s), err)
		}
		return parseUID(u.Uid, "the id of the peer "+cut(s))
	}
	if strings.Contains(s, "*") {
		return "", fmt.Errorf("the peer %s has a *, and there are no patterns: write a line for each name", cut(s))
	}
	return s, nil
}

// parseUID returns the identity of a user id. An error begins with the text of what.
func parseUID(s, what string) (identity string, err error) {
	// The largest number is no user: it is (uid_t)-1, "unchanged", in chown and setresuid.
	uid, err := strconv.ParseUint(s, 10, 32)
	if err != nil || uid == 1<<32-1 || strconv.FormatUint(uid, 10) != s {
		return "", fmt.Errorf("%s is not a number from 0 to 4294967294 without leading zeros", what)
	}
	return "uid:" + s, nil
}

// words is the list of words for an error.
const words = "sha1, sha224, sha256, sha384, sha512, sha512-256, sha3-256, sha3-384, sha3-512, md5sha1, nohash, pkcs1, pss, tls13-server and tls13-client"

// parseOperation parses OPERATION[:WORD,...].
func parseOperation(s string) (l line, err error) {
	operation, list, some := strings.Cut(s, ":")
	if operation != wire.OpSign.String() {
		return l, fmt.Errorf("the operation %s is unknown: there is sign", cut(operation))
	}
	l.text = s
	if !some {
		return l, nil
	}
	seen := make(map[string]bool)
	for word := range strings.SplitSeq(list, ",") {
		switch {
		case seen[word]:
			return l, fmt.Errorf("the word %s stands there twice", cut(word))
		case !l.restrict(word):
			return l, fmt.Errorf("the word %s is unknown: there are %s", cut(word), words)
		}
		seen[word] = true
	}
	return l, nil
}

// restrict adds a word to the line. It reports whether there is such a word.
func (l *line) restrict(word string) bool {
	if hash, ok := wire.HashNamed(word); ok {
		l.hashes.add(hash)
		return true
	}
	switch word {
	case "pkcs1":
		l.paddings.add(wire.PKCS1)
	case "pss":
		l.paddings.add(wire.PSS)
	case "tls13-server":
		l.sides.add(server)
	case "tls13-client":
		l.sides.add(client)
	default:
		return false
	}
	return true
}

// cut quotes s for an error or an answer, at most some of it.
func cut(s string) string {
	const most = 60
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "..."
}
