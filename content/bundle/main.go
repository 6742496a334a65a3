// Bundle writes what make pack puts beside the binaries: the content pack as one
// document for drpcli contents upload, the same without the objects that the pack
// image-builder has too, and the checksums of all of it.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"image-capture/content"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

// bundles are the documents by file name.
var bundles = []struct {
	name string
	pack func(*content.Pack) *content.Pack
}{
	{"image-capture.yaml", func(p *content.Pack) *content.Pack { return p }},
	{"image-capture-beside.yaml", (*content.Pack).Beside},
}

// run reads the pack and the binaries OUT/PLATFORM/image-capture, and writes the
// bundles and OUT/SHA256SUMS.
func run(args []string, stdout io.Writer) error {
	var source, version, out string
	s := pflag.NewFlagSet("bundle", pflag.ContinueOnError)
	s.SetOutput(stdout)
	s.StringVar(&source, "pack", "content/pack", "`FOLDER` of the pack")
	s.StringVar(&version, "version", "", "`VERSION` of pack and binaries")
	s.StringVar(&out, "out", "dist", "`FOLDER` with the binaries, for what is written")
	if err := s.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	if s.NArg() > 0 {
		return fmt.Errorf("%s: there are only flags; --help lists them", s.Arg(0))
	}
	pack, err := content.Read(os.DirFS(source))
	if err != nil {
		return err
	}
	sums, names := map[string]string{}, []string{}
	for _, platform := range content.Platforms {
		name := platform + "/image-capture"
		if sums[platform], err = sum(filepath.Join(out, name)); err != nil {
			return err
		}
		names = append(names, name)
	}
	if err := pack.Release(version, sums); err != nil {
		return err
	}
	for _, b := range bundles {
		text, err := b.pack(pack).Bundle()
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		if err := os.WriteFile(filepath.Join(out, b.name), text, 0o644); err != nil {
			return err
		}
		names = append(names, b.name)
	}
	var list strings.Builder
	for _, name := range names {
		digest, err := sum(filepath.Join(out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s  %s\n", digest, name)
	}
	if err := os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(list.String()), 0o644); err != nil {
		return err
	}
	_, err = io.WriteString(stdout, list.String())
	return err
}

// sum is the SHA-256 of a file in hex.
func sum(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
