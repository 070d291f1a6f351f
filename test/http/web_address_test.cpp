#include "hearth/http/web_address.hpp"

#include "support/catch.hpp"

namespace hearth {
namespace {

using http::WebAddress;

TEST_CASE("web address: only addresses of the public internet are public", "[http]") {
    struct Row {
        const char* address;
        bool is_public;
    };
    const std::vector<Row> rows = {
        {"8.8.8.8", true},
        {"1.1.1.1", true},
        {"100.63.255.255", true},
        {"100.128.0.1", true},
        {"172.15.255.255", true},
        {"172.32.0.1", true},
        {"192.0.1.1", true},
        {"198.17.255.255", true},
        {"223.255.255.255", true},
        {"2606:4700:4700::1111", true},
        {"2a00:1450::1", true},
        {"2001:200::1", true},
        {"0.0.0.0", false},
        {"0.1.2.3", false},
        {"10.0.0.1", false},
        {"10.255.255.255", false},
        {"100.64.0.1", false},
        {"100.127.255.255", false},
        {"127.0.0.1", false},
        {"127.255.255.254", false},
        {"169.254.0.1", false},
        {"169.254.169.254", false},
        {"172.16.0.1", false},
        {"172.31.255.255", false},
        {"192.0.0.192", false},
        {"192.0.2.1", false},
        {"192.88.99.1", false},
        {"192.168.0.1", false},
        {"198.18.0.1", false},
        {"198.19.255.255", false},
        {"198.51.100.7", false},
        {"203.0.113.9", false},
        {"224.0.0.1", false},
        {"239.255.255.255", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:7f00:1", false},
        {"::ffff:8.8.8.8", false},
        {"::8.8.8.8", false},
        {"64:ff9b::7f00:1", false},
        {"64:ff9b::808:808", false},
        {"64:ff9b:1::1", false},
        {"100::1", false},
        {"2001::1", false},
        {"2001:2::1", false},
        {"2001:10::1", false},
        {"2001:20::1", false},
        {"2001:db8::1", false},
        {"2002:7f00:1::1", false},
        {"3fff::1", false},
        {"fc00::1", false},
        {"fd00:ec2::254", false},
        {"fe80::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"4000::1", false},
        // What is no numeric address is not public, whatever a resolver would make of it.
        {"2130706433", false},
        {"0x7f.1", false},
        {"127.1", false},
        {"localhost", false},
        {"", false},
    };
    for (const auto& row : rows) {
        INFO(row.address);
        CHECK(http::is_public_address(row.address) == row.is_public);
    }
}

TEST_CASE("web address: taken apart", "[http]") {
    struct Row {
        const char* url;
        const char* host;
        int port;
        const char* target;
        const char* authority;
    };
    const std::vector<Row> rows = {
        {"https://files.example.com/a/b.zip?x=1&y=%20", "files.example.com", 443,
         "/a/b.zip?x=1&y=%20", "files.example.com"},
        {"http://files.example.com", "files.example.com", 80, "/", "files.example.com"},
        {"HTTPS://Files.example.com:8443?q", "Files.example.com", 8443, "/?q",
         "Files.example.com:8443"},
        {"https://[2606:4700::1]:9/x", "2606:4700::1", 9, "/x", "[2606:4700::1]:9"},
        {"https://8.8.8.8:443/", "8.8.8.8", 443, "/", "8.8.8.8"},
        {"https://%31%32%37.0.0.1/", "127.0.0.1", 443, "/", "127.0.0.1"},
        {"https://host./x", "host.", 443, "/x", "host."},
    };
    for (const auto& row : rows) {
        INFO(row.url);
        const auto address = WebAddress::parse(row.url);
        REQUIRE(address);
        CHECK(address->host == row.host);
        CHECK(address->port == row.port);
        CHECK(address->target == row.target);
        CHECK(address->authority() == row.authority);
    }
    CHECK(WebAddress::parse("https://h.example/p?signature=s")->to_string() ==
          "https://h.example/p");
}

TEST_CASE("web address: refused ones", "[http]") {
    const std::vector<std::string> rows = {
        "",
        "files.example.com/x",
        "//files.example.com/x",
        "ftp://files.example.com/x",
        "file:///etc/passwd",
        "gopher://h.example/",
        "https:///x",
        "https://user@files.example.com/x",
        "https://user:secret@files.example.com/x",
        "https://public.example@127.0.0.1/x",
        "https://files.example.com/x#part",
        "https://files.example.com:0/x",
        "https://files.example.com:65536/x",
        "https://files.example.com:x/x",
        "https://fi les.example.com/x",
        "https://files.example.com/x\r\nHost: other",
        "https://files.example.com/\x01",
        "https://a%0d%0ab/x",
        "https://a%00b/x",
        "https://a%2fb/x",
        "https://[fe80::1%25eth0]/x",
        "https://[v1.x]/x",
        "https://[::1/x",
        "https://" + std::string(300, 'a') + "/x",
        "https://files.example.com/" + std::string(5000, 'a'),
    };
    for (const auto& url : rows) {
        INFO(url.substr(0, 80));
        const auto address = WebAddress::parse(url);
        REQUIRE_FALSE(address);
        CHECK(address.error().code == Errc::invalid_argument);
    }
}

TEST_CASE("web address: where a redirect leads", "[http]") {
    const auto from = WebAddress::parse("https://h.example:444/a/b?c").value();
    struct Row {
        const char* location;
        const char* where;  ///< empty: refused
    };
    const std::vector<Row> rows = {
        {"https://other.example/x", "https://other.example/x"},
        {"/x", "https://h.example:444/x"},
        {"x?y", "https://h.example:444/a/x"},
        {"../x", "https://h.example:444/x"},
        {"//other.example/x", "https://other.example/x"},
        {"/x#part", "https://h.example:444/x"},
        {"http://other.example/x", "http://other.example/x"},
        {"https://user@other.example/x", ""},
        {"file:///etc/passwd", ""},
        {"ht tp://x", ""},
    };
    for (const auto& row : rows) {
        INFO(row.location);
        const auto next = from.follow(row.location);
        CHECK((next ? next->to_string() : std::string()) == row.where);
    }
}

}  // namespace
}  // namespace hearth
