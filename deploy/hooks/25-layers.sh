
# --- Layers: what changed since the image was made, unpacked over it

# "image-capture hooks --layer" has them in the archive that the deployer unpacks over the
# image. A deployer deletes nothing, and its tar stops where a directory that holds
# something has to make room: so each layer is unpacked here, after its deletions.
layers=.image-capture-layers

# What image-deploy unpacks over each image, for the machine's agent and its cloud-init. It
# has the last word, also over a layer.
deployers='curtin usr/local/bin/drpcli etc/cloud/cloud.cfg.d/95_datasource.cfg'

# straight PATH: no directory above it is a link, behind which another place is, or the
# deployer's own system.
straight() {
	straight_dir=$target straight_rest=$1
	while :; do
		case $straight_rest in
		*/*) ;;
		*) return 0 ;;
		esac
		straight_dir=$straight_dir/${straight_rest%%/*} straight_rest=${straight_rest#*/}
		if [ -L "$straight_dir" ]; then return 1; fi
	done
}

# delete LIST: removes the names in a list of a layer, each ended by a NUL. Those of a list
# that was not made for this image are not followed out of it: nothing is deleted behind a
# link, nor by a name that leads upwards. xargs ends at exit status 255.
delete() {
	xargs -0 -n 100 sh -c '
		top=$1 n=$(($# - 1))
		shift
		while [ $n -gt 0 ]; do
			n=$((n - 1)) name=${1#./}
			shift
			case /$name/ in
			*//* | */./* | */../*) echo "\"$name\" is no name below the root" && exit 255 ;;
			esac
			dir=$top rest=$name
			while :; do
				case $rest in
				*/*) ;;
				*) break ;;
				esac
				dir=$dir/${rest%%/*} rest=${rest#*/}
				if [ -L "$dir" ]; then echo "\"$name\" is behind a link: the layer is over another image" && exit 255; fi
			done
			set -- "$@" "$top/$name"
		done
		rm -rf -- "$@"' sh "$target" <"$1" >"$work/out" 2>&1
}

# apply_layers unpacks them in their order. One that was interrupted is begun again: what
# its list deletes and its tar has comes back with the tar.
apply_layers() {
	if [ -L "$target/$layers" ]; then die "/$layers is a link"; fi
	if [ ! -d "$target/$layers" ]; then return 0; fi
	set -- "$target/$layers"/*.tar
	if [ -n "$dry" ]; then
		say "layers to be unpacked first: $#; what follows is of the image without them"
		return 0
	fi
	if [ $by_hand = no ]; then keep_deployers; fi
	for layer in "$@"; do
		if [ ! -f "$layer" ] || [ -L "$layer" ]; then continue; fi
		number=${layer##*/} list=${layer%.tar}.deletions
		number=${number%.tar}
		if [ -s "$list" ] && [ ! -L "$list" ]; then
			say "layer $number: deleting $(tr -cd '\0' <"$list" | wc -c | tr -d ' ') names"
			delete "$list" || die "layer $number: its deletions failed: $(sed -n 1p "$work/out")"
		fi
		must tar -C "$target" --xattrs '--xattrs-include=*' -Sxpf "$layer" --numeric-owner
		rm -f "$layer" "$list" || die "cannot remove $layer"
	done
	# The layer has set the time of the root directory.
	touch -r "$target" "$work/root"
	if [ $by_hand = no ]; then restore_deployers; fi
	rm -rf "${target:?}/$layers" || die "cannot remove /$layers in $target"
	touch -r "$work/root" "$target"
}

keep_deployers() {
	kept=$target/$layers/deployer
	if [ -e "$kept" ]; then return 0; fi
	set --
	for f in $deployers; do
		if straight "$f" && [ -e "$target/$f" ] && [ ! -L "$target/$f" ]; then set -- "$@" "$f"; fi
	done
	if [ $# -eq 0 ]; then return 0; fi
	must tar -C "$target" --xattrs '--xattrs-include=*' --numeric-owner -Scpf "$kept.new" "$@"
	mv "$kept.new" "$kept" || die "cannot write $kept"
}

restore_deployers() {
	if [ ! -f "$target/$layers/deployer" ]; then return 0; fi
	for f in $deployers; do
		straight "$f" || die "/$f is the deployer's, and a layer has a link above it"
	done
	must tar -C "$target" --xattrs '--xattrs-include=*' -Sxpf "$target/$layers/deployer" --numeric-owner
}
