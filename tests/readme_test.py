"""The documentation's commands work.

1. README.md: every line of its ```sh blocks is executed as it stands, in order, in the source directory. `./quickstart`
   without --demo runs until Ctrl-C: it is started, waited for until all members are healthy, left running for the commands
   behind it, and stopped with SIGINT at the end, when it must exit with 0. `./test` is what runs this test, so it is only
   checked to exist. Every other command must exit with 0.
2. README.md and docs/: every `holdfast COMMAND --flag` that is shown is a command and a flag that --help knows.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOLDFAST = ROOT / "build" / "release" / "holdfast"
PATIENCE_S = 600
LEAST_SHOWN = 15  # as many are shown at least; fewer would mean that they are not found any more


def commands(text):
    """The commands of all sh blocks; a line that ends with a backslash goes on in the next one."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                yield line


def fail(text):
    print(text, flush=True)
    sys.exit(1)


def start_cluster(command):
    print(f"+ {command} &", flush=True)
    process = subprocess.Popen(["bash", "-c", "exec " + command], cwd=ROOT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while subprocess.run([HOLDFAST, "status"], capture_output=True).returncode != 0:
            if process.poll() is not None:
                fail(f"README.md: `{command}` ended by itself, with {process.returncode}")
            if time.monotonic() > deadline:
                fail(f"README.md: `{command}`: the members were not healthy after {PATIENCE_S} s")
            time.sleep(0.2)
    except BaseException:
        process.terminate()
        raise
    return process


def run(command):
    print(f"+ {command}", flush=True)
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE_S)
    if done.returncode != 0:
        print(done.stdout.decode(errors="replace")[-4000:])
        fail(f"README.md: `{command}` failed with {done.returncode}")


def execute_readme():
    data = ROOT / "holdfast-up"
    was_there = data.exists()
    running = None
    try:
        for command in commands((ROOT / "README.md").read_text(encoding="utf-8")):
            words = command.split("#")[0].split()
            if words[0] == "./test":
                if not os.access(ROOT / "test", os.X_OK):
                    fail("README.md: ./test cannot be executed")
            elif words[0] == "./quickstart" and "--demo" not in words:
                running = running or start_cluster(command)
            else:
                run(command)
        if running is not None:
            running.send_signal(signal.SIGINT)
            if running.wait(timeout=PATIENCE_S) != 0:
                fail(f"README.md: ./quickstart exited with {running.returncode} after Ctrl-C")
            running = None
    finally:
        if running is not None:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=PATIENCE_S)
        if not was_there:
            shutil.rmtree(data, ignore_errors=True)


def shown_commands(text):
    """The words of every `holdfast COMMAND ...` in code blocks and code spans."""
    text = text.replace("\\\n", " ")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    lines = [line for block in fenced for line in block.splitlines()]
    lines += [line for line in rest.splitlines() if line.startswith("    ")]
    lines += re.findall(r"`([^`\n]+)`", rest)
    for line in lines:
        found = re.match(r"\s*(?:\$ )?(?:\S*/)?holdfast ([a-z].*)", line)
        if found:
            yield found.group(1).split("  ")[0].split()


def help_of(words, cache):
    """The help of the command and of its subcommand, if it has one; nothing when there is no such command."""
    if words not in cache:
        done = subprocess.run([HOLDFAST, *words, "--help"], capture_output=True, text=True)
        cache[words] = done.stdout if done.returncode == 0 else None
    return cache[words]


def check_shown_commands():
    shown, wrong, cache = 0, [], {}
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for page in pages:
        for words in shown_commands(page.read_text(encoding="utf-8")):
            shown += 1
            name = (words[0],)
            if words[0] in ("lease", "member", "wal") and len(words) > 1 and not words[1].startswith("-"):
                name = (words[0], words[1])
            help_text = help_of(name, cache)
            where = f"{page.relative_to(ROOT)}: `holdfast {' '.join(words)}`"
            if help_text is None:
                wrong.append(f"{where}: there is no such command")
                continue
            for word in words:
                flag = re.match(r"--[a-z][a-z-]*", word)
                if flag and flag.group() not in ("--help",) and not re.search(flag.group() + r"\b(?!-)", help_text):
                    wrong.append(f"{where}: --help does not know {flag.group()}")
    if shown < LEAST_SHOWN:
        wrong.append(f"only {shown} commands were found in {len(pages)} pages")
    if wrong:
        fail("\n".join(wrong))
    print(f"{shown} commands are shown in {len(pages)} pages; all exist", flush=True)


if __name__ == "__main__":
    check_shown_commands()
    execute_readme()
