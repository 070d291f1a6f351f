#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::http {

/// The cookie of the admin page's sessions. Browsers send a cookie to every port of its host, so the gateway sees it
/// too: no function may.
inline constexpr std::string_view kSessionCookie = "__Host-hearth";

/// Value of the first cookie of that name in a Cookie header's value.
std::optional<std::string_view> cookie_value(std::string_view header, std::string_view name);
/// The header's value without the cookies of that name; empty when nothing is left.
std::string without_cookie(std::string_view header, std::string_view name);

}  // namespace hearth::http
