#include "support/catch.hpp"
#include "support/fake_daemon.hpp"

using namespace hearth;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;

namespace {

const std::string kFunctions = "GET /api/v1/namespaces/default/functions";
const std::string kWatch = "GET /api/v1/watch?kinds=functions,packages&namespace=default";

std::string line(const std::string& type, const std::string& kind, const std::string& name,
                 const std::string& revision, const std::string& spec = "{}") {
    return R"({"type":")" + type + R"(","object":{"kind":")" + kind +
           R"(","metadata":{"namespace":"default","name":")" + name + R"(","resourceVersion":")" +
           revision + R"("},"spec":)" + spec + "}}\n";
}

std::string code(const std::string& package) {
    return R"({"package":{"packageref":{"name":")" + package + R"("}}})";
}

FakeDaemon daemon_with(const std::string& lines) {
    FakeDaemon daemon;
    daemon.answers[kFunctions] = {
        200,
        R"({"items":[{"kind":"Function","metadata":{"namespace":"default","name":"a"},"spec":)" +
            code("shared") + "}]}"};
    daemon.answers[kWatch] = {200, lines, "application/x-ndjson"};
    return daemon;
}

std::string after_list(const std::string& out) {
    return out.substr(out.find("modified") == std::string::npos
                          ? out.size()
                          : std::min(out.find("modified"), out.find("added")));
}

}  // namespace

TEST_CASE("get -w of functions tells of the packages that are their code") {
    auto daemon = daemon_with(
        line("bookmark", "", "", "") + line("modified", "Package", "shared", "7") +
        line("added", "Package", "other", "8") +
        line("added", "Function", "b", "9", code("shared")) +
        line("modified", "Package", "shared", "10") +
        line("removed", "Function", "a", "11", code("shared")) +
        line("modified", "Package", "shared", "12") + line("modified", "Package", "other", "13"));
    const auto ran = run_hearth(daemon, {"get", "functions", "-w"});
    INFO(ran.err);
    CHECK(after_list(ran.out) ==
          "modified  function/a, by its code package/shared  revision 7\n"
          "added  function/b  revision 9\n"
          "modified  function/a, by its code package/shared  revision 10\n"
          "modified  function/b, by its code package/shared  revision 10\n"
          "removed  function/a  revision 11\n"
          "modified  function/b, by its code package/shared  revision 12\n");
}

TEST_CASE("get -w of some names tells of their packages alone; JSON has each change once") {
    auto daemon = daemon_with(line("added", "Function", "b", "9", code("shared")) +
                              line("modified", "Package", "shared", "10"));
    const auto both = run_hearth(daemon, {"get", "functions", "-w", "-o", "json"});
    std::size_t changes = 0;
    for (std::size_t at = both.out.find("\"modified\""); at != std::string::npos;
         at = both.out.find("\"modified\"", at + 1))
        ++changes;
    CHECK(changes == 1);
    daemon.answers["GET /api/v1/namespaces/default/functions/b"] = {
        200, R"({"kind":"Function","metadata":{"namespace":"default","name":"b"},"spec":{}})"};
    const auto named = run_hearth(daemon, {"get", "functions", "b", "-w"});
    CHECK(after_list(named.out) ==
          "added  function/b  revision 9\n"
          "modified  function/b, by its code package/shared  revision 10\n");
}
