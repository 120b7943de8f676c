"""Who may use whom, and what the core rooms must not touch. The prose is in docs/architecture.md, "The rooms"."""

# A room is the first folder under holdfast/ (consensus/raft belongs to `consensus`). A room may use what its row names,
# and whatever those may use.
MAY_USE = {
    "base": [],
    "crypto": ["base"],
    "model": ["base"],
    "diagram": ["model"],
    "plot": ["base"],
    "stable": ["model"],
    "link": ["model"],
    "detect": ["model", "link"],
    "consensus": ["model", "crypto", "link", "detect"],
    "group": ["consensus"],
    "commit": ["consensus"],
    "recovery": ["model", "link", "stable"],
    "host": ["model"],
    "store": ["base", "model", "crypto"],
    "replica": ["host", "stable", "consensus", "detect"],
    "service": ["replica", "store"],
    "sim": ["host", "stable", "diagram", "link", "detect", "consensus", "group", "commit", "recovery", "replica", "store", "service"],
    "runtime": ["host", "stable", "crypto"],
    "embed": ["runtime", "replica"],
    "server": ["runtime", "replica", "store", "service"],
    "txn": ["runtime", "commit", "replica"],
    "launch": ["runtime", "recovery"],
    "lab": ["sim", "plot"],
    "cli": ["server", "sim", "txn", "launch", "lab", "plot"],
}

# Deterministic rooms: no clock, thread, file, socket, randomness of the machine, unordered iteration or exception.
CORE = ["base", "crypto", "model", "plot", "host", "stable", "link", "detect", "consensus", "group", "commit", "recovery", "replica",
        "service", "store"]

BANNED_INCLUDES = {
    "a clock": r"chrono|ctime|time\.h|sys/time\.h|absl/time/.*",
    "threads": r"thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|pthread\.h|"
               r"absl/synchronization/.*",
    "randomness": r"random|absl/random/.*|sys/random\.h",
    "files": r"fstream|filesystem|fcntl\.h|unistd\.h|dirent\.h|sys/(stat|uio|mman|file|types)\.h",
    "sockets": r"sys/(socket|epoll|eventfd|un|select)\.h|poll\.h|netdb\.h|netinet/.*|arpa/.*|asio.*|boost/asio.*",
    "input and output streams": r"iostream|istream|ostream|syncstream|print",
    "unordered containers": r"unordered_map|unordered_set|absl/container/(flat|node)_hash_(map|set)\.h",
    "source locations (Clang 14 has none)": r"source_location",
    "signals": r"csignal|signal\.h",
}

BANNED_TOKENS = {
    "a clock": r"std::chrono|(steady|system|high_resolution|utc|file)_clock\b|clock_gettime|gettimeofday|"
               r"\btime\s*\(\s*(nullptr|NULL|0|&)|\babsl::(Now|Time|Clock)\b|\brdtsc",
    "threads": r"std::(j?thread|this_thread|async|mutex|shared_mutex|recursive_mutex|condition_variable|promise|future)\b|"
               r"\bpthread_|\babsl::Mutex\b|\bthread_local\b|\b(u|nano)?sleep\s*\(",
    "randomness": r"random_device|mt19937|\bs?rand\s*\(|\bdrand48\b|\bgetrandom\b|_distribution\b|absl::(Insecure)?BitGen",
    "files": r"\bfopen\b|\bfdopen\b|\bFILE\s*\*|std::[io]?fstream|std::filesystem|(?<![\w>])::open\s*\(|\bmmap\s*\(",
    "sockets": r"::socket\s*\(|::(bind|listen|accept|connect|recv|recvfrom|sendto)\s*\(\s*(fd|sock)",
    "input and output streams": r"std::(cout|cerr|clog|cin)\b|\bprintf\s*\(",
    "unordered containers": r"std::unordered_|\b(flat|node)_hash_(map|set)\b",
    "exceptions": r"\bthrow\b|\btry\s*\{|\bcatch\s*\(",
    "source locations (Clang 14 has none)": r"std::source_location",
    "the environment": r"\b(secure_)?getenv\b|\bsetenv\b|\benviron\b",
}

# What one file may have that its room may not, and why.
EXEMPT = {
    # It calls modules of others, which may fail arbitrarily: an exception of theirs is a failure that it masks.
    "holdfast/model/modular.h": {"exceptions"},
}

# Tests of the core rooms: never asleep, never excused.
BANNED_IN_TESTS = {
    "sleeping": r"\bsleep_for\b|\bsleep_until\b|\b(u|nano)?sleep\s*\(",
    "skipping": r"\bGTEST_SKIP\b|\bDISABLED_",
}

TEST_LIBRARIES = r"gtest/.*|gmock/.*|rapidcheck.*|benchmark/.*"


def closure(room, table=None):
    """The room itself and everything it may use, directly or not."""
    table = MAY_USE if table is None else table
    seen, todo = set(), [room]
    while todo:
        r = todo.pop()
        if r not in seen:
            seen.add(r)
            todo.extend(table.get(r, []))
    return seen
