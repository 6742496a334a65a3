#!/bin/sh
# Usage: packaging/release.sh VERSION
# Makes dist/release of what make pack left in dist: for each platform an archive, a .deb
# and a .rpm, an SBOM, and the checksums of all. The same commit gives the same bytes, in
# any folder: every date is that of the commit (or SOURCE_DATE_EPOCH), owners are root,
# names are sorted. The packager and the maker of SBOMs are Go programs of tools/go.mod, a
# module of its own: so that their dependencies are not among those of the agent.
set -eu
cd "$(dirname "$0")/.."
VERSION=$1
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export VERSION SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022
release=dist/release stage=dist/stage
rm -rf $release $stage
mkdir -p $release $stage/bin $stage/common/completion $stage/common/docs $stage/common/systemd

go -C tools build -trimpath -o "$PWD/$stage/bin/" github.com/goreleaser/nfpm/v2/cmd/nfpm github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

# The same in all of them. This machine's own binary prints completion and man page.
go build -trimpath -ldflags "-s -w -X image-capture/cli.Version=$VERSION" -o $stage/bin/image-capture .
agent=$stage/bin/image-capture common=$stage/common
$agent man >$common/image-capture.1
gzip -9nc $common/image-capture.1 >$stage/image-capture.1.gz
$agent completion bash >$common/completion/image-capture.bash
$agent completion zsh >$common/completion/_image-capture
$agent completion fish >$common/completion/image-capture.fish
cp LICENSE README.md CHANGELOG.md dist/image-capture.yaml dist/image-capture-beside.yaml $common
cp docs/*.md docs/*.svg $common/docs
cp packaging/systemd/* $common/systemd
# A clone has the modes of its umask, and the dates of its checkout.
chmod -R u=rwX,go=rX $common
find $common $stage/image-capture.1.gz -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

for ARCH in amd64 arm64; do
	export ARCH
	name=image-capture-$VERSION-linux-$ARCH
	mkdir $stage/"$name"
	cp -R $common/. $stage/"$name"
	install -m 755 dist/linux-$ARCH/image-capture $stage/"$name"/image-capture
	tar --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C $stage -cf - "$name" |
		gzip -9n >$release/"$name".tar.gz
	for packager in deb rpm; do
		$stage/bin/nfpm package --config packaging/nfpm.yaml --packager $packager --target $release/ >/dev/null
	done
	# Of the binary itself: what is in it, and nothing that only tests or tools need. The
	# name without the path of this folder.
	(cd dist/linux-$ARCH && "../stage/bin/cyclonedx-gomod" bin -json -std -licenses=false -noserial -notimestamp -version "v$VERSION" \
		-output ../../$release/"$name".cdx.json image-capture 2>/dev/null)
done
rm -rf $stage
cd $release
sha256sum -- * >SHA256SUMS
cat SHA256SUMS
