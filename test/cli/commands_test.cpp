#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "support/catch.hpp"
#include "support/fake_daemon.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;
using hearth::test::ScratchFolder;
namespace json = boost::json;

namespace {

constexpr const char* kEnvironment =
    "apiVersion: hearth/v1\nkind: Environment\nmetadata: {name: py}\nspec: {runtime: {image: x}}\n";

std::string applied(const std::string& kind, const std::string& name, const std::string& action) {
    return R"({"kind":")" + kind + R"(","namespace":"default","name":")" + name +
           R"(","action":")" + action + R"(","revision":1,"diff":[],"warnings":[]})";
}

}  // namespace

TEST_CASE("wrong usage is exit code 2 and told on the error stream") {
    FakeDaemon daemon;
    const std::vector<std::string> arguments = GENERATE(
        std::vector<std::string>{}, std::vector<std::string>{"nonsense"},
        std::vector<std::string>{"get"}, std::vector<std::string>{"get", "spaceships"},
        std::vector<std::string>{"get", "functions", "-o", "xml"},
        std::vector<std::string>{"deploy"}, std::vector<std::string>{"apply"},
        std::vector<std::string>{"call"}, std::vector<std::string>{"logs"},
        std::vector<std::string>{"delete"}, std::vector<std::string>{"delete", "spaceship", "x"},
        std::vector<std::string>{"completion", "tcsh"},
        std::vector<std::string>{"call", "f", "-H", "nocolon"},
        std::vector<std::string>{"token", "create", "x", "--role", "king"});
    const auto ran = run_hearth(daemon, arguments);
    INFO(ran.out << ran.err);
    CHECK(ran.code == 2);
    CHECK_FALSE(ran.err.empty());
    CHECK(ran.out.empty());
    CHECK(daemon.requests.empty());
}

TEST_CASE("help names every command and is no failure") {
    FakeDaemon daemon;
    const auto ran = run_hearth(daemon, {"--help"});
    CHECK(ran.code == 0);
    for (const char* word :
         {"serve", "deploy", "apply", "diff", "validate", "get", "describe", "delete", "call",
          "logs", "async", "top", "doctor", "env", "package", "token", "completion", "version"}) {
        CHECK(ran.out.find(std::string("  ") + word) != std::string::npos);
    }
    CHECK(run_hearth(daemon, {"deploy", "--help"}).out.find("--route") != std::string::npos);
    CHECK(run_hearth(daemon, {"--version"}).out.find("hearth ") == 0);
}

TEST_CASE("apply sends one document per line and prints what happened") {
    FakeDaemon daemon;
    daemon.answers
        ["POST /api/v1/apply?namespace=team&file=documents&set=shop&dryRun=true&prune=true"] = {
        200, "{\"revision\":1,\"urls\":[],\"results\":[" + applied("Environment", "py", "created") +
                 "," + applied("Secret", "sec", "unchanged") + "]}"};
    const auto ran = run_hearth(
        daemon, {"-n", "team", "apply", "-f", "-", "--set", "shop", "--prune", "--dry-run"},
        std::string(kEnvironment) + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: sec}\n");
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(
        ran.out ==
        "environment/default/py  created (dry run)\nsecret/default/sec      unchanged (dry run)\n");
    REQUIRE(daemon.requests.size() == 1);
    CHECK(daemon.requests[0].headers.find("Authorization") == "Bearer secret");
    CHECK(daemon.requests[0].headers.find("Content-Type") == "application/json");
    CHECK(daemon.requests[0].body ==
          "[\n{\"apiVersion\":\"hearth/"
          "v1\",\"kind\":\"Environment\",\"metadata\":{\"name\":\"py\"},\"spec\":{\"runtime\":{"
          "\"image\":\"x\"}}},\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":"
          "\"sec\"}}\n]\n");
}

TEST_CASE("faults are found before anything is sent") {
    FakeDaemon daemon;
    ScratchFolder folder;
    folder.write("b.yaml",
                 "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  concurency: "
                 "3\n  environment: {name: py}\n  package: {packageref: {name: p}}\n");
    folder.write("sub/a.yml", "a: 1\na: 2\n");
    folder.write("notes.txt", "no document");
    const auto ran = run_hearth(daemon, {"apply", "-f", folder.path().string()});
    CHECK(ran.code == 4);
    CHECK(daemon.requests.empty());
    CHECK(ran.err.find(folder.at("b.yaml") +
                       ":5:3: spec.concurency: is no known field; did you mean concurrency?") !=
          std::string::npos);
    CHECK(ran.err.find(folder.at("sub/a.yml") + ":2:1: a: the key is there twice") !=
          std::string::npos);
    const auto checked = run_hearth(daemon, {"validate", folder.path().string(), "-o", "json"});
    CHECK(checked.code == 4);
    CHECK(json::parse(checked.out).at("errors").as_array().size() >= 3);
    CHECK(run_hearth(daemon, {"validate", folder.at("absent.yaml")}).code == 3);
    CHECK(run_hearth(daemon, {"validate", "-"}, kEnvironment).out == "1 document is valid\n");
}

TEST_CASE("the server's faults get the user's places") {
    FakeDaemon daemon;
    ScratchFolder folder;
    const auto file =
        folder.write("x.yaml", std::string("# comment\n") + kEnvironment + "---\n" +
                                   "apiVersion: hearth/v1\nkind: HTTPTrigger\nmetadata: {name: "
                                   "t}\nspec:\n  relativeurl: /x\n  functionref: {name: gone}\n");
    daemon.answers["POST /api/v1/apply?namespace=default&file=documents"] = {
        422,
        R"({"title":"Unprocessable","detail":"1 fault","errors":[{"file":"documents","line":3,"column":90,"path":"spec.functionref.name","message":"there is no Function default/gone"}]})"};
    const auto ran = run_hearth(daemon, {"apply", "-f", file});
    CHECK(ran.code == 4);
    CHECK(ran.err == "hearth: 1 fault\n" + file +
                         ":12:17: spec.functionref.name: there is no Function default/gone\n");
}

TEST_CASE("diff exits with 1 when there is a difference") {
    FakeDaemon daemon;
    const std::string target = "POST /api/v1/apply?namespace=default&file=documents&dryRun=true";
    daemon.answers[target] = {
        200,
        R"({"revision":1,"results":[{"kind":"Environment","namespace":"default","name":"py","action":"configured",
        "diff":[{"path":"spec.poolsize","from":3,"to":5},{"path":"spec.new","from":null,"to":"a\nb"}],"warnings":[]},)" +
            applied("Secret", "s", "unchanged") + "]}"};
    const auto ran = run_hearth(daemon, {"diff", "-f", "-"}, kEnvironment);
    CHECK(ran.code == 1);
    CHECK(ran.out ==
          "environment/py  configured\n-   spec.poolsize: 3\n+   spec.poolsize: 5\n+   spec.new: "
          "|\n+     a\n+     b\n");
    const auto colored = run_hearth(daemon, {"diff", "-f", "-"}, kEnvironment,
                                    {{"HEARTH_API", "127.0.0.1:1"}}, true);
    CHECK(colored.out.find("\x1b[31m-   spec.poolsize: 3\x1b[0m") != std::string::npos);
    daemon.answers[target] = {200,
                              "{\"results\":[" + applied("Environment", "py", "unchanged") + "]}"};
    CHECK(run_hearth(daemon, {"diff", "-f", "-"}, kEnvironment).code == 0);
}

TEST_CASE("get lists, pages and prints every form") {
    FakeDaemon daemon;
    const std::string one =
        R"({"apiVersion":"hearth/v1","kind":"Function","metadata":{"name":"a","namespace":"default","resourceVersion":"7"},"spec":{"environment":{"name":"py"},"package":{"packageref":{"name":"pk"},"functionName":"m.f"}},"status":{"instances":{"ready":2},"conditions":[{"type":"Ready","status":"True"}]}})";
    daemon.answers["GET /api/v1/namespaces/default/functions"] = {
        200, R"({"kind":"FunctionList","items":[)" + one +
                 R"(],"metadata":{"revision":9,"continue":"x y"}})"};
    daemon.answers["GET /api/v1/namespaces/default/functions?continue=x%20y"] = {
        200, R"({"kind":"FunctionList","items":[)" + one + R"(],"metadata":{"revision":9}})"};
    daemon.answers["GET /api/v1/namespaces/default/functions/a"] = {200, one};
    const auto table = run_hearth(daemon, {"get", "fn"});
    CHECK(table.out ==
          "NAME  ENVIRONMENT  PACKAGE  INSTANCES  READY  AGE\n"
          "a     py           pk       2          yes\n"
          "a     py           pk       2          yes\n");
    CHECK(run_hearth(daemon, {"get", "functions", "-o", "wide"}).out.find("ENTRY") !=
          std::string::npos);
    CHECK(run_hearth(daemon, {"get", "functions", "-o", "name"}).out == "function/a\nfunction/a\n");
    CHECK(json::parse(run_hearth(daemon, {"get", "functions", "-o", "json"}).out)
              .at("items")
              .as_array()
              .size() == 2);
    const auto yaml = run_hearth(daemon, {"get", "function", "a", "-o", "yaml"});
    const auto parsed = model::parse_documents(yaml.out, "out");
    REQUIRE(parsed.documents.size() == 1);
    CHECK(parsed.documents[0].value == json::parse(one));
    const auto missing = run_hearth(daemon, {"get", "function", "b"});
    CHECK(missing.code == 3);
    CHECK(missing.err == "hearth: there is no /api/v1/namespaces/default/functions/b\n");
}

TEST_CASE("delete tells what went") {
    FakeDaemon daemon;
    daemon.answers["DELETE /api/v1/namespaces/default/functions/a"] = {
        200,
        R"({"deleted":[{"kind":"Function","namespace":"default","name":"a"},{"kind":"Package","namespace":"default","name":"a"}]})"};
    CHECK(run_hearth(daemon, {"delete", "function", "a"}).out ==
          "function/a  deleted\npackage/a  deleted\n");
    CHECK(run_hearth(daemon, {"delete", "function", "b"}).code == 3);
    CHECK(run_hearth(daemon, {"delete", "function", "b", "--ignore-not-found"}).code == 0);
    // The package went with its function: that its own turn finds nothing is no failure.
    const auto ran = run_hearth(daemon, {"delete", "-f", "-"},
                                "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: a}\nspec: "
                                "{environment: {name: e}, deployment: {files: {a.py: x}}}\n---\n"
                                "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: a}\nspec: "
                                "{environment: {name: e}, package: {packageref: {name: a}}}\n");
    INFO(ran.err);
    CHECK(ran.code == 0);
}

TEST_CASE("call passes method, path, headers and body and hands the answer through") {
    FakeDaemon daemon;
    daemon.answers["POST /api/v1/namespaces/default/functions/f/call/x?y=1"] = {
        201, "binary \x1b[31m kept", "text/plain"};
    const auto ran =
        run_hearth(daemon, {"call", "f", "-d", "body", "-H", "X-A: b", "--path", "x?y=1"});
    CHECK(ran.code == 0);
    CHECK(ran.out == "binary \x1b[31m kept");
    CHECK(ran.err == "request id req-1\n");
    CHECK(daemon.requests[0].body == "body");
    CHECK(daemon.requests[0].headers.find("X-A") == "b");
    daemon.answers["GET /api/v1/namespaces/default/functions/f/call"] = {500, "trace",
                                                                         "text/plain"};
    const auto failed = run_hearth(daemon, {"call", "f", "-i"});
    CHECK(failed.code == 1);
    CHECK(failed.out.find("HTTP/1.1 500 Internal Server Error\n") == 0);
    CHECK(failed.out.ends_with("\n\ntrace"));
    CHECK(run_hearth(daemon, {"call", "missing"}).code == 3);
}

TEST_CASE("logs print lines without their escapes") {
    FakeDaemon daemon;
    daemon.answers
        ["GET "
         "/api/v1/namespaces/default/functions/f/"
         "logs?limit=5&since=10m&requestId=r%2F1&follow=true"] = {
        200,
        "{\"time\":\"T1\",\"stream\":\"out\",\"requestId\":\"r/"
        "1\",\"instance\":\"i\",\"message\":\"\\u001b[2Jhi\"}\n"
        "{\"time\":\"T2\",\"stream\":\"call\",\"requestId\":\"\",\"instance\":\"i\",\"message\":"
        "\"200\"}\n"};
    const auto ran = run_hearth(
        daemon, {"logs", "f", "-f", "--limit", "5", "--since", "10m", "--request-id", "r/1"});
    INFO(ran.err);
    CHECK(ran.out == "T1  out  r/1  hi\nT2  call  200\n");
    CHECK(run_hearth(daemon, {"logs", "gone"}).code == 3);
}

TEST_CASE("doctor tells what is missing and what to do") {
    FakeDaemon daemon;
    daemon.answers["GET /api/v1/system/info"] = {
        200,
        R"({"version":"1","backend":"process","gatewayUrl":"http://g","probes":[{"name":"sandbox","state":"degraded","detail":"no bwrap; apt-get install bubblewrap"},
             {"name":"python3","state":"missing","detail":"apt-get install python3"}],"environments":[{"name":"python","image":"i","extensions":[".py"],"available":true,"remedy":""}]})"};
    const auto ran = run_hearth(daemon, {"doctor"});
    CHECK(ran.code == 1);
    CHECK(ran.out.find("sandbox             degraded  no bwrap; apt-get install bubblewrap\n") !=
          std::string::npos);
    CHECK(ran.out.find("environment python  ok        i\n") != std::string::npos);
    daemon.down = true;
    const auto alone = run_hearth(daemon, {"doctor"});
    CHECK(alone.code == 5);
    CHECK(alone.out.find("daemon  missing") == 0);
    CHECK(alone.err.find("hearth serve") != std::string::npos);
    CHECK(run_hearth(daemon, {"get", "functions"}).err.find("127.0.0.1:8890") != std::string::npos);
}

TEST_CASE("top shows pools and instances of the namespace") {
    FakeDaemon daemon;
    daemon.answers["GET /api/v1/pools"] = {
        200,
        R"({"items":[{"namespace":"default","environment":"python","target":3,"warm":2,"starting":1,"startsPerSecond":0.25,"lastError":""},{"namespace":"other","environment":"x"}]})"};
    daemon.answers["GET /api/v1/instances"] = {
        200,
        R"({"items":[{"name":"python-1","namespace":"default","function":"f","state":"ready","inFlight":1,"served":9,"rssBytes":1048576,"ageMs":5000,"idleMs":0,"pid":7}]})"};
    CHECK(run_hearth(daemon, {"top"}).out ==
          "POOL    WARM  STARTING  WANTED  STARTS/S  LAST ERROR\n"
          "python  2     1         3       0.2\n\n"
          "INSTANCE  FUNCTION  STATE  IN-FLIGHT  SERVED  MEMORY   AGE  IDLE  PID\n"
          "python-1  f         ready  1          9       1.0 MiB  5s   0s    7\n");
    CHECK(run_hearth(daemon, {"top", "-A"}).out.find("other") != std::string::npos);
}

TEST_CASE("tokens are made and shown once") {
    FakeDaemon daemon;
    daemon.answers["POST /api/v1/namespaces/default/apitokens"] = {
        201, R"({"kind":"ApiToken","token":"tk-1"})"};
    const auto ran = run_hearth(daemon, {"token", "create", "ci", "--role", "deploy",
                                         "--all-namespaces", "--expires", "2030-01-01T00:00:00Z"});
    CHECK(ran.out == "tk-1\n");
    CHECK(
        json::parse(daemon.requests[0].body).at("spec") ==
        json::parse(R"({"role":"deploy","allNamespaces":true,"expires":"2030-01-01T00:00:00Z"})"));
}

TEST_CASE("completion knows the tree") {
    FakeDaemon daemon;
    const auto bash = run_hearth(daemon, {"completion", "bash"}).out;
    CHECK(bash.find("complete -o filenames -F _hearth hearth") != std::string::npos);
    CHECK(bash.find("'token create')\n") != std::string::npos);
    CHECK(bash.find("--route") != std::string::npos);
    CHECK(run_hearth(daemon, {"completion", "zsh"}).out.find("#compdef hearth") == 0);
    const auto fish = run_hearth(daemon, {"completion", "fish"}).out;
    CHECK(fish.find("complete -c hearth -f -n 'not __fish_seen_subcommand_from") !=
          std::string::npos);
    CHECK(fish.find("-l request-id") != std::string::npos);
}
