#include "s3/credentials.hpp"

#include <chrono>
#include <fstream>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using namespace hearth::s3;

namespace {

std::optional<std::string> nothing(const std::string&) {
    return std::nullopt;
}

}  // namespace

TEST_CASE("s3: the default section of a credentials file counts") {
    const auto keys = parse_credentials(
        "# of the team\n[other]\naws_access_key_id = no\n[default]\n  aws_access_key_id=ID \r\n"
        "aws_secret_access_key = a/b+c=\n; and\naws_session_token=T\n[third]\n"
        "aws_secret_access_key=no\n");
    REQUIRE(keys);
    CHECK(*keys == Credentials{"ID", "a/b+c=", "T"});
    CHECK(parse_credentials("[default]\naws_access_key_id=x")
              .error()
              .message.find("aws_secret_access_key") != std::string::npos);
    CHECK(parse_credentials("aws_access_key_id=x\naws_secret_access_key=y\n").has_error());
}

TEST_CASE("s3: a credentials file is read again when it has changed") {
    test::TempDir dir;
    const auto file = dir.path() / "keys";
    std::ofstream(file) << "[default]\naws_access_key_id=one\naws_secret_access_key=s\n";
    CredentialSource source(file, nothing);
    CHECK(source.get()->key_id == "one");
    std::ofstream(file) << "[default]\naws_access_key_id=two\naws_secret_access_key=s\n";
    std::filesystem::last_write_time(
        file, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
    CHECK(source.get()->key_id == "two");
    std::filesystem::remove(file);
    CHECK(source.get().error().message.find(file.string()) != std::string::npos);
}

TEST_CASE("s3: without a file the variables count, and what is missing is named") {
    CredentialSource none("", nothing);
    CHECK(none.get().error().message.find("AWS_SECRET_ACCESS_KEY") != std::string::npos);
    CredentialSource some("", [](const std::string& name) -> std::optional<std::string> {
        if (name == "AWS_SESSION_TOKEN") return std::nullopt;
        return "of " + name;
    });
    CHECK(*some.get() == Credentials{"of AWS_ACCESS_KEY_ID", "of AWS_SECRET_ACCESS_KEY", ""});
}
