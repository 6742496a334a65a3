#!/usr/bin/env bash
# What a capture costs the host: how much slower a steady workload gets, pgbench of
# PostgreSQL, while ROOT is read by tar | zstd, by rsync and by image-capture.
# cost.sh AGENT ROOT [SECONDS [ROUNDS]], as root; it needs postgresql, rsync and zstd.
set -euo pipefail

agent=$(realpath "$1") root=$(realpath "$2") seconds=${3:-15} rounds=${4:-3} cpus=$(nproc)
bins=(/usr/lib/postgresql/*/bin)
bin=${bins[-1]}
work=$(mktemp -d)
chmod 755 "$work"
as() { (cd "$work" && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); }
stop() {
	as "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
	rm -rf --one-file-system "$work"
}
trap stop EXIT
install -d -o postgres -g postgres "$work/data" "$work/socket"
as "$bin/initdb" -A trust -D "$work/data" >/dev/null
# A session of its own, as a service has it.
as setsid "$bin/pg_ctl" -D "$work/data" -w -o "-k $work/socket -c listen_addresses= -c shared_buffers=256MB" start >/dev/null
pg=(-h "$work/socket" -U postgres postgres)
as "$bin/pgbench" -q -i -s 20 "${pg[@]}" >/dev/null 2>&1

# rate prints the transactions a second.
rate() { as setsid -w "$bin/pgbench" -n -c 4 -j 2 -T "$seconds" "${pg[@]}" 2>/dev/null | awk '/^tps/ { print $3; exit }'; }
image() { tar --xattrs --acls --sparse -cf - -C "$root" . | zstd -q -3 -T"$cpus" >/dev/null; }
copy() { rsync -aHAX --whole-file --delete "$root/" "$work/copy/" && rm -rf "$work/copy"; }
capture() { "$agent" "$root" --format tar-zst --check off --quiet --default-excludes=false --output - --manifest "$work/m.txt" --overwrite "$@" >/dev/null; }
# during runs a command again and again, in a session of its own, while the rate is taken.
during() {
	export agent root work cpus
	export -f image copy capture
	setsid bash -c 'trap "exit" TERM; while :; do "$@"; done' _ "$@" 2>/dev/null &
	local pid=$! r
	sleep 1
	r=$(rate)
	kill -TERM -- "-$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	echo "$r"
}
nicely() { setsid -w "$agent" "$root" --nice --format tar-zst --check off --quiet --default-excludes=false --output - --manifest "$work/m.txt" --overwrite >/dev/null; }
export -f nicely

echo "| round | alone, transactions/s | tar \\| zstd -3 | rsync | image-capture --nice=false | image-capture --nice |"
echo "|---|---|---|---|---|---|"
for round in $(seq "$rounds"); do
	alone=$(rate)
	line="| $round | $alone |"
	for what in image copy "capture --nice=false" nicely; do
		# shellcheck disable=SC2086 # words
		line+=" $(during $what | awk -v a="$alone" '{ printf "%.0f (%.0f %% less)", $1, 100 - 100 * $1 / a }') |"
	done
	echo "$line"
done
