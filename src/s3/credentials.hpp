#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "hearth/base/result.hpp"
#include "s3/signature.hpp"

namespace hearth::s3 {

/// The section [default] of a credentials file as AWS' tools write it. Errors: invalid_argument
/// naming what is missing.
Result<Credentials> parse_credentials(std::string_view text);

/// Keys from a file that may change, or from the environment. Thread: any.
class CredentialSource {
 public:
    /// `file` empty: the variables, which `variable` gives.
    CredentialSource(std::filesystem::path file,
                     std::function<std::optional<std::string>(const std::string&)> variable);

    /// Reads the file anew when it has changed. Blocks for the time of a stat.
    /// Errors: invalid_argument naming the file or the variables.
    Result<Credentials> get();

 private:
    const std::filesystem::path file_;
    const std::function<std::optional<std::string>(const std::string&)> variable_;
    std::mutex mutex_;
    std::optional<Credentials> known_;
    std::filesystem::file_time_type read_at_{};
};

}  // namespace hearth::s3
