#!/bin/bash
# go-pkcs11uri: the PIN of a file ends in a newline, and URIs of secret keys are refused.
#
# Software    github.com/stefanberger/go-pkcs11uri v0.0.0-20230803200340-78284954bff6, the newest;
#             SoftHSM 2.6.1 (2.6.1-2.1) through github.com/miekg/pkcs11 v1.1.2
# Best guess  GetPIN reads the PIN out of the file that pin-source names, without the line end that
#             editors and echo leave; Parse takes the five types of objects of RFC 7512, section 2.3
# Seen        GetPIN returns the whole file. A login with it is CKR_PIN_INCORRECT, and the token
#             counts a failed try. RFC 7512 leaves the form of the file open; OpenSSL's
#             pkcs11-provider cuts the line end. type=secret-key and type=data are "Invalid type",
#             for the pattern of types has a brace between these two instead of a bar.
# Matters to  users who log in as the package's README does: the PIN in the file looks right, and a
#             service that tries again locks a real token after a few tries. Cut the line end off
#             GetPIN's result, and leave the type out of URIs of secret keys.
source "$(dirname "$0")/common.bash"
debian softhsm2=2.6.1-2.1 libsofthsm2=2.6.1-2.1
go_modules github.com/stefanberger/go-pkcs11uri@v0.0.0-20230803200340-78284954bff6 \
	github.com/miekg/pkcs11@v1.1.2

cat >main.go <<'END'
// Usage: main MODULE FILE: parses URIs, and logs in to the one token with the PIN in FILE.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/miekg/pkcs11"
	pkcs11uri "github.com/stefanberger/go-pkcs11uri"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// login logs in, and reports whether the token says that a try has failed since the last success.
func login(p *pkcs11.Ctx, slot uint, name, pin string) {
	session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	check(err)
	defer p.CloseSession(session)
	result := "succeeds"
	if err := p.Login(session, pkcs11.CKU_USER, pin); errors.Is(err, pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)) {
		result = "is CKR_PIN_INCORRECT"
	} else if err != nil {
		result = err.Error()
	}
	token, err := p.GetTokenInfo(slot)
	check(err)
	fmt.Printf("login with %s %s, CKF_USER_PIN_COUNT_LOW: %t\n", name, result, token.Flags&pkcs11.CKF_USER_PIN_COUNT_LOW != 0)
}

func main() {
	for _, uri := range []string{
		"pkcs11:type=public", "pkcs11:type=private", "pkcs11:type=cert", "pkcs11:type=secret-key", "pkcs11:type=data",
	} {
		result := "parsed"
		if err := pkcs11uri.New().Parse(uri); err != nil {
			result = err.Error()
		}
		fmt.Printf("%s: %s\n", uri, result)
	}

	uri := pkcs11uri.New()
	check(uri.Parse("pkcs11:token=token?pin-source=file:" + os.Args[2]))
	pin, err := uri.GetPIN()
	check(err)
	fmt.Printf("GetPIN: %q\n", pin)

	p := pkcs11.New(os.Args[1])
	if p == nil {
		log.Fatal("no module")
	}
	check(p.Initialize())
	defer p.Finalize()
	slots, err := p.GetSlotList(true)
	check(err)
	login(p, slots[0], "GetPIN's result", pin)
	login(p, slots[0], "the line without its end", strings.TrimRight(pin, "\n"))
}
END

softhsm_token
echo 1234 >pin
go run . "$softhsm" "$work/pin" >seen

expect "GetPIN keeps the file's newline, and the types secret-key and data are refused" <<'END'
pkcs11:type=public: parsed
pkcs11:type=private: parsed
pkcs11:type=cert: parsed
pkcs11:type=secret-key: Invalid type 'secret-key'
pkcs11:type=data: Invalid type 'data'
GetPIN: "1234\n"
login with GetPIN's result is CKR_PIN_INCORRECT, CKF_USER_PIN_COUNT_LOW: true
login with the line without its end succeeds, CKF_USER_PIN_COUNT_LOW: false
END
