package audit

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// Record is a signature or a refusal. An empty field is left out of the line.
type Record struct {
	Time      time.Time     // "time": RFC 3339 in UTC, with milliseconds
	Peer      string        // "peer": the client's identity that the allow file names, or all of them
	Key       string        // "key": its name
	Operation string        // "op": "sign"
	Hash      string        // "hash": "sha256"
	Padding   string        // "padding": "pss"
	Context   string        // "context": "tls13-server"
	Digest    []byte        // "digest": at most the first 8 bytes, in hexadecimal; the rest is not kept
	Hedge     uint64        // "hedge": in hexadecimal; records of one number are one signature, asked of several servers
	Duration  time.Duration // "ms": in milliseconds, with three decimals
	Result    string        // "result": "ok" for a signature, else why there is none
	Refused   uint64        // "refused": how many refusals have this line in common
}

const (
	timeFormat = "2006-01-02T15:04:05.000Z"

	// maxString bounds a field, in bytes before they are escaped. A client has a say in some.
	maxString = 512

	maxDigest = 8
)

// appendLine appends the record as a line.
func (r *Record) appendLine(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = r.Time.UTC().AppendFormat(b, timeFormat)
	b = append(b, '"')
	b = appendField(b, "peer", r.Peer)
	b = appendField(b, "key", r.Key)
	b = appendField(b, "op", r.Operation)
	b = appendField(b, "hash", r.Hash)
	b = appendField(b, "padding", r.Padding)
	b = appendField(b, "context", r.Context)
	if len(r.Digest) > 0 {
		b = append(b, `,"digest":"`...)
		b = hex.AppendEncode(b, r.Digest[:min(len(r.Digest), maxDigest)])
		b = append(b, '"')
	}
	if r.Hedge != 0 {
		b = append(b, `,"hedge":"`...)
		b = strconv.AppendUint(b, r.Hedge, 16)
		b = append(b, '"')
	}
	if r.Duration > 0 {
		b = append(b, `,"ms":`...)
		b = strconv.AppendFloat(b, float64(r.Duration)/1e6, 'f', 3, 64)
	}
	b = appendField(b, "result", r.Result)
	if r.Refused != 0 {
		b = append(b, `,"refused":`...)
		b = strconv.AppendUint(b, r.Refused, 10)
	}
	return append(b, "}\n"...)
}

// appendGap appends a line that says how many records are missing before it.
func appendGap(b []byte, now time.Time, lost uint64) []byte {
	b = append(b, `{"time":"`...)
	b = now.UTC().AppendFormat(b, timeFormat)
	b = append(b, `","result":"lost","lost":`...)
	b = strconv.AppendUint(b, lost, 10)
	return append(b, "}\n"...)
}

func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	value = value[:min(len(value), maxString)]
	if plain(value) {
		b = append(b, '"')
		b = append(b, value...)
		return append(b, '"')
	}
	escaped, err := json.Marshal(value)
	if err != nil { // never: a string has no error
		panic(err)
	}
	return append(b, escaped...)
}

// plain reports whether s stands in a string of JSON as it is.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
