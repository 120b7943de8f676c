"""The engines as operators meet them: the wrong one, the wrong key, a lost disk, members that come and go."""
import json
import shutil
import sys
import unittest

from cluster import DEADLINE, Cluster, Member, free_ports, wait_for


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
        # Who has not told its group yet that it has started is not known to have voted (docs/guide/consensus.md).
        for m in (c.members[0], three, c.members[3]):
            wait_for(lambda m=m: two.endpoint in c.etcdctl("member", "list", endpoints=m.endpoint).stdout,
                     f"{m.name} knows that m2 has started")
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

    def administered(self):
        """Four members, and an administrator's key."""
        c = self.cluster(4, "pbft")
        c.administrator = c.dir / "administrator.key"
        public = c.holdfast("key", "new", str(c.administrator)).stdout.strip()
        for m in c.members:
            m.flags.append(f"--administrator-key={public}")
        return c.start()

    def newcomer(self, c, name):
        client, peer = free_ports(2)
        m = Member(c, name, client, peer, [f for f in c.founders[0].flags if not f.startswith("--member-key-file=")])
        m.make_key()
        m.state = "existing"
        return m

    def add(self, c, m, *flags, check=True):
        return c.holdfast("member", "add", m.name, f"--peer-urls={m.peer_url}", f"--administrator-key-file={c.administrator}",
                          *flags, check=check)

    def remove(self, c, m):
        return c.holdfast("member", "remove", self.id_of(c, m), f"--administrator-key-file={c.administrator}", check=False)

    def id_of(self, c, m, endpoint=None):
        members = json.loads(c.holdfast("member", "list", "--json", "--serializable",
                                        f"--endpoints={endpoint or c.founders[0].endpoint}").stdout)["members"]
        return next((x["id"] for x in members if m.peer_url in x["peer_urls"]), None)

    def test_members_of_a_group_come_and_go_by_the_administrators_signature(self):
        c = self.administered()
        for i in range(20):
            c.etcdctl("put", f"before/{i}", f"value {i}")
        said = c.etcdctl("member", "add", "e", "--peer-urls=http://127.0.0.1:1", check=False).stderr
        self.assertIn("--administrator-key-file", said)
        five = self.newcomer(c, "m5")
        five.start()  # nobody has added it
        self.assertIn("Add it first (holdfast member add m5", self.refused(five))
        self.assertFalse((five.dir / "IDENTITY").exists())
        self.assertIn("founded under another --administrator-key", c.holdfast(
            "member", "add", "m5", f"--peer-urls={five.peer_url}", f"--administrator-key-file={c.dir / 'm1.key'}",
            check=False).stderr)
        key = f"--administrator-key-file={c.administrator}"
        one, two = c.founders[:2]
        for wrong, code, said in [(["remove", "deadbeef", key], 3, "member not found"),
                                  (["add", two.name, f"--peer-urls={five.peer_url}", key], 2,
                                   f'{self.id_of(c, two)} is called "{two.name}" already'),
                                  (["add", "m5", f"--peer-urls=http://{five.key}@127.0.0.1:{one.peer_port}", key], 2,
                                   f"{self.id_of(c, one)} ({one.name}) is at 127.0.0.1:{one.peer_port} already"),
                                  (["add", "m5", f"--peer-urls=http://{two.key}@127.0.0.1:1", key], 2,
                                   f"{self.id_of(c, two)} ({two.name}) has this key already"),
                                  (["remove", "deadbeef", key, "--initial-cluster-token=other"], 2,
                                   "founded with another --initial-cluster-token")]:
            refused = c.holdfast("member", *wrong, check=False)
            self.assertEqual(refused.returncode, code, refused.stderr)
            self.assertIn(said, refused.stderr)
        printed = self.add(c, five).stdout
        flags = [w for w in printed.split() if w.startswith("--") and "=" in w]
        self.assertIn(f"--initial-cluster={','.join(sorted(f'{m.name}={m.peer_url}' for m in c.founders))}",
                      [f"--initial-cluster={','.join(sorted(w.split('=', 1)[1].split(',')))}" for w in flags
                       if w.startswith("--initial-cluster=")])
        for m in c.founders:
            wait_for(lambda m=m: self.id_of(c, five, m.endpoint), f"{m.name} knows of the new member")
        five.start()
        c.members.append(five)
        self.serves(c, five)
        got = c.etcdctl("get", "before/", "--prefix", "--print-value-only", endpoints=five.endpoint).stdout
        self.assertEqual(sorted(got.split("\n"))[1:], sorted(f"value {i}" for i in range(20)))
        one = c.founders[0]
        one.kill()  # of five four decide: the newcomer counts
        self.serves(c, five)
        one.start()
        self.serves(c, one)
        two = c.founders[1]
        self.assertEqual(self.remove(c, two).returncode, 0)
        self.assertIn("was removed from the cluster", self.refused(two))
        two.start()
        self.assertIn("was removed from the cluster", self.refused(two))
        c.members.remove(two)
        for m in c.members:
            self.assertIsNone(self.id_of(c, two, m.endpoint))
            self.assertEqual(c.etcdctl("get", "before/7", "--print-value-only", endpoints=m.endpoint).stdout, "value 7\n")
        refused = self.remove(c, five)  # three are too few
        self.assertEqual(refused.returncode, 1)
        self.assertIn("four members at least", refused.stderr)
        # A lost disk of one that was added later, and one that replaces another in one step.
        five.kill()
        shutil.rmtree(five.dir)
        five.start()
        self.serves(c, five)
        six = self.newcomer(c, "m6")
        self.add(c, six, f"--replacing={self.id_of(c, c.founders[2])}")
        c.members.append(six)
        self.assertIn("was removed from the cluster", self.refused(c.founders[2]))
        six.start()
        self.serves(c, six)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
