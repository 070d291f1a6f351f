#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::runner {

/// RFC 4648 base64 with padding; nothing for any other text.
std::optional<std::string> decode_base64(std::string_view text);

/// The text with every byte that is not UTF-8 replaced by U+FFFD, as JSON needs it.
std::string valid_utf8(std::string_view text);

/// Takes the same time for every wrong text of one length.
bool equal_in_constant_time(std::string_view known, std::string_view presented);

}  // namespace hearth::runner
