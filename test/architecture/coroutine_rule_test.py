"""g++ 12.2 frees twice when one statement both suspends and makes a capturing lambda or a braced temporary, or suspends in an arm of ?:."""

import sys

import pytest

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from cpp_statements import faults_of  # noqa: E402
from sources import cpp_files, text_of  # noqa: E402

SOURCES = cpp_files("src", "include", "test")


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_statements_that_suspend_make_no_lambda_and_no_braced_temporary(path):
    faults = [f"{path}:{line}: {what}; name it in a statement of its own first" for line, what in faults_of(text_of(path))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("code", [
    "Task<void> f() { co_await g([x] { return x; }); }",
    "Task<void> f() { co_await g([&] { h(); }, 3); }",
    "Task<void> f() { co_await g(Agg{.s = a}); }",
    "Task<void> f() { auto r = co_await g({\"..\", 3}); }",
    "Task<void> f() { Agg x{.s = a, .n = co_await g()}; }",
    "Task<void> f() { plain(Agg{1}, co_await g()); }",
    "Task<void> f() { auto x = std::optional<Agg>{Agg{co_await g()}}; }",
    "Task<void> f() { if (auto r = co_await g(Agg{1}); !r) { return; } }",
    "Task<void> f() { co_return co_await g([this] { return 1; }); }",
    "Task<void> f() { REQUIRE(co_await g()); }",
    "Task<void> f() { auto x = a ? co_await g() : h(); }",
    "Task<void> f() { auto x = a ? h() : co_await g(); }",
    "void f() { run([&]() -> Task<void> { co_await g(); }()); }",
    "Task<void> f() {\n while (true) {\n  co_await g(\n   [a = std::move(b)]() mutable { return a; });\n }\n}",
])
def test_the_rule_finds(code):
    assert faults_of(code)


@pytest.mark.parametrize("code", [
    "Task<void> f() { auto l = [x] { return x; }; co_await g(std::move(l)); }",
    "Task<void> f() { Agg a{.s = 1}; co_await g(std::move(a)); }",
    "Task<void> f() { co_return T{1}; }",
    "Task<void> f() { if (co_await g()) { h(Agg{1}); } else { k({1, 2}); } }",
    "Task<void> f() { for (auto& x : co_await g()) { h([&] { x(); }); } }",
    "Task<void> f() { co_await g(a[i], b[co_x]); }",
    "Task<void> f() { co_return (co_await g()) ? a : b; }",
    "Task<void> f() { co_await g(\"[&] { text }\", '{'); }  // [x] {",
    "void f() { co_spawn(ex, [this]() -> Task<void> { co_await g(); }, token); }",
    "void f() { group.spawn([&] { return 1; }); }\nTask<void> h() { co_await g(); }",
    "struct S { int a{1}; Task<void> f() { co_await g(); } };",
    "Task<void> f() { switch (x) { case 1: co_await g(); break; default: h({1}); } }",
    "S::S() : a_{1}, b_(2) { h(); }\nTask<void> S::f() const { co_await g(); }",
    "Task<void> f() { co_await g([](int x) { return x; }); }",
])
def test_the_rule_lets_pass(code):
    assert not faults_of(code)
