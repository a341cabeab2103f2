"""A disk whose power can be cut: an ext4 in a file, mounted through a loop device.

What the kernel has not written to the device yet is not in the file, so a copy of the file, taken while nothing is
being written, is what a power cut would leave. The device's own cache is not simulated: what is written counts as kept,
flushed or not.
"""
import ctypes
import os
import subprocess

from harness import Skipped, expect, wait_for

CLONE_NEWNS = 0x00020000
_libc = ctypes.CDLL(None, use_errno=True)


class Disk:
    """Mounted in a mount namespace of the tests' own: whatever becomes of the tests, it goes with them."""

    _own_namespace = False

    def __init__(self, test, name="disk", megabytes=512):
        if os.geteuid() != 0:
            raise Skipped("mounting a file system takes root")
        self.image = os.path.join(test.folder, name + ".img")
        self.folder = os.path.join(test.folder, name)
        os.mkdir(self.folder)
        self._leave_namespace()
        with open(self.image, "wb") as f:
            f.truncate(megabytes << 20)
        # Nothing is left for the kernel to prepare later, so that the device comes to rest.
        self._mounted = False
        made = subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image],
                              capture_output=True, text=True)
        expect(made.returncode == 0, "mkfs.ext4: " + made.stderr)
        mounted = self._mount()
        if mounted.returncode != 0:
            raise Skipped("loop devices cannot be mounted here: " + mounted.stderr.strip())
        test.disks.append(self)

    @classmethod
    def _leave_namespace(cls):
        if cls._own_namespace:
            return
        if _libc.unshare(CLONE_NEWNS) != 0:
            raise Skipped("a mount namespace cannot be made here: " + os.strerror(ctypes.get_errno()))
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        cls._own_namespace = True

    def _mount(self):
        mounted = subprocess.run(["mount", "-t", "ext4", "-o", "loop", self.image, self.folder], capture_output=True,
                                 text=True)
        self._mounted = mounted.returncode == 0
        return mounted

    def _device(self):
        with open("/proc/self/mounts") as f:
            for line in f:
                device, folder = line.split()[:2]
                if folder == self.folder:
                    return os.path.basename(device)
        raise AssertionError("%s is not mounted" % self.folder)

    def _written(self):
        """(what the device has written so far, what is under way)."""
        with open("/sys/block/%s/stat" % self._device()) as f:
            fields = f.read().split()
        return tuple(fields[4:7]), fields[8]

    def copy(self):
        """What a cut of the power would leave now: a moment at which the device is at rest. Whoever writes is stopped."""
        copied = self.image + ".cut"

        def at_rest():
            before, busy = self._written()
            if busy != "0":
                return False
            subprocess.run(["cp", "--sparse=always", self.image, copied], check=True)
            return self._written() == (before, "0")
        wait_for(at_rest, "the disk comes to rest", 30)
        return copied

    def restart(self, copied):
        """Mounts a copy in place of what was there; the journal is replayed. Nobody may have a file open."""
        self.unmount()
        os.replace(copied, self.image)
        mounted = self._mount()
        expect(mounted.returncode == 0, "the copy cannot be mounted: " + mounted.stderr)

    def unmount(self):
        if self._mounted:
            subprocess.run(["umount", self.folder], check=True)
        self._mounted = False
