# What every finding needs. Each script sources this file first.
#
# A finding runs in a temporary folder of its own, which is removed when the script ends. It exits
# with 0 if the software still behaves as recorded, with 1 if the behaviour has changed, and with 2
# if a package can't be installed, which says nothing about the finding.

set -Eeuo pipefail

findings=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
finding=$(basename "$0" .sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "$finding: CHANGED: line $LINENO worked when this was recorded" >&2; exit 1' ERR
cd "$work"

cannot() {
	echo "$finding: cannot install $*" >&2
	exit 2
}

# go_modules MODULE@VERSION... makes the folder a Go module that requires exactly these versions.
# The module knows nothing of the project around this folder.
go_modules() {
	export GOWORK=off GOFLAGS=-mod=mod
	go mod init finding 2>install.log && go get "$@" 2>>install.log ||
		{ tail -n 3 install.log >&2; cannot "$@"; }
}

# debian PACKAGE=VERSION... unpacks Debian packages into $root, without installing them, and lets
# programs find their shared libraries there. It wants the lists of `apt-get update`.
debian() {
	root=$work/root
	(mkdir debs && cd debs && apt-get -o APT::Sandbox::User=root download "$@") >install.log 2>&1 ||
		{ tail -n 3 install.log >&2; cannot "$@"; }
	local package
	for package in debs/*.deb; do
		dpkg -x "$package" "$root"
	done
	libraries=$root/usr/lib/$(gcc -print-multiarch)
	export LD_LIBRARY_PATH=$libraries
}

# openssl_program FILE compiles a C program against the unpacked OpenSSL.
openssl_program() {
	gcc -Wall -o program "$1" -I "$findings" -I "$root/usr/include" \
		-I "$root/usr/include/$(basename "$libraries")" -L "$libraries" -lssl -lcrypto
}

# softhsm_token makes a token named token, with the PIN 1234, of the unpacked SoftHSM. $softhsm is the
# module.
softhsm_token() {
	softhsm=$libraries/softhsm/libsofthsm2.so
	export SOFTHSM2_CONF=$work/softhsm2.conf
	mkdir tokens
	printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$work/tokens" >softhsm2.conf
	"$root/usr/bin/softhsm2-util" --module "$softhsm" \
		--init-token --free --label token --pin 1234 --so-pin 5678 >token.log
}

# daemon SOCKET COMMAND... runs a program until the script ends, and returns when the socket is
# there.
daemon() {
	local socket=$1
	shift
	"$@" >daemon.log 2>&1 &
	trap 'kill '$!' 2>/dev/null || true; rm -rf "$work"' EXIT
	for _ in {1..100}; do
		[ ! -S "$socket" ] || return 0
		sleep 0.1
	done
}

# p11_kit_server MODULE has the unpacked p11-kit serve the token of softhsm_token. $p11_kit_client is
# the module that asks the server.
p11_kit_server() {
	p11_kit_client=$libraries/pkcs11/p11-kit-client.so
	export P11_KIT_PRIVATEDIR=$root/usr/libexec/p11-kit P11_KIT_SERVER_ADDRESS=unix:path=$work/socket
	daemon socket "$P11_KIT_PRIVATEDIR/p11-kit-server" --foreground --timeout 60 \
		--name "$work/socket" --provider "$1" pkcs11:token=token
}

# expect SENTENCE compares the file `seen` with standard input, which is what was recorded.
expect() {
	cat >recorded
	if ! diff -u recorded seen; then
		echo "$finding: CHANGED: no longer true: $1" >&2
		exit 1
	fi
	echo "$finding: still true: $1"
}
