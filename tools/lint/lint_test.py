"""Every check finds its planted violation, and is silent without it."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import checks
import cpp
import rooms

CMAKE = """
holdfast_room(base LIBRARIES absl::status)
holdfast_room(model USES base)
holdfast_room(raft PATH consensus/raft USES model)  # a comment
holdfast_room(host USES model)
holdfast_room(store USES model)
holdfast_room(replica USES host raft)
"""
GOOD_HEADER = '#pragma once\n#include "holdfast/base/slice.h"\nnamespace holdfast {\nint f();\n}\n'


class LintTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.write("holdfast/CMakeLists.txt", CMAKE)
        self.write("holdfast/base/slice.h", "#pragma once\n")
        self.write("holdfast/model/types.h", GOOD_HEADER)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def finds(self, *words):
        findings = checks.run(self.root)
        self.assertTrue(any(all(w in f for w in words) for f in findings), f"{words} not in {findings}")

    def clean(self):
        self.assertEqual(checks.run(self.root), [])

    # --- Who includes whom ---

    def test_a_good_tree_is_clean(self):
        self.write("holdfast/consensus/raft/raft.cc", '#include "holdfast/model/types.h"\nint f() { return 1; }\n')
        self.clean()

    def test_a_room_that_may_not_be_used(self):
        self.write("holdfast/model/bad.h", '#pragma once\n#include "holdfast/replica/replica.h"\n')
        self.write("holdfast/replica/replica.h", "#pragma once\n")
        self.finds("model/bad.h:2", "may not use replica")

    def test_tests_may_use_more(self):
        self.write("holdfast/replica/replica.h", "#pragma once\n")
        self.write("holdfast/model/good_test.cc", '#include "holdfast/replica/replica.h"\n#include <gtest/gtest.h>\n')
        self.clean()

    def test_a_room_that_is_permitted_but_not_linked(self):
        self.write("holdfast/stable/disk.h", "#pragma once\n")
        self.write("holdfast/CMakeLists.txt", CMAKE + "holdfast_room(stable USES model)\n")
        self.write("holdfast/replica/r.cc", '#include "holdfast/stable/disk.h"\n')
        self.finds("replica/r.cc:1", "not linked")

    def test_cmake_that_links_what_the_table_forbids(self):
        self.write("holdfast/CMakeLists.txt", CMAKE + "holdfast_room(runtime USES host store)\n")
        self.finds("room runtime may not use store")

    def test_cmake_with_an_unknown_room_or_use(self):
        self.write("holdfast/CMakeLists.txt", CMAKE + "holdfast_room(attic USES base)\nholdfast_room(commit USES nobody)\n")
        self.finds("room attic is not in the table")
        self.finds("commit uses nobody")

    def test_a_folder_that_is_no_room(self):
        self.write("holdfast/cellar/wine.cc", "int f() { return 1; }\n")
        self.finds("cellar/wine.cc", "no room")

    def test_a_missing_header(self):
        self.write("holdfast/store/s.cc", '#include "holdfast/base/gone.h"\n')
        self.finds("store/s.cc:1", "does not exist")

    def test_include_paths(self):
        self.write("holdfast/store/s.cc", '#include <holdfast/base/slice.h>\n#include "slice.h"\n#include "../x/y.h"\n')
        self.finds("s.cc:1", "with quotes")
        self.finds("s.cc:2", "relative to the root")
        self.finds("s.cc:3", "relative to the root")

    def test_an_include_in_a_comment_is_none(self):
        self.write("holdfast/model/m.cc", '/*\n#include "holdfast/store/s.h"\n*/\n// #include <thread>\nint f();\n')
        self.clean()

    def test_production_includes_test_code(self):
        self.write("holdfast/base/helper_test.h", "#pragma once\n")
        self.write("holdfast/base/wal_test_kit.h", "#pragma once\n#include <gtest/gtest.h>\n")
        self.write("holdfast/base/b.cc", '#include "holdfast/base/helper_test.h"\n#include <gtest/gtest.h>\n')
        self.finds("b.cc:1", "test code")
        self.finds("b.cc:2", "test library")

    def test_own_header_first(self):
        self.write("holdfast/base/slice.cc", '#include <vector>\n#include "holdfast/base/slice.h"\n')
        self.finds("slice.cc:1", "own header first")

    def test_headers(self):
        self.write("holdfast/base/a.h", "#ifndef HOLDFAST_A_H_\n#define HOLDFAST_A_H_\nusing namespace std;\n#endif\n")
        self.finds("a.h:1", "#pragma once")
        self.finds("a.h:1", "include guard")
        self.finds("a.h:3", "namespace wholesale")

    # --- Bans ---

    def test_every_banned_include_and_token_is_found_in_a_core_room_and_nowhere_else(self):
        includes = ["chrono", "thread", "random", "fstream", "sys/socket.h", "iostream", "unordered_map",
                    "absl/container/flat_hash_set.h", "source_location", "csignal"]
        tokens = ["std::chrono::seconds s;", "auto t = steady_clock::now();", "time(nullptr);", "std::mutex m;",
                  "std::random_device d;", "int r = rand();", "std::mt19937 g;", "std::ofstream f;", "fopen(p, m);",
                  "int s = ::socket(1, 2, 3);", "std::cout << 1;", "std::unordered_map<int, int> m;",
                  "absl::flat_hash_map<int, int> m;", "throw 1;", "try { g(); } catch (...) {}",
                  "std::source_location l;", "getenv(n);", "absl::Now();"]
        for i, name in enumerate(includes):
            self.write(f"holdfast/host/i{i}.h", f"#pragma once\n#include <{name}>\n")
            self.finds(f"i{i}.h:2", "core room does without")
        for i, token in enumerate(tokens):
            self.write(f"holdfast/host/t{i}.cc", f"void f() {{\n  {token}\n}}\n")
            self.finds(f"t{i}.cc:2", "core room does without")
        for file in list((self.root / "holdfast/host").iterdir()):
            (self.root / "tests").mkdir(exist_ok=True)
            file.rename(self.root / "tests" / file.name)
        self.clean()

    def test_banned_words_in_comments_literals_and_longer_names_are_nothing(self):
        self.write("holdfast/host/ok.cc", '// std::thread, throw\nconst char* s = "throw rand()";\n'
                   'const char* r = R"(std::mutex\ntry {)";\nint retry(int entry) { return entry; }\n'
                   "int operand(int x) { return 1'000 + x; }\nint a = b.time(now) + wal::open(4);\nchar c = '\"';\n")
        self.clean()

    def test_what_a_file_is_exempt_from_is_named_and_nothing_else_is_let_through(self):
        self.write("holdfast/model/modular.h", "#pragma once\nvoid f() {\n  try { g(); } catch (...) {}\n}\n")
        self.clean()
        self.write("holdfast/model/modular.h", "#pragma once\nvoid f() {\n  time(nullptr);\n}\n")
        self.finds("modular.h:3", "core room does without a clock")

    def test_sleeping_and_skipping_tests_of_core_rooms(self):
        self.write("holdfast/host/p_test.cc", "TEST(A, B) {\n  GTEST_SKIP();\n  std::this_thread::sleep_for(x);\n}\n")
        self.finds("p_test.cc:2", "skipping")
        self.finds("p_test.cc:3", "sleeping")

    # --- Lengths ---

    def test_long_files_and_functions(self):
        self.write("holdfast/host/long.cc", "// x\n" * (checks.FILE_LINES + 1))
        self.finds("host/long.cc: 401 lines, at most 400")
        body = "  g();\n" * checks.FUNCTION_LINES
        self.write("holdfast/host/f.cc", "namespace {\nvoid Foo::bar(int x,\n  int y) const {\n" + body + "}\n}\n")
        self.finds("host/f.cc:Foo::bar", "at most 70")

    def test_the_ratchet_allows_what_is_listed_and_asks_to_lower_it(self):
        self.write("holdfast/host/long.cc", "// x\n" * 450)
        self.write("tools/lint/limits.txt", "# comment\nholdfast/host/long.cc 450\n")
        self.clean()
        self.write("tools/lint/limits.txt", "holdfast/host/long.cc 449\n")
        self.finds("450 lines, at most 449")
        for ceiling, lines in [(460, 450), (450, 12)]:
            self.write("holdfast/host/long.cc", "// x\n" * lines)
            self.write("tools/lint/limits.txt", f"holdfast/host/long.cc {ceiling}\n")
            self.finds("the ceiling of holdfast/host/long.cc can sink")

    def test_functions_are_told_from_everything_else_with_braces(self):
        code = """
namespace a::b {
class C final : public D<int> {
 public:
  explicit C(int x) : x_{x}, y_(2) {
    g();
  }
  bool operator==(const C&) const = default;
  bool operator<(const C& o) const { return x_ < o.x_; }
  template <class T>
    requires(sizeof(T) == 4)
  T get(T t = {}) const {
    auto l = [&](int i) {
      return i;
    };
    return l(1);
  }
 private:
  int x_{0};
};
enum class E { kA, kB };
const std::vector<int> kTable = {1, 2, f(3)};
struct S { int a = 0; };
}
TEST(Suite, Name) {
  for (int i = 0; i < 3; ++i) {
    h(i);
  }
}
"""
        self.assertEqual(cpp.functions(cpp.code_only(code)),
                         [("C", 5, 3), ("operator<", 9, 1), ("get", 10, 8), ("Suite.Name", 25, 5)])

    # --- The table and the program ---

    def test_the_table_has_no_cycle_and_siblings_stay_apart(self):
        for room in rooms.MAY_USE:
            for used in rooms.MAY_USE[room]:
                self.assertNotIn(room, rooms.closure(used))
        for a in ["group", "commit", "recovery"]:
            for b in ["group", "commit", "recovery"]:
                self.assertTrue(a == b or b not in rooms.closure(a))
        self.assertNotIn("runtime", rooms.closure("sim"))
        self.assertNotIn("sim", rooms.closure("runtime"))
        for room in rooms.CORE:
            self.assertLessEqual(rooms.closure(room), set(rooms.CORE))

    def test_the_program_refuses_unknown_arguments(self):
        folder = pathlib.Path(__file__).parent
        done = subprocess.run([sys.executable, "-B", folder, "--nonsense"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--ratchet", done.stderr)


if __name__ == "__main__":
    unittest.main()
