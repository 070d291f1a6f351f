#include <archive.h>
#include <archive_entry.h>

#include <boost/json.hpp>
#include <fstream>

#include "cli/starter.hpp"
#include "support/catch.hpp"
#include "support/fake_daemon.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;
using hearth::test::ScratchFolder;
namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr const char* kOffers = R"({"kind":"AvailableEnvironmentList","items":[
  {"name":"python","image":"hearth/python-env","builderImage":"hearth/python-builder","extensions":[".py"],
   "state":"ok","detail":"installed","starter":true},
  {"name":"ruby","image":"hearth/ruby-env","extensions":[".rb"],"state":"missing",
   "detail":"no ruby. Remedy: apt-get install ruby","starter":false}]})";

constexpr const char* kAdded = R"({"items":[
  {"metadata":{"name":"python"},"spec":{"runtime":{"image":"hearth/python-env"}},"status":{"available":true}},
  {"metadata":{"name":"own"},"spec":{"runtime":{"image":"registry.example/own"}},
   "status":{"available":false,"conditions":[{"type":"Ready","message":"no environment stands for it"}]}}]})";

FakeDaemon offering() {
    FakeDaemon daemon;
    daemon.answers["GET /api/v1/environments-available"] = {200, kOffers};
    daemon.answers["GET /api/v1/namespaces/default/environments?limit=500"] = {200, kAdded};
    return daemon;
}

/// A tar of one entry of any type and name.
std::string tar_of(const std::string& name, const std::string& bytes, unsigned type = AE_IFREG) {
    std::string out(10240, '\0');
    std::size_t used = 0;
    struct archive* writer = archive_write_new();
    archive_write_set_format_ustar(writer);
    archive_write_open_memory(writer, out.data(), out.size(), &used);
    struct archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, "/etc/passwd");
    archive_entry_set_size(entry, type == AE_IFREG ? static_cast<la_int64_t>(bytes.size()) : 0);
    archive_write_header(writer, entry);
    if (type == AE_IFREG) archive_write_data(writer, bytes.data(), bytes.size());
    archive_entry_free(entry);
    archive_write_close(writer);
    archive_write_free(writer);
    out.resize(used);
    return out;
}

std::string text_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

TEST_CASE("env list shows what there is and what is offered, each with its state") {
    auto daemon = offering();
    const auto ran = run_hearth(daemon, {"env", "list"});
    INFO(ran.out << ran.err);
    REQUIRE(ran.code == 0);
    const auto line = [&](const std::string& name) {
        const auto at = ran.out.find("\n" + name + " ");
        return at == std::string::npos ? ""
                                       : ran.out.substr(at + 1, ran.out.find('\n', at + 1) - at);
    };
    CHECK(line("python").find("yes") != std::string::npos);
    CHECK(line("python").find(" ok") != std::string::npos);
    CHECK(line("own").find("no environment stands for it") != std::string::npos);
    CHECK(line("ruby").find("no ") != std::string::npos);
    CHECK(line("ruby").find("apt-get install ruby") != std::string::npos);
    CHECK(ran.out.find("\npython ", ran.out.find("\npython ") + 1) == std::string::npos);
}

TEST_CASE("env list --offered -o name is what completion asks for") {
    auto daemon = offering();
    CHECK(run_hearth(daemon, {"env", "list", "--offered", "-o", "name"}).out == "python\nruby\n");
    CHECK(daemon.requests.size() == 1);
    for (const char* shell : {"bash", "zsh", "fish"}) {
        const auto script = run_hearth(daemon, {"completion", shell}).out;
        CHECK(script.find("hearth env list --offered -o name") != std::string::npos);
    }
}

TEST_CASE("env add takes images from what is offered, or from its arguments") {
    struct Row {
        std::vector<std::string> arguments;
        std::string name, image, builder;
    };
    const auto row = GENERATE(
        Row{{"env", "add", "python"}, "python", "hearth/python-env", "hearth/python-builder"},
        Row{{"env", "add", "py2", "--lang", "python"},
            "py2",
            "hearth/python-env",
            "hearth/python-builder"},
        Row{{"env", "add", "x", "--image", "registry.example/x:1"},
            "x",
            "registry.example/x:1",
            ""},
        Row{{"env", "add", "x", "--lang", "python", "--image", "registry.example/py:1", "--builder",
             "registry.example/b:1"},
            "x",
            "registry.example/py:1",
            "registry.example/b:1"});
    auto daemon = offering();
    daemon.answers["POST /api/v1/namespaces/default/environments"] = {201, "{}"};
    const auto ran = run_hearth(daemon, row.arguments);
    INFO(ran.out << ran.err);
    REQUIRE(ran.code == 0);
    CHECK(ran.out == "environment/" + row.name + "  created\n");
    const auto sent = json::parse(daemon.requests.back().body);
    CHECK(sent.at("metadata").at("name").as_string() == row.name);
    CHECK(sent.at("spec").at("runtime").at("image").as_string() == row.image);
    const auto* builder = sent.at("spec").as_object().if_contains("builder");
    CHECK((builder ? std::string(builder->at("image").as_string()) : "") == row.builder);
}

TEST_CASE("env add of what cannot run yet says so, of what is unknown refuses") {
    auto daemon = offering();
    daemon.answers["POST /api/v1/namespaces/default/environments"] = {201, "{}"};
    const auto missing = run_hearth(daemon, {"env", "add", "ruby"});
    CHECK(missing.code == 0);
    CHECK(missing.err.find("apt-get install ruby") != std::string::npos);
    for (const auto& arguments :
         {std::vector<std::string>{"env", "add", "cobol"},
          std::vector<std::string>{"env", "add", "x", "--lang", "cobol", "--image", "y"}}) {
        const auto unknown = run_hearth(daemon, arguments);
        CHECK(unknown.code != 0);
        CHECK(unknown.err.find("python, ruby") != std::string::npos);
    }
}

TEST_CASE("new writes the daemon's starter and says what to run") {
    FakeDaemon daemon;
    daemon.answers["GET /api/v1/environments-available/python/starter"] = {
        200, tar_of("lib/main.py", "def main(): pass\n"), "application/x-tar"};
    ScratchFolder scratch;
    const auto folder = fs::path(scratch.at("shop"));
    const auto ran = run_hearth(daemon, {"new", "python", folder.string()});
    INFO(ran.out << ran.err);
    REQUIRE(ran.code == 0);
    CHECK(text_of(folder / "lib/main.py") == "def main(): pass\n");
    CHECK(ran.out.find("hearth dev " + folder.string()) != std::string::npos);
    CHECK(ran.out.find("--route /shop") != std::string::npos);
    const auto again = run_hearth(daemon, {"new", "python", folder.string()});
    CHECK(again.code != 0);
    CHECK(again.err.find("is not empty") != std::string::npos);
    const auto unknown = run_hearth(daemon, {"new", "cobol", scratch.at("other")});
    CHECK(unknown.code == 3);
    CHECK_FALSE(fs::exists(scratch.at("other")));
}

TEST_CASE("a starter that leaves its folder is refused whole") {
    ScratchFolder scratch;
    const auto folder = fs::path(scratch.at("made"));
    const auto tar = GENERATE(tar_of("../out.txt", "x"), tar_of("/tmp/hearth-out.txt", "x"),
                              tar_of("a/../../out.txt", "x"), tar_of("link", "", AE_IFLNK),
                              std::string("no tar at all"), std::string());
    const auto written = cli::write_starter(tar, folder);
    REQUIRE_FALSE(written);
    CHECK(written.error().code == Errc::invalid_argument);
    CHECK_FALSE(fs::exists(folder));
    CHECK_FALSE(fs::exists(scratch.at("out.txt")));
}
