"""Splits C++ into statements well enough to look at each one that suspends."""

import re

_NOISE = re.compile(r"""
      //[^\n]*
    | /\*.*?\*/
    | R"(?P<tag>[^()\s\\]*)\(.*?\)(?P=tag)"
    | "(?:\\.|[^"\\\n])*"
    | '(?:\\.|[^'\\\n])+'
""", re.VERBOSE | re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|->|::|&&|\|\||[^\s\w]")
_TYPE_WORDS = {"struct", "class", "namespace", "enum", "union", "extern"}
_BLOCK_BEFORE = {")", "else", "do", "try", "const", "noexcept", "override", "final", "mutable", "}", ";", None}


def _blank(match):
    text = match.group(0)
    filler = '""' if text[0] in "\"R" else "0" if text[0] == "'" else ""
    return filler + "\n" * text.count("\n")


def tokens_of(text):
    """[(token, line)] without comments, directives and the contents of literals."""
    text = _NOISE.sub(_blank, text)
    text = _DIRECTIVE.sub(lambda m: "\n" * m.group(0).count("\n"), text)
    out, line, last = [], 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        out.append((match.group(0), line))
    return out


class Statement:
    """One full expression. `captures`, `braces`: lines of capturing lambdas and of braced temporaries in it."""

    def __init__(self, line):
        self.line = line
        self.words = []
        self.captures = []
        self.braces = []
        self.called_lambdas = []

    @property
    def suspends(self):
        return "co_await" in self.words or "co_yield" in self.words

    @property
    def text(self):
        return " ".join(self.words)


class _Splitter:
    def __init__(self, tokens):
        self._tokens = tokens
        self._at = 0
        self.statements = []

    def _peek(self, offset=0):
        index = self._at + offset
        return self._tokens[index][0] if 0 <= index < len(self._tokens) else None

    def block(self):
        """Statements up to the closing brace of the block, or the end of the file. True if any suspends."""
        suspends = False
        while self._at < len(self._tokens):
            if self._peek() == "}":
                self._at += 1
                return suspends
            suspends = self._statement() or suspends
        return suspends

    def _statement(self):
        statement = Statement(self._tokens[self._at][1])
        self.statements.append(statement)
        inner = self._expression(statement, ends=";")
        return statement.suspends or inner

    def _expression(self, statement, ends):
        """Reads to `;` or to the end of a nested group. True if a block that belongs to the statement suspends."""
        inner = False
        while self._at < len(self._tokens):
            token, line = self._tokens[self._at]
            if token == ends:
                self._at += 1
                return inner
            if token == "}":
                return inner
            if token == ";" and ends == ")":  # for (a; b; c), if (init; condition)
                statement.words.append(token)
                self._at += 1
            elif token == "(":
                statement.words.append(token)
                self._at += 1
                inner = self._expression(statement, ")") or inner
                statement.words.append(")")
            elif token == "[":
                self._bracket(statement, line)
            elif token == "{":
                if ends == ";" and self._starts_block(statement):
                    self._at += 1
                    return self.block() or inner
                inner = self._brace(statement, line) or inner
            else:
                statement.words.append(token)
                self._at += 1
        return inner

    def _starts_block(self, statement):
        words = statement.words
        if not words or words[0] in _TYPE_WORDS or (words[0] == "inline" and "namespace" in words):
            return True
        if words[0] == "template" and any(w in _TYPE_WORDS for w in words):
            return "=" not in words
        if words[-1] in _BLOCK_BEFORE or words[-1] == ":":
            return True
        assigned = "=" in words or any(w in words for w in ("return", "co_return", "co_await"))
        return "->" in words and not assigned and ")" in words

    def _bracket(self, statement, line):
        before = statement.words[-1] if statement.words else None
        subscript = before is not None and (before in (")", "]") or re.match(r"\w", before)) and \
            before not in ("return", "co_return", "co_await", "co_yield", "case", "delete")
        attribute = self._peek(1) == "["
        start = self._at
        depth = 0
        while self._at < len(self._tokens):
            token = self._peek()
            depth += {"[": 1, "]": -1}.get(token, 0)
            self._at += 1
            if depth == 0:
                break
        content = [t for t, _ in self._tokens[start + 1:self._at - 1]]
        if subscript or attribute:
            statement.words += ["[", *content, "]"]
            return
        if content:
            statement.captures.append(line)
        self._lambda(statement, line, bool(content))

    def _lambda(self, statement, line, captures):
        """From behind the capture list to behind the body."""
        statement.words.append("<lambda>")
        while self._at < len(self._tokens) and self._peek() not in ("{", ";", None):
            if self._peek() == "(":
                self._at += 1
                self._expression(Statement(line), ")")
            else:
                self._at += 1
        if self._peek() != "{":
            return
        self._at += 1
        suspends = self.block()
        if suspends and captures and self._peek() == "(":
            statement.called_lambdas.append(line)

    def _brace(self, statement, line):
        """A braced temporary or list inside an expression."""
        statement.braces.append(line)
        statement.words.append("{")
        self._at += 1
        inner = False
        while self._at < len(self._tokens) and self._peek() != "}":
            inner = self._expression(statement, ",") or inner
            if self._peek(-1) != ",":
                break
        if self._peek() == "}":
            self._at += 1
        statement.words.append("}")
        return inner


def statements_of(text):
    splitter = _Splitter(tokens_of(text))
    while splitter._at < len(splitter._tokens):
        splitter.block()
    return splitter.statements


def faults_of(text):
    """(line, what) for each statement that g++ 12.2 gets wrong, or that style forbids for the same reason."""
    found = []
    for statement in statements_of(text):
        if statement.called_lambdas:
            found.append((statement.called_lambdas[0], "a capturing lambda coroutine is called in place"))
        if not statement.suspends:
            continue
        if statement.captures:
            found.append((statement.line, "co_await and a capturing lambda in one statement"))
        if statement.braces:
            found.append((statement.line, "co_await and a braced temporary in one statement"))
        if re.search(r"\? .*\bco_await\b", statement.text):
            found.append((statement.line, "co_await in an arm of a conditional expression"))
        if re.search(r"\b(REQUIRE|CHECK)(_\w+)? \( .*\bco_await\b", statement.text):
            found.append((statement.line, "co_await inside an assertion macro"))
    return found
