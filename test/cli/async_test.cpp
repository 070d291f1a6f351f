#include "support/catch.hpp"
#include "support/fake_daemon.hpp"

using namespace hearth;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;

namespace {

const std::string kCalls = "/api/v1/namespaces/default/calls";

std::string page(const std::string& ids, const std::string& next = "") {
    std::string items;
    for (const char id : ids)
        items += (items.empty() ? "" : ",") + std::string(R"({"id":"7-)") + id +
                 R"(","namespace":"default","function":"f","state":"failed","attempts":3,)" +
                 R"("reason":"refused","created":"2026-01-01T00:00:00.000Z"})";
    return R"({"kind":"CallList","continue":")" + next + R"(","items":[)" + items + "]}";
}

}  // namespace

TEST_CASE("async list: filters go to the daemon, pages are followed") {
    FakeDaemon daemon;
    daemon.answers["GET " + kCalls + "?function=f&state=failed&limit=100"] = {200, page("a", "5")};
    daemon.answers["GET " + kCalls + "?function=f&state=failed&limit=99&continue=5"] = {200,
                                                                                        page("b")};
    const auto ran =
        run_hearth(daemon, {"async", "list", "--function", "f", "--state", "failed", "-o", "name"});
    INFO(ran.err);
    CHECK(ran.out == "call/7-a\ncall/7-b\n");
    const auto table =
        run_hearth(daemon, {"async", "list", "--function", "f", "--state", "failed"});
    CHECK(table.out.find("7-a") != std::string::npos);
    CHECK(table.out.find("refused") != std::string::npos);
}

TEST_CASE("async redrive: ids, or all dead letters, but not nothing") {
    FakeDaemon daemon;
    daemon.answers["GET " + kCalls + "?state=failed&limit=500"] = {200, page("ab")};
    for (const char* id : {"7-a", "7-b"})
        daemon.answers["POST " + kCalls + "/" + id + "/redrive"] = {202, "{}"};
    CHECK(run_hearth(daemon, {"async", "redrive", "--all"}).out ==
          "call/7-a redriven\ncall/7-b redriven\n");
    CHECK(run_hearth(daemon, {"async", "redrive", "7-b"}).out == "call/7-b redriven\n");
    CHECK(run_hearth(daemon, {"async", "redrive", "7-c"}).code == 3);
    const auto none = run_hearth(daemon, {"async", "redrive"});
    CHECK(none.code == 2);
    CHECK(none.err.find("--all") != std::string::npos);
}

TEST_CASE("async purge and edit say what they did") {
    FakeDaemon daemon;
    daemon.answers["DELETE " + kCalls + "?function=f&state=failed"] = {200, R"({"removed":4})"};
    daemon.answers["DELETE " + kCalls + "/7-a"] = {200, R"({"removed":1})"};
    daemon.answers["PATCH " + kCalls + "/7-a"] = {200, "{}"};
    CHECK(run_hearth(daemon, {"async", "purge", "--all", "--function", "f", "--state", "failed"})
              .out == "4 calls removed\n");
    CHECK(run_hearth(daemon, {"async", "purge", "7-a"}).out == "1 call removed\n");
    const auto edited = run_hearth(
        daemon, {"async", "edit", "7-a", "--body", "x", "--header", "A: b", "--target", "/t"});
    INFO(edited.err);
    CHECK(edited.code == 0);
    CHECK(edited.out.find("hearth async redrive 7-a") != std::string::npos);
    CHECK(run_hearth(daemon, {"async", "edit", "7-a"}).code == 2);
    CHECK(run_hearth(daemon, {"async", "edit", "7-a", "--header", "nocolon"}).code == 2);
}
