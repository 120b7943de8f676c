"""Lint: who includes whom, what core rooms must not touch, how long files and functions may be.

    python3 tools/lint              prints findings, exits 1 if there are any
    python3 tools/lint --ratchet    lowers the ceilings of limits.txt to what is needed today; never raises one
"""

import pathlib
import re
import sys

import checks

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ratchet(root):
    tree = checks.Tree(root)
    sizes = checks.measures(tree)
    path = root / "tools" / "lint" / "limits.txt"
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        m = re.match(r'(\S+)\s+(\d+)(.*)', line)
        if m and not line.startswith("#"):
            size, limit = sizes.get(m.group(1), (0, 0))
            if size <= limit:
                continue
            line = f"{m.group(1)} {min(size, int(m.group(2)))}{m.group(3)}"
        kept.append(line)
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def main(arguments):
    if arguments == ["--ratchet"]:
        ratchet(ROOT)
        return 0
    if arguments:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    findings = checks.run(ROOT)
    for finding in findings:
        print(finding)
    print(f"lint: {len(findings)} findings" if findings else "lint: clean")
    return 1 if findings else 0


sys.exit(main(sys.argv[1:]))
