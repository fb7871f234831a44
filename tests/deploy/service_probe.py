"""What a process of the service tries, in the service and outside of it: PROBE is a program of its own.

Its arguments are the file for the results, {attempt: "done" or the name of an error}, and, outside, any word.
"""

PROBE = '''
import ctypes, errno, json, os, socket, sys

libc = ctypes.CDLL(None, use_errno=True)


def write(path):
    with open(path, "w"):
        pass
    os.remove(path)


def call(name, *words):
    if getattr(libc, name)(*words) < 0:
        raise OSError(ctypes.get_errno(), name)


def in_child(action):
    """The error's number, or 0, of what would change this process."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitpid(pid, 0)[1] >> 8
    if status:
        raise OSError(status, "in a child")


def make_suid():
    with open("/var/lib/nanoyolo/suid", "w"):
        pass
    try:
        os.chmod("/var/lib/nanoyolo/suid", 0o4755)
    finally:
        os.remove("/var/lib/nanoyolo/suid")


CLONE_NEWUSER, ADDR_NO_RANDOMIZE, PTRACE_TRACEME = 0x10000000, 0x0040000, 0
ATTEMPTS = {
    "write own /tmp": lambda: open("/tmp/own" + "".join(sys.argv[2:]), "w").close(),
    "write /var/lib/nanoyolo": lambda: write("/var/lib/nanoyolo/x"),
    "internet": lambda: socket.socket(socket.AF_INET).close(),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "nice": lambda: os.nice(1),
    "read a home": lambda: open("/home/ada/secret").close(),
    "read /tmp of the machine": lambda: open("/tmp/of-the-machine").close(),
    "see process 1": lambda: os.stat("/proc/1"),
    "device that is not of a camera": lambda: open("/dev/secret", "w").close(),
    "packets of any kind": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "namespace": lambda: in_child(lambda: call("unshare", CLONE_NEWUSER)),
    "personality": lambda: in_child(lambda: call("personality", ADDR_NO_RANDOMIZE)),
    "trace": lambda: in_child(lambda: call("ptrace", PTRACE_TRACEME, 0, 0, 0)),
    "file with its owner's rights": make_suid,
}
for folder in ("opt", "usr", "etc", "var", "run"):
    ATTEMPTS["write /" + folder] = lambda folder=folder: write("/{}/open/x".format(folder))
if len(sys.argv) == 2:  # the folder is made by the service
    ATTEMPTS["write /var/cache/nanoyolo"] = lambda: write("/var/cache/nanoyolo/x")

results = {}
for name, attempt in ATTEMPTS.items():
    try:
        attempt()
        results[name] = "done"
    except OSError as error:
        results[name] = errno.errorcode[error.errno]
with open(sys.argv[1], "w") as file:
    json.dump(results, file)
'''
