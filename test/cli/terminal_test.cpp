#include "cli/terminal.hpp"

#include <sstream>

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::cli;

TEST_CASE("escape sequences of a function never reach the terminal") {
    const auto row = GENERATE(table<std::string, std::string>({
        {"plain text\n", "plain text\n"},
        {"\x1b[31mred\x1b[0m", "red"},
        {"\x1b]0;title\x07text", "text"},
        {"\x1b]8;;http://x\x1b\\link", "link"},
        {"a\x1b[2Jb", "ab"},
        {"cut\x1b[3", "cut"},
        {"bell\x07 back\x08 del\x7f", "bell back del"},
        {"c1\xc2\x9b"
         "31m",
         "c131m"},
        {"é\ttab", "é\ttab"},
        {"\x1b(Bx\x1b=y", "xy"},
        {"\rover", "over"},
    }));
    CHECK(strip_escapes(std::get<0>(row)) == std::get<1>(row));
}

TEST_CASE("tables are as wide as their cells") {
    Table table({"NAME", "AGE", "PATH"});
    table.add({"hello", "5s", "/hello"});
    table.add({"é", "", "/x"});
    std::ostringstream out;
    table.print(out);
    CHECK(out.str() ==
          "NAME   AGE  PATH\n"
          "hello  5s   /hello\n"
          "é           /x\n");
    CHECK(Table({"A"}).empty());
}

TEST_CASE("colours are for terminals alone") {
    std::istringstream in;
    std::ostringstream out, err;
    Terminal plain{in, out, err, false, false};
    CHECK(plain.paint(Paint::red, "x") == "x");
    Terminal colored{in, out, err, true, true};
    CHECK(colored.paint(Paint::red, "x") == "\x1b[31mx\x1b[0m");
    CHECK(colored.paint(Paint::none, "x") == "x");
}

TEST_CASE("failures print their detail and give their exit code") {
    const auto row = GENERATE(table<Errc, int>({{Errc::not_found, 3},
                                                {Errc::invalid_argument, 4},
                                                {Errc::conflict, 4},
                                                {Errc::unavailable, 5},
                                                {Errc::forbidden, 5},
                                                {Errc::unauthenticated, 5},
                                                {Errc::io, 1},
                                                {Errc::internal, 1}}));
    std::istringstream in;
    std::ostringstream out, err;
    Terminal terminal{in, out, err};
    CHECK(terminal.fail(Error(std::get<0>(row), "no luck", "because\x1b[31m")) == std::get<1>(row));
    CHECK(err.str() == "hearth: no luck\nbecause\n");
    CHECK(out.str().empty());
}
