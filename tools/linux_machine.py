"""Debian's Linux under the same QEMU, as a machine that runs our jobs.

It starts as ours does: /init (user/init) runs one job of the host's over four ports. What
comes before is an initramfs of busybox, the modules that the root image needs, and a script.
So the same words run the same programs here and there, and what differs is the kernel.

The kernel package comes through apt once (112 MB) and stays in the cache.
"""
import lzma
import pathlib
import stat

import cpio
from debian import CACHE, Apt, Failed, command
from machine import BUILD, Disk, Machine

TOOLS = pathlib.Path(__file__).resolve().parent
SUITE, ARCH = "trixie", "riscv64"
INIT = BUILD / "user/init.stripped"

# What is not found by dependencies: the sum of checks that libcrc32c asks for by name.
MODULES = ("crc32c_generic", "virtio_blk", "erofs", "overlay")

START = """\
#!/busybox sh
PATH=/
busybox mkdir -p /dev /proc /sys /lower /memory /root
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
while read module; do busybox insmod /modules/$module.ko; done </modules/list
busybox mount -t erofs -o ro /dev/vda /lower
busybox mount -t tmpfs memory /memory
busybox mkdir /memory/upper /memory/work
busybox mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work root /root
busybox cp /kilburn /root/init
for place in dev proc sys; do busybox mount --move /$place /root/$place; done
busybox rm -f /root/dev/port # of the PC's ports
busybox mkdir /root/dev/port /root/dev/pts /root/dev/shm
busybox mount -t devpts devpts /root/dev/pts
for place in dev/shm tmp run; do busybox mount -t tmpfs tmpfs /root/$place; done
busybox chmod 1777 /root/dev/shm /root/tmp
for port in /root/sys/class/virtio-ports/*; do
    busybox ln -s ../${port##*/} /root/dev/port/$(busybox cat $port/name)
done
echo "[ INFO] Linux" >/root/dev/console
exec busybox switch_root /root /init
"""


class LinuxMachine(Machine):
    BUS = "pci"  # Debian's kernel has that built in
    BOOT_SECONDS = 300  # it is quiet until our script runs
    image = ""

    @property
    def kernel(self):
        return self.image

    def words(self):
        # Without the tests that the kernel makes of itself, and with our number of levels.
        return ("console=ttyS0 quiet loglevel=3 panic=-1 cryptomgr.notests no4lvl "
                f"{self.append}")


def package(update=False):
    """(name, version) of the newest kernel that we know of."""
    apt = Apt(CACHE / f"apt-{SUITE}-{ARCH}", SUITE, ARCH)
    if update:
        apt.update()
    for name, version, _ in apt.resolve(["linux-image-riscv64"]):
        if name.startswith("linux-image-") and name != "linux-image-riscv64":
            return name, version
    raise Failed("linux-image-riscv64 leads to no kernel")


def folder_of(name):
    done = command(str(TOOLS / "apt-riscv64"), "--suite", SUITE, "--arch", ARCH, name)
    return pathlib.Path(done.strip())


def depends(module):
    """The names that a module says it needs: a string of its section .modinfo."""
    found = module.split(b"\0depends=", 1)
    names = found[1].split(b"\0", 1)[0].decode() if len(found) == 2 else ""
    return [name for name in names.split(",") if name]


def modules(tree):
    """(name, bytes) of all modules needed, in the order in which they can be loaded."""
    files = {path.name.split(".")[0].replace("-", "_"): path for path in tree.rglob("*.ko.xz")}
    loaded = {}

    def load(name):
        if name in loaded or name not in files:
            return
        data = lzma.decompress(files[name].read_bytes())
        for needed in depends(data):
            load(needed.replace("-", "_"))
        loaded[name] = data

    for name in MODULES:
        load(name)
    return list(loaded.items())


def initramfs_entries(tree, busybox):
    yield "busybox", busybox, stat.S_IFREG | 0o755
    yield "kilburn", INIT.read_bytes(), stat.S_IFREG | 0o755
    yield "init", START.encode(), stat.S_IFREG | 0o755
    yield "modules", b"", stat.S_IFDIR | 0o755
    found = modules(tree)
    for name, data in found:
        yield f"modules/{name}.ko", data, stat.S_IFREG | 0o644
    yield "modules/list", "".join(f"{name}\n" for name, _ in found).encode(), stat.S_IFREG | 0o644


def make(root_image, folder, **properties):
    """The machine with this root image; what it starts from is made in the folder."""
    name, _ = package()
    tree = folder_of(name)
    busybox = (folder_of("busybox-static") / "usr/bin/busybox").read_bytes()
    initrd = f"{folder}/linux.cpio"
    with open(initrd, "wb") as out:
        cpio.write_entries(out, initramfs_entries(tree, busybox))
    made = LinuxMachine(initrd=initrd, disks=(Disk("root", root_image),),
                        extra=("-no-reboot",), **properties)
    made.image = next((tree / "boot").glob("vmlinux-*"))
    return made
