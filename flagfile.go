package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"image-capture/edit"
)

// maxCredential is how many bytes a file with a token or certificates may hold.
const maxCredential = 1 << 20

// readFile reads a file that a flag names, of at most so many bytes. It can be a pipe, as
// in --exclude-from <(COMMAND), which may keep one waiting until ctx ends. The hint says
// how to come by such a file.
func readFile(ctx context.Context, flag, path string, most int64, hint string) ([]byte, error) {
	b, err := whenDone(ctx, func() ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, most+1))
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is larger than %d MiB", path, most>>20)
	}
	if err != nil {
		return nil, usagef(hint, "--%s: %w", flag, err)
	}
	return b, nil
}

// readExcludes reads the files of --exclude-from, once: a second walk must leave
// out the same, also when the first drained a pipe or the file was edited.
func (f *flags) readExcludes(ctx context.Context) error {
	if f.excludeText != nil {
		return nil
	}
	text := map[string][]byte{}
	for _, name := range f.excludeFrom {
		if _, again := text[name]; again {
			continue
		}
		var err error
		if text[name], err = readFile(ctx, "exclude-from", name, edit.MaxExcludeFile, ""); err != nil {
			return err
		}
	}
	f.excludeText = text
	return nil
}
