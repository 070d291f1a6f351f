#include "backend/kube_runner_client.hpp"

#include <boost/json.hpp>

#include <fstream>
#include <mutex>

#include "support/catch.hpp"
#include "support/http_fixture.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using namespace std::chrono_literals;

namespace {

backend::LoadRequest request() {
    backend::LoadRequest r;
    r.digest = "d0123456789";
    r.identity = "i1";
    r.function_name = "main.handler";
    r.function.ns = "shop";
    r.function.name = "cart";
    r.function.uid = "fu";
    r.function.generation = 3;
    r.env["A"] = "1";
    r.secret_files["shop/db/password"] = std::string("p\0w", 3);
    r.config_files["shop/app/mode"] = "fast";
    return r;
}

}  // namespace

TEST_CASE("kube runner: the line of a load says everything the runner and the environment need") {
    backend::RunnerLoad how;
    how.contract = 2;
    how.send_env = true;
    how.limit = 1500ms;
    const auto line = boost::json::parse(backend::load_line(request(), how, "user")).as_object();
    CHECK(line.at("identity") == "i1");
    CHECK(line.at("digest") == "d0123456789");
    CHECK(line.at("archive") == "tar");
    CHECK_FALSE(line.contains("peer"));
    CHECK(line.at("file") == "user");
    CHECK(line.at("functionName") == "main.handler");
    CHECK(line.at("function").at("namespace") == "shop");
    CHECK(line.at("function").at("generation") == 3);
    CHECK(line.at("metadata").at("name") == "cart");
    CHECK(line.at("contract") == 2);
    CHECK(line.at("envVersion") == 2);
    CHECK(line.at("env").at("A") == "1");
    CHECK(line.at("secrets").at("shop/db/password") == "cAB3");
    CHECK(line.at("configs").at("shop/app/mode") == "ZmFzdA==");
    CHECK(line.at("timeoutMs") == 1500);
    how.send_env = false;
    how.archive = backend::RunnerLoad::Archive::peer;
    how.peer = "10.1.2.3:8889";
    const auto other = boost::json::parse(backend::load_line(request(), how, "")).as_object();
    CHECK_FALSE(other.contains("env"));
    CHECK(other.at("archive") == "peer");
    CHECK(other.at("peer") == "10.1.2.3:8889");
}

TEST_CASE("kube runner: each refusal of a load becomes the error a caller can act on") {
    struct Row {
        int status;
        std::string body;
        Errc code;
        std::string message, detail;
    };
    const std::vector<Row> rows = {
        {422, R"({"code":"function_failed","detail":"Traceback\n  x\nNameError: name 'y'\n"})",
         Errc::function_failed, "the code of shop/cart did not load: NameError: name 'y'",
         "Traceback\n  x\nNameError: name 'y'\n"},
        {504, R"({"code":"deadline_exceeded","detail":"d"})", Errc::deadline_exceeded,
         "the code of shop/cart did not load in time", "d"},
        {502, R"({"code":"environment_gone","detail":"reset"})", Errc::unavailable,
         "the environment ended while it loaded the code", "reset"},
        {409, R"({"code":"unknown_archive","detail":"not here"})", Errc::not_found, "not here", ""},
        {409, R"({"code":"loaded","detail":"this instance is loaded: i0"})", Errc::unavailable,
         "the runner answered 409: this instance is loaded: i0", ""},
        {502, R"({"code":"peer_failed","detail":"no"})", Errc::io, "no", ""},
        {507, R"({"code":"no_space","detail":"write x"})", Errc::no_space,
         "the package does not fit into the pod's volume for code: write x", ""},
        {400, R"({"code":"invalid_argument","detail":"entry ../x"})", Errc::invalid_argument,
         "the runner refuses the package: entry ../x", ""},
        {401, "", Errc::unavailable, "the runner does not accept the installation's token", ""},
        {500, "plain text", Errc::unavailable, "the runner answered 500: plain text", ""},
    };
    for (const auto& row : rows) {
        INFO(row.status << " " << row.body);
        const auto error = backend::load_error(row.status, row.body, "shop/cart");
        CHECK(error.code == row.code);
        CHECK(error.message == row.message);
        CHECK(error.detail == row.detail);
    }
}

TEST_CASE("kube runner: a state that is none is refused") {
    CHECK(backend::parse_runner_state("[]").has_error());
    CHECK(backend::parse_runner_state("x").has_error());
    CHECK(backend::parse_runner_state(R"({"state":"generic"})").has_error());
    auto state = backend::parse_runner_state(
        R"({"podUid":"u","podName":"p","version":"1","state":"loaded","environmentReady":true,"identity":"i",)"
        R"("digest":"d","function":{"namespace":"a","name":"b","uid":"c"}})");
    REQUIRE(state);
    CHECK(state->environment_ready);
    CHECK(state->function_ns == "a");
    CHECK(state->function_uid == "c");
}
