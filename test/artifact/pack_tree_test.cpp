#include <fstream>

#include "artifact/store_fixture.hpp"

using namespace hearth;

namespace {

namespace fs = std::filesystem;

struct Tree {
    test::TempDir dir;
    fs::path root = dir.path() / "tree";
    Tree() { fs::create_directories(root / "sub"); }
    void file(const std::string& name, const std::string& text, unsigned mode = 0644) {
        fs::create_directories((root / name).parent_path());
        std::ofstream(root / name) << text;
        fs::permissions(root / name, fs::perms(mode));
    }
    Result<std::vector<std::string>> pack(artifact::ArchiveLimits limits = {}) {
        return artifact::pack_tree(root, dir.path() / "out.zip", limits);
    }
    std::ptrdiff_t entries() const {
        return std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator());
    }
    std::string bytes() const {
        std::ifstream stream(dir.path() / "out.zip", std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(stream), {});
    }
};

std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

TEST_CASE("pack_tree: files, modes and links inside come back from the store") {
    Tree tree;
    tree.file("main.py", "x = 1\n");
    tree.file("bin/run", "#!/bin/sh\n", 0755);
    tree.file("lib/ünï.txt", "u");
    fs::create_symlink("../bin/run", tree.root / "lib" / "link");
    fs::create_directory_symlink("lib", tree.root / "same");
    const auto notes = tree.pack();
    REQUIRE(notes);
    CHECK(notes->empty());
    test::ArchiveFixture store;
    const auto folder = store.unpack(tree.bytes());
    REQUIRE(folder);
    CHECK(text_of(*folder / "main.py") == "x = 1\n");
    CHECK(text_of(*folder / "lib" / "link") == "#!/bin/sh\n");
    CHECK(text_of(*folder / "same" / "ünï.txt") == "u");
    CHECK((fs::status(*folder / "bin" / "run").permissions() & fs::perms::owner_exec) !=
          fs::perms::none);
    CHECK((fs::status(*folder / "main.py").permissions() & fs::perms::owner_exec) ==
          fs::perms::none);
}

TEST_CASE("pack_tree: equal files give equal bytes") {
    Tree one, two;
    for (Tree* tree : {&one, &two}) {
        tree->file(tree == &one ? "a" : "b", "1");
        tree->file(tree == &one ? "b" : "a", "1");
        REQUIRE(tree->pack());
    }
    CHECK(one.bytes() == two.bytes());
}

TEST_CASE("pack_tree: links that lead out, and what is no file, are left out and named") {
    Tree tree;
    tree.file("a", "1");
    fs::create_symlink("/etc/passwd", tree.root / "secret");
    fs::create_symlink("nowhere", tree.root / "dangling");
    fs::create_directory_symlink("..", tree.root / "sub" / "up");
    const auto notes = tree.pack();
    REQUIRE(notes);
    CHECK(notes->size() == 3);
    CHECK(tree.bytes().find("root:") == std::string::npos);
}

TEST_CASE("repack: any archive of the same files gives the bytes of their folder") {
    Tree tree;
    tree.file("main.py", "x = 1\n");
    tree.file("bin/run", "#!/bin/sh\n", 0755);
    REQUIRE(tree.pack());
    const auto packed = tree.bytes();
    const auto tar = tree.dir.path() / "made.tar";
    const auto command = "tar -C " + tree.root.string() + " -cf " + tar.string() + " .";
    REQUIRE(std::system(command.c_str()) == 0);
    fs::remove(tree.dir.path() / "out.zip");
    const auto again = artifact::repack(tar, tree.dir.path() / "out.zip", {});
    REQUIRE(again);
    CHECK(tree.bytes() == packed);
    fs::remove_all(tree.root);
    CHECK(tree.entries() == 2);
    std::ofstream(tar) << "no archive";
    CHECK(artifact::repack(tar, tree.dir.path() / "out.zip", {}).has_error());
    CHECK(tree.entries() == 2);
}

TEST_CASE("pack_tree: limits and empty folders are told") {
    Tree tree;
    const auto empty = tree.pack();
    REQUIRE_FALSE(empty);
    CHECK(empty.error().message.find("no files") != std::string::npos);
    tree.file("a", "12345");
    tree.file("b", "12345");
    artifact::ArchiveLimits limits;
    limits.entries = 1;
    CHECK_FALSE(tree.pack(limits));
    limits.entries = 10;
    limits.unpacked_bytes = 8;
    CHECK_FALSE(tree.pack(limits));
}
