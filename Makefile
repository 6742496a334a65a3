# As root: `make run` captures a real root, `make test` mounts things and makes devices.
ROOT    ?= build/debian-12
FORMAT  ?= tgz
VERSION ?= $(shell ./testdata/version.sh)
GOBUILD = CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X image-capture/cli.Version=$(VERSION)'

.PHONY: build test lint run bench boot-test torture nightly dist pack release clean root
build: ; $(GOBUILD) -o image-capture .
test: ; ./testdata/need.sh && go test -timeout 40m ./...
lint: ; test -z "$$(git ls-files '*.go' | xargs gofmt -l)" && go vet ./... && go tool staticcheck ./...
run: build root ; mkdir -p build/images && cd build/images && ../../image-capture $(abspath $(ROOT)) --format $(FORMAT) --add-curtin && ls -l
boot-test: build ; timeout -k 30 2700 ./testdata/boot/run.sh ci
torture: build ; ./testdata/torture.sh && IMAGE_CAPTURE_TORTURE=200 go test -count=1 -timeout 60m -v -run TestTorture .
nightly: build ; ./testdata/readers.sh ./image-capture && timeout -k 30 10800 ./testdata/boot/run.sh nightly && IMAGE_CAPTURE_NIGHTLY=1 go test -count=1 -timeout 60m -run "TestRealArrays|TestRealVolumes|TestCut" . ./content ./remote
bench: build root ; go run ./bench -agent ./image-capture -root $(ROOT)
dist: ; for a in amd64 arm64; do GOOS=linux GOARCH=$$a $(GOBUILD) -o dist/linux-$$a/image-capture . || exit 1; done; cd dist && sha256sum linux-*/image-capture >SHA256SUMS && cat SHA256SUMS
pack: dist ; go run ./content/bundle --version $(VERSION) --out dist
release: pack ; ./packaging/release.sh $(VERSION)
root: ; [ -d $(ROOT) ] || ./testdata/debian-root.sh $(ROOT)
clean: ; rm -rf --one-file-system image-capture dist build .roots
