#include "gateway/route_table.hpp"

#include <malloc.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "support/catch.hpp"
#include "support/triggers.hpp"

using namespace hearth;
using namespace hearth::gateway;
using test::named;
using test::trigger;

namespace {

const SecretSource kNoSecrets = [](std::string_view, std::string_view) { return nullptr; };

RoutePtr route(std::uint64_t id, const std::string& name, const model::HttpTriggerSpec& spec,
               const std::string& created = "2026-01-01T00:00:00.000Z") {
    auto made = make_route(id, named(name, "default", created), spec, kNoSecrets);
    REQUIRE(made);
    return *made;
}

/// A table whose routes are named for their place in the list: r0, r1, …
RouteTable table_of(const std::vector<model::HttpTriggerSpec>& specs) {
    RouteTable table;
    for (std::size_t i = 0; i < specs.size(); ++i)
        table.insert(route(i + 1, fmt::format("r{}", i), specs[i]));
    return table;
}

std::string matched(const RouteTable& table, const std::string& path,
                    const std::string& method = "GET", const std::string& host = "") {
    const auto match = table.match(host, method_bit(method), path);
    if (match.route != nullptr)
        return match.route->qualified.substr(std::string("default/").size());
    return match.allowed != 0 ? "405 " + method_list(match.allowed) : "404";
}

}  // namespace

TEST_CASE("routes: a prefix is cut at segment borders") {
    const auto plain = table_of({trigger("/foobar*")});
    CHECK(matched(plain, "/foobar") == "r0");
    CHECK(matched(plain, "/foobar/") == "r0");
    CHECK(matched(plain, "/foobar/x/y") == "r0");
    CHECK(matched(plain, "/foobarx") == "404");
    CHECK(matched(plain, "/fooba") == "404");
    CHECK(matched(plain, "/") == "404");
    CHECK(matched(plain, "/x/foobar") == "404");

    const auto below = table_of({trigger("/foobar/*")});
    CHECK(matched(below, "/foobar") == "404");
    CHECK(matched(below, "/foobar/") == "r0");
    CHECK(matched(below, "/foobar/x") == "r0");
    CHECK(matched(below, "/foobarx") == "404");
}

TEST_CASE("routes: an exact path is exact") {
    const auto table = table_of({trigger("/a"), trigger("/b/"), trigger("/")});
    CHECK(matched(table, "/a") == "r0");
    CHECK(matched(table, "/a/") == "404");
    CHECK(matched(table, "/A") == "404");
    CHECK(matched(table, "/b") == "404");
    CHECK(matched(table, "/b/") == "r1");
    CHECK(matched(table, "/") == "r2");
    CHECK(matched(table, "//") == "404");
}

TEST_CASE("routes: precedence is host, exact, parameter, longest prefix") {
    const auto table = table_of({
        trigger("/*"),                     // r0
        trigger("/a*"),                    // r1
        trigger("/a/b*"),                  // r2
        trigger("/a/{x}"),                 // r3
        trigger("/a/b"),                   // r4
        trigger("/*", {}, "h.example"),    // r5
        trigger("/a/b", {}, "h.example"),  // r6
        trigger("/{x}/b"),                 // r7
        trigger("/a/{x}*"),                // r8
    });
    CHECK(matched(table, "/a/b") == "r4");
    CHECK(matched(table, "/a/c") == "r3");
    CHECK(matched(table, "/z/b") == "r7");
    CHECK(matched(table, "/a/b/c") == "r2");
    CHECK(matched(table, "/a/c/d") == "r8");
    CHECK(matched(table, "/a") == "r1");
    CHECK(matched(table, "/z") == "r0");
    CHECK(matched(table, "/a/b", "GET", "h.example") == "r6");
    // Any route of the host goes before all routes of no host.
    CHECK(matched(table, "/a/c", "GET", "h.example") == "r5");
    CHECK(matched(table, "/a/b", "GET", "other.example") == "r4");
}

TEST_CASE("routes: literal segments go before parameters, the leftmost difference deciding") {
    const auto table = table_of(
        {trigger("/{x}/b/c"), trigger("/a/{y}/{z}"), trigger("/a/b/{z}"), trigger("/{x}/{y}/{z}")});
    CHECK(matched(table, "/a/b/c") == "r2");
    CHECK(matched(table, "/a/x/c") == "r1");
    CHECK(matched(table, "/x/b/c") == "r0");
    CHECK(matched(table, "/x/y/c") == "r3");
    CHECK(matched(table, "/a//c") == "404");
    CHECK(matched(table, "/a/b/") == "404");
}

TEST_CASE(
    "routes: methods decide between routes, and a path without the method says what it answers") {
    const auto table =
        table_of({trigger("/a", {"GET"}), trigger("/a", {"POST", "PUT"}), trigger("/b", {"HEAD"}),
                  trigger("/b", {"GET"}), trigger("/p*", {"DELETE"}), trigger("/p/x", {"GET"})});
    CHECK(matched(table, "/a", "GET") == "r0");
    CHECK(matched(table, "/a", "HEAD") == "r0");
    CHECK(matched(table, "/a", "PUT") == "r1");
    CHECK(matched(table, "/a", "DELETE") == "405 GET, HEAD, POST, PUT");
    CHECK(matched(table, "/a", "PROPFIND") == "405 GET, HEAD, POST, PUT");
    CHECK(matched(table, "/b", "HEAD") == "r2");
    CHECK(matched(table, "/b", "GET") == "r3");
    // A route whose methods do not fit leaves the request to the next one.
    CHECK(matched(table, "/p/x", "DELETE") == "r4");
    CHECK(matched(table, "/p/x", "POST") == "405 GET, HEAD, DELETE");
    CHECK(matched(table, "/q", "POST") == "404");
}

TEST_CASE("routes: of two with the same shape the older one wins, then the smaller name") {
    RouteTable table;
    table.insert(route(1, "young", trigger("/a/{x}"), "2026-01-02T00:00:00.000Z"));
    table.insert(route(2, "old", trigger("/a/{y}"), "2026-01-01T23:59:59.999Z"));
    table.insert(route(3, "b", trigger("/s"), "2026-01-01T00:00:00.000Z"));
    table.insert(route(4, "a", trigger("/s"), "2026-01-01T00:00:00.000Z"));
    CHECK(matched(table, "/a/1") == "old");
    CHECK(matched(table, "/s") == "a");
    CHECK(table.erase(*route(2, "old", trigger("/a/{y}"))));
    CHECK(matched(table, "/a/1") == "young");
}

TEST_CASE("routes: hosts are compared without case, port and final dot") {
    CHECK(normal_host("Example.COM:8080") == "example.com");
    CHECK(normal_host("example.com.") == "example.com");
    CHECK(normal_host("[::1]:80") == "::1");
    CHECK(normal_host("[fe80::A]") == "fe80::a");
    CHECK(normal_host("") == "");
    const auto table = table_of({trigger("/", {}, "EXAMPLE.com")});
    CHECK(matched(table, "/", "GET", normal_host("example.com:1")) == "r0");
}

TEST_CASE("routes: literals are compared in the spelling of canonical paths") {
    const auto table = table_of({trigger("/caf\xC3\xA9"), trigger("/a%2db"), trigger("/a%3ab")});
    CHECK(matched(table, "/caf%C3%A9") == "r0");
    CHECK(matched(table, "/a-b") == "r1");
    CHECK(matched(table, "/a%3Ab") == "r2");
}

TEST_CASE("routes: a path no request could have is refused") {
    CHECK_FALSE(make_route(1, named("x"), trigger("a"), kNoSecrets));
    std::string deep;
    for (int i = 0; i < 65; ++i) deep += "/a";
    const auto refused = make_route(1, named("x"), trigger(deep), kNoSecrets);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "the path has 65 segments; 64 are the most");
    CHECK(make_route(1, named("x"), trigger(deep.substr(2)), kNoSecrets));
}

TEST_CASE("routes: a copy of the table stays as it was") {
    RouteTable table = table_of({trigger("/a"), trigger("/b")});
    const RouteTable before = table;
    table.insert(route(10, "new", trigger("/c")));
    CHECK(table.erase(*route(1, "r0", trigger("/a"))));
    CHECK_FALSE(table.erase(*route(1, "r0", trigger("/a"))));
    CHECK(before.size() == 2);
    CHECK(table.size() == 2);
    CHECK(matched(before, "/a") == "r0");
    CHECK(matched(before, "/c") == "404");
    CHECK(matched(table, "/a") == "404");
    CHECK(matched(table, "/c") == "new");
    CHECK(matched(table, "/b") == "r1");
}

TEST_CASE("routes: what the function sees") {
    struct Row {
        const char* path;
        bool keep;
        const char* request;
        const char* seen;
    };
    for (const auto& row : std::vector<Row>{
             {"/a/b", false, "/a/b", "/"},
             {"/a/{id}", false, "/a/7", "/"},
             {"/p*", false, "/p", "/"},
             {"/p*", false, "/p/", "/"},
             {"/p*", false, "/p/x/y", "/x/y"},
             {"/p/*", false, "/p/x", "/x"},
             {"/p*", true, "/p/x", "/p/x"},
             {"/p*", true, "/p", "/p"},
             {"/*", false, "/x/y", "/x/y"},
             {"/*", false, "/", "/"},
             {"/u/{id}*", false, "/u/7/posts", "/posts"},
             {"/p*", false, "/p//x", "//x"},
         }) {
        INFO(row.path << " " << row.request);
        auto spec = trigger(row.path);
        spec.keep_prefix = row.keep;
        CHECK(function_path(*route(1, "r", spec), row.request) == row.seen);
    }
}

TEST_CASE("routes: parameters are taken from their segments") {
    const auto r = route(1, "r", trigger("/u/{user}/posts/{post}*"));
    std::map<std::string, std::string> got;
    for_each_parameter(
        *r, "/u/ann/posts/a%20b/rest",
        [&](std::string_view name, std::string_view value) { got.emplace(name, value); });
    CHECK(got == std::map<std::string, std::string>{{"user", "ann"}, {"post", "a%20b"}});
}

namespace {

/// The rules of the README once more, as plainly as they can be said: look at every route.
class PlainMatcher {
 public:
    void add(std::string name, model::HttpTriggerSpec spec, std::string created) {
        if (spec.methods.empty()) spec.methods = {"GET"};
        routes_.push_back({std::move(name), std::move(spec), std::move(created)});
    }
    void drop(const std::string& name) {
        std::erase_if(routes_, [&](const auto& r) { return r.name == name; });
    }

    std::string match(const std::string& host, const std::string& method,
                      const std::string& path) const {
        std::map<std::vector<std::string>, std::vector<const Plain*>> ranked;
        std::vector<std::string> allowed;
        for (const auto& r : routes_) {
            if (!r.spec.host.empty() && r.spec.host != host) continue;
            if (const auto rank = rank_of(r.spec, path); !rank.empty()) ranked[rank].push_back(&r);
        }
        for (auto& [rank, same] : ranked) {
            std::ranges::sort(same, {},
                              [](const Plain* r) { return std::pair(r->created, r->name); });
            for (const auto* r : same) {
                if (std::ranges::count(r->spec.methods, method) > 0) return r->name;
            }
            for (const auto* r : same) {
                if (method == "HEAD" && std::ranges::count(r->spec.methods, "GET") > 0)
                    return r->name;
            }
        }
        Methods answers = 0;
        for (const auto& [rank, same] : ranked) {
            for (const auto* r : same) {
                for (const auto& m : r->spec.methods) {
                    answers =
                        static_cast<Methods>(answers | method_bit(m) | (m == "GET" ? kHead : 0));
                }
            }
        }
        return answers != 0 ? "405 " + method_list(answers) : "404";
    }

 private:
    struct Plain {
        std::string name;
        model::HttpTriggerSpec spec;
        std::string created;
    };

    static std::vector<std::string> split(const std::string& path) {
        std::vector<std::string> parts(1);
        for (const char c : path.substr(1)) {
            if (c == '/') {
                parts.emplace_back();
            } else {
                parts.back() += c;
            }
        }
        return parts;
    }

    /// Smaller is tried first; empty: no match.
    static std::vector<std::string> rank_of(const model::HttpTriggerSpec& spec,
                                            const std::string& path) {
        const auto have = split(path);
        std::string pattern = spec.prefix ? *spec.prefix : spec.path;
        const bool below = spec.prefix && pattern.ends_with('/');
        if (below) pattern.pop_back();
        const auto want = pattern.empty() ? std::vector<std::string>() : split(pattern);
        if (spec.prefix ? have.size() < want.size() + (below ? 1 : 0) : have.size() != want.size())
            return {};
        std::string places;
        for (std::size_t i = 0; i < want.size(); ++i) {
            const bool parameter = want[i].starts_with('{');
            if (parameter ? have[i].empty() : have[i] != want[i]) return {};
            places += parameter ? '1' : '0';
        }
        return {spec.host.empty() ? "1" : "0", spec.prefix ? "1" : "0",
                fmt::format("{:03}", 999 - want.size()), places};
    }

    std::vector<Plain> routes_;
};

class RandomRoutes {
 public:
    explicit RandomRoutes(unsigned seed) : random_(seed) {}
    std::size_t below(std::size_t n) { return random_() % n; }

    std::string segments(bool with_parameters) {
        static const std::vector<std::string> kWords = {"a", "b",   "ab",  "abc",
                                                        "",  "x-y", "a.b", "%C3%A9"};
        std::string path;
        const auto depth = 1 + below(4);
        for (std::size_t i = 0; i < depth; ++i) {
            path += '/';
            path += with_parameters && below(4) == 0 ? fmt::format("{{p{}}}", i)
                                                     : kWords[below(kWords.size())];
        }
        return path;
    }
    std::string host() {
        static const std::vector<std::string> kHosts = {"", "", "h1.example", "h2.example"};
        return kHosts[below(kHosts.size())];
    }
    std::vector<std::string> methods() {
        static const std::vector<std::string> kMethods = {"GET", "POST", "HEAD", "DELETE"};
        std::vector<std::string> chosen;
        for (const auto& m : kMethods) {
            if (below(3) == 0) chosen.push_back(m);
        }
        return chosen;
    }
    model::HttpTriggerSpec spec() {
        auto path = segments(true);
        if (below(2) == 0) path += "*";
        return trigger(path, methods(), host());
    }

 private:
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("routes: random tables answer as a plain search over all routes does") {
    for (unsigned seed = 0; seed < 40; ++seed) {
        INFO("seed " << seed);
        RandomRoutes random(seed);
        RouteTable table;
        PlainMatcher plain;
        std::map<std::string, RoutePtr> present;
        std::vector<std::pair<RouteTable, PlainMatcher>> older;
        const auto size = 1 + random.below(120);
        for (std::size_t i = 0; i < size; ++i) {
            const auto name = fmt::format("r{}", random.below(100));
            if (const auto found = present.find(name); found != present.end()) {
                CHECK(table.erase(*found->second));
                plain.drop(name);
                present.erase(found);
                if (random.below(3) == 0) continue;
            }
            const auto created = fmt::format("2026-01-01T00:00:{:02}.000Z", random.below(5));
            const auto spec = random.spec();
            present[name] = route(i + 1, name, spec, created);
            table.insert(present[name]);
            plain.add(name, spec, created);
            if (random.below(40) == 0) older.emplace_back(table, plain);
        }
        older.emplace_back(table, plain);
        for (const auto& [now, searched] : older) {
            for (int i = 0; i < 200; ++i) {
                const auto path = random.segments(false);
                const auto host = random.host();
                static const std::vector<std::string> kMethods = {"GET", "HEAD", "POST", "OPTIONS"};
                const auto method = kMethods[random.below(kMethods.size())];
                const auto expected = searched.match(host, method, path);
                const auto got = matched(now, path, method, host);
                if (got != expected) {
                    INFO(method << " " << host << " " << path);
                    CHECK(got == expected);
                }
            }
        }
        CHECK(table.size() == present.size());
        for (const auto& [name, r] : present) CHECK(table.erase(*r));
        CHECK(table.size() == 0);
        CHECK(matched(table, "/a") == "404");
    }
}

TEST_CASE("routes: random bytes as a path are matched or not, without harm") {
    RandomRoutes random(7);
    std::vector<model::HttpTriggerSpec> specs;
    for (int i = 0; i < 50; ++i) specs.push_back(random.spec());
    specs.push_back(trigger("/*"));
    const auto table = table_of(specs);
    for (int i = 0; i < 5000; ++i) {
        std::string path = "/";
        const auto length = random.below(i % 50 == 0 ? 9000 : 40);
        for (std::size_t k = 0; k < length; ++k) {
            path += random.below(3) == 0 ? '/' : static_cast<char>(1 + random.below(255));
        }
        const auto match = table.match("", kGet, path);
        REQUIRE(match.route != nullptr);
        CHECK(function_path(*match.route, path).starts_with("/"));
    }
}

TEST_CASE(
    "routes: a hundred thousand fit in 60 MiB, a thousand far below one, and every one is found") {
    const auto used = [] { return ::mallinfo2().uordblks; };
    const auto spec_of = [](int i) {
        auto spec = trigger(fmt::format("/api/v1/service-{}/items/{{id}}", i), {"GET"});
        spec.function = fmt::format("service-{}-items", i);
        return spec;
    };
    const auto before = used();
    RouteTable table;
    for (int i = 0; i < 100'000; ++i) {
        if (i == 1000) CHECK(used() - before < 640u << 10);
        table.insert(route(static_cast<std::uint64_t>(i) + 1, fmt::format("service-{}-items", i),
                           spec_of(i)));
    }
    CHECK(used() - before < 60u << 20);
    const auto full = used();
    const RouteTable copy = table;
    table.insert(route(1'000'000, "one-more", trigger("/one-more")));
    // What is shared is not copied: one route more costs some nodes.
    CHECK(used() - full < 16u << 10);
    std::size_t missed = 0;
    for (int i = 0; i < 100'000; ++i) {
        const auto match = table.match("", kGet, fmt::format("/api/v1/service-{}/items/7", i));
        if (match.route == nullptr || match.route->id != static_cast<std::uint64_t>(i) + 1)
            ++missed;
    }
    CHECK(missed == 0);
    CHECK(matched(copy, "/one-more") == "404");
    CHECK(matched(table, "/one-more") == "one-more");
}

TEST_CASE("routes: many triggers of one path are kept, the oldest serving") {
    RouteTable table;
    constexpr int kMany = 2000;
    for (int i = 0; i < kMany; ++i) {
        table.insert(route(static_cast<std::uint64_t>(i) + 1, fmt::format("t{:05}", kMany - i),
                           trigger("/same")));
    }
    CHECK(matched(table, "/same") == "t00001");
    CHECK(table.rivals(*route(0, "x", trigger("/same"))).size() == kMany);
}
