"""The engines as operators meet them: the wrong one, the wrong key, a lost disk."""
import shutil
import sys
import unittest

from cluster import DEADLINE, Cluster, wait_for


class Engines(unittest.TestCase):
    def cluster(self, n, engine):
        c = Cluster(n, engine=engine)
        self.addCleanup(c.close)
        return c

    def set_flag(self, member, flag):
        name = flag.split("=")[0]
        member.flags = [f for f in member.flags if not f.startswith(name + "=")] + [flag]

    def refused(self, member):
        """It ends by itself, and the last line says why."""
        self.assertEqual(member.process.wait(timeout=DEADLINE), 1, member.log.read_text()[-2000:])
        return member.log.read_text().strip().splitlines()[-1]

    def serves(self, c, member):
        wait_for(lambda: c.etcdctl("put", "probe", "x", endpoints=member.endpoint, check=False).returncode == 0,
                 f"{member.name} serves")

    def test_a_member_of_another_engine_is_told_and_the_others_go_on(self):
        c = self.cluster(3, "paxos")
        one, two, three = c.members
        self.set_flag(three, "--consensus=raft")
        for m in c.members:  # all at once: none can ask the others before it starts
            m.start()
        self.assertIn("--consensus", self.refused(three))
        self.serves(c, one)
        self.assertIn("raft", one.log.read_text() + two.log.read_text())
        shutil.rmtree(three.dir, ignore_errors=True)
        three.start()  # others run by now: it is told before it writes anything
        self.assertIn("start it with --consensus=paxos", self.refused(three))
        self.assertFalse((three.dir / "IDENTITY").exists())
        self.set_flag(three, "--consensus=paxos")
        three.start()
        self.serves(c, three)
        three.terminate()
        self.set_flag(three, "--consensus=raft")
        three.start()
        self.assertIn("was written by paxos, says", self.refused(three))

    def test_a_lost_disk_is_said_and_mended(self):
        c = self.cluster(4, "pbft").start()
        two, three = c.members[1], c.members[2]
        c.etcdctl("put", "a", "kept")
        two.kill()
        shutil.rmtree(two.dir)
        two.start()
        said = self.refused(two)
        self.assertIn("has already been part of cluster", said)
        self.assertIn("start it with --initial-cluster-state=existing", said)
        two.state = "existing"
        two.start()
        self.serves(c, two)
        self.assertEqual(c.etcdctl("get", "a", "--print-value-only", endpoints=two.endpoint).stdout, "kept\n")
        three.kill()  # its group's answers need three of four: m2 does not count yet, and the key survives elsewhere
        three.start()
        self.serves(c, three)

    def test_keys_that_do_not_fit_are_refused(self):
        c = self.cluster(4, "pbft")
        one, two = c.members[:2]
        shutil.copyfile(c.dir / "m1.key", c.dir / "m2.key")
        two.start()
        self.assertIn("but the peer URL of m2 says", self.refused(two))
        (c.dir / "m2.key").unlink()
        two.start()
        self.assertIn("this member's private key is not in", self.refused(two))
        self.assertFalse((two.dir / "IDENTITY").exists())
        (c.dir / "m1.key").chmod(0o644)
        one.start()
        self.assertIn("chmod 600", self.refused(one))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
