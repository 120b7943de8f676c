"""The embedding API as its users have it: the package is installed, an example is built against it, and a group of it runs on
each engine.

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
VOTE = SOURCE / "examples" / "vote"


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
        for example, build in (EXAMPLE, "build"), (VOTE, "build_vote"):
            shutil.copytree(example, cls.dir / example.name)
            run("cmake", "-S", cls.dir / example.name, "-B", cls.dir / build, f"-DCMAKE_PREFIX_PATH={cls.dir / 'prefix'}")
            run("cmake", "--build", cls.dir / build)

    def setUp(self):
        self.group("raft", 3)
        self.addCleanup(lambda: [m.kill() for m in self.members.values() if m.process.poll() is None])

    def group(self, engine, size):
        self.engine, self.members = engine, {}
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports(size)]

    def directory(self, n):
        return self.dir / self.id() / str(n)

    def start(self, *numbers):
        for n in numbers:
            self.members[n] = Bank(self.dir / "build" / "bank", self.engine, n, self.directory(n), self.addresses)

    def refused(self, n):
        """It ends by itself, and says why."""
        command = [self.dir / "build" / "bank", f"--engine={self.engine}", str(n), str(self.directory(n)), *self.addresses]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)
        return done.stderr

    def give_keys(self):
        for n, address in enumerate(self.addresses, 1):
            made = subprocess.run([self.dir / "prefix" / "bin" / "holdfast", "key", "new", self.directory(n) / "member.key"],
                                  check=True, capture_output=True, text=True)
            self.addresses[n - 1] = f"{made.stdout.split()[-1]}@{address}"

    def test_survives_the_crash_of_a_minority(self):
        self.start(*range(1, len(self.addresses) + 1))
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
        self.group("paxos", 3)
        self.test_survives_the_crash_of_a_minority()

    def test_survives_the_same_by_pbft_with_a_key_each(self):
        self.group("pbft", 4)
        self.assertIn("member 1 has no key; with NodeOptions::engine", self.refused(1))
        self.give_keys()
        self.test_survives_the_crash_of_a_minority()
        self.members[1].kill()
        key = self.directory(1) / "member.key"
        key.rename(self.dir / "elsewhere")
        self.assertIn(f"private key is not in {key}", self.refused(1))
        shutil.copyfile(self.directory(2) / "member.key", key)
        key.chmod(0o600)
        self.assertIn("but the address of member 1 says", self.refused(1))

    def test_by_flooding_a_crash_is_survived_and_the_dead_stay_dead(self):
        self.group("flooding", 3)
        self.start(1, 2, 3)
        self.assertEqual(self.members[1].say("deposit alice 100"), "100")
        self.members[1].kill()
        self.assertEqual(self.members[3].say("transfer alice bob 10"), "10")  # once the crash is noticed
        self.assertEqual(self.members[2].say("balance bob"), "10")
        self.assertIn("in a fail-stop group it is out for good", self.refused(1))
        self.assertEqual(self.members[2].say("transfer alice bob 10"), "20")

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

    def test_redundant_modules_are_voted_on(self):
        def vote(*arguments):
            done = subprocess.run([self.dir / "build_vote" / "vote", *arguments], capture_output=True, text=True)
            return done.returncode, done.stdout.splitlines()
        self.assertEqual(vote("2"), (0, ["1.41421"]))
        for one in "newton", "halving", "logarithm":
            self.assertEqual(vote("2", one), (0, ["1.41421", f"{one} was outvoted"]))
        self.assertEqual(vote("2", "newton", "halving"), (1, ["stage 0: no majority among 3 modules; more than 1 failed"]))

    def test_the_example_is_short(self):
        self.assertLess(len((EXAMPLE / "bank.cc").read_text().splitlines()), 70)


unittest.main()
