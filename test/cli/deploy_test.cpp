#include <boost/json.hpp>

#include "cli/compose.hpp"
#include "support/catch.hpp"
#include "support/fake_daemon.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using namespace hearth::cli;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;
using hearth::test::ScratchFolder;
namespace json = boost::json;

namespace {

constexpr const char* kInfo =
    R"({"environments":[{"name":"python","image":"hearth/python-env","extensions":[".py"],"available":true,"remedy":""},
    {"name":"nodejs","image":"hearth/nodejs-env","extensions":[".js",".mjs"],"available":false,"remedy":"apt-get install nodejs"}]})";
const std::string kApply = "POST /api/v1/apply?namespace=default&file=deploy&verify=true";

FakeDaemon fresh_daemon() {
    FakeDaemon daemon;
    daemon.answers["GET /api/v1/system/info"] = {200, kInfo};
    daemon.answers[kApply] = {
        200,
        R"({"revision":3,"urls":["http://127.0.0.1:8888/hello"],"results":[{"kind":"Function","namespace":"default","name":"hello","action":"created","diff":[],"warnings":[]}]})"};
    return daemon;
}

json::array sent(const FakeDaemon& daemon) {
    return json::parse(daemon.requests.back().body).as_array();
}

}  // namespace

TEST_CASE("deploy makes environment, package, function and route of one file") {
    ScratchFolder folder;
    auto daemon = fresh_daemon();
    const auto file = folder.write("Hello.py", "def main(): return 'hi'\n");
    const auto ran =
        run_hearth(daemon, {"deploy", "--env-var", "A=b=c", file, "--route", "/hello", "--secret",
                            "s", "--timeout", "2m", "--memory", "64Mi", "--entry", "hello.main"});
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "function/hello  created\nhttp://127.0.0.1:8888/hello\n");
    const auto documents = sent(daemon);
    REQUIRE(documents.size() == 4);
    CHECK(
        documents[0] ==
        json::parse(
            R"({"apiVersion":"hearth/v1","kind":"Environment","metadata":{"name":"python","namespace":"default"},
        "spec":{"version":3,"runtime":{"image":"hearth/python-env"}}})"));
    CHECK(documents[1].at("spec") == json::parse(R"({"environment":{"name":"python"},
        "deployment":{"type":"files","files":{"Hello.py":"def main(): return 'hi'\n"}}})"));
    CHECK(documents[2].at("spec") == json::parse(R"({"environment":{"name":"python"},
        "package":{"packageref":{"name":"hello"},"functionName":"hello.main"},"env":[{"name":"A","value":"b=c"}],
        "secrets":[{"name":"s"}],"functionTimeout":120,"resources":{"limits":{"memory":"64Mi"}}})"));
    CHECK(
        documents[3].at("spec") ==
        json::parse(
            R"({"relativeurl":"/hello","methods":["GET","POST"],"functionref":{"type":"name","name":"hello"}})"));
}

TEST_CASE("deploying again keeps what the arguments do not say") {
    ScratchFolder folder;
    auto daemon = fresh_daemon();
    daemon.answers["GET /api/v1/namespaces/default/environments/python"] = {
        200, R"({"kind":"Environment"})"};
    daemon.answers["GET /api/v1/namespaces/default/functions/f"] = {
        200,
        R"({"kind":"Function","metadata":{"name":"f","labels":{"a":"b"},"resourceVersion":"5"},"spec":{"environment":{"name":"python"},
              "package":{"packageref":{"name":"f"}},"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"concurrency":9}})"};
    const auto file = folder.write("f.py", "x");
    CHECK(run_hearth(daemon, {"deploy", file, "--env-var", "B=3"}).code == 0);
    const auto documents = sent(daemon);
    REQUIRE(documents.size() == 2);
    CHECK(documents[1].at("metadata") ==
          json::parse(R"({"name":"f","namespace":"default","labels":{"a":"b"}})"));
    CHECK(documents[1].at("spec").at("env") ==
          json::parse(R"([{"name":"A","value":"1"},{"name":"B","value":"3"}])"));
    CHECK(documents[1].at("spec").at("concurrency") == json::value(9));
}

TEST_CASE("a load error is the language's own trace and exit code 4") {
    ScratchFolder folder;
    auto daemon = fresh_daemon();
    daemon.answers[kApply] = {
        422,
        R"({"title":"t","detail":"Function default/x cannot be loaded: SyntaxError","trace":"Traceback\n  File \"x.py\", line 1\nSyntaxError","errors":[{"file":"deploy","line":4,"column":1,"path":"spec","message":"Function default/x cannot be loaded: SyntaxError\nTraceback"}]})"};
    const auto ran = run_hearth(daemon, {"deploy", folder.write("x.py", "def main(:\n")});
    CHECK(ran.code == 4);
    CHECK(ran.err ==
          "hearth: Function default/x cannot be loaded: SyntaxError\nTraceback\n  File \"x.py\", "
          "line 1\nSyntaxError\n");
}

TEST_CASE("what cannot be deployed is told before anything is sent") {
    ScratchFolder folder;
    auto daemon = fresh_daemon();
    const auto error = [&](std::vector<std::string> arguments) {
        const auto ran = run_hearth(daemon, std::move(arguments));
        CHECK(ran.code != 0);
        return ran.err;
    };
    CHECK(error({"deploy", folder.write("x.strange", "x")})
              .find("--env (on offer: python, nodejs)") != std::string::npos);
    CHECK(error({"deploy", folder.write("x.js", "x")}).find("apt-get install nodejs") !=
          std::string::npos);
    CHECK(error({"deploy", folder.write("x.py", "x"), "--env", "ruby"})
              .find("this daemon offers python, nodejs") != std::string::npos);
    CHECK(error({"deploy", folder.at("absent.py")}).find("there is no file or folder") !=
          std::string::npos);
    CHECK(error({"deploy", folder.at("x.py"), "--env-var", "novalue"}).find("must be NAME=VALUE") !=
          std::string::npos);
    CHECK(error({"deploy", folder.at("x.py"), "--timeout", "0"})
              .find("spec.functionTimeout: must be between 1") != std::string::npos);
    CHECK(error({"deploy", folder.at("x.py"), "--route", "hello"})
              .find("spec.relativeurl: must begin with '/'") != std::string::npos);
    for (const auto& request : daemon.requests) CHECK(request.method == "GET");
}

TEST_CASE("routes: prefixes, methods, and a name that is taken") {
    DeployArguments arguments;
    arguments.name = "f";
    arguments.route = "/api/*";
    arguments.methods = {"put"};
    const auto composed = compose_trigger(arguments, "default", nullptr);
    REQUIRE(composed);
    CHECK(composed->at("spec") ==
          json::parse(
              R"({"prefix":"/api","methods":["PUT"],"functionref":{"type":"name","name":"f"}})"));
    const auto other = json::parse(R"({"spec":{"functionref":{"name":"g"}}})").as_object();
    CHECK(compose_trigger(arguments, "default", &other).error().code == Errc::conflict);
    arguments.methods.clear();
    const auto before =
        json::parse(
            R"({"spec":{"relativeurl":"/old","methods":["DELETE"],"timeout":"5s","functionref":{"name":"f"}}})")
            .as_object();
    CHECK(
        compose_trigger(arguments, "default", &before)->at("spec") ==
        json::parse(
            R"({"prefix":"/api","methods":["DELETE"],"timeout":"5s","functionref":{"type":"name","name":"f"}})"));
}

TEST_CASE("names come from paths") {
    ScratchFolder folder;
    folder.write("My App/main.py", "");
    CHECK(name_from_path("a/b/Hello_World.v2.py") == "hello-world-v2");
    CHECK(name_from_path("__init__.py") == "init");
    CHECK(name_from_path("ü.py").empty());
    CHECK(name_from_path(folder.at("My App/")) == "my-app");
    CHECK(name_from_path(std::string(80, 'a') + ".py").size() == 63);
}

TEST_CASE("a folder with binary files is uploaded as one archive with stable bytes") {
    ScratchFolder folder;
    folder.write("app/main.py", "x");
    folder.write("app/lib/data.bin", std::string("\0\x01", 2));
    folder.write("app/.git/config", "not sent");
    std::vector<std::string> digests;
    for (int round = 0; round < 2; ++round) {
        auto daemon = fresh_daemon();
        // The fake knows no address with a digest in it: the probe is 404 and the upload is
        // refused, both with the digest.
        const auto ran = run_hearth(daemon, {"deploy", folder.at("app")});
        CHECK(ran.code == 3);
        const auto& upload = daemon.requests.back();
        CHECK(upload.method == "POST");
        REQUIRE(upload.target.starts_with("/api/v1/archives?digest="));
        digests.push_back(upload.target);
        CHECK(upload.body.substr(0, 2) == "\x1f\x8b");
    }
    CHECK(digests[0] == digests[1]);
}

TEST_CASE("code comes from standard input, named after function and language") {
    auto daemon = fresh_daemon();
    const auto ran = run_hearth(daemon, {"deploy", "-", "--name", "hello", "--env", "python"},
                                "def main(): return 'in'\n");
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(sent(daemon)[1].at("spec").at("deployment") ==
          json::parse(R"({"type":"files","files":{"hello.py":"def main(): return 'in'\n"}})"));
    // An environment of the user's own is known by its image.
    daemon.answers["GET /api/v1/namespaces/default/environments/mine"] = {
        200, R"({"kind":"Environment","spec":{"runtime":{"image":"hearth/python-env"}}})"};
    CHECK(run_hearth(daemon, {"deploy", "-", "--name", "hello", "--env", "mine"}, "x").code == 0);
    CHECK(sent(daemon)[0].at("spec").at("deployment").at("files").as_object().contains("hello.py"));
}

TEST_CASE("code from standard input needs a name, an environment and some code") {
    auto daemon = fresh_daemon();
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"deploy", "-"},
          std::vector<std::string>{"deploy", "-", "--name", "x"},
          std::vector<std::string>{"deploy", "-", "--env", "python"}}) {
        const auto ran = run_hearth(daemon, arguments, "x");
        CHECK(ran.code != 0);
        CHECK(ran.err.find("--name and --env") != std::string::npos);
    }
    const auto empty = run_hearth(daemon, {"deploy", "-", "--name", "x", "--env", "python"});
    CHECK(empty.err.find("no code") != std::string::npos);
    CHECK(daemon.requests.empty());
}
