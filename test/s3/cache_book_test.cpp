#include "s3/cache_book.hpp"

#include "support/catch.hpp"

using hearth::s3::CacheBook;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

namespace {

constexpr CacheBook::Time at(int seconds) {
    return CacheBook::Time(std::chrono::seconds(seconds));
}

}  // namespace

TEST_CASE("s3: the longest unused archives leave a full cache first") {
    CacheBook book;
    book.packed("a", 10, at(1));
    book.packed("b", 10, at(2));
    book.unpacked("b", 30, at(2));
    book.packed("c", 10, at(3));
    CHECK(book.bytes() == 60);
    CHECK(book.victims(60, at(100)).empty());
    CHECK(book.victims(59, at(100)) == Names{"a"});
    CHECK(book.victims(20, at(100)) == Names{"a", "b"});
    book.used("a", at(9));
    CHECK(book.victims(59, at(100)) == Names{"b"});
    // Use never goes back in time, and what is not there is not made by being asked for.
    book.used("a", at(4));
    book.used("unknown", at(50));
    CHECK(book.victims(0, at(100)) == Names{"b", "c", "a"});
}

TEST_CASE("s3: what was used lately stays, however full the cache is") {
    CacheBook book;
    book.packed("a", 10, at(1));
    book.packed("b", 10, at(5));
    CHECK(book.victims(0, at(5)) == Names{"a"});
    CHECK(book.victims(0, at(6)) == Names{"a", "b"});
}

TEST_CASE("s3: sizes are replaced, not added, and go with their archive") {
    CacheBook book;
    book.packed("a", 10, at(1));
    book.packed("a", 15, at(2));
    book.unpacked("a", 100, at(2));
    book.unpacked("a", 50, at(2));
    CHECK(book.bytes() == 65);
    book.gone("a");
    book.gone("a");
    CHECK(book.bytes() == 0);
    CHECK(book.victims(0, at(9)).empty());
}
