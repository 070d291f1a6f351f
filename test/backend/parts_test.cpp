#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/exit_status.hpp"
#include "backend/instance_folder.hpp"
#include "backend/line_splitter.hpp"
#include "backend/settings_place.hpp"
#include "backend/system_call_filter.hpp"
#include "hearth/backend/process_backend.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fstream>

using namespace hearth;
using namespace hearth::backend;

TEST_CASE("lines are cut whatever the pieces they come in") {
    for (const std::size_t piece : {1u, 2u, 7u, 100u}) {
        LineSplitter splitter;
        std::vector<std::string> lines;
        const auto collect = [&](std::string_view line) { lines.emplace_back(line); };
        const std::string text = "one\n\ntwo words\nlast without end";
        for (std::size_t at = 0; at < text.size(); at += piece)
            splitter.feed(std::string_view(text).substr(at, piece), collect);
        splitter.finish(collect);
        CHECK(lines == std::vector<std::string>{"one", "", "two words", "last without end"});
    }
}

TEST_CASE("a line without end does not grow") {
    LineSplitter splitter;
    std::vector<std::size_t> sizes;
    const auto collect = [&](std::string_view line) { sizes.push_back(line.size()); };
    for (int i = 0; i < 100; ++i) splitter.feed(std::string(10'000, 'x'), collect);
    splitter.feed("\nshort\n", collect);
    CHECK(sizes == std::vector<std::size_t>{LineSplitter::kLongestLine + 1, 5});
    sizes.clear();
    const std::string record = R"({"hearth":1,"message":")";
    splitter.feed(record, collect);
    for (int i = 0; i < 100; ++i) splitter.feed(std::string(10'000, 'x'), collect);
    splitter.feed("\n", collect);
    CHECK(sizes == std::vector<std::size_t>{LineSplitter::kLongestRecord});
}

TEST_CASE("the tail keeps the last whole lines") {
    TailBuffer tail;
    for (int i = 0; i < 1000; ++i) tail.add("line " + std::to_string(i));
    CHECK(tail.text().size() <= TailBuffer::kBytes);
    CHECK(tail.text().rfind("line ", 0) == 0);
    CHECK(tail.text().substr(tail.text().size() - 9) == "line 999\n");
    tail.add(std::string(10'000, 'x'));
    CHECK(tail.text().size() <= TailBuffer::kBytes);
}

TEST_CASE("the budget of output refills with time") {
    OutputBudget budget;
    CHECK(budget.take(4u << 20, 1.0));
    CHECK_FALSE(budget.take(1000, 1.0));
    CHECK_FALSE(budget.take(1000, 1.0));
    CHECK(budget.take(1000, 1.5));
    CHECK(budget.take_dropped() == 2);
    CHECK(budget.take_dropped() == 0);
}

TEST_CASE("exit statuses") {
    CHECK(decode_wait_status(3 << 8, false).code == 3);
    CHECK_FALSE(decode_wait_status(3 << 8, true).signalled);
    CHECK(decode_wait_status(SIGKILL, false).signalled);
    CHECK(decode_wait_status((128 + SIGSEGV) << 8, true).signalled);
    CHECK(decode_wait_status((128 + SIGSEGV) << 8, true).code == SIGSEGV);
    CHECK_FALSE(decode_wait_status((128 + SIGSEGV) << 8, false).signalled);
    CHECK_FALSE(decode_wait_status(255 << 8, true).signalled);
}

TEST_CASE("env.yaml is read strictly") {
    struct Case {
        const char* text;
        const char* fault;  ///< empty: it is good
    };
    const Case cases[] = {
        {"name: a\ncommand: [run]\n", ""},
        {"name: a\ncommand: [run]\nimages: ['*/a']\nlisten: tcp\nenv: {A: '1'}\nenv_at_load: "
         "true\n",
         ""},
        {"name: a\n", "needs the key command"},
        {"command: [run]\n", "needs the key name"},
        {"name: a\ncommand: run\n", "env.yaml:2:1: command: must be a list of texts"},
        {"name: a\ncommand: [run, 1]\n", "command[1]: must be a text"},
        {"name: a\ncommand: [run]\ncomand: [x]\n", "env.yaml:3:1: comand: is no key of env.yaml"},
        {"name: a\ncommand: [run]\nenv: {A: 1}\n", "env.A: must be a text; put it in quotes"},
        {"name: a\ncommand: [run]\nenv_at_load: maybe\n", "env_at_load: must be true or false"},
        {"name: a\ncommand: [run]\nlisten: pigeon\n", "listen: must be unix or tcp"},
        {"name: [\n", "env.yaml:"},
        {"- a\n", "must be a map"},
        {"name: a\ncommand: [run]\nprepare: ./prepare\nbuilder:\n  command: [\"b\"]\n", ""},
        {"name: a\ncommand: [run]\nbuilder:\n  images: [\"*b\"]\n  command: b\n  env: {A: x}\n"
         "  check: [c]\n  check_remedy: r\n",
         ""},
        {"name: a\ncommand: [run]\nbuilder: x\n", "builder: must be a map"},
        {"name: a\ncommand: [run]\nbuilder: {image: b}\n", "builder: needs the key command"},
        {"name: a\ncommand: [run]\nbuilder:\n  comand: b\n",
         "env.yaml:4:3: builder.comand: is no key"},
    };
    for (const auto& one : cases) {
        INFO(one.text);
        test::TempDir folder;
        std::filesystem::create_directories(folder.path() / "a");
        std::ofstream(folder.path() / "a" / "env.yaml") << one.text;
        const auto read = load_local_environments(folder.path());
        if (*one.fault == '\0') {
            REQUIRE(read.has_value());
            REQUIRE(read->size() == 1);
            CHECK(read->front().name == "a");
            continue;
        }
        REQUIRE(read.has_error());
        CHECK(read.error().code == Errc::invalid_argument);
        INFO(read.error().message);
        CHECK(read.error().message.find(one.fault) != std::string::npos);
    }
}

TEST_CASE("a remedy names the environment's folder") {
    test::TempDir folder;
    std::filesystem::create_directories(folder.path() / "a");
    std::ofstream(folder.path() / "a" / "env.yaml")
        << "name: a\ncommand: [run]\ncheck_remedy: run ${ENV_DIR}/prepare\n"
           "builder:\n  command: b\n  check_remedy: \"${ENV_DIR}, ${ENV_DIR}\"\n";
    const auto read = load_local_environments(folder.path());
    REQUIRE(read.has_value());
    const auto place = std::filesystem::canonical(folder.path() / "a").string();
    CHECK(read->front().check_remedy == "run " + place + "/prepare");
    CHECK(read->front().builder->check_remedy == place + ", " + place);
}

TEST_CASE("two environments cannot have one name, and the shipped ones are good") {
    test::TempDir folder;
    for (const char* name : {"a", "b"}) {
        std::filesystem::create_directories(folder.path() / name);
        std::ofstream(folder.path() / name / "env.yaml") << "name: same\ncommand: [run]\n";
    }
    CHECK(load_local_environments(folder.path()).error().message.find("same") != std::string::npos);
    CHECK(load_local_environments(folder.path() / "absent").has_error());
    const auto source = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    const auto shipped = load_local_environments(source / "env-images");
    REQUIRE(shipped.has_value());
    CHECK_FALSE(shipped->empty());
}

TEST_CASE("the exported system call filter is what the kernel takes") {
    const auto program = export_system_call_filter();
    REQUIRE(program.has_value());
    CHECK(program->size() % 8 == 0);
    CHECK(program->size() > 40 * 8);
    CHECK(program->size() < 4096 * 8);
}

TEST_CASE("a place for settings in memory is locked, and removed once its daemon has ended") {
    const auto refused = make_settings_place("/proc");
    CHECK(refused.folder.empty());
    CHECK(refused.obstacle == "/proc is no tmpfs");
    auto first = make_settings_place();
    if (first.folder.empty()) {
        WARN(first.obstacle);
        return;
    }
    struct stat info {};
    REQUIRE(stat(first.folder.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    auto second = make_settings_place();
    CHECK(second.folder != first.folder);
    CHECK(std::filesystem::exists(first.folder));
    std::ofstream(first.folder / "left") << "secret";
    first.lock.reset();
    const auto third = make_settings_place();
    CHECK_FALSE(std::filesystem::exists(first.folder));
    CHECK(std::filesystem::exists(second.folder));
    remove_settings_place(second.folder);
    remove_settings_place(third.folder);
    CHECK_FALSE(std::filesystem::exists(second.folder));
}

TEST_CASE("secrets lie behind a folder that only the instance's user enters") {
    test::TempDir data;
    const long owner = geteuid() == 0 ? 12345 : -1;
    const InstanceFolder folder(data.path() / "one", owner, data.path() / "settings");
    const mode_t before = umask(077);
    REQUIRE_FALSE(folder.create("deployarchive").has_error());
    REQUIRE_FALSE(
        folder.put_files(folder.secrets(), {{"default/db/password", "s3cret"}}).has_error());
    umask(before);
    struct stat info {};
    REQUIRE(stat(folder.secrets().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);
    if (owner >= 0) CHECK(info.st_uid == 12345);
    // Below it the user reads and cannot write, not even by changing modes.
    REQUIRE(stat((folder.secrets() / "default/db").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0755);
    REQUIRE(stat((folder.secrets() / "default/db/password").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0444);
    CHECK(info.st_uid == geteuid());
    CHECK(folder.put_files(folder.secrets(), {{"../up", "x"}}).has_error());
    std::ofstream(data.path() / "single.py") << "x = 1";
    REQUIRE_FALSE(folder.put_code(data.path() / "single.py", "deployarchive").has_error());
    CHECK(std::filesystem::is_regular_file(folder.userfunc() / "deployarchive"));
    folder.remove();
    CHECK_FALSE(std::filesystem::exists(data.path() / "one"));
    CHECK_FALSE(std::filesystem::exists(data.path() / "settings"));
}
