#include "cli/archive_spec.hpp"

#include <boost/json.hpp>

#include "cli/documents.hpp"
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

/// A project as `fission spec init` leaves it: sources beside the spec folder.
void write_project(const ScratchFolder& folder, const std::string& archive) {
    folder.write("src/main.py", "import lib.x\n");
    folder.write("src/lib/x.py", "y = 1\n");
    folder.write("src/lib/x.pyc", "skipped");
    folder.write("one.py", "def main(): return ''\n");
    folder.write("specs/fission-deployment-config.yaml",
                 "apiVersion: fission.io/v1\nkind: DeploymentConfig\nname: shop\nuid: u-1\n");
    folder.write("specs/package.yaml",
                 archive +
                     "---\napiVersion: fission.io/v1\nkind: Package\nmetadata: {name: p}\nspec:\n"
                     "  environment: {name: py, namespace: default}\n  deployment: {type: url, "
                     "url: \"archive://code\"}\n");
}

std::string archive_spec(const std::string& include, const std::string& exclude = "[]") {
    return "apiVersion: fission.io/v1\nkind: ArchiveUploadSpec\nname: code\ninclude: " + include +
           "\nexclude: " + exclude + "\n";
}

json::value sent_deployment(const ScratchFolder& folder) {
    FakeDaemon daemon;
    daemon.answers["POST /api/v1/apply?namespace=default&file=documents&set=shop"] = {
        200, R"({"results":[]})"};
    const auto ran = run_hearth(daemon, {"apply", "-f", folder.at("specs")});
    INFO(ran.err);
    REQUIRE(ran.code == 0);
    return json::parse(daemon.requests.back().body).as_array().at(0).at("spec").at("deployment");
}

}  // namespace

TEST_CASE("a spec folder's archive becomes files at the root, folders with all they hold") {
    ScratchFolder folder;
    write_project(folder, archive_spec("[\"src/*\"]", "[\"**/*.pyc\"]"));
    CHECK(sent_deployment(folder) ==
          json::parse(
              R"({"type":"files","files":{"lib/x.py":"y = 1\n","main.py":"import lib.x\n"}})"));
}

TEST_CASE("two stars and the folder itself take the same files") {
    ScratchFolder folder;
    write_project(folder, archive_spec("[\"src/**\"]"));
    CHECK(sent_deployment(folder).at("files").as_object().size() == 3);
    write_project(folder, archive_spec("[src]"));
    CHECK(sent_deployment(folder).at("files").as_object().contains("src/main.py"));
}

TEST_CASE("one file named by itself stays a file") {
    ScratchFolder folder;
    write_project(folder, archive_spec("[one.py]"));
    CHECK(sent_deployment(folder) ==
          json::parse(R"({"type":"literal","literal":"ZGVmIG1haW4oKTogcmV0dXJuICcnCg=="})"));
}

TEST_CASE("faults of archives have their place") {
    ScratchFolder folder;
    FakeDaemon daemon;
    const auto fault = [&](const std::string& archive) {
        write_project(folder, archive);
        const auto ran = run_hearth(daemon, {"validate", folder.at("specs")});
        CHECK(ran.code == 4);
        return ran.err;
    };
    const std::string file = folder.at("specs/package.yaml");
    CHECK(fault(archive_spec("[\"absent/*\"]"))
              .find(file + ":4:11: include[0]: \"absent/*\" names no file below ") == 0);
    CHECK(fault(archive_spec("[\"../x\"]"))
              .find("include[0]: \"../x\" must be a relative path below") != std::string::npos);
    CHECK(fault("kind: ArchiveUploadSpec\nname: code\n").find("include: is missing") !=
          std::string::npos);
    CHECK(fault("kind: ArchiveUploadSpec\nname: code\ninclude: [one.py]\nincluded: []\n")
              .find("package.yaml:4:1: included: is no known field") != std::string::npos);
    CHECK(fault("kind: ArchiveUploadSpec\nname: other\ninclude: [one.py]\n")
              .find("spec.deployment.url: there is no ArchiveUploadSpec code among these files") !=
          std::string::npos);
    folder.write("copy/main.py", "");
    CHECK(fault(archive_spec("[\"src/*\", \"copy/*\"]"))
              .find("include[1]: two files would be main.py in the archive") != std::string::npos);
}

TEST_CASE("an archive that no package uses is a warning") {
    ScratchFolder folder;
    FakeDaemon daemon;
    write_project(folder, archive_spec("[one.py]") +
                              "---\nkind: ArchiveUploadSpec\nname: spare\ninclude: [one.py]\n");
    const auto ran = run_hearth(daemon, {"validate", folder.at("specs")});
    CHECK(ran.code == 0);
    CHECK(ran.err.find("no package uses the archive spare") != std::string::npos);
}
