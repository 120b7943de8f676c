"""Debian's etcdctl against one member and against several, on each engine: what its users do, and what it prints."""
import json
import subprocess
import sys
import unittest

from cluster import cluster, wait_for


class Etcdctl(unittest.TestCase):
    n = 1
    engine = "raft"

    @classmethod
    def setUpClass(cls):
        cls._context = cluster(cls.n, engine=cls.engine)
        cls.c = cls._context.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls._context.__exit__(None, None, None)

    def ctl(self, *arguments, **options):
        return self.c.etcdctl(*arguments, **options).stdout

    def ctl_json(self, *arguments):
        return json.loads(self.ctl(*arguments, "-w", "json"))

    def test_put_get_del(self):
        self.assertEqual(self.ctl("put", "a", "1"), "OK\n")
        self.assertEqual(self.ctl("get", "a"), "a\n1\n")
        self.assertEqual(self.ctl("get", "a", "--consistency=s"), "a\n1\n")
        self.assertEqual(self.ctl("put", "--prev-kv", "a", "2"), "OK\na\n1\n")
        self.assertEqual(self.ctl("get", "--print-value-only", "a"), "2\n")
        self.assertEqual(self.ctl("del", "--prev-kv", "a"), "1\na\n2\n")
        self.assertEqual(self.ctl("get", "a"), "")

    def test_ranges(self):
        for i in range(5):
            self.ctl("put", f"range/{i}", str(9 - i))
        self.assertEqual(self.ctl("get", "--prefix", "--keys-only", "range/").split(), [f"range/{i}" for i in range(5)])
        self.assertEqual(self.ctl("get", "range/1", "range/3", "--print-value-only").split(), ["8", "7"])
        limited = self.ctl_json("get", "--prefix", "--limit=2", "range/")
        self.assertEqual((len(limited["kvs"]), limited["count"], limited["more"]), (2, 5, True))
        descending = self.ctl("get", "--prefix", "--order=DESCEND", "--sort-by=VALUE", "range/", "--print-value-only")
        self.assertEqual(descending.split(), ["9", "8", "7", "6", "5"])
        self.assertEqual(self.ctl("del", "--prefix", "range/"), "5\n")

    def test_old_revisions_and_compaction(self):
        self.ctl("put", "rev", "old")
        revision = self.ctl_json("get", "rev")["header"]["revision"]
        self.ctl("put", "rev", "new")
        self.assertEqual(self.ctl("get", f"--rev={revision}", "rev", "--print-value-only"), "old\n")
        self.ctl("compaction", str(revision + 1), "--physical")
        compacted = self.c.etcdctl("get", f"--rev={revision}", "rev", check=False)
        self.assertNotEqual(compacted.returncode, 0)
        self.assertIn("mvcc: required revision has been compacted", compacted.stderr)
        future = self.c.etcdctl("get", "--rev=999999", "rev", check=False)
        self.assertIn("mvcc: required revision is a future revision", future.stderr)

    def test_txn(self):
        self.ctl("put", "t", "1")
        script = 'value("t") = "1"\n\nput t 2\nget t\n\nput t 3\n\n'
        out = self.ctl("txn", stdin=script)
        self.assertTrue(out.startswith("SUCCESS\n"), out)
        self.assertIn("t\n2\n", out)
        self.assertTrue(self.ctl("txn", stdin=script).startswith("FAILURE\n"))
        self.assertEqual(self.ctl("get", "t", "--print-value-only"), "3\n")

    def test_watch(self):
        self.ctl("put", "w/0", "zero")
        revision = self.ctl_json("get", "w/0")["kvs"][0]["mod_revision"]
        self.ctl("put", "w/1", "one")
        self.ctl("del", "w/0")
        watcher = subprocess.Popen(["etcdctl", "--endpoints", self.c.endpoints, "watch", "--prefix", "--prev-kv",
                                    f"--rev={revision}", "w/"], stdout=subprocess.PIPE, text=True)
        try:
            lines = [watcher.stdout.readline().strip() for _ in range(3 + 3 + 5)]
        finally:
            watcher.kill()
            watcher.wait()
            watcher.stdout.close()
        self.assertEqual([line for line in lines if line], ["PUT", "w/0", "zero", "PUT", "w/1", "one", "DELETE", "w/0",
                                                            "zero", "w/0"])

    def test_leases(self):
        granted = self.ctl("lease", "grant", "300")
        lease = granted.split()[1]
        self.assertIn("granted with TTL(300s)", granted)
        self.ctl("put", "--lease", lease, "leased", "v")
        self.assertIn("attached keys([leased])", self.ctl("lease", "timetolive", "--keys", lease))
        self.assertIn(f"lease {lease} keepalived with TTL(300)", self.ctl("lease", "keep-alive", "--once", lease))
        self.assertIn(lease, self.ctl("lease", "list"))
        self.ctl("lease", "revoke", lease)
        self.assertEqual(self.ctl("get", "leased"), "")
        self.assertIn("already expired", self.ctl("lease", "timetolive", lease))
        unknown = self.c.etcdctl("put", "--lease", "1234", "x", "y", check=False)
        self.assertIn("requested lease not found", unknown.stderr)

    def test_a_lease_ends(self):
        lease = self.ctl("lease", "grant", "2").split()[1]
        self.ctl("put", "--lease", lease, "short", "lived")
        wait_for(lambda: self.ctl("get", "short") == "", "the lease ends")

    def test_members(self):
        members = self.ctl_json("member", "list")["members"]
        self.assertEqual(sorted(m["name"] for m in members), [f"m{i + 1}" for i in range(self.n)])
        self.assertEqual({url for m in members for url in m["clientURLs"]},
                         {f"http://{m.endpoint}" for m in self.c.members})
        table = self.ctl("member", "list", "-w", "table")
        self.assertIn("started", table)

    def test_endpoints(self):
        health = self.ctl_json("endpoint", "health")
        self.assertTrue(all(h["health"] for h in health))
        self.assertEqual(len(health), self.n)
        status = self.ctl_json("endpoint", "status")
        leaders = {s["Status"]["leader"] for s in status}
        self.assertEqual(len(leaders), 1)
        self.assertNotEqual(leaders, {0})
        self.assertTrue(all(s["Status"]["raftTerm"] > 0 for s in status))


class EtcdctlOnThree(Etcdctl):
    n = 3

    def test_move_leader(self):
        status = self.ctl_json("endpoint", "status")
        leader = next(s for s in status if s["Status"]["leader"] == s["Status"]["header"]["member_id"])
        other = next(s for s in status if s is not leader)
        target = format(other["Status"]["header"]["member_id"], "x")
        out = self.c.etcdctl("move-leader", target, endpoints=self.c.endpoints).stdout
        self.assertIn("Leadership transferred", out)

    def test_a_member_is_added_and_removed(self):
        # etcd refuses while its members have been connected for less than five seconds.
        added = wait_for(lambda: self.c.etcdctl("member", "add", "m9", "--learner", "--peer-urls=http://127.0.0.1:1",
                                                check=False).stdout, "the member is added")
        identity = added.split()[1]
        members = self.ctl_json("member", "list")["members"]
        self.assertEqual([m["peerURLs"] for m in members if m.get("isLearner")], [["http://127.0.0.1:1"]])
        self.ctl("member", "remove", identity)
        self.assertEqual(len(self.ctl_json("member", "list")["members"]), 3)


class EtcdctlByPaxos(EtcdctlOnThree):
    engine = "paxos"


class EtcdctlByPbft(Etcdctl):
    n = 4
    engine = "pbft"

    def test_move_leader(self):
        """The primaries take turns."""
        status = self.ctl_json("endpoint", "status")
        ids = sorted(s["Status"]["header"]["member_id"] for s in status)
        leader = status[0]["Status"]["leader"]
        following = ids[(ids.index(leader) + 1) % len(ids)]
        out = self.c.etcdctl("move-leader", format(following, "x"), endpoints=self.c.endpoints).stdout
        self.assertIn("Leadership transferred", out)

    def test_members_are_changed_by_the_administrator_alone(self):
        added = self.c.etcdctl("member", "add", "m9", "--peer-urls=http://127.0.0.1:1", check=False)
        self.assertNotEqual(added.returncode, 0)
        self.assertEqual(len(self.ctl_json("member", "list")["members"]), 4)

    def test_one_of_four_may_be_down(self):
        self.c.members[1].kill()
        others = ",".join(m.endpoint for m in self.c.members if m.running())
        self.c.etcdctl("put", "without", "m2", endpoints=others)
        self.c.members[1].start()
        self.c.ready()
        self.assertEqual(self.c.etcdctl("get", "without", "--print-value-only",
                                        endpoints=self.c.members[1].endpoint).stdout, "m2\n")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
