#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

namespace hearth::runner {

/// The secret that callers of /v1 show. Read again when the file behind the path has changed, as a
/// mounted Secret's does. While it is missing or empty nobody is let in.
class TokenFile {
 public:
    explicit TokenFile(std::string path) : path_(std::move(path)) {}

    /// Whether `authorization` is "Bearer TOKEN" with the present token.
    bool accepts(std::string_view authorization);
    /// The present token, for a call to another runner.
    const std::string& token();

 private:
    void refresh();

    std::string path_;
    std::string token_;
    struct stat seen_ {};
};

}  // namespace hearth::runner
