# What a tree DIR has otherwise than ROOT, an entry a line: lost.py ROOT DIR
import array, fcntl, hashlib, os, stat, sys


def flags(path):
    value = array.array("L", [0])
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, 0x80086601, value)  # FS_IOC_GETFLAGS
    except OSError:
        pass  # a filesystem without
    os.close(fd)
    return value[0] & 0xF9  # without those that the filesystem sets


def tree(top):
    found, first = {}, {}
    for at, dirs, files in os.walk(os.fsencode(top)):
        dirs.sort()
        links = [d for d in dirs if os.path.islink(os.path.join(at, d))]
        for path in [at] + [os.path.join(at, n) for n in sorted(files + links)]:
            s = os.lstat(path)
            kind = stat.S_IFMT(s.st_mode)
            e = {"type": kind, "mode": stat.S_IMODE(s.st_mode), "uid": s.st_uid, "gid": s.st_gid}
            e["time"], e["nanoseconds"] = divmod(s.st_mtime_ns, 10**9)
            if kind in (stat.S_IFBLK, stat.S_IFCHR):
                e["device"] = s.st_rdev
            if kind == stat.S_IFLNK:
                e["target"] = os.readlink(path)
            if kind == stat.S_IFREG:
                with open(path, "rb") as f:
                    e["content"] = hashlib.sha256(f.read()).hexdigest()
            if kind in (stat.S_IFREG, stat.S_IFDIR):
                e["flags"] = flags(path)
            if kind != stat.S_IFDIR:
                e["names"] = first.setdefault((s.st_dev, s.st_ino), path[len(top) :])
            for n in os.listxattr(path, follow_symlinks=False):
                e[n] = os.getxattr(path, n, follow_symlinks=False)
            found[path[len(top) + 1 :] or b"."] = e
    return found


a, b = tree(sys.argv[1]), tree(sys.argv[2])
for path in sorted(a.keys() | b.keys()):
    x, y = a.get(path), b.get(path)
    if x and y:
        other = [k for k in sorted(x.keys() | y.keys()) if x.get(k) != y.get(k)]
        if "time" in other and "nanoseconds" in other:
            other.remove("nanoseconds")
        if "type" in other:
            other = ["type"]
    else:
        other = ["missing" if x else "more"]
    if other:
        print(ascii(path)[2:-1] + ":", *other)
