"""The embedding API as its users have it: the package is installed, an example is built against it, and three members run.

Nothing of the source tree is in reach of the example but its own directory.
"""
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from cluster import BINARY, SOURCE, free_ports

EXAMPLE = SOURCE / "examples" / "bank"


class Bank:
    """One member: lines in, lines out."""

    def __init__(self, program, engine, number, directory, addresses):
        self.process = subprocess.Popen([program, f"--engine={engine}", str(number), str(directory), *addresses], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        while True:
            answer = self.process.stdout.readline()
            if answer == "":
                raise AssertionError(f"the member ended, with {self.process.wait()}")
            if not answer.startswith("["):  # what it logs begins with the time
                return answer.strip()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.close()

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(60)
        self.close()
        return code

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()


class Embedding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="holdfast_embed_"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        run = lambda *command: subprocess.run(command, check=True, capture_output=True, text=True)
        run("cmake", "--install", BINARY.parent, "--prefix", cls.dir / "prefix")
        shutil.copytree(EXAMPLE, cls.dir / "bank")
        run("cmake", "-S", cls.dir / "bank", "-B", cls.dir / "build", f"-DCMAKE_PREFIX_PATH={cls.dir / 'prefix'}")
        run("cmake", "--build", cls.dir / "build")

    engine = "raft"

    def setUp(self):
        self.members = {}
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
        self.addCleanup(lambda: [m.kill() for m in self.members.values() if m.process.poll() is None])

    def start(self, *numbers):
        for n in numbers:
            self.members[n] = Bank(self.dir / "build" / "bank", self.engine, n, self.dir / self.id() / str(n), self.addresses)

    def test_survives_the_crash_of_a_minority(self):
        self.start(1, 2, 3)
        self.assertEqual(self.members[1].say("deposit alice 100"), "100")
        self.assertEqual(self.members[2].say("transfer alice bob 30"), "30")
        self.assertEqual(self.members[3].say("transfer alice bob 80"), "alice has only 70")
        for n in 1, 2, 3:
            self.assertEqual(self.members[n].say("balance bob"), "30")
        self.members[1].kill()
        self.assertEqual(self.members[3].say("transfer bob carol 10"), "10")
        self.start(1)
        self.assertEqual(self.members[1].say("balance bob"), "20")

    def test_survives_the_same_by_paxos(self):
        self.engine = "paxos"
        self.test_survives_the_crash_of_a_minority()

    def test_survives_the_crash_of_all(self):
        self.start(1, 2, 3)
        for i in range(40):
            self.members[1 + i % 3].say("deposit alice 1")
        for n in 1, 2, 3:
            self.members[n].kill()
        self.start(1, 2, 3)
        self.assertEqual(self.members[2].say("balance alice"), "40")
        self.assertEqual([self.members[n].end() for n in (1, 2, 3)], [0, 0, 0])

    def test_says_what_is_wrong(self):
        bank = self.dir / "build" / "bank"
        done = subprocess.run([bank, "4", self.dir / "x", *self.addresses], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (1, "bank: member 4 is not among NodeOptions::members\n"))

    def test_the_example_is_short(self):
        self.assertLess(len((EXAMPLE / "bank.cc").read_text().splitlines()), 70)


unittest.main()
