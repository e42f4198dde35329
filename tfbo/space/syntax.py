"""Grammar of constraints: from a text to a comparison of two trees, or an error that shows the place.

Names may be any text, so they are replaced before Python's parser sees them: `lambda` is a name like
any other, and no letter is changed by Unicode's rules for identifiers. What the parser makes of the rest
is let through a list of what the language has; nothing is ever evaluated as Python.
"""

from __future__ import annotations

import ast
import bisect
import dataclasses
import math
import re
from typing import Any, NoReturn, Protocol, TypeVar

from tfbo._arguments import plain
from tfbo.errors import invalid
from tfbo.space import checks

NUMBER, NAME = "number", "name"
SUM, NEGATIVE, PRODUCT, QUOTIENT, POWER = "+", "-", "*", "/", "**"
FUNCTIONS = ("abs", "min", "max", "sqrt", "log", "exp")
COMPARISONS = ("<=", ">=", "==")

# Python's parser recurses: texts are refused before they can exhaust its stack.
_LONGEST = 50_000
_MOST_OPERATIONS = 1_500
_DEEPEST = 50

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|`(?P<quoted>(?:[^`]|``)+)`"
    r"|(?P<symbol>\*\*|<=|>=|==|[-+*/(),])"
)
_CALLED = re.compile(r"\s*\(")
_RESERVED = {
    "True": "Write 1.",
    "False": "Write 0.",
    "None": "Write a number.",
    **dict.fromkeys(("and", "or"), "Write each comparison as a constraint of its own."),
    **dict.fromkeys(("not", "if", "else", "in", "is", "for"), "Use a predicate of the parameters."),
}
_MEANT = {
    "<": "Write <=.", ">": "Write >=.", "=": "Write ==.", "≤": "Write <=.", "≥": "Write >=.",
    "^": "Write **.", "\N{MINUS SIGN}": "Write -.", "\N{MULTIPLICATION SIGN}": "Write *.",
    "·": "Write *.", "÷": "Write /.",
    "!": "Only <=, >= and == compare.", "%": "There is no remainder.",
    ".": "Put names that have a point into backticks.", "`": "Close the backticks.",
    "'": "Names stand for themselves; put odd ones into backticks.",
    '"': "Names stand for themselves; put odd ones into backticks.",
    "[": "There is no indexing.", ":": "Use a predicate of the parameters.",
    "&": "Write each comparison as a constraint of its own.",
    "|": "Write each comparison as a constraint of its own.",
}  # fmt: skip
_LANGUAGE = "It has names, numbers, + - * / **, ( ), abs, min, max, sqrt, log, exp, <=, >= and ==."
_BINARY = {ast.Mult: PRODUCT, ast.Div: QUOTIENT, ast.Pow: POWER}
_COMPARED = {ast.LtE: "<=", ast.GtE: ">=", ast.Eq: "=="}


@dataclasses.dataclass(frozen=True)
class Node:
    """A number, a name, or an operation: of a sum or product all parts, of a quotient or power two."""

    kind: str
    value: Any = None
    parts: tuple[Node, ...] = ()


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Algebra(Protocol[T]):
    """A meaning of expressions: numbers, names and operations as values of one type."""

    def number(self, value: float) -> T:
        """Meaning of a number."""
        ...

    def name(self, name: str) -> T:
        """Meaning of a name."""
        ...

    def apply(self, kind: str, parts: list[T]) -> T:
        """Meaning of an operation on parts."""
        ...


def fold(node: Node, algebra: Algebra[T]) -> T:
    """The meaning of a tree."""
    if node.kind == NUMBER:
        return algebra.number(node.value)
    if node.kind == NAME:
        return algebra.name(node.value)
    return algebra.apply(node.kind, [fold(part, algebra) for part in node.parts])


def parse(text: Any, argument: str) -> tuple[str, Node, str, Node, tuple[str, ...]]:
    """Stripped text, left side, comparison, right side and names; InvalidArgument shows the place."""
    found = plain(text)
    if not isinstance(found, str):
        advice = 'For example "layers * units <= 1024".'
        raise invalid(argument, "a text", text, advice)
    source = _Source(found.strip(), argument)
    left, comparison, right = source.comparison()
    return source.text, left, comparison, right, tuple(source.names)


def written(name: str) -> str:
    """A name as it is written in an expression: in backticks, unless it is a word.

    Example:
        >>> written("units"), written("learning rate")
        ('units', '`learning rate`')
    """
    plain_word = re.fullmatch(r"[^\W\d]\w*", name) and name not in _RESERVED
    return name if plain_word else "`" + name.replace("`", "``") + "`"


class _Source:
    """A text that is being parsed: Python's version of it, and from its columns to those of the text."""

    def __init__(self, text: str, argument: str) -> None:
        self.text, self.argument = text, argument
        self.names: dict[str, int] = {}
        """Names and their numbers, in the order in which they appear."""
        self._pieces: list[str] = []
        self._columns: list[int] = []
        """Columns of the text at which the pieces begin."""
        self._starts: list[int] = []
        """Columns of Python's version at which the pieces begin."""
        self._open: list[tuple[int, bool]] = []
        """Columns of the parentheses that are open, and whether they are those of a function."""
        self._last = ""
        self._chain = self._operations = self._length = 0

    def refuse(self, expected: str, column: int, got: str, advice: str = _LANGUAGE) -> NoReturn:
        """Raise InvalidArgument for what is at a column, from 0 on."""
        shown = self.text
        if len(shown) > 80:
            first = max(0, column - 40)
            shown = ("..." if first else "") + shown[first : first + 80] + "..."
        place = f"{expected} at column {column + 1} of {shown!r}"
        raise invalid(self.argument, place, got, advice)

    def comparison(self) -> tuple[Node, str, Node]:
        """Both sides and the comparison between them."""
        if not self.text:
            raise invalid(self.argument, "a comparison", self.text, 'For example "x + y <= 1".')
        if len(self.text) > _LONGEST:
            got = f"shape [{len(self.text)}]"
            raise invalid(self.argument, f"at most {_LONGEST} characters", got, "Use a predicate.")
        self._read()
        tree = self._parsed()
        if not isinstance(tree, ast.Compare):
            self.refuse(
                "a comparison by <=, >= or ==",
                len(self.text),
                "nothing",
                'For example "x + y <= 1".',
            )
        if len(tree.ops) > 1:
            column = self._column(tree.comparators[1].col_offset)
            advice = "Write each comparison as a constraint of its own."
            self.refuse("one comparison", column, self.text[column:], advice)
        left, right = self._node(tree.left, 0), self._node(tree.comparators[0], 0)
        if not self.names:
            self.refuse("a name", 0, self.text, "Leave it out: it has numbers alone.")
        return left, _COMPARED[type(tree.ops[0])], right

    def _read(self) -> None:
        """Take the text apart into what the language has; names become v0, v1, ..."""
        at, operand = 0, False  # whether an operand has just ended
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                wrong = self.text[at]
                expected = "something of the language of constraints"
                self.refuse(expected, at, wrong, _MEANT.get(wrong, _LANGUAGE))
            kind, token = match.lastgroup, match.group(match.lastgroup or 0)
            if kind == "space":
                self._add(" ", at)
                at = match.end()
                continue
            if operand != (kind == "symbol" and token != "(") and not (
                token in ("+", "-") and kind == "symbol"
            ):
                self._misplaced(token, at, operand)
            if kind == "name":
                token = self._word(token, at, match.end())
            elif kind == "quoted":
                token = self._named(token.replace("``", "`"))
            elif kind == "symbol":
                self._nest(token, at, operand)
            self._last = token
            operand = token not in FUNCTIONS and (kind != "symbol" or token == ")")
            self._add(token, at)
            at = match.end()
        if not operand:
            self._misplaced("nothing", at, operand)
        if self._open:
            self.refuse(
                "a closing parenthesis",
                at,
                "nothing",
                f"Close that of column {self._open[-1][0] + 1}.",
            )

    def _misplaced(self, token: str, at: int, operand: bool) -> NoReturn:
        """Refuse an operand that follows another one, or an operator without one."""
        if operand:
            self.refuse(
                "an operator", at, token, _RESERVED.get(token, "A product is written with *.")
            )
        self.refuse("a name, a number or a parenthesis", at, token)

    def _word(self, word: str, at: int, end: int) -> str:
        if _CALLED.match(self.text, end):
            if word not in FUNCTIONS:
                advice = f"{checks.suggestion(word, FUNCTIONS)} A product is written with *."
                self.refuse("a function of the language", at, word, advice)
            return word
        if word in _RESERVED:
            self.refuse("a name or a number", at, word, _RESERVED[word])
        return self._named(word)

    def _named(self, name: str) -> str:
        return f"v{self.names.setdefault(name, len(self.names))}"

    def _nest(self, symbol: str, at: int, operand: bool) -> None:
        """Refuse operations inside of each other, or in number, with which the parser cannot cope."""
        self._operations += 1
        if symbol == "(":
            self._open.append((at, self._last in FUNCTIONS))
        elif symbol == "," and not (self._open and self._open[-1][1]):
            advice = "Commas separate the arguments of min and max: 1024 has none."
            self.refuse("an operator", at, symbol, advice)
        elif symbol == ")":
            if not self._open:
                self.refuse("an operator", at, symbol, "Drop it, or open a parenthesis before.")
            self._open.pop()
        # Signs before an operand and powers nest to the right.
        nests = symbol == POWER or (symbol in "+-" and not operand)
        self._chain = self._chain + 1 if nests else 0
        if len(self._open) + self._chain > _DEEPEST:
            self.refuse(
                f"at most {_DEEPEST} operations inside of each other",
                at,
                symbol,
                "Use a predicate.",
            )
        if self._operations > _MOST_OPERATIONS:
            self.refuse(f"at most {_MOST_OPERATIONS} operations", at, symbol, "Use a predicate.")

    def _add(self, piece: str, column: int) -> None:
        self._starts.append(self._length)
        self._columns.append(column)
        self._pieces.append(piece)
        self._length += len(piece)

    def _column(self, offset: Any) -> int:
        """The column of the text at which that of Python's version is; both from 0 on."""
        found = bisect.bisect_right(self._starts, max(offset or 0, 0)) - 1
        return self._columns[max(found, 0)]

    def _parsed(self) -> ast.expr:
        version = "".join(self._pieces)
        try:
            return ast.parse(version, mode="eval").body
        except SyntaxError as error:
            at_end = (error.offset or 1) > self._length
            column = len(self.text) if at_end else self._column((error.offset or 1) - 1)
            got = _TOKEN.match(self.text, column)
            shown = got.group() if got is not None else "the end"
            reason = re.sub(r"\bv(\d+)\b", "a name", error.msg or "")
            self.refuse("correct arithmetic", column, shown, f"Python says: {reason}.")
        except (RecursionError, MemoryError, ValueError):
            self.refuse("an expression that Python can parse", 0, "a larger one", "Split it.")

    def _node(self, tree: ast.expr, depth: int) -> Node:
        """The tree of what Python parsed, which is left-deep: chains of sums and products are unrolled."""
        if depth > 4 * _DEEPEST:
            self._outside(tree, "fewer operations inside of each other", "Split it.")
        if isinstance(tree, ast.Constant):
            return self._number(tree)
        if isinstance(tree, ast.Name) and tree.id not in FUNCTIONS:
            return Node(NAME, list(self.names)[int(tree.id[1:])])
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return Node(NEGATIVE, parts=(self._node(tree.operand, depth + 1),))
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.UAdd):
            return self._node(tree.operand, depth + 1)
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, (ast.Add, ast.Sub)):
            return self._chained(tree, SUM, (ast.Add, ast.Sub), depth)
        if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult):
            return self._chained(tree, PRODUCT, (ast.Mult,), depth)
        if isinstance(tree, ast.BinOp) and type(tree.op) in _BINARY:
            parts = self._node(tree.left, depth + 1), self._node(tree.right, depth + 1)
            return Node(_BINARY[type(tree.op)], parts=parts)
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            return self._call(tree, tree.func.id, depth)
        advice = _LANGUAGE
        if isinstance(tree, ast.Compare):
            advice = "One comparison stands between the two sides."
        elif isinstance(tree, ast.Tuple):
            advice = "Commas separate the arguments of min and max; a decimal point is a point."
        elif isinstance(tree, ast.Call):
            advice = "A product is written with *."
        return self._outside(tree, "an operation of the language of constraints", advice)

    def _chained(self, tree: ast.BinOp, kind: str, operators: Any, depth: int) -> Node:
        parts: list[Node] = []
        at: ast.expr = tree
        while isinstance(at, ast.BinOp) and isinstance(at.op, operators):
            part = self._node(at.right, depth + 1)
            parts.append(Node(NEGATIVE, parts=(part,)) if isinstance(at.op, ast.Sub) else part)
            at = at.left
        return Node(kind, parts=(self._node(at, depth + 1), *reversed(parts)))

    def _call(self, tree: ast.Call, function: str, depth: int) -> Node:
        if function not in FUNCTIONS:
            self._outside(tree, "an operator", "A product is written with *.")
        several = function in ("min", "max")
        wrong = tree.keywords or any(isinstance(part, ast.Starred) for part in tree.args)
        if wrong or (len(tree.args) < 2 if several else len(tree.args) != 1):
            takes = "two arguments or more" if several else "one argument"
            self._outside(tree, f"{function} with {takes}", f"{function} takes {takes}.")
        return Node(function, parts=tuple(self._node(part, depth + 1) for part in tree.args))

    def _number(self, tree: ast.Constant) -> Node:
        value: Any = tree.value
        try:
            if not math.isfinite(float(value)):
                raise OverflowError
        except OverflowError:
            self._outside(tree, "a number that a float can hold", "Use a smaller one.")
        # Whole ones are exact among whole parameters.
        return Node(NUMBER, int(value) if float(value).is_integer() else value)

    def _outside(self, tree: ast.expr, expected: str, advice: str) -> NoReturn:
        column, end = self._column(tree.col_offset), self._column((tree.end_col_offset or 1) - 1)
        match = _TOKEN.match(self.text, end)
        shown = self.text[column : end + 1 if match is None else match.end()]
        self.refuse(expected, column, shown, advice)
