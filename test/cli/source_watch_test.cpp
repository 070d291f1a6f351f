#include "cli/source_watch.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "support/catch.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using hearth::cli::SourceWatch;
using hearth::test::ScratchFolder;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, const std::string& text = "x") {
    std::ofstream(path, std::ios::binary) << text;
}

/// A descriptor that becomes readable after a while, so that a test in which nothing is seen ends.
class Wake {
 public:
    explicit Wake(std::chrono::milliseconds after) : fd_(::eventfd(0, EFD_CLOEXEC)) {
        thread_ = std::thread([this, after] {
            std::unique_lock lock(mutex_);
            stopped_.wait_for(lock, after, [this] { return stop_; });
            const std::uint64_t one = 1;
            static_cast<void>(::write(fd_, &one, sizeof one) == sizeof one);
        });
    }
    ~Wake() {
        {
            std::lock_guard lock(mutex_);
            stop_ = true;
        }
        stopped_.notify_all();
        thread_.join();
        ::close(fd_);
    }
    int fd() const { return fd_; }

 private:
    int fd_;
    std::mutex mutex_;
    std::condition_variable stopped_;
    bool stop_ = false;
    std::thread thread_;
};

/// The name of what was seen within ten seconds; empty: nothing.
std::string seen(SourceWatch& watch) {
    Wake wake(10s);
    return watch.wait(wake.fd(), 5ms) ? watch.changed_name() : std::string();
}

bool quiet(SourceWatch& watch) {
    Wake wake(50ms);
    return !watch.wait(wake.fd(), 5ms);
}

}  // namespace

TEST_CASE("source watch: a folder's files, however an editor saves them") {
    ScratchFolder scratch;
    const fs::path folder = scratch.at("source");
    fs::create_directories(folder / "lib/deep");
    write(folder / "main.py");
    auto watch = SourceWatch::open(folder);
    REQUIRE(watch);
    SECTION("in place") {
        write(folder / "main.py", "y");
        CHECK(seen(*watch) == "main.py");
    }
    SECTION("a temporary file renamed over it") {
        write(folder / "main.py.tmp", "y");
        fs::rename(folder / "main.py.tmp", folder / "main.py");
        CHECK(seen(*watch) == "main.py");
    }
    SECTION("the old one moved away, a new one written, as vim does") {
        fs::rename(folder / "main.py", folder / "main.py~");
        write(folder / "main.py", "y");
        CHECK(seen(*watch) == "main.py");
    }
    SECTION("with a file of any name beside it, as sed -i does") {
        write(folder / "sedAbC1x9", "y");
        fs::rename(folder / "sedAbC1x9", folder / "main.py");
        CHECK(seen(*watch) == "main.py");
    }
    SECTION("below a folder") {
        write(folder / "lib/deep/a.py");
        CHECK(seen(*watch) == "lib/deep/a.py");
    }
    SECTION("removed") {
        fs::remove(folder / "main.py");
        CHECK(seen(*watch) == "main.py");
    }
    SECTION("in a folder that is made later") {
        fs::create_directory(folder / "new");
        CHECK(seen(*watch) == "new");
        write(folder / "new/b.py");
        CHECK(seen(*watch) == "new/b.py");
    }
    SECTION("in a folder that takes the place of another") {
        fs::rename(folder / "lib", scratch.at("away"));
        CHECK(seen(*watch) == "lib");
        fs::create_directory(folder / "lib");
        CHECK(seen(*watch) == "lib");
        write(folder / "lib/c.py");
        CHECK(seen(*watch) == "lib/c.py");
    }
    SECTION("a link") {
        fs::create_symlink(folder / "main.py", folder / "link.py");
        CHECK(seen(*watch) == "link.py");
    }
}

TEST_CASE("source watch: by-products of editors and tools do not count") {
    ScratchFolder scratch;
    const fs::path folder = scratch.at("source");
    for (const char* name : {".git", "node_modules", "__pycache__"})
        fs::create_directories(folder / name / "below");
    write(folder / "main.py");
    auto watch = SourceWatch::open(folder);
    REQUIRE(watch);
    for (const char* name : {".git/index", "node_modules/a.js", "__pycache__/main.pyc",
                             ".git/below/x", ".main.py.swp", "main.py~", ".#main.py", "4913"})
        write(folder / name);
    fs::create_directory(folder / ".venv");
    CHECK(quiet(*watch));
}

TEST_CASE("source watch: one file, whatever lies beside it") {
    ScratchFolder scratch;
    const fs::path file = scratch.at("main.py");
    write(file);
    auto watch = SourceWatch::open(file);
    REQUIRE(watch);
    write(scratch.at("other.py"));
    CHECK(quiet(*watch));
    write(file, "y");
    CHECK(seen(*watch) == "main.py");
    write(scratch.at("other.tmp"));
    fs::rename(scratch.at("other.tmp"), file);
    CHECK(seen(*watch) == "main.py");
    write(file, "z");
    CHECK(seen(*watch) == "main.py");
}

TEST_CASE("source watch: changes close together are one") {
    ScratchFolder scratch;
    const fs::path folder = scratch.at("source");
    fs::create_directories(folder);
    auto watch = SourceWatch::open(folder);
    REQUIRE(watch);
    for (int i = 0; i < 20; ++i) write(folder / ("f" + std::to_string(i)));
    CHECK(seen(*watch) == "f0");
    CHECK(quiet(*watch));
}

TEST_CASE("source watch: what is not there is told") {
    ScratchFolder scratch;
    const auto watch = SourceWatch::open(scratch.at("nothing"));
    REQUIRE_FALSE(watch);
    CHECK(watch.error().code == Errc::not_found);
}
