package remote

import (
	"bytes"

	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// machine is what a host says of itself.
type machine struct {
	system, arch string
	root         bool     // the user is root
	tools        []string // of those that were asked for
}

// architectures are Go's names, by what uname -m says.
var architectures = map[string]string{"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

// look asks what the host is.
func (s *shell) look(ctx context.Context) (m machine, err error) {
	text, status, err := s.ask(ctx, `uname -s && uname -m && id -u && for c in head gzip sha256sum openssl python3 perl sudo; do command -v $c >/dev/null 2>&1 && echo $c; done; :`)
	if err != nil {
		return m, err
	}
	words := strings.Fields(text)
	if status != 0 || len(words) < 3 {
		return m, &HostError{s.host, NoTool, "uname or id"}
	}
	if words[0] != "Linux" {
		return m, &HostError{s.host, OtherSystem, words[0]}
	}
	m = machine{words[0], words[1], words[2] == "0", words[3:]}
	if !m.has("head") {
		return m, &HostError{s.host, NoTool, "head"}
	}
	return m, nil
}

func (m machine) has(tool string) bool { return slices.Contains(m.tools, tool) }

// place is where the program goes: a file without a name.
type place struct {
	write string // redirects a command's stdout there
	path  string // for sh, of the file to execute
	done  string // ends the writing
}

// The numbers of memfd_create(2).
var memfdCreate = map[string]int{"amd64": 319, "arm64": 279}

// makePlace finds memory that can be executed. Nothing has a name there when it returns,
// or when the connection breaks.
func (s *shell) makePlace(ctx context.Context, m machine, arch string) (place, error) {
	// A file is made, executed for a try, opened, and unlinked in one line: that runs to
	// its end without us. 8 writes and 9 is for the execution, since a file that is open
	// for writing cannot be executed.
	for _, dir := range []string{"/dev/shm", "$XDG_RUNTIME_DIR", "/run"} {
		text, status, err := s.ask(ctx, `d="`+dir+`"; f=; r=1; [ -n "$d" ] && [ "$(stat -f -c %T "$d" 2>/dev/null)" = tmpfs ] && f=$(umask 077; mktemp "$d/.image-capture-XXXXXXXXXX" 2>/dev/null) && `+
			`chmod 700 "$f" && printf '#!/bin/sh\nexit 0\n' >"$f" && "$f" 2>/dev/null && : >"$f" && exec 8>"$f" 9<"$f" && r=0; [ -z "$f" ] || rm -f "$f"; [ $r = 0 ] && echo $$`)
		if err != nil {
			return place{}, err
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(text)); status == 0 && err == nil {
			return place{`>&8`, fmt.Sprintf("/proc/%d/fd/9", pid), `exec 8>&-`}, nil
		}
	}
	// memfd_create(2) has no command: an interpreter calls it, and goes on as sh. Flag 16 is
	// MFD_EXEC, which kernels before 6.3 refuse.
	nr := memfdCreate[arch]
	var command string
	switch {
	case m.has("python3"):
		command = fmt.Sprintf(`exec python3 -c 'import ctypes,os,sys;s=ctypes.CDLL(None).syscall;n=b"image-capture";f=s(%d,n,16);f=f if f>=0 else s(%d,n,0);os.execvp("sh",["sh","-c",sys.argv[1],str(f)])' `, nr, nr)
	case m.has("perl"):
		command = fmt.Sprintf(`exec perl -e 'my $n="image-capture";my $f=syscall(%d,$n,16);$f=syscall(%d,$n,0) if $f<0;exec "sh","-c",$ARGV[0],$f' `, nr, nr)
	default:
		return place{}, &HostError{s.host, NoMemory, "/dev/shm is missing, full or mounted noexec, and there is neither python3 nor perl"}
	}
	if err := s.send(command + `'` + loop + `'`); err != nil {
		return place{}, s.lost(-1)
	}
	text, status, err := s.ask(ctx, `[ "$0" -ge 0 ] && echo $$ $0`)
	if err != nil {
		return place{}, err
	}
	pid, fd, _ := strings.Cut(strings.TrimSpace(text), " ")
	if _, err := strconv.Atoi(pid + fd); err != nil || status != 0 {
		return place{}, &HostError{s.host, NoMemory, "/dev/shm is missing, full or mounted noexec, and memfd_create(2) is refused"}
	}
	path := "/proc/" + pid + "/fd/" + fd
	return place{">" + path, path, ":"}, nil
}

// put sends the program there, and has it checked.
func (s *shell) put(ctx context.Context, m machine, p place, prog Program) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(prog, 0, prog.Size())); err != nil {
		return err
	}
	text, unpack := io.Reader(io.NewSectionReader(prog, 0, prog.Size())), ""
	size := prog.Size()
	if m.has("gzip") {
		packed := &bytes.Buffer{}
		z := gzip.NewWriter(packed)
		if _, err := io.Copy(z, text); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		text, size, unpack = packed, int64(packed.Len()), " | gzip -dc"
	}
	digest := map[bool]string{true: "sha256sum", false: "openssl dgst -sha256 -r"}[m.has("sha256sum")]
	if !m.has("sha256sum") && !m.has("openssl") {
		if digest = `python3 -c 'import hashlib,sys;print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'`; !m.has("python3") {
			return &HostError{s.host, NoTool, "sha256sum, openssl or python3"}
		}
	}
	if err := s.send(fmt.Sprintf(`head -c %d%s %s; %s; wc -c <%s && %s <%s; echo "%s $?"`, size, unpack, p.write, p.done, p.path, digest, p.path, s.mark)); err != nil {
		return s.lost(-1)
	}
	stop := context.AfterFunc(ctx, func() { s.in.Close() })
	_, err := io.Copy(s.in, text)
	if stop(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return s.lost(-1)
	}
	got, status, err := s.answer(ctx)
	if err != nil {
		return err
	}
	words := strings.Fields(got)
	want := []string{strconv.FormatInt(prog.Size(), 10), hex.EncodeToString(sum.Sum(nil))}
	if status != 0 || len(words) < 2 || !slices.Equal(words[:2], want) {
		detail := "nothing arrived"
		if len(words) > 0 {
			detail = fmt.Sprintf("%s of %d bytes arrived, or others", words[0], prog.Size())
		}
		if said := s.errs.said(); said != "" {
			detail += " (" + said + ")"
		}
		return &HostError{s.host, Damaged, detail}
	}
	return nil
}
