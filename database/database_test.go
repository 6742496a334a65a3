package database

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// serve runs a process of a name, in a directory, with files below it open.
func serve(t *testing.T, name, dir string, open ...string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	cat, err := exec.LookPath("cat")
	require.NoError(t, err)
	text, err := os.ReadFile(cat)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, text, 0o755))
	cmd := exec.Command(program)
	cmd.Dir = dir
	for _, name := range open {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
		require.NoError(t, err)
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	// Once it answers it runs under its name.
	_, err = in.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(out, make([]byte, 1))
	require.NoError(t, err)
	return cmd
}

func below(dir string, list []Server) []Server {
	return slices.DeleteFunc(list, func(s Server) bool { return !strings.HasPrefix(s.Dir, dir) })
}

func TestRunning(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dirs := map[string]string{}
	for _, name := range []string{"pg", "mysql", "maria", "redis", "elsewhere", "vm"} {
		dirs[name] = filepath.Join(root, name)
		require.NoError(t, os.Mkdir(dirs[name], 0o755))
	}
	pg := serve(t, "postgres", dirs["pg"])
	serve(t, "postgres", dirs["pg"]) // one of its workers
	serve(t, "mysqld", dirs["mysql"])
	serve(t, "mariadbd", dirs["maria"])
	serve(t, "redis-server", dirs["redis"])
	serve(t, "mongod", dirs["elsewhere"], "mongo/WiredTiger.lock", "mongo/mongod.lock", "mongo/collection.wt")
	serve(t, "etcd", dirs["elsewhere"], "etcd/member/snap/db", "etcd/member/wal/1.wal")
	serve(t, "dockerd", dirs["elsewhere"], "docker/volumes/metadata.db")
	serve(t, "qemu-system-x86", dirs["vm"], "disk.qcow2")
	serve(t, "vi", dirs["pg"])
	var got []string
	for _, s := range below(root, Running("/proc")) {
		got = append(got, s.Name+" "+strings.TrimPrefix(s.Dir, root))
		if s.Name == "PostgreSQL" {
			require.Equal(t, pg.Process.Pid, s.PID)
		}
	}
	require.Equal(t, []string{
		"Docker /elsewhere/docker", "etcd /elsewhere/etcd", "MongoDB /elsewhere/mongo", "MariaDB /maria", "MySQL /mysql",
		"PostgreSQL /pg", "Redis /redis", "a virtual machine /vm",
	}, got)
}

// TestContainer: the same path is another directory for a process in a chroot or a mount
// namespace, which is no data of this tree.
func TestContainer(t *testing.T) {
	proc, dir := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(proc, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644))
	}
	write("7/comm", "postgres\n")
	write("7/cgroup", "0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n")
	write("self/comm", "postgres\n")
	require.NoError(t, os.Symlink(dir, filepath.Join(proc, "7/cwd")))
	require.Equal(t, []Server{{"PostgreSQL", dir, 7, "postgresql@15-main.service"}}, Running(proc))
	require.NoError(t, os.Remove(filepath.Join(proc, "7/cwd")))
	require.NoError(t, os.Symlink(dir+"/gone (deleted)", filepath.Join(proc, "7/cwd")))
	require.Empty(t, Running(proc))
	// A link of procfs leads to the directory itself, whatever is under its name here.
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(t.TempDir(), link))
	require.NoError(t, os.Remove(filepath.Join(proc, "7/cwd")))
	require.NoError(t, os.Symlink(link, filepath.Join(proc, "7/cwd")))
	require.Empty(t, Running(proc))
	require.Empty(t, Running(dir+"/none"))
}

func TestUnit(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/mariadb.service\n":                               "mariadb.service",
		"12:pids:/x.service\n1:name=systemd:/system.slice/a.service":       "a.service",
		"0::/user.slice/user-0.slice/session-1.scope\n":                    "",
		"0::/user.slice/user-0.slice/user@0.service/app.slice/x.service\n": "",
		"": "",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup"), []byte(text), 0o644))
		require.Equal(t, want, process(dir).unit(), text)
	}
}
