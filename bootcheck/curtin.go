package bootcheck

import (
	"io/fs"

	"image-capture/entry"
)

// checkCurtin asks for the /curtin directory that RackN's image-deploy requires
// in an image, and for hooks in it, which take the place of the deployer's own.
func checkCurtin(s *survey) {
	const (
		dir  = "curtin"
		hint = "capture with --add-curtin, or mkdir /curtin in the source"
	)
	info, there := s.lstat(dir)
	switch {
	case !there && s.opt.Deployer == Eikon:
		s.info(dir, "is missing; only image-deploy wants it", hint)
		return
	case !there:
		s.stop(Both, dir, "is missing: image-deploy refuses the image", hint).fix(entry.AddDir, dir)
		return
	case info.Mode().Type() == fs.ModeSymlink:
		s.stop(Both, dir, "is a symbolic link and must be a directory", "remove it, and "+hint)
		return
	case !info.IsDir():
		s.stop(Both, dir, "is not a directory", "remove it, and "+hint)
		return
	}
	s.ok(dir, "is a directory")
	for _, name := range []string{"curtin/curtin-hooks", "curtin/finalize"} {
		if _, there := s.lstat(name); !there {
			continue
		}
		if !s.isProgram(name) {
			s.stop(Both, name, "cannot be executed, and is run in place of the deployer's own hook",
				"chmod 755 /"+name+", or remove it")
			continue
		}
		s.warn(name, "replaces the deployer's own hook, and runs in the deployer", "remove it unless it is meant")
	}
}

// ownHooks says whether the image brings what curtin runs in place of all of its
// own work on the target, see run_hook_if_exists in its curthooks.py.
func (s *survey) ownHooks() bool { return s.isProgram("curtin/curtin-hooks") }
