#include "s3/answers.hpp"

#include "support/catch.hpp"

using namespace hearth::s3;

TEST_CASE("s3: a page of a list, and where the next one begins") {
    const auto page = parse_listing(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
        "<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>"
        "<Contents><Key>p/one</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"
        "<ETag>&quot;x&quot;</ETag><Size>434234</Size></Contents>"
        "<Contents><Key>p/two&lt;</Key><LastModified>2009-10-12T17:50:31Z</LastModified>"
        "<Size>5000000000</Size></Contents></ListBucketResult>");
    REQUIRE(page);
    CHECK(page->objects == std::vector<Object>{{"p/one", 434234, 1255369830},
                                               {"p/two<", 5'000'000'000, 1255369831}});
    CHECK(page->next == "a&b");
    const auto last = parse_listing(
        "<ListBucketResult><IsTruncated>false</IsTruncated>"
        "<NextContinuationToken>x</NextContinuationToken>"
        "</ListBucketResult>");
    REQUIRE(last);
    CHECK(last->objects.empty());
    CHECK(last->next.empty());
    for (const char* text : {"", "<html></html>", "<ListBucketResult>", "{}"})
        CHECK(parse_listing(text).has_error());
}

TEST_CASE("s3: what a store complains of") {
    const auto complaint = parse_complaint(
        "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>none such</Message>"
        "</Error>");
    CHECK(complaint.code == "NoSuchBucket");
    CHECK(complaint.message == "none such");
    CHECK(parse_complaint("no xml").code.empty());
    CHECK(parse_complaint("").code.empty());
}

TEST_CASE("s3: times of lists and heads") {
    CHECK(parse_http_time("Mon, 12 Oct 2009 17:50:30 GMT") == 1255369830);
    CHECK(parse_iso_time("2009-10-12T17:50:30.123Z") == 1255369830);
    CHECK(parse_iso_time("yesterday") == 0);
}
