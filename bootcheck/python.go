package bootcheck

import (
	"fmt"
	"path"
	"strings"
)

// maxShebang bounds the first line of a program; the kernel takes 256 bytes, see
// execve(2).
const maxShebang = 256

// checkPython asks whether cloud-init, which is a Python program, has the
// interpreter that its first line names: /usr/bin/python3, /usr/libexec/platform-python
// on Enterprise Linux 8, /usr/bin/python2 before that.
func checkPython(s *survey) {
	if !s.isFile(cloudInitProgram) {
		s.info("", "not checked: cloud-init is not installed", "")
		return
	}
	head, ok := s.head(cloudInitProgram, maxShebang)
	if !ok {
		return // a trouble
	}
	name := shebang(head)
	if name != "" && s.isProgram(name) {
		s.ok(name, "runs cloud-init")
		return
	}
	// A program that names none is not what a package has: a Python is the least.
	if name == "" {
		for _, name := range []string{"usr/bin/python3", "usr/libexec/platform-python"} {
			if s.isProgram(name) {
				s.ok(name, "is there for cloud-init")
				return
			}
		}
		s.warn("usr/bin/python3", "is missing, and cloud-init is a Python program", "install python3")
		return
	}
	s.fail(name, fmt.Sprintf("is missing or cannot be executed, and /%s starts with it", cloudInitProgram), pythonHint(name))
}

// shebang returns the path of the interpreter in the first line of a program,
// and of what env(1) is to look for in its place; empty when there is none.
func shebang(head []byte) string {
	line, _, _ := strings.Cut(string(head), "\n")
	words := strings.Fields(strings.TrimPrefix(line, "#!"))
	if !strings.HasPrefix(line, "#!") || len(words) == 0 || !path.IsAbs(words[0]) {
		return ""
	}
	name := words[0]
	if path.Base(name) == "env" && len(words) > 1 {
		if strings.ContainsAny(words[1], "/=-") {
			return ""
		}
		name = "/usr/bin/" + words[1]
	}
	return inRoot("", name)
}

// pythonHint says what to install for an interpreter.
func pythonHint(name string) string {
	switch base := path.Base(name); {
	case base == "platform-python":
		return "install platform-python"
	case strings.HasPrefix(base, "python3"):
		return "install python3"
	case strings.HasPrefix(base, "python"):
		return "install python2"
	}
	return "install cloud-init again"
}
