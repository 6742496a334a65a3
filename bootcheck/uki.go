package bootcheck

import (
	"bytes"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// maxPEHeaders bounds what is looked at of a PE file for its sections; those of unified
// kernel images have under 1 KiB.
const maxPEHeaders = 64 << 10

// unified is what [Digested] gives of a unified kernel image.
type unified struct{ cmdline string }

// readUnified reads the section .cmdline of a unified kernel image, see systemd-stub(7) and
// the UAPI group's specification. Without one the text is empty.
func readUnified(r io.Reader) (*unified, error) {
	head, err := io.ReadAll(io.LimitReader(r, maxPEHeaders))
	if err != nil {
		return nil, err
	}
	f, err := pe.NewFile(bytes.NewReader(head))
	if err != nil {
		return nil, errors.New("is no unified kernel image: " + err.Error())
	}
	for _, section := range f.Sections {
		if section.Name != ".cmdline" {
			continue
		}
		at, size := int64(section.Offset), int64(min(section.Size, section.VirtualSize, maxCommandLine))
		rest := io.MultiReader(bytes.NewReader(head), r)
		if _, err := io.CopyN(io.Discard, rest, at); err != nil {
			return nil, fmt.Errorf("ends before its section .cmdline: %w", err)
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(rest, text); err != nil {
			return nil, fmt.Errorf("ends before its section .cmdline: %w", err)
		}
		text, _, _ = bytes.Cut(text, []byte{0})
		return &unified{strings.TrimSpace(string(text))}, nil
	}
	return &unified{}, nil
}

// unifiedImages returns the unified kernel images on the EFI system partition or in /boot,
// and their addons.
func (t *tree) unifiedImages() []string {
	var found []string
	for _, boot := range []string{"boot/efi", "boot", "efi"} {
		if efi := t.fold(boot, "EFI"); efi != "" {
			if dir := t.fold(efi, "Linux"); dir != "" {
				found = append(found, t.efiPrograms(dir)...)
				for _, base := range t.list(dir) {
					if strings.HasSuffix(strings.ToLower(base), ".efi.extra.d") {
						found = append(found, t.efiPrograms(path.Join(dir, base))...)
					}
				}
			}
		}
		if loader := t.fold(boot, "loader"); loader != "" {
			if dir := t.fold(loader, "addons"); dir != "" {
				found = append(found, t.efiPrograms(dir)...)
			}
		}
	}
	return found
}

func (t *tree) efiPrograms(dir string) []string {
	var found []string
	for _, base := range t.list(dir) {
		if name := path.Join(dir, base); strings.HasSuffix(strings.ToLower(base), ".efi") && t.isFile(name) {
			found = append(found, name)
		}
	}
	return found
}

// unifiedCmdline returns the command line in a unified kernel image.
func (t *tree) unifiedCmdline(name string) string {
	info, ok := t.stat(name)
	if !ok || !t.regular(name, info) {
		return ""
	}
	u, err := openUnified(t.fsys, name, info)
	if err != nil {
		t.missing(name, err)
		return ""
	}
	return u.cmdline
}

func openUnified(fsys fs.FS, name string, info fs.FileInfo) (*unified, error) {
	if d, ok := info.Sys().(Digested); ok {
		switch made := d.Digest().(type) {
		case *unified:
			return made, nil
		case error:
			return nil, made
		}
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readUnified(f)
}
