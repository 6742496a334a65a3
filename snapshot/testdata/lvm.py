#!/usr/bin/python3 -IS
# Stands for lvs, lvcreate and lvremove of LVM 2.03.16, whichever it is called, where the
# kernel has no device mapper: volumes are loop devices, and a snapshot is a copy of the
# file behind one, made while the filesystem is frozen. What it prints, and its exit codes,
# are those that the real ones had in a guest with Debian 12's kernel; see volumes_test.go.
#
# $LVM is a directory with a file NAME.json for each volume of the volume group vg-0: the
# row that lvs prints. "free" has the bytes that are free. As "lvadd NAME DEVICE [POOL]" it
# makes a device a volume.
import glob, json, os, subprocess, sys

state, extent = os.environ["LVM"], 4 << 20
program, args = os.path.basename(sys.argv[0]), sys.argv[1:]


def fail(text):
    print("  " + text, file=sys.stderr)
    sys.exit(5)


def free():
    return int(open(state + "/free").read())


def take(size):
    left = free() - size
    with open(state + "/free.new", "w") as f:
        f.write(str(left))
    os.rename(state + "/free.new", state + "/free")


def row_file(name):
    return "%s/%s.json" % (state, name)


def put(name, device, attr, size, origin="", pool="", data="", metadata=""):
    path = "" if device is None else device
    rdev = os.stat(device).st_rdev if device else 0
    major, minor = (os.major(rdev), os.minor(rdev)) if device else (252, 4)
    row = {"vg_name": "vg-0", "lv_name": name, "lv_attr": attr, "lv_path": path, "lv_dm_path": "/dev/mapper/vg--0-" + name.replace("-", "--"),
           "lv_size": str(size), "lv_kernel_major": str(major), "lv_kernel_minor": str(minor), "origin": origin, "pool_lv": pool,
           "data_percent": data, "metadata_percent": metadata}
    with open(row_file(name) + ".new", "w") as f:
        json.dump(row, f)
    os.rename(row_file(name) + ".new", row_file(name))


def lvadd(name, device, pool=""):
    size = int(subprocess.check_output(["blockdev", "--getsize64", device]))
    put(name, device, "Vwi-aotz--" if pool else "-wi-ao----", size, pool=pool, data="11.06" if pool else "")
    if pool:
        put(pool, None, "twi-aotz--", 48 << 20, data="23.18", metadata="11.04")


def lvs():
    rows = []
    for path in sorted(glob.glob(state + "/*.json")):
        row = json.load(open(path))
        row.update(vg_free=str(free()), vg_extent_size=str(extent))
        rows.append(row)
    columns = args[args.index("-o") + 1].split(",")
    rows = [{c: row[c] for c in columns} for row in rows]
    lines = ",\n".join("                  " + json.dumps(r, separators=(", ", ":")) for r in rows)
    print('  {\n      "report": [\n          {\n              "lv": [\n%s\n              ]\n          }\n      ]\n  }' % lines)


def lvcreate():
    option = lambda o: args[args.index(o) + 1] if o in args else None
    name, (vg, origin) = option("-n"), args[1].split("/")
    assert vg == "vg-0" and args[0] == "-s" and option("-p") == "r" and option("-A") == "n", args
    row = json.load(open(row_file(origin)))
    thin = row["pool_lv"] != ""
    assert thin == (option("-L") is None) and thin == (option("--setactivationskip") == "n"), args
    size = int(row["lv_size"]) if thin else int(option("-L")[:-1])
    if not thin and size > free():
        fail('Volume group "vg-0" has insufficient free space (%d extents): %d required.' % (free() / extent, size / extent))
    backing = subprocess.check_output(["losetup", "-nO", "BACK-FILE", row["lv_path"]], text=True).strip()
    copy, top = "%s/%s.img" % (state, name), subprocess.check_output(["findmnt", "-no", "TARGET", "--first-only", row["lv_path"]], text=True).strip()
    subprocess.check_call(["fsfreeze", "-f", top])
    try:
        subprocess.check_call(["cp", "--sparse=always", backing, copy])
    finally:
        subprocess.check_call(["fsfreeze", "-u", top])
    device = subprocess.check_output(["losetup", "-r", "-f", "--show", copy], text=True).strip()
    if thin:
        put(name, device, "Vri-a-tz--", size, origin, row["pool_lv"], "11.06")
    else:
        put(name, device, "sri-a-s---", size, origin, data="0.15")
        take(size)
    print('  Logical volume "%s" created.' % name)


def lvremove():
    vg, name = args[0].split("/")
    if not os.path.exists(row_file(name)):
        fail('Failed to find logical volume "%s/%s"' % (vg, name))
    row = json.load(open(row_file(name)))
    try:
        os.close(os.open(row["lv_path"], os.O_RDONLY | os.O_EXCL))
    except OSError:
        fail("Logical volume %s/%s contains a filesystem in use." % (vg, name))
    subprocess.check_call(["losetup", "-d", row["lv_path"]])
    os.unlink("%s/%s.img" % (state, name))
    os.unlink(row_file(name))
    if row["pool_lv"] == "":
        take(-int(row["lv_size"]))
    print('  Logical volume "%s" successfully removed.' % name)


{"lvs": lvs, "lvcreate": lvcreate, "lvremove": lvremove, "lvadd": lambda: lvadd(*args)}[program]()
