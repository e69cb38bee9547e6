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

# expect SENTENCE compares the file `seen` with standard input, which is what was recorded.
expect() {
	cat >recorded
	if ! diff -u recorded seen; then
		echo "$finding: CHANGED: no longer true: $1" >&2
		exit 1
	fi
	echo "$finding: still true: $1"
}
