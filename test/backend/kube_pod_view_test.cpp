#include "backend/kube_pod_view.hpp"

#include <boost/json.hpp>

#include "backend/kube_names.hpp"
#include "support/catch.hpp"

using namespace hearth;
using backend::InstanceExit;
using backend::judge;
using backend::PodVerdict;

namespace {

backend::PodView view_of(const std::string& status, const std::string& metadata = "",
                         const std::string& spec = R"("nodeName":"n1")") {
    const auto text =
        R"({"metadata":{"namespace":"ns","name":"p","uid":"u1","resourceVersion":"7")" + metadata +
        R"(},"spec":{)" + spec + R"(},"status":{)" + status + "}}";
    auto view = backend::read_pod(boost::json::parse(text).as_object());
    REQUIRE(view);
    return *view;
}

std::string containers(const std::string& environment, const std::string& runner) {
    return R"("containerStatuses":[{"name":"environment","containerID":"e1",)" + environment +
           R"(},{"name":"runner","containerID":"r1",)" + runner + "}]";
}

const std::string kRunning = R"("state":{"running":{}})";

}  // namespace

TEST_CASE("kube pod: what its containers say decides what it is") {
    using State = PodVerdict::State;
    struct Row {
        std::string name, status, metadata;
        State state;
        InstanceExit::Cause cause;
        int code;
        std::string why;
    };
    const auto ended = [](const std::string& terminated) {
        return containers(R"("state":{"terminated":)" + terminated + "}", kRunning);
    };
    const std::vector<Row> rows = {
        {"new", R"("phase":"Pending")", "", State::starting, InstanceExit::Cause::exited, 0, ""},
        {"no address", R"("phase":"Running",)" + containers(kRunning, kRunning), "",
         State::starting, InstanceExit::Cause::exited, 0, ""},
        {"addressed", R"("phase":"Running","podIP":"10.1.2.3",)" + containers(kRunning, kRunning),
         "", State::addressed, InstanceExit::Cause::exited, 0, ""},
        {"oom",
         R"("phase":"Running","podIP":"10.1.2.3",)" +
             ended(R"({"exitCode":137,"reason":"OOMKilled"})"),
         "", State::over, InstanceExit::Cause::out_of_memory, 137, "out of memory"},
        {"exit", ended(R"({"exitCode":3,"reason":"Error"})"), "", State::over,
         InstanceExit::Cause::exited, 3, "the container environment ended with code 3"},
        {"killed", ended(R"({"exitCode":137,"reason":"Error"})"), "", State::over,
         InstanceExit::Cause::signalled, 9, "the container environment ended by signal 9"},
        {"runner gone", containers(kRunning, R"("state":{"terminated":{"exitCode":1}})"), "",
         State::over, InstanceExit::Cause::exited, 1, "the container runner ended with code 1"},
        {"evicted", R"("phase":"Failed","reason":"Evicted","message":"low on ephemeral-storage")",
         "", State::over, InstanceExit::Cause::stopped, 0, "Evicted: low on ephemeral-storage"},
        {"deleted", R"("phase":"Running","podIP":"10.1.2.3",)" + containers(kRunning, kRunning),
         R"(,"deletionTimestamp":"2026-01-01T00:00:00Z")", State::over,
         InstanceExit::Cause::stopped, 0, "the pod is being deleted"},
        {"ended before it was deleted", ended(R"({"exitCode":137,"reason":"OOMKilled"})"),
         R"(,"deletionTimestamp":"2026-01-01T00:00:00Z")", State::over,
         InstanceExit::Cause::out_of_memory, 137, "out of memory"},
        {"node lost",
         R"("phase":"Running","reason":"NodeLost","podIP":"10.1.2.3",)" +
             containers(kRunning, kRunning),
         "", State::over, InstanceExit::Cause::stopped, 0, "NodeLost"},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        const auto verdict = judge(view_of(row.status, row.metadata));
        CHECK(verdict.state == row.state);
        CHECK(verdict.why == row.why);
        CHECK_FALSE(verdict.hopeless);
        if (row.state != State::over) continue;
        CHECK(verdict.cause == row.cause);
        CHECK(verdict.code == row.code);
    }
}

TEST_CASE("kube pod: what cannot start says why and what to do") {
    struct Row {
        std::string reason, message, remedy;
    };
    const std::vector<Row> rows = {
        {"ImagePullBackOff", "Back-off pulling image \"x\": not found", "check the image's name"},
        {"ErrImageNeverPull", "Container image \"x\" is not present",
         "import the image into the node"},
        {"InvalidImageName", "couldn't parse image", "correct the image"},
        {"CreateContainerConfigError", "secret \"db\" not found", "Secrets and ConfigMaps"},
        {"CreateContainerError", "no such file", "check the command"},
        {"RunContainerError", "exec: not found", "check the command of the image"},
        {"CrashLoopBackOff", "back-off 10s", "look at its output"},
    };
    for (const auto& row : rows) {
        INFO(row.reason);
        const auto waiting = R"("image":"registry/x:1","state":{"waiting":{"reason":")" +
                             row.reason + R"(","message":)" +
                             boost::json::serialize(boost::json::value(row.message)) + "}}";
        const auto verdict =
            judge(view_of(R"("phase":"Pending",)" + containers(waiting, kRunning)));
        REQUIRE(verdict.hopeless);
        CHECK(verdict.hopeless->message.find("container environment of pod ns/p") !=
              std::string::npos);
        CHECK(verdict.hopeless->message.find(row.reason) != std::string::npos);
        CHECK(verdict.hopeless->message.find(row.remedy) != std::string::npos);
        CHECK(verdict.hopeless->message.find("image registry/x:1") != std::string::npos);
        CHECK(verdict.hopeless->detail == row.message);
    }
    const auto creating =
        containers(R"("state":{"waiting":{"reason":"ContainerCreating"}})", kRunning);
    CHECK_FALSE(judge(view_of(creating)).hopeless);
    const auto pulling = containers(R"("state":{"waiting":{"reason":"ErrImagePull"}})", kRunning);
    CHECK_FALSE(judge(view_of(pulling)).hopeless);
}

TEST_CASE("kube pod: a start that is late names what it waits for") {
    const auto unschedulable =
        view_of(R"("conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable",)"
                R"("message":"0/3 nodes are available: 3 Insufficient memory."}])");
    CHECK(backend::waiting_for(unschedulable) ==
          "it cannot be scheduled: 0/3 nodes are available: 3 Insufficient memory.");
    const std::string scheduled = R"("conditions":[{"type":"PodScheduled","status":"True"}])";
    CHECK(backend::waiting_for(view_of(scheduled)) == "its containers are being made on n1");
    const auto pulling =
        scheduled + "," +
        containers(R"("state":{"waiting":{"reason":"ErrImagePull","message":"m"}})", kRunning);
    CHECK(backend::waiting_for(view_of(pulling)) == "ErrImagePull: m");
    CHECK(backend::waiting_for(
              view_of(scheduled + R"(,"podIP":"1.2.3.4",)" + containers(kRunning, kRunning))) ==
          "its environment does not answer");
}

TEST_CASE("kube pod: a restarted container or another address is another instance") {
    const auto before = view_of(R"("podIP":"1.1.1.1",)" + containers(kRunning, kRunning));
    CHECK(backend::same_containers(before, before));
    auto now = before;
    now.ip = "1.1.1.2";
    CHECK_FALSE(backend::same_containers(before, now));
    now = before;
    now.environment.id = "e2";
    CHECK_FALSE(backend::same_containers(before, now));
    now = before;
    now.runner.id = "r2";
    CHECK_FALSE(backend::same_containers(before, now));
    const auto early = view_of(R"("phase":"Pending")");
    CHECK(backend::same_containers(early, before));
}

TEST_CASE("kube names: labels and names are ones that Kubernetes takes") {
    using namespace backend::kube_names;
    CHECK(label_value("python") == "python");
    CHECK(label_value("a.b_c-D9") == "a.b_c-D9");
    const auto long_name = std::string(80, 'a');
    CHECK(label_value(long_name).size() <= 63);
    CHECK(label_value(long_name) != label_value(long_name + "b"));
    CHECK(label_value("-x-") != "-x-");
    CHECK(label_value("a/b") != label_value("a-b"));
    CHECK(short_hash(std::string(64, 'f')) == std::string(40, 'f'));
    CHECK(short_hash(std::string(64, 'f') + ":a") != short_hash(std::string(64, 'f') + ":b"));
    CHECK(short_hash(std::string(64, 'f') + ":a").size() == 40);
    CHECK(object_name("My.Env", "x1") == "my-env-x1");
    CHECK(object_name("1st", "x1") == "h1st-x1");
    CHECK(object_name(std::string(80, 'b'), "x1") == std::string(40, 'b') + "-x1");
    CHECK(selector("main") == "app.kubernetes.io/managed-by=hearth,hearth.io/daemon=main");
    CHECK(glob_matches("*hearth/*-env*", "localhost/hearth/python-env:dev"));
    CHECK_FALSE(glob_matches("*hearth/*-env*", "fission/python-env:1.0"));
    CHECK(glob_matches("a*b*c", "axxbyybc"));
    CHECK_FALSE(glob_matches("a*b", "axxbx"));
}
