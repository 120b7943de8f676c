"""Real members on loopback for whole-system tests: started, killed, paused, restarted, and always ended.

Ports are taken from the kernel and given back before the members bind them, so two tests may run side by side.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("HOLDFAST_BINARY", SOURCE / "build" / "release" / "holdfast"))
DEADLINE = 60.0  # seconds; only a limit: every wait ends when its condition holds


def free_ports(n):
    sockets = []
    for _ in range(n):
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        sockets.append(s)
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(condition, what, seconds=DEADLINE):
    """Polls until the condition yields something true, and returns that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)  # the interval of a poll, not a guess at how long something takes
    raise AssertionError(f"waited {seconds} s in vain: {what}")


class Member:
    def __init__(self, cluster, name, client_port, peer_port, flags=()):
        self.cluster, self.name, self.flags = cluster, name, list(flags)
        self.client_port, self.peer_port = client_port, peer_port
        self.dir = cluster.dir / name
        self.log = cluster.dir / f"{name}.log"
        self.process = None
        self.state = "new"
        self.initial_cluster = None
        self.key = None  # the public one, with pbft

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.client_port}"

    @property
    def peer_url(self):
        return f"http://{self.key + '@' if self.key else ''}127.0.0.1:{self.peer_port}"

    def make_key(self):
        """PBFT's members sign what they say."""
        path = self.cluster.dir / f"{self.name}.key"
        self.key = subprocess.run([str(BINARY), "key", "new", str(path)], check=True, text=True,
                                  capture_output=True).stdout.strip()
        self.flags.append(f"--member-key-file={path}")

    def command(self):
        return [str(BINARY), "serve", "--name", self.name, "--data-dir", str(self.dir),
                "--listen-client-urls", f"http://{self.endpoint}", "--advertise-client-urls", f"http://{self.endpoint}",
                "--listen-peer-urls", f"http://127.0.0.1:{self.peer_port}", "--initial-advertise-peer-urls", self.peer_url,
                "--initial-cluster", self.initial_cluster or self.cluster.initial_cluster(),
                "--initial-cluster-state", self.state, *self.flags]

    def start(self):
        assert self.process is None or self.process.poll() is not None, f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9, and wait for the end."""
        self.process.kill()
        return self.process.wait()

    def terminate(self):
        self.process.terminate()
        return self.process.wait(timeout=DEADLINE)

    def running(self):
        return self.process is not None and self.process.poll() is None


class Cluster:
    def __init__(self, n, flags=(), engine="raft"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-test-"))
        ports = free_ports(2 * n)
        self.members = [Member(self, f"m{i + 1}", ports[2 * i], ports[2 * i + 1], [f"--consensus={engine}", *flags])
                        for i in range(n)]
        if engine == "pbft":
            for m in self.members:
                m.make_key()
        self.founders = list(self.members)

    def initial_cluster(self):
        return ",".join(f"{m.name}={m.peer_url}" for m in self.founders)

    @property
    def endpoints(self):
        return ",".join(m.endpoint for m in self.members)

    def start(self):
        for m in self.members:
            m.start()
        return self.ready()

    def ready(self):
        for m in self.members:
            if m.running():
                wait_for(lambda m=m: self.etcdctl("endpoint", "health", endpoints=m.endpoint, check=False).returncode == 0,
                         f"{m.name} becomes healthy; its log: {m.log.read_text()[-2000:]}")
        return self

    def etcdctl(self, *arguments, endpoints=None, stdin="", check=True, timeout=DEADLINE):
        result = subprocess.run(["etcdctl", "--endpoints", endpoints or self.endpoints, *arguments], input=stdin,
                                text=True, capture_output=True, timeout=timeout, env={**os.environ, "ETCDCTL_API": "3"})
        if check and result.returncode != 0:
            raise AssertionError(f"etcdctl {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return result

    def holdfast(self, *arguments, check=True, stdin=""):
        result = subprocess.run([str(BINARY), *arguments], input=stdin, text=True, capture_output=True, timeout=DEADLINE,
                                env={**os.environ, "HOLDFAST_ENDPOINTS": self.endpoints})
        if check and result.returncode != 0:
            raise AssertionError(f"holdfast {' '.join(arguments)}: {result.stdout}{result.stderr}")
        return result

    def close(self):
        for m in self.members:
            if m.running():
                m.signal(signal.SIGCONT)
                m.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


@contextlib.contextmanager
def cluster(n, flags=(), engine="raft"):
    c = Cluster(n, flags, engine)
    try:
        yield c.start()
    except BaseException:
        for m in c.members:
            if m.log.exists():
                print(f"--- the end of {m.name}'s log ---\n{m.log.read_text(errors='replace')[-3000:]}")
        raise
    finally:
        c.close()
