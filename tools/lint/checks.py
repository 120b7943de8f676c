"""The checks. Each takes a Tree and yields findings as text: "place: what is wrong; what to do"."""

import pathlib
import re

import cpp
import rooms

SOURCE_DIRS = ["holdfast", "tests", "bench", "fuzz"]
# Tests, and helpers that only tests use: a_test.cc, a_test_kit.h, a_testing.h. So is all of tests/, bench/ and fuzz/.
TEST_CODE = re.compile(r'_test(ing|_\w+)?\.(h|cc)$')
FILE_LINES, TEST_FILE_LINES = 400, 600
FUNCTION_LINES, TEST_FUNCTION_LINES = 70, 100


class Source:
    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8", errors="replace")
        parts = self.path.split("/")
        self.room = parts[1] if parts[0] == "holdfast" and len(parts) > 2 else None
        self.is_test = bool(TEST_CODE.search(self.path)) or parts[0] != "holdfast"
        self.code = cpp.code_only(self.text)
        self.includes = cpp.includes(self.text)

    def matches(self, pattern):
        for m in re.finditer(pattern, self.code):
            yield self.code.count("\n", 0, m.start()) + 1, m.group().strip()


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.sources = [
            Source(self.root, p)
            for d in SOURCE_DIRS
            for p in sorted((self.root / d).rglob("*"))
            if p.suffix in (".h", ".cc") and "testdata" not in p.parts]
        cmake = self.root / "holdfast" / "CMakeLists.txt"
        self.cmake = cmake.read_text(encoding="utf-8") if cmake.exists() else ""
        limits = self.root / "tools" / "lint" / "limits.txt"
        self.limits = read_limits(limits.read_text(encoding="utf-8")) if limits.exists() else {}


def read_limits(text):
    """Lines "place ceiling", where a place is a path or path:function; # begins a comment."""
    limits = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            place, ceiling = line.rsplit(None, 1)
            limits[place] = int(ceiling)
    return limits


def check_includes(tree):
    for s in tree.sources:
        for line, quote, target in s.includes:
            where = f"{s.path}:{line}"
            if target.startswith("holdfast/"):
                if quote == "<":
                    yield f"{where}: <{target}> is ours; include it with quotes"
                if not target.endswith(".pb.h") and not (tree.root / target).exists():
                    yield f"{where}: \"{target}\" does not exist"
                used = target.split("/")[1]
                if s.room and not s.is_test and used not in rooms.closure(s.room):
                    yield f"{where}: room {s.room} may not use {used} (tools/lint/rooms.py has the table)"
                if not s.is_test and TEST_CODE.search(target):
                    yield f"{where}: production includes test code \"{target}\""
            elif quote == '"' and not target.endswith(".pb.h") and (target.startswith(".") or "/" not in target):
                yield f"{where}: \"{target}\"; our includes are relative to the root, as \"holdfast/room/file.h\""
            if not s.is_test and re.fullmatch(rooms.TEST_LIBRARIES, target):
                yield f"{where}: production includes the test library {target}"


def check_header_first(tree):
    have = {s.path for s in tree.sources}
    for s in tree.sources:
        own = s.path[:-3] + ".h"
        if s.path.endswith(".cc") and own in have and (not s.includes or s.includes[0][2] != own):
            yield f"{s.path}:1: a source includes its own header first, so that the header is seen to stand alone"


def check_headers(tree):
    for s in tree.sources:
        if s.path.endswith(".h"):
            if not re.search(r'^#pragma once$', s.text, re.M):
                yield f"{s.path}:1: a header has `#pragma once`"
            if re.search(r'^#ifndef \w+_H_?$', s.text, re.M):
                yield f"{s.path}:1: an include guard; use `#pragma once`"
            for line, _ in s.matches(r'\busing\s+namespace\b'):
                yield f"{s.path}:{line}: a header uses a namespace wholesale"


def check_bans(tree):
    for s in tree.sources:
        if s.room not in rooms.CORE:
            continue
        if s.is_test:
            for what, pattern in rooms.BANNED_IN_TESTS.items():
                for line, token in s.matches(pattern):
                    yield f"{s.path}:{line}: `{token}`: a core room's test does without {what}"
            continue
        for line, _, target in s.includes:
            for what, pattern in rooms.BANNED_INCLUDES.items():
                if re.fullmatch(pattern, target):
                    yield f"{s.path}:{line}: <{target}>: a core room does without {what}"
        for what, pattern in rooms.BANNED_TOKENS.items():
            if what in rooms.EXEMPT.get(str(s.path), ()):
                continue
            for line, token in s.matches(pattern):
                yield f"{s.path}:{line}: `{token}`: a core room does without {what}"


def declared_rooms(cmake):
    """name -> (path, [used names]) of every holdfast_room(...) call."""
    found = {}
    for call in re.findall(r'^\s*holdfast_room\(([^)]*)\)', re.sub(r'#[^\n]*', '', cmake), re.M):
        words = call.split()
        values, key = {}, None
        for w in words[1:]:
            if w in ("PATH", "USES", "LIBRARIES", "TEST_USES"):
                key = w
                values[key] = []
            elif key:
                values[key].append(w)
        found[words[0]] = (values.get("PATH", [words[0]])[0], values.get("USES", []))
    return found


def check_cmake(tree):
    declared = declared_rooms(tree.cmake)
    where = "holdfast/CMakeLists.txt"
    row_of = {name: path.split("/")[0] for name, (path, _) in declared.items()}
    for name, (path, uses) in declared.items():
        if row_of[name] not in rooms.MAY_USE:
            yield f"{where}: room {name} is not in the table of tools/lint/rooms.py"
            continue
        for used in uses:
            if used not in declared:
                yield f"{where}: room {name} uses {used}, which is declared nowhere"
            elif row_of[used] not in rooms.closure(row_of[name]):
                yield f"{where}: room {name} may not use {used} (tools/lint/rooms.py has the table)"
    paths = {path: name for name, (path, _) in declared.items()}
    linked = {name: {declared[r][0] for r in rooms.closure(name, {n: u for n, (_, u) in declared.items()}) if r in declared}
              for name in declared}
    for s in tree.sources:
        if s.room is None:
            continue
        mine = _room_path(s.path, paths)
        if mine is None:
            yield f"{s.path}:1: its folder is no room of holdfast/CMakeLists.txt"
            continue
        for line, _, target in s.includes:
            theirs = _room_path(target, paths) if target.startswith("holdfast/") else None
            if theirs and not s.is_test and theirs not in linked[paths[mine]]:
                yield f"{s.path}:{line}: \"{target}\" is not linked: add its room to USES of {paths[mine]} in {where}"


def _room_path(file, paths):
    folder = file.split("/", 1)[1].rsplit("/", 1)[0] if file.count("/") > 1 else ""
    while folder:
        if folder in paths:
            return folder
        folder = folder.rsplit("/", 1)[0] if "/" in folder else ""
    return None


def measures(tree):
    """place -> (size, limit) of every file and function."""
    sizes = {}
    for s in tree.sources:
        sizes[s.path] = (len(s.text.splitlines()), TEST_FILE_LINES if s.is_test else FILE_LINES)
        limit = TEST_FUNCTION_LINES if s.is_test else FUNCTION_LINES
        for name, _, lines in cpp.functions(s.code):
            place = f"{s.path}:{name}"
            if lines >= sizes.get(place, (0, 0))[0]:
                sizes[place] = (lines, limit)
    return sizes


def check_lengths(tree):
    sizes = measures(tree)
    for place, (size, limit) in sizes.items():
        ceiling = tree.limits.get(place, limit)
        if size > ceiling:
            yield (f"{place}: {size} lines, at most {ceiling}; split it by what it decides"
                   " (a ceiling in tools/lint/limits.txt may sink, never rise)")
    for place, ceiling in tree.limits.items():
        size, limit = sizes.get(place, (0, 0))
        if size <= limit or size < ceiling:
            yield f"tools/lint/limits.txt: the ceiling of {place} can sink: run `python3 tools/lint --ratchet`"


ALL = [check_includes, check_header_first, check_headers, check_bans, check_cmake, check_lengths]


def run(root):
    tree = Tree(root)
    return [finding for check in ALL for finding in check(tree)]
