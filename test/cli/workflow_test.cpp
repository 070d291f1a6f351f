#include <fstream>

#include "support/catch.hpp"
#include "support/fake_daemon.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;

namespace {

const std::string kRuns = "/api/v1/namespaces/default/workflowruns";

std::string run_text(const std::string& phase) {
    return R"({"kind":"WorkflowRun","metadata":{"name":"7-a","creationTimestamp":"2026-01-01T00:00:00.000Z"},)"
           R"("spec":{"workflowRef":"w","input":1},"status":{"phase":")" +
           phase +
           R"(","errorType":"Odd","finishedAt":"2026-01-01T00:00:09.000Z","steps":[{"number":1,"state":"pay",)"
           R"("type":"Task","status":"Failed","entered":"2026-01-01T00:00:01.000Z","left":"2026-01-01T00:00:03.000Z",)"
           R"("errorType":"Odd","cause":"why","input":[5],"attempts":[{"number":1,"started":"2026-01-01T00:00:01.000Z",)"
           R"("ended":"2026-01-01T00:00:02.000Z","errorType":"Odd","cause":"why"}]}]}})";
}

}  // namespace

TEST_CASE("workflow run: it waits for the end, and a failed run is a failure", "[cli]") {
    FakeDaemon daemon;
    daemon.answers["POST " + kRuns] = {201, run_text("Running")};
    daemon.answers["GET " + kRuns + "/7-a?wait=30s"] = {200, run_text("Failed")};
    auto ran = run_hearth(daemon, {"workflow", "run", "w", "--input", "[1]"});
    CHECK(ran.code == 1);
    CHECK(ran.out.find("pay") != std::string::npos);
    ran = run_hearth(daemon, {"workflow", "run", "w", "--no-wait"});
    CHECK(ran.code == 0);
    CHECK(ran.out == "workflowrun/7-a\n");
    daemon.answers["POST " + kRuns] = {201, run_text("Succeeded")};
    ran = run_hearth(daemon, {"workflow", "run", "w", "-o", "name"});
    CHECK(ran.code == 0);
    CHECK(ran.out == "workflowrun/7-a\n");
    ran = run_hearth(daemon, {"workflow", "run", "w", "--input", "{"});
    CHECK(ran.code != 0);
    CHECK(ran.err.find("--input is no JSON") != std::string::npos);
}

TEST_CASE("workflow list, describe, logs, cancel, redrive", "[cli]") {
    FakeDaemon daemon;
    const std::string page = R"({"kind":"WorkflowRunList","metadata":{"continue":""},"items":[)" +
                             run_text("Failed") + "]}";
    daemon.answers["GET " + kRuns + "?workflow=w&phase=Failed&limit=100"] = {200, page};
    auto ran = run_hearth(daemon, {"workflow", "list", "--workflow", "w", "--phase", "Failed"});
    INFO(ran.err);
    CHECK(ran.out.find("7-a") != std::string::npos);
    CHECK(run_hearth(daemon,
                     {"workflow", "list", "--workflow", "w", "--phase", "Failed", "-o", "name"})
              .out == "workflowrun/7-a\n");
    CHECK(run_hearth(daemon,
                     {"workflow", "list", "--workflow", "w", "--phase", "Failed", "-o", "wide"})
              .out.find("FINISHED") != std::string::npos);
    daemon.answers["GET " + kRuns + "/7-a?io=true"] = {200, run_text("Failed")};
    ran = run_hearth(daemon, {"workflow", "describe", "7-a", "--io"});
    CHECK(ran.code == 0);
    CHECK(ran.out.find("Odd: why") != std::string::npos);
    CHECK(ran.out.find("input: [5]") != std::string::npos);
    daemon.answers["GET " + kRuns + "/7-a"] = {200, run_text("Failed")};
    ran = run_hearth(daemon, {"workflow", "logs", "7-a"});
    CHECK(ran.out.find("2026-01-01T00:00:02.000Z  pay attempt 1 failed Odd: why\n") !=
          std::string::npos);
    CHECK(ran.out.ends_with("run Failed\n"));
    daemon.answers["POST " + kRuns + "/7-a/cancel"] = {200, run_text("Cancelled")};
    daemon.answers["POST " + kRuns + "/7-a/redrive"] = {202, run_text("Running")};
    CHECK(run_hearth(daemon, {"workflow", "cancel", "7-a"}).out == "workflowrun/7-a cancelled\n");
    CHECK(run_hearth(daemon, {"workflow", "redrive", "7-a"}).out == "workflowrun/7-a redriven\n");
    CHECK(run_hearth(daemon, {"workflow", "redrive", "8-b"}).code == 3);
}

TEST_CASE("workflow graph: of a file without a daemon, of the daemon's", "[cli]") {
    FakeDaemon daemon;
    test::TempDir dir;
    const auto file = dir.path() / "w.yaml";
    std::ofstream(file) << "apiVersion: hearth/v1\nkind: Workflow\nmetadata: {name: w}\n"
                           "spec: {steps: [a, b]}\n";
    auto ran = run_hearth(daemon, {"workflow", "graph", "--file", file.string()});
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out.find("n0 --> n1") != std::string::npos);
    CHECK(run_hearth(daemon, {"workflow", "graph"}).code == 2);
    daemon.answers["GET /api/v1/namespaces/default/workflows/w"] = {
        200,
        R"({"apiVersion":"hearth/v1","kind":"Workflow","metadata":{"name":"w"},"spec":{"steps":["x"]}})"};
    CHECK(run_hearth(daemon, {"workflow", "graph", "w"}).out.find("[\"x\"]") != std::string::npos);
}
