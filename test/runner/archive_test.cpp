#include <sys/wait.h>

#include <cstdio>

#include "runner/fake_environment.hpp"
#include "runner/runner_fixture.hpp"
#include "runner/tar_bytes.hpp"
#include "support/catch.hpp"

using namespace hearth::test;
namespace fs = std::filesystem;

namespace {

TarEntry of_type(char type, std::string name, std::string link = "") {
    TarEntry entry = file(std::move(name), "");
    entry.type = type;
    entry.link = std::move(link);
    return entry;
}

TarEntry claiming(long long size) {
    TarEntry entry = file("main.py", "x");
    entry.claimed_size = size;
    return entry;
}

}  // namespace

TEST_CASE("runner: archives that are refused leave nothing behind", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    environment.listen();
    const RunnerFixture runner(environment.port());
    struct Row {
        std::string archive, detail;
    };
    const TarEntry good = file("main.py", "x");
    const Row rows[] = {
        {tar(good, file("/etc/passwd", "x")), "entry \"/etc/passwd\" is an absolute path"},
        {tar(good, file("../up", "x")), "entry \"../up\" would leave its folder"},
        {tar(good, file("a/../../up", "x")), "entry \"a/../../up\" would leave its folder"},
        {tar(good, of_type('5', "../up/")), "entry \"../up/\" would leave its folder"},
        {tar(good, file("bell\a", "x")), "entry \"bell\\x07\" has a control character"},
        {tar(good, of_type('2', "link", "/etc/passwd")),
         "entry \"link\" is a link; links are not unpacked"},
        {tar(good, of_type('1', "link", "main.py")),
         "entry \"link\" is a link; links are not unpacked"},
        {tar(of_type('2', "dir", "/tmp"), file("dir/x", "x")),
         "entry \"dir\" is a link; links are not unpacked"},
        {tar(good, of_type('3', "null")), "entry \"null\" is a device, pipe or socket"},
        {tar(good, of_type('4', "disk")), "entry \"disk\" is a device, pipe or socket"},
        {tar(good, of_type('6', "pipe")), "entry \"pipe\" is a device, pipe or socket"},
        {tar(good, file("main.py", "y")), "entry \"main.py\" is there twice"},
        {tar(good, file("main.py/x", "y")), "entry \"main.py/x\" needs a folder where a file is"},
        {tar(file("d/x", "y"), file("d", "y")), "entry \"d\" is there twice"},
        {tar(of_type('5', "only/")), "the archive holds no files"},
        {tar(file("big", std::string(5000, 'x'))),
         "entry \"big\" takes the archive past 4096 bytes unpacked"},
        {tar(file("a", std::string(4000, 'x')), file("b", std::string(100, 'x'))),
         "entry \"b\" takes the archive past 4096 bytes unpacked"},
        {tar(claiming(077777777777)),
         "entry \"main.py\" takes the archive past 4096 bytes unpacked"},
        {tar(file("a/b/c/d/x", "x"), file("y", "y")),
         "entry \"y\" is one of more than 5 files and folders"},
        {file("main.py", "x").bytes().substr(0, 513), "the archive is no intact tar: "},
        {"this is no tar at all, but it is long enough to be looked at" + std::string(2000, '!'),
         "the archive is no intact tar: "},
    };
    for (const Row& row : rows) {
        CAPTURE(row.detail);
        auto wanted = order();
        wanted["maxBytes"] = 4096;
        wanted["maxFiles"] = 5;
        const Answer answer = runner.load(wanted, row.archive);
        CHECK(answer.status == 400);
        CHECK(answer.text("code") == "invalid_argument");
        CHECK(answer.text("detail").substr(0, row.detail.size()) == row.detail);
        CHECK(tree(runner.folders.userfunc()).empty());
        CHECK(runner.get("/v1/state").text("state") == "generic");
    }
    CHECK(environment.loads().empty());
    CHECK(runner.load(order(), tar(good)).status == 200);
}

TEST_CASE("runner: names that only look like their parents are fine", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    environment.listen();
    const RunnerFixture runner(environment.port());
    const std::string archive =
        tar(file("./a/./b", "1"), file("..c", "2"), file("d..", "3"), of_type('5', "e/"));
    REQUIRE(runner.load(order(), archive).status == 200);
    CHECK(tree(runner.folders.userfunc() / kDigest) ==
          std::set<std::string>{"a", "a/b", "..c", "d..", "e"});
}

TEST_CASE("runner: reads what tar programs write", "[runner]") {
    const auto format = GENERATE(as<std::string>(), "ustar", "pax", "gnu");
    CAPTURE(format);
    const TempDir source;
    const std::string long_name = std::string(60, 'l') + '/' + std::string(80, 'm');
    fs::create_directories(source.path() / std::string(60, 'l'));
    write_file(source.path() / long_name, "long");
    write_file(source.path() / "ünï.txt", std::string(100'000, 'u'));
    const std::string output = (source.path() / "out").string();
    const std::string command = "tar --format=" + format + " --exclude=./out -C " +
                                source.path().string() + " -cf " + output + " .";
    REQUIRE(std::system(command.c_str()) == 0);
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    environment.listen();
    const RunnerFixture runner(environment.port());
    REQUIRE(runner.load(order(), read_file(output)).status == 200);
    CHECK(read_file(runner.folders.userfunc() / kDigest / long_name) == "long");
    CHECK(read_file(runner.folders.userfunc() / kDigest / "ünï.txt") == std::string(100'000, 'u'));
}

TEST_CASE("runner: gives an archive away as a tar", "[runner]") {
    FakeEnvironment environment(FakeEnvironment::loading(FakeEnvironment::answer(200, "")));
    environment.listen();
    const RunnerFixture runner(environment.port());
    CHECK(runner.get("/v1/archives/" + kDigest).status == 404);
    CHECK(runner.get("/v1/archives/..").status == 400);
    CHECK(runner.get("/v1/archives/../secrets").status == 400);
    REQUIRE(runner.load(order(), tar(file("a/b", "1"), file("c", "2"))).status == 200);
    auto client = runner.client();
    const Answer answer = client.get("/v1/archives/" + kDigest);
    CHECK(answer.status == 200);
    CHECK(header(answer.head, "Content-Type") == "application/x-tar");
    const TempDir out;
    write_file(out.path() / "x.tar", answer.body);
    REQUIRE(std::system(("tar -C " + out.path().string() + " -xf " + out.path().string() + "/x.tar")
                            .c_str()) == 0);
    CHECK(read_file(out.path() / "a/b") == "1");
    CHECK(read_file(out.path() / "c") == "2");
    CHECK(client.get("/v1/state").status == 200);
}
