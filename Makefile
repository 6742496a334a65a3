# As root: `make run` captures a real root, `make test` mounts things and makes devices.
ROOT    ?= build/debian-12
FORMAT  ?= tgz
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Code that is never hot is not inlined, and HTTP/2 is left out (the endpoint takes
# files faster over HTTP/1.1): the binary stays under 10 MB.
COLD    = crypto/x509/... encoding/... github.com/mattn/... go.yaml.in/yaml/v4/... net/... text/...
GOBUILD = CGO_ENABLED=0 go build -trimpath -tags nethttpomithttp2 $(COLD:%=-gcflags=%=-l) -ldflags '-s -w -X main.version=$(VERSION)'

.PHONY: build test lint run bench boot-test dist clean root
build: ; $(GOBUILD) -o image-capture .
test: ; ./testdata/need.sh && go test ./...
lint: ; test -z "$$(gofmt -l .)" && go vet ./... && go tool staticcheck ./...
run: build root ; mkdir -p build/images && cd build/images && ../../image-capture $(abspath $(ROOT)) --format $(FORMAT) --add-curtin && ls -l
boot-test: build ; timeout -k 30 720 ./testdata/boot/run.sh
bench: build root ; go run ./bench -agent ./image-capture -root $(ROOT)
dist: ; for a in amd64 arm64; do GOOS=linux GOARCH=$$a $(GOBUILD) -o dist/image-capture-linux-$$a . || exit 1; done; cd dist && sha256sum image-capture-linux-* >SHA256SUMS && cat SHA256SUMS
root: ; [ -d $(ROOT) ] || ./testdata/debian-root.sh $(ROOT)
clean: ; rm -rf --one-file-system image-capture dist build
