package cli

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/term"

	"image-capture/capture"
	"image-capture/entry"
	"image-capture/remote"
)

// remoteOptions say how another host is reached.
type remoteOptions struct {
	ssh      []string
	sudo     bool
	agentDir string
	to       *remote.Destination // nil: the tree is here
}

func (o *remoteOptions) add(g *groups) {
	s := g.group("Another host (ROOT is ssh://[user@]host[:port]/[root])")
	s.StringArrayVar(&o.ssh, "ssh-option", nil, "give `OPTION` to ssh: a setting of ssh_config(5) such as ProxyJump=jump, or an argument such as -Fconfig; repeatable")
	s.BoolVar(&o.sudo, "sudo", false, "become root on the host by sudo; a password is asked for here, if sudo wants one")
	s.StringVar(&o.agentDir, "agent-dir", "", "take the program for the host from `DIR`, where it is image-capture-ARCH or linux-ARCH/image-capture, ARCH amd64 or arm64 (if not given: this program itself, for hosts of the same architecture)")
}

// of reads an argument, which may name a host: it returns the root there, or the argument.
func (o *remoteOptions) of(g *groups, root string) (string, error) {
	if !strings.HasPrefix(root, remote.Scheme) {
		for _, name := range []string{"ssh-option", "sudo", "agent-dir"} {
			if g.set(name) {
				return "", usagef("write the root as ssh://host/", "--%s has no effect: the root is on this machine", name)
			}
		}
		return root, nil
	}
	to, err := remote.ParseDestination(root)
	if err != nil {
		return "", usagef("such as ssh://root@server/, or ssh://server:2222/mnt", "%s: %w", root, err)
	}
	o.to = &to
	return to.Root, nil
}

// connect brings the program to the host.
func (o *remoteOptions) connect(ctx context.Context, a *App) (*remote.Host, error) {
	name := o.to.Name()
	opt := remote.Options{
		To: *o.to, Sudo: o.sudo, Words: []string{serveWord}, Version: versionText(), Program: o.program, Secrets: secretVariables,
		Say: func(line string) { a.term.say("%s: %s", name, line) },
	}
	for _, s := range o.ssh {
		if !strings.HasPrefix(s, "-") {
			opt.Args = append(opt.Args, "-o")
		}
		opt.Args = append(opt.Args, s)
	}
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		defer tty.Close()
		opt.Ask = func(ctx context.Context, prompt string) (string, error) { return askSecret(ctx, tty, prompt) }
	}
	host, err := remote.Connect(ctx, opt)
	if err != nil {
		return nil, err
	}
	if host.UID != 0 {
		a.term.warn(asRootThere, "not run by root on %s: files that this user cannot read will be missing, and so will trusted and security attributes", name)
	}
	return host, nil
}

// askSecret asks on the terminal, and shows nothing of the answer. A terminal is left as
// it was, also by a signal.
func askSecret(ctx context.Context, tty *os.File, prompt string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		text []byte
		err  error
	}
	fmt.Fprint(tty, prompt)
	answered := make(chan answer, 1)
	go func() { // after a signal it may wait for as long as the process lives
		text, err := term.ReadPassword(fd)
		answered <- answer{text, err}
	}()
	select {
	case got := <-answered:
		fmt.Fprintln(tty)
		return string(got.text), got.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		fmt.Fprintln(tty)
		return "", context.Cause(ctx)
	}
}

// executable is a program on its way to a host.
type executable struct {
	*os.File
	size int64
}

func (e executable) Size() int64 { return e.size }

// program opens the program for an architecture.
func (o *remoteOptions) program(arch string) (remote.Program, error) {
	var names []string
	if o.agentDir != "" {
		names = []string{filepath.Join(o.agentDir, "image-capture-"+arch), filepath.Join(o.agentDir, "linux-"+arch, "image-capture")}
	}
	if arch == runtime.GOARCH && runtime.GOOS == "linux" {
		names = append(names, "/proc/self/exe")
	}
	for _, name := range names {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err == nil {
			err = isProgram(f, arch)
		}
		if err != nil {
			f.Close()
			return nil, usagef("make dist makes one", "--agent-dir: %s: %w", name, err)
		}
		return executable{f, info.Size()}, nil
	}
	if o.agentDir != "" {
		return nil, usagef("make dist makes it", "--agent-dir: %s has neither image-capture-%s nor linux-%s/image-capture", o.agentDir, arch, arch)
	}
	return nil, usagef("give the folder of a program for it with --agent-dir; make dist makes one", "the host is %s, and this program is for %s", arch, runtime.GOARCH)
}

// isProgram says whether a file is a program for an architecture.
func isProgram(f *os.File, arch string) error {
	e, err := elf.NewFile(f)
	if err != nil {
		return err
	}
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; e.Machine != want {
		return fmt.Errorf("it is for %s, and not for %s", e.Machine, want)
	}
	return nil
}

// origin is the tree of a job on the host. leave ends the connection.
func (o *remoteOptions) origin(ctx context.Context, a *App, job remote.Job, events capture.Events) (tree capture.Origin, leave func(), err error) {
	host, err := o.connect(ctx, a)
	if err != nil {
		return nil, func() {}, err
	}
	tree, err = host.Origin(ctx, job, &farEvents{Events: events, far: o})
	return tree, host.Close, err
}

// farEvents are those of another host: what is to be typed there is typed through ssh.
type farEvents struct {
	capture.Events
	far *remoteOptions
	// These are for a capture that the host does alone: term, and where names to delete are
	// written here.
	term      *terminal
	deletions string
}

// LeftBehind is for capture.Events.
func (e *farEvents) LeftBehind(what, command string) {
	e.Events.LeftBehind(e.far.to.Name()+": "+what, e.far.typed(command))
}

// Layered is for capture.Events.
func (e *farEvents) Layered(l capture.Layer) {
	l.Deletions = e.deletions
	e.Events.Layered(l)
}

// LittleTempRoom is for capture.Events.
func (e *farEvents) LittleTempRoom(folder string, free, need int64) {
	e.term.warn("leave out --upload-from host: they wait on this machine then",
		"%s has %s free in %s, and up to %s are needed there for the entries of the MANIFEST", e.far.to.Name(), bytesText(free), folder, bytesText(need))
}

// typed is the command that runs another on the host, by a shell there.
func (o *remoteOptions) typed(command string) string {
	words := []string{"ssh"}
	for _, s := range o.ssh {
		if !strings.HasPrefix(s, "-") {
			words = append(words, "-o")
		}
		words = append(words, entry.ShellWord(s))
	}
	if o.sudo {
		words = append(words, "-t") // sudo may ask for a password
		command = "sudo sh -c " + entry.ShellWord(command)
	}
	if o.to.Port != 0 {
		words = append(words, "-p", strconv.Itoa(o.to.Port))
	}
	login := o.to.Host
	if o.to.User != "" {
		login = o.to.User + "@" + login
	}
	return strings.Join(append(words, entry.ShellWord(login), entry.ShellWord(command)), " ")
}

// broke says whether there is no more to be had of a host.
func broke(err error) bool {
	var lost *remote.LostError
	var strange *remote.ProtocolError
	return errors.As(err, &lost) || errors.As(err, &strange)
}

// knownRemote finds what to make of an error of another host.
func knownRemote(err error) (d diagnosis, ok bool) {
	var (
		told    *remote.Error
		connect *remote.ConnectError
		shell   *remote.ShellError
		host    *remote.HostError
		sudo    *remote.SudoError
		lost    *remote.LostError
		strange *remote.ProtocolError
		digest  *remote.DigestError
	)
	switch {
	case errors.As(err, &told):
		if told.Hint == asRoot {
			told.Hint = asRootThere
		}
		code := told.Code
		if code <= ExitDone || code > ExitInterrupted { // no program of ours ends so
			code = ExitFailed
		}
		return diagnosis{code, told.Hint, ""}, true
	case errors.As(err, &connect):
		var words []string
		for _, w := range connect.Try {
			words = append(words, entry.ShellWord(w))
		}
		hint := "try " + strings.Join(words, " ")
		switch {
		case strings.Contains(connect.Said, "Host key verification failed"):
			hint = "log in once with ssh, and compare the host's key"
		case strings.Contains(connect.Said, "Permission denied"):
			hint = "ssh-add -l lists your keys; a user is given as in ssh://root@server/"
		}
		return diagnosis{ExitEndpoint, hint, ""}, true
	case errors.As(err, &shell):
		return diagnosis{ExitFailed, "use an account with a shell that runs commands", ""}, true
	case errors.As(err, &host):
		return diagnosis{ExitFailed, map[remote.Problem]string{
			remote.OtherArch:  "it runs on x86_64 and aarch64",
			remote.NoMemory:   "install python3 or perl there, or copy image-capture there and run ssh HOST image-capture ROOT --output -",
			remote.OtherAgent: "put a program of this version into --agent-dir",
			remote.Damaged:    "look whether /dev/shm is full there",
		}[host.Problem], ""}, true
	case errors.As(err, &sudo) && sudo.Terminal:
		return diagnosis{ExitFailed, "run it on a terminal, log in as root, or allow it by NOPASSWD in sudoers(5)", ""}, true
	case errors.As(err, &sudo):
		return diagnosis{ExitFailed, "log in as root, or allow the user all commands in sudoers(5), without requiretty", ""}, true
	case errors.As(err, &lost) && lost.Status == 128+9:
		return diagnosis{ExitEndpoint, "see whether the host ran out of memory (dmesg)", ""}, true
	case errors.As(err, &lost), errors.As(err, &strange), errors.As(err, &digest):
		return diagnosis{ExitEndpoint, "nothing is left on the host; run it again", ""}, true
	}
	return diagnosis{}, false
}
