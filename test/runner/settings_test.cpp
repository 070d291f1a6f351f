#include "runner/configuration.hpp"
#include "runner/encoding.hpp"
#include "runner/fake_environment.hpp"
#include "runner/runner_fixture.hpp"
#include "runner/tar_bytes.hpp"
#include "support/catch.hpp"

using namespace hearth::test;
namespace fs = std::filesystem;

TEST_CASE("runner: secrets and config maps land at Fission's paths before the code is loaded",
          "[runner]") {
    const PodFolders* folders = nullptr;
    std::string found;
    FakeEnvironment::Script script = [&](const FakeEnvironment::Seen& seen) {
        if (seen.line() != "GET /healthz")
            found = read_file(folders->root() / "secrets/default/db/password");
        return FakeEnvironment::answer(200, "");
    };
    FakeEnvironment environment(std::move(script));
    const RunnerFixture runner(environment.port());
    folders = &runner.folders;
    environment.listen();
    auto wanted = order();
    wanted["secrets"] = {{"default/db/password", "aHVudGVyMg=="}, {"default/db/user.name", "AP8A"}};
    wanted["configs"] = {{"other/app/config.yaml", ""}};
    REQUIRE(runner.load(wanted, tar(file("main.py", "x"))).status == 200);
    CHECK(found == "hunter2");
    const auto root = runner.folders.root();
    CHECK(read_file(root / "secrets/default/db/user.name") == std::string("\0\xff\0", 3));
    CHECK(read_file(root / "configs/other/app/config.yaml").empty());
    CHECK(mode_of(root / "secrets/default/db/password") == 0444);
    CHECK(mode_of(root / "secrets/default/db") == 0755);
    CHECK(mode_of(root / "secrets/default") == 0755);
    CHECK(tree(root / "secrets") == std::set<std::string>{"default", "default/db",
                                                          "default/db/password",
                                                          "default/db/user.name"});
}

TEST_CASE("runner: PUT settings replaces them all", "[runner]") {
    const RunnerFixture runner(0);
    auto client = runner.client();
    const auto root = runner.folders.root();
    REQUIRE(
        client
            .put_settings({{"secrets", {{"a/s/x", "MQ=="}, {"a/s/y", "Mg=="}, {"b/s/x", "Mw=="}}},
                           {"configs", {{"a/c/x", "NA=="}}}})
            .status == 200);
    CHECK(read_file(root / "secrets/a/s/y") == "2");
    REQUIRE(client.put_settings({{"secrets", {{"a/s/x", "OQ=="}}}}).status == 200);
    CHECK(read_file(root / "secrets/a/s/x") == "9");
    CHECK(tree(root / "secrets") == std::set<std::string>{"a", "a/s", "a/s/x"});
    CHECK(tree(root / "configs").empty());
    const Answer wrong = client.put_settings({{"secrets", {{"a/s/x", "MQ"}}}});
    CHECK(wrong.status == 400);
    CHECK(wrong.text("detail") == "secrets must give \"a/s/x\" as base64");
    CHECK(read_file(root / "secrets/a/s/x") == "9");
    const Answer both = client.put_settings({{"secrets", {{"a/s", "MQ=="}, {"a/s/x", "MQ=="}}}});
    CHECK(both.status >= 400);
}

TEST_CASE("runner: settings follow no link", "[runner]") {
    const RunnerFixture runner(0);
    const auto root = runner.folders.root();
    const TempDir elsewhere;
    write_file(elsewhere.path() / "kept", "kept");
    fs::create_directory_symlink(elsewhere.path(), root / "secrets/ns");
    CHECK(runner.client().put_settings({{"secrets", {{"ns/s/k", "MQ=="}}}}).status >= 400);
    CHECK(tree(elsewhere.path()) == std::set<std::string>{"kept"});
    CHECK(runner.client().put_settings({{"secrets", {{"other/s/k", "MQ=="}}}}).status == 200);
    CHECK(tree(root / "secrets") == std::set<std::string>{"other", "other/s", "other/s/k"});
    CHECK(read_file(elsewhere.path() / "kept") == "kept");
}

TEST_CASE("runner: its variables", "[runner]") {
    using hearth::runner::Configuration;
    using hearth::runner::read_configuration;
    std::map<std::string, std::string> variables;
    const auto lookup = [&](const char* name) -> const char* {
        const auto at = variables.find(name);
        return at == variables.end() ? nullptr : at->second.c_str();
    };
    const auto defaults = read_configuration(lookup);
    REQUIRE(defaults.has_value());
    CHECK(defaults->listen == *hearth::runner::parse_endpoint("0.0.0.0:8889"));
    CHECK(defaults->environment == *hearth::runner::parse_endpoint("127.0.0.1:8888"));
    CHECK(defaults->token_file == "/hearth/token");
    CHECK(defaults->root.empty());
    CHECK(defaults->ready_when == Configuration::ReadyWhen::environment_answers);
    variables = {{"HEARTH_ENVIRONMENT", ""},
                 {"HEARTH_RUNNER_LISTEN", "[::]:9"},
                 {"HEARTH_RUNNER_ROOT", "/tmp/x/"},
                 {"HEARTH_READY_WHEN", "loaded"}};
    const auto given = read_configuration(lookup);
    REQUIRE(given.has_value());
    CHECK_FALSE(given->environment);
    CHECK(given->listen.address().is_v6());
    CHECK(given->root == "/tmp/x");
    CHECK(given->ready_when == Configuration::ReadyWhen::code_is_loaded);
    struct Row {
        const char* name;
        const char* value;
        const char* detail;
    };
    const Row rows[] = {
        {"HEARTH_RUNNER_LISTEN", "8889", "HEARTH_RUNNER_LISTEN: \"8889\" must be ADDRESS:PORT"},
        {"HEARTH_RUNNER_LISTEN", "1.2.3.4:70000",
         "HEARTH_RUNNER_LISTEN: \"1.2.3.4:70000\" has no port between 0 and 65535"},
        {"HEARTH_ENVIRONMENT", "localhost:1",
         "HEARTH_ENVIRONMENT: \"localhost:1\" has no IP address (names are not resolved)"},
        {"HEARTH_READY_WHEN", "soon",
         "HEARTH_READY_WHEN is \"soon\"; it must be environment or loaded"},
        {"HEARTH_RUNNER_ROOT", "x", "HEARTH_RUNNER_ROOT must be an absolute path"}};
    for (const Row& row : rows) {
        variables = {{row.name, row.value}};
        const auto wrong = read_configuration(lookup);
        REQUIRE(wrong.has_error());
        CHECK(wrong.error().detail == row.detail);
    }
}

TEST_CASE("runner: base64, UTF-8", "[runner]") {
    using namespace hearth::runner;
    CHECK(decode_base64("") == "");
    CHECK(decode_base64("YQ==") == "a");
    CHECK(decode_base64("YWI=") == "ab");
    CHECK(decode_base64("YWJj") == "abc");
    CHECK(decode_base64("+/+/") == "\xfb\xff\xbf");
    for (const char* wrong : {"YQ", "Y===", "YQ=a", "Y Q=", "YQ==\n", "====", "_-_-"}) {
        CAPTURE(wrong);
        CHECK_FALSE(decode_base64(wrong));
    }
    CHECK(valid_utf8("aä€😀") == "aä€😀");
    CHECK(valid_utf8("\xc3") == "\xef\xbf\xbd");
    CHECK(valid_utf8("\xc0\x80") == "\xef\xbf\xbd\xef\xbf\xbd");
    CHECK(valid_utf8("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}
