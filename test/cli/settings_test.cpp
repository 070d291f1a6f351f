#include "cli/settings.hpp"

#include <map>

#include "support/catch.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using namespace hearth::cli;
using hearth::test::ScratchFolder;

namespace {

Result<Connection> locate_with(const Settings& settings,
                               std::map<std::string, std::string> variables = {}) {
    return locate(settings, [&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
    });
}

}  // namespace

TEST_CASE("daemon and token come from the data folder") {
    ScratchFolder folder;
    folder.write("run/endpoints.json", R"({"gateway": "127.0.0.1:1000", "api": "0.0.0.0:2000"})");
    folder.write("run/admin-token", "abc\n");
    Settings settings;
    settings.data = folder.path().string();
    const auto found = locate_with(settings);
    REQUIRE(found);
    CHECK(found->endpoint.to_string() == "127.0.0.1:2000");
    CHECK(found->token == "abc");
    CHECK(locate_with({}, {{"HEARTH_DATA", settings.data}})->token == "abc");
    settings.token = "mine";
    CHECK(locate_with(settings)->token == "mine");
}

TEST_CASE("options go before variables, and addresses may be URLs") {
    Settings settings;
    settings.api = "http://10.0.0.1:99/";
    const auto found = locate_with(settings, {{"HEARTH_API", "10.0.0.2:1"}, {"HEARTH_TOKEN", "t"}});
    REQUIRE(found);
    CHECK(found->endpoint.to_string() == "10.0.0.1:99");
    CHECK(found->token == "t");
    CHECK(found->source == "--api");
    settings.api = "unix:/run/h.sock";
    CHECK(locate_with(settings)->endpoint.type == http::Endpoint::Type::unix_socket);
}

TEST_CASE("a folder's token goes to that folder's daemon alone") {
    ScratchFolder folder;
    folder.write("run/endpoints.json", R"({"gateway": "127.0.0.1:1000", "api": "127.0.0.1:2000"})");
    folder.write("run/admin-token", "abc");
    Settings settings;
    settings.data = folder.path().string();
    settings.api = "127.0.0.1:2000";
    CHECK(locate_with(settings)->token == "abc");
    // Without a folder that was asked for, ./hearth-data's token does not leave for another
    // address.
    settings.data.clear();
    settings.api = "192.0.2.1:2000";
    CHECK(locate_with(settings)->token.empty());
}

TEST_CASE("who finds no daemon is told how to start one") {
    ScratchFolder folder;
    Settings settings;
    settings.data = folder.path().string();
    const auto missing = locate_with(settings);
    REQUIRE(missing.has_error());
    CHECK(missing.error().code == Errc::unavailable);
    CHECK(missing.error().message.find("hearth serve") != std::string::npos);
    settings.api = "https://x:1";
    CHECK(locate_with(settings).error().code == Errc::unsupported);
    settings.api = "nonsense";
    CHECK(locate_with(settings).error().message.find("--api") == 0);
}
