#!/bin/bash
# HAProxy: a library or module that begins a thread when it is first used cannot, unless HAProxy runs
# as root.
#
# Software    HAProxy 2.6.12 (Debian's 2.6.12-1+deb12u4)
# Best guess  HAProxy has threads of its own, so a module of OpenSSL may begin one when the first
#             handshake needs it; `insecure-fork-wanted` is about checks and scripts that fork
# Seen        the daemon has a limit of 0 processes, hard and soft, which counts threads,
#             too: pthread_create fails with EAGAIN from then on, for every user but root. The
#             configuration is read before, with the limit of the shell. With `insecure-fork-wanted`
#             the limit stays that of the shell
# Matters to  authors of OpenSSL providers, engines and PKCS #11 modules that read answers on a thread
#             of their own: it must stand before HAProxy has started, in the process that is forked
source "$(dirname "$0")/common.bash"
debian haproxy=2.6.12-1+deb12u4 liblua5.3-0=5.3.6-2 libopentracing-c-wrapper0=1.1.3-3+b1 libopentracing1=1.6.0-4
chmod 755 "$work"

haproxy=$root/usr/sbin/haproxy
user() { if [ "$(id -u)" = 0 ]; then setpriv --reuid nobody --regid nogroup --clear-groups "$@"; else "$@"; fi; }

# limit NAME [LINE] prints the limits of processes of a HAProxy as a daemon, with a line in its section global.
limit() {
	printf 'global\n  %s\ndefaults\n  timeout client 1s\n  timeout connect 1s\n  timeout server 1s\nlisten l\n  bind unix@%s/s.%s\n' \
		"${2:-}" "/tmp" "$$" >"$1.cfg"
	user "$haproxy" -D -f "$1.cfg" -p "/tmp/p.$$" >"$1.log" 2>&1 || { cat "$1.log" >&2; exit 2; }
	local pid
	pid=$(cat "/tmp/p.$$")
	sleep 2 # until its threads run
	sed -n "s/^Max processes *\([^ ]*\) *\([^ ]*\).*/$1: soft \1, hard \2/p" "/proc/$pid/limits"
	kill "$pid"
	rm -f "/tmp/s.$$" "/tmp/p.$$"
}

ulimit -u 1000
{
	echo "shell: soft $(ulimit -Su), hard $(ulimit -Hu)"
	limit plain
	limit wanted insecure-fork-wanted
} >seen

expect "a HAProxy that is not root's may begin no thread once it serves" <<END
shell: soft 1000, hard 1000
plain: soft 0, hard 0
wanted: soft 1000, hard 1000
END
