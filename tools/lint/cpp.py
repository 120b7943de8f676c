"""As much of C++ as the checks need: text without comments and literals, includes, and the extent of functions."""

import re

_LITERAL = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<delim>[^()\\ ]{0,16})\(.*?\)(?P=delim)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'",
    re.S)
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
_DIRECTIVE = re.compile(r'^[ \t]*#(?:\\\n|[^\n])*', re.M)


def includes(text):
    """(line number, '<' or '"', path) of every include that is not commented out."""
    without = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m.group()), text, flags=re.S)
    return [(without.count("\n", 0, m.start(1)) + 1, m.group(1), m.group(2)) for m in _INCLUDE.finditer(without)]


def code_only(text):
    """The text with comments, literals and preprocessor lines blanked; every line keeps its number."""
    def blank(m):
        s = m.group()
        if s[0] == '"' or s.startswith('R"'):
            return '"' + re.sub(r'[^\n]', ' ', s[1:-1]) + '"'
        return re.sub(r'[^\n]', ' ', s)
    return _DIRECTIVE.sub(lambda m: re.sub(r'[^\n]', ' ', m.group()), _LITERAL.sub(blank, text))


_NOT_A_FUNCTION = re.compile(r'\b(namespace|class|struct|union|enum|extern\s*")')
_NAME = re.compile(r'([~\w:]+|operator\s*[^\s(]+(?:\(\))?)\s*\(')


def _without_nested(s, open_, close):
    out, depth = [], 0
    for c in s:
        if c == open_:
            depth += 1
        elif c == close:
            depth -= 1
        elif depth == 0:
            out.append(c)
    return "".join(out)


def _classify(head):
    """What a brace behind this text opens: 'scope' (namespace, class), 'function', 'initialiser' or 'other'."""
    if head.count("(") > head.count(")"):
        return "initialiser"  # a default argument
    head = re.sub(r'\[\[.*?\]\]|\balignas\s*\([^)]*\)', ' ', head).strip()
    flat = _without_nested(head, "(", ")")
    if _NOT_A_FUNCTION.search(_without_nested(flat, "<", ">")) and "(" not in head.split("{")[0].split(":")[0]:
        return "scope"
    if "(" not in head:
        return "scope" if head.startswith(("namespace", "extern")) else "other"
    plain = re.sub(r'operator\s*[^\s\w(]+', 'operator', flat)
    if "=" in re.sub(r'[<>=!]=', '', plain):
        return "other"
    if re.search(r'\)\s*(noexcept\s*)?:[^:].*[\w>]$', head, re.S):
        return "initialiser"
    return "function"


def functions(code):
    """(name, first line, number of lines) of every function that is defined at namespace or class scope."""
    found, stack, head_begin, line = [], [], 0, 1
    for i, c in enumerate(code):
        if c == "\n":
            line += 1
        elif c == "{":
            inside = stack[-1][0] if stack else "scope"
            head = code[head_begin:i]
            kind = _classify(head) if inside == "scope" else "other"
            if kind == "function":
                shown = re.sub(r'^(\s|(public|private|protected)\s*:(?!:))*', '', head)
                stack.append((kind, _name(head), line - shown.count("\n")))
            else:
                stack.append((kind, None, line))
            if kind != "initialiser":
                head_begin = i + 1
        elif c == "}":
            if stack:
                kind, name, start = stack.pop()
                if kind == "function":
                    found.append((name, start, line - start + 1))
                if kind != "initialiser":
                    head_begin = i + 1
        elif c == ";" and (not stack or stack[-1][0] == "scope"):
            if code.count("(", head_begin, i) == code.count(")", head_begin, i):
                head_begin = i + 1
    return found


def _name(head):
    head = _strip_template(head)
    names = _NAME.findall(head)
    name = names[0] if names else "?"
    if name.startswith("TEST"):  # TEST_F(Suite, Name)
        name = re.sub(r'\s', '', re.search(r'\(([^)]*)\)', head).group(1)).replace(",", ".")
    return name


def _strip_template(head):
    """Without a leading template clause, access labels and attributes."""
    head = re.sub(r'\[\[.*?\]\]', ' ', head)
    head = re.sub(r'\b(public|private|protected)\s*:(?!:)', ' ', head)
    m = re.match(r'\s*template\s*<', head)
    if not m:
        return head
    depth, j = 0, m.end() - 1
    while j < len(head):
        if head[j] == "<":
            depth += 1
        elif head[j] == ">":
            depth -= 1
            if depth == 0:
                return _strip_template(re.sub(r'^\s*requires\s*\([^)]*\)', ' ', head[j + 1:]))
        j += 1
    return head
