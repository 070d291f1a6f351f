#include "backend/kube_archive.hpp"

#include <cstdlib>
#include <fstream>

#include "support/catch.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

std::string all_of(const backend::TarPlan& plan) {
    backend::TarReader reader(std::make_shared<backend::TarPlan>(plan));
    std::string bytes;
    for (;;) {
        auto piece = reader.next();
        REQUIRE(piece);
        if (piece->empty()) return bytes;
        CHECK(piece->size() <= backend::TarReader::kPiece + 4096);
        bytes += *piece;
    }
}

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

std::string read(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("kube archive: tar reads back what was packed, long names and modes included") {
    test::TempDir dir;
    const auto from = dir.path() / "code", to = dir.path() / "out";
    const std::string deep = std::string(90, 'd') + "/" + std::string(90, 'e') + "/" +
                             std::string(90, 'f') + "/" + std::string(120, 'g') + ".py";
    write(from / "main.py", "print('x')\n");
    write(from / "empty", "");
    write(from / "pkg/mod.py", std::string(512, 'm'));
    write(from / "big.bin", std::string(200'001, '\x01'));
    write(from / deep, "deep");
    write(from / (std::string(99, 'p') + "/" + std::string(99, 'n')), "prefix");
    write(from / "run.sh", "#!/bin/sh\n");
    fs::permissions(from / "run.sh", fs::perms(0755));
    fs::create_directories(from / "hollow");
    fs::create_symlink("/etc/passwd", from / "link");
    auto plan = backend::plan_tar(from);
    REQUIRE(plan);
    const auto bytes = all_of(*plan);
    CHECK(bytes.size() == plan->bytes);
    CHECK(plan->file.empty());
    write(dir.path() / "a.tar", bytes);
    fs::create_directories(to);
    const auto command = "tar -xf " + (dir.path() / "a.tar").string() + " -C " + to.string();
    REQUIRE(std::system(command.c_str()) == 0);
    for (const auto& name :
         {std::string("main.py"), std::string("empty"), std::string("pkg/mod.py"),
          std::string("big.bin"), deep, std::string("run.sh"),
          std::string(99, 'p') + "/" + std::string(99, 'n')}) {
        INFO(name);
        REQUIRE(fs::is_regular_file(to / name));
        CHECK(read(to / name) == read(from / name));
    }
    CHECK(fs::is_directory(to / "hollow"));
    CHECK_FALSE(fs::exists(fs::symlink_status(to / "link")));
    CHECK((fs::status(to / "run.sh").permissions() & fs::perms::owner_exec) != fs::perms::none);
    CHECK((fs::status(to / "main.py").permissions() & fs::perms::owner_exec) == fs::perms::none);
    auto again = backend::plan_tar(from);
    REQUIRE(again);
    CHECK(all_of(*again) == bytes);
}

TEST_CASE("kube archive: a package that is one file names it") {
    test::TempDir dir;
    write(dir.path() / "user", "code");
    auto plan = backend::plan_tar(dir.path() / "user");
    REQUIRE(plan);
    CHECK(plan->file == "user");
    CHECK(plan->entries.size() == 1);
    CHECK(all_of(*plan).size() == 512 + 512 + 1024);
    auto gone = backend::plan_tar(dir.path() / "none");
    REQUIRE(gone.has_error());
    CHECK(gone.error().code == Errc::not_found);
}

TEST_CASE("kube archive: a file that shrank while it was sent is an error") {
    test::TempDir dir;
    write(dir.path() / "code/a", std::string(10'000, 'a'));
    auto plan = backend::plan_tar(dir.path() / "code");
    REQUIRE(plan);
    fs::resize_file(dir.path() / "code/a", 10);
    backend::TarReader reader(std::make_shared<backend::TarPlan>(*plan));
    auto piece = reader.next();
    REQUIRE(piece.has_error());
    CHECK(piece.error().message.find("shorter than it was") != std::string::npos);
}

TEST_CASE("kube archive: small packages stay in memory up to the bound, large ones never do") {
    test::TempDir dir;
    aio::BlockingPool pool(1, 16);
    backend::ArchiveCache cache(pool, 300'000);
    for (int i = 0; i < 4; ++i)
        write(dir.path() / std::to_string(i) / "f",
              std::string(100'000, static_cast<char>('0' + i)));
    const auto get = [&](int i) {
        return test::run_task(
            cache.get("digest-" + std::to_string(i), (dir.path() / std::to_string(i)).string()));
    };
    for (int i = 0; i < 4; ++i) {
        auto got = get(i);
        REQUIRE(got);
        REQUIRE(got->bytes);
        CHECK(got->bytes->size() == got->plan->bytes);
        CHECK(cache.bytes() <= 300'000);
    }
    fs::remove_all(dir.path() / "3");
    CHECK(get(3));
    fs::remove_all(dir.path() / "0");
    CHECK(get(0).has_error());
    write(dir.path() / "9/f", std::string(2'000'000, 'x'));
    auto large = get(9);
    REQUIRE(large);
    CHECK_FALSE(large->bytes);
    CHECK(large->plan->bytes > 2'000'000);
}
