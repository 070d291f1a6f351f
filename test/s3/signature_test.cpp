#include "s3/signature.hpp"

#include "hearth/base/ids.hpp"
#include "support/catch.hpp"

using namespace hearth::s3;

namespace {

const Credentials kKeys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};

/// The request of AWS' examples ("Authenticating Requests: Using the Authorization Header").
SignedParts example(const std::string& method, const std::string& path) {
    SignedParts parts;
    parts.method = method;
    parts.path = path;
    parts.payload_sha256 = hearth::base::sha256_hex("");
    parts.headers["host"] = "examplebucket.s3.amazonaws.com";
    parts.headers["x-amz-date"] = "20130524T000000Z";
    parts.headers["x-amz-content-sha256"] = parts.payload_sha256;
    return parts;
}

std::string signature(const SignedParts& parts) {
    const auto header = authorization(parts, kKeys, "us-east-1", "20130524T000000Z");
    return header.substr(header.find("Signature=") + 10);
}

}  // namespace

TEST_CASE("s3: AWS' published examples have their published signatures") {
    SignedParts get = example("GET", "/test.txt");
    get.headers["range"] = "bytes=0-9";
    CHECK(authorization(get, kKeys, "us-east-1", "20130524T000000Z") ==
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
          "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
          "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    SignedParts put = example("PUT", "/" + encode("test$file.text", false));
    put.payload_sha256 = hearth::base::sha256_hex("Welcome to Amazon S3.");
    put.headers["x-amz-content-sha256"] = put.payload_sha256;
    put.headers["date"] = "Fri, 24 May 2013 00:00:00 GMT";
    put.headers["x-amz-storage-class"] = "REDUCED_REDUNDANCY";
    CHECK(signature(put) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

    SignedParts lifecycle = example("GET", "/");
    lifecycle.query["lifecycle"] = "";
    CHECK(signature(lifecycle) ==
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");

    SignedParts list = example("GET", "/");
    list.query["max-keys"] = "2";
    list.query["prefix"] = "J";
    CHECK(signature(list) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("s3: queries and paths are encoded as the signature wants them") {
    CHECK(encode("a b/ü~+", false) == "a%20b/%C3%BC~%2B");
    CHECK(encode("a/b", true) == "a%2Fb");
    CHECK(canonical_query({{"prefix", "team/x y"}, {"list-type", "2"}, {"a", ""}}) ==
          "a=&list-type=2&prefix=team%2Fx%20y");
    CHECK(amz_time(1369353600) == "20130524T000000Z");
}
