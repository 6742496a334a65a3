#!/usr/bin/env bash
# Commands that speak to an endpoint: TestTorture.
# torture.sh [KILLS [FAULTS [MUTATIONS]]]: kills commands at random moments, makes system
# calls fail by strace, and damages images and MANIFESTs. After each it looks for what is
# half-true: an image beside a MANIFEST that is not its own, a temp file that the next run
# leaves, a damaged image that verify calls whole, a crash. Prints counts; exits with 1 if
# there was any. Not for CI: it takes an hour with the numbers of make torture.
set -u
kills=${1:-200} faults=${2:-300} mutations=${3:-1000} bad=0
agent=$(realpath "${AGENT:-./image-capture}") work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir -p root/etc root/bin && head -c 3000000 /dev/urandom >root/bin/big
for i in $(seq 300); do echo "$i" >"root/etc/f$i"; done
wrong() { bad=$((bad + 1)); echo "WRONG: $*"; }
crashed() { grep -q '^panic:\|^fatal error:\|^goroutine ' err && wrong "crash in $1: $(head -1 err)"; }
capture() { "$agent" root --check off --quiet --output a.tgz "$@" 2>err >out; }
# whole: an image and a MANIFEST that are both there belong together.
whole() { [ -d "$work" ] || { echo "torture.sh: somebody removed $work" >&2; exit 1; }; [ ! -e a.tgz ] || [ ! -e a.MANIFEST.txt ] || "$agent" verify a.tgz --quiet >/dev/null 2>&1 || wrong "$1: a.tgz and its MANIFEST differ"; }

capture || { cat err; exit 1; }
for cmd in capture verify check extract diff; do
	died=0
	for i in $(seq "$kills"); do
		case $cmd in
		capture) echo "$i" >root/etc/changed; set -- root --check off --quiet --output a.tgz --overwrite ;;
		verify) set -- verify a.tgz --quiet ;;
		check) set -- check root --json ;;
		extract) mkdir -p x; set -- extract a.tgz -C x --overwrite --quiet ;;
		diff) set -- diff a.tgz root --json ;;
		esac
		"$agent" "$@" >out 2>err & pid=$!
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		kill -"$([ $((i % 2)) = 0 ] && echo KILL || echo TERM)" $pid 2>/dev/null
		wait $pid 2>/dev/null; code=$?
		[ $code -lt 128 ] || died=$((died + 1))
		# 143: killed before the program asked for its signals.
		case $code in 0 | 3 | 9 | 137 | 143) ;; *) wrong "$cmd, killed: exit $code: $(head -1 err)" ;; esac
		crashed "$cmd"; whole "$cmd, killed"
	done
	[ $cmd != extract ] || { "$agent" extract a.tgz -C x --overwrite --quiet >out 2>err && "$agent" diff a.tgz x >out 2>err; } || wrong "an extract after kills: $(head -1 out err)"
	capture --overwrite || wrong "a capture after kills: $(head -1 err)"
	[ -z "$(find . -maxdepth 1 -name '.*.tmp')" ] || wrong "temp files of killed runs are left"
	echo "$cmd: $kills kills, $died of them in the middle, without a word"
done

failed=0
calls=(openat read write fsync renameat renameat2 fstat newfstatat getdents64 ftruncate lseek statx flock unlinkat)
errors=(EIO ENOSPC EACCES ENOENT EINTR EMFILE ENOMEM)
for i in $(seq "$faults"); do
	call=${calls[RANDOM % ${#calls[@]}]} error=${errors[RANDOM % ${#errors[@]}]} when=$((RANDOM % 60 + 1))
	timeout 60 strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:error=$error:when=$when" "$agent" root --check off --quiet --output a.tgz --overwrite >out 2>err
	code=$?
	[ $code = 0 ] || failed=$((failed + 1))
	[ $code -lt 10 ] || { grep -q 'runtime: ' err && continue; wrong "$call $error when=$when: exit $code: $(head -1 err)"; }
	# Go's own runtime may give up where it cannot start; that is not the program's.
	grep -q '^runtime: \|^runtime\.' err || crashed "$call $error when=$when"
	whole "$call $error when=$when"
done
echo "capture: $faults injected faults, $failed of them ended it"

capture --overwrite || wrong "a capture after faults: $(head -1 err)"
for i in $(seq "$mutations"); do
	file=$([ $((i % 2)) = 0 ] && echo a.tgz || echo a.MANIFEST.txt)
	cp a.tgz m.tgz; cp a.MANIFEST.txt m.MANIFEST.txt
	at=$(((RANDOM * 32768 + RANDOM) % $(stat -c %s "$file")))
	case $((RANDOM % 3)) in
	0) printf '%b' "\\x$(printf %02x $((RANDOM % 256)))" | dd of=m"${file#a}" bs=1 seek=$at conv=notrunc status=none ;;
	1) truncate -s $at m"${file#a}" ;;
	2) head -c $((RANDOM % 100 + 1)) /dev/urandom >>m"${file#a}" ;;
	esac
	cmp -s "$file" m"${file#a}" && continue
	timeout 60 "$agent" verify m.tgz m.MANIFEST.txt --quiet >out 2>err
	code=$?
	crashed "verify of a mutation"
	# A changed comment or a name of the facts changes nothing that verify compares.
	[ $code != 0 ] || [ "$file" = a.MANIFEST.txt ] || wrong "verify took a damaged image, at $at"
	case $code in 0 | 2 | 8) ;; *) wrong "verify of a mutation: exit $code: $(head -1 err)" ;; esac
done
echo "verify: $mutations mutations"
echo "$bad half-true or wrong"
[ $bad = 0 ]
