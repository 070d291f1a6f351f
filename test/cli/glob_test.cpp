#include "cli/glob.hpp"

#include "support/catch.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using namespace hearth::cli;
using hearth::test::ScratchFolder;

TEST_CASE("patterns match by parts") {
    const auto row = GENERATE(table<std::string, std::string, bool>({
        {"*.py", "a.py", true},
        {"*.py", "src/a.py", false},
        {"src/*", "src/a.py", true},
        {"src/*", "src/lib/a.py", false},
        {"src/**", "src/lib/a.py", true},
        {"**/a.py", "a.py", true},
        {"**/a.py", "x/y/a.py", true},
        {"a/**/b", "a/b", true},
        {"a/**/b", "a/x/y/b", true},
        {"a?c", "abc", true},
        {"a?c", "ac", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[!a-c]x", "dx", true},
        {"*a*b*", "xxaxxbxx", true},
        {"*a*b*", "xxbxxa", false},
        {"./src/*.js", "src/x.js", true},
        {"[", "[", true},
        {"", "", true},
        {"node_modules", "node_modules", true},
    }));
    INFO(std::get<0>(row) << " " << std::get<1>(row));
    CHECK(glob_match(std::get<0>(row), std::get<1>(row)) == std::get<2>(row));
}

TEST_CASE("patterns expand to what is on disk") {
    ScratchFolder folder;
    for (const char* name : {"src/a.py", "src/b.js", "src/lib/c.py", "other/src/d.py", "top.py"})
        folder.write(name, "x");
    const auto names = [&](std::string_view pattern) {
        std::vector<std::string> out;
        const auto found = expand_glob(folder.path(), pattern);
        REQUIRE(found);
        for (const auto& path : *found) out.push_back(path.generic_string());
        return out;
    };
    using Names = std::vector<std::string>;
    CHECK(names("src/*.py") == Names{"src/a.py"});
    CHECK(names("src/*") == Names{"src/a.py", "src/b.js", "src/lib"});
    CHECK(names("src/**") == Names{"src/a.py", "src/b.js", "src/lib"});
    CHECK(names("**/*.py") == Names{"other/src/d.py", "src/a.py", "src/lib/c.py", "top.py"});
    CHECK(names("src/") == Names{"src"});
    CHECK(names("absent").empty());
    CHECK(expand_glob(folder.path(), "../x").has_error());
    CHECK(expand_glob(folder.path(), "/etc/*").error().code == Errc::invalid_argument);
}
