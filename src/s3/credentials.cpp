#include "s3/credentials.hpp"

#include <fstream>
#include <iterator>

namespace hearth::s3 {
namespace {

Error unusable(const std::string& what) {
    return Error(Errc::invalid_argument, what, {}, "s3");
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view text) {
    Credentials found;
    bool in_default = false;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = trimmed(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        if (line.front() == '[') {
            in_default = line == "[default]";
            continue;
        }
        const auto equals = line.find('=');
        if (!in_default || equals == std::string_view::npos) continue;
        const auto name = trimmed(line.substr(0, equals));
        const auto value = std::string(trimmed(line.substr(equals + 1)));
        if (name == "aws_access_key_id") found.key_id = value;
        if (name == "aws_secret_access_key") found.secret = value;
        if (name == "aws_session_token") found.token = value;
    }
    if (found.key_id.empty()) return unusable("has no aws_access_key_id below [default]");
    if (found.secret.empty()) return unusable("has no aws_secret_access_key below [default]");
    return found;
}

CredentialSource::CredentialSource(
    std::filesystem::path file,
    std::function<std::optional<std::string>(const std::string&)> variable)
    : file_(std::move(file)), variable_(std::move(variable)) {}

Result<Credentials> CredentialSource::get() {
    if (file_.empty()) {
        Credentials found;
        found.key_id = variable_("AWS_ACCESS_KEY_ID").value_or("");
        found.secret = variable_("AWS_SECRET_ACCESS_KEY").value_or("");
        found.token = variable_("AWS_SESSION_TOKEN").value_or("");
        if (!found.key_id.empty() && !found.secret.empty()) return found;
        return unusable(
            "there are no credentials for the archive store: set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or name a file in archives.s3.credentialsFile");
    }
    const std::lock_guard lock(mutex_);
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(file_, error);
    if (!error && known_ && changed == read_at_) return *known_;
    std::ifstream in(file_, std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(in), {});
    if (error || !in)
        return unusable("archives.s3.credentialsFile " + file_.string() + " cannot be read");
    auto parsed = parse_credentials(text);
    if (!parsed)
        return unusable("archives.s3.credentialsFile " + file_.string() + " " +
                        parsed.error().message);
    known_ = *parsed;
    read_at_ = changed;
    return *known_;
}

}  // namespace hearth::s3
