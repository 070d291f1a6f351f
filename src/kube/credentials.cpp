#include "kube/credentials.hpp"

#include <fstream>
#include <iterator>

#include "hearth/base/ids.hpp"
#include "hearth/kube/status.hpp"

namespace hearth::kube {
namespace {

/// Kubelet renews a projected token when 80 % of its life, an hour at least, is over.
constexpr std::chrono::seconds kFileLife{60};
/// Of a program's credential that names no expiry: until the server refuses it.
constexpr std::chrono::hours kForever{24 * 365};
/// A credential is renewed this long before it expires.
constexpr std::chrono::seconds kEarly{10};
/// A program that failed is not run again for every request.
constexpr std::chrono::seconds kFailurePause{2};

Result<std::string> read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.good() && !in.eof()) text.clear();
    if (text.empty())
        return Error(Errc::unavailable,
                     "the file " + file.string() +
                         " cannot be read or is empty; requests to Kubernetes need it",
                     {}, std::string(kComponent));
    return text;
}

Result<std::string> text_or_file(const std::string& text, const std::filesystem::path& file) {
    if (file.empty()) return text;
    return read_file(file);
}

std::string trimmed(std::string text) {
    const auto end = text.find_last_not_of(" \t\r\n");
    text.resize(end == std::string::npos ? 0 : end + 1);
    return text;
}

Result<void> fill_from_files(const Access& access, Credential& credential) {
    auto ca = text_or_file(access.ca_pem, access.ca_file);
    if (!ca) return ca.error();
    auto certificate = text_or_file(access.client_certificate_pem, access.client_certificate_file);
    if (!certificate) return certificate.error();
    auto key = text_or_file(access.client_key_pem, access.client_key_file);
    if (!key) return key.error();
    auto token = text_or_file(access.token, access.token_file);
    if (!token) return token.error();
    credential.ca_pem = std::move(*ca);
    credential.certificate_pem = std::move(*certificate);
    credential.key_pem = std::move(*key);
    if (auto bare = trimmed(std::move(*token)); !bare.empty()) {
        credential.authorization = "Bearer " + bare;
    } else if (!access.username.empty()) {
        credential.authorization =
            "Basic " + base::base64_encode(access.username + ":" + access.password);
    }
    return {};
}

}  // namespace

Credentials::Credentials(Access access, aio::BlockingPool& pool)
    : access_(std::move(access)),
      fixed_(!access_.exec && access_.ca_file.empty() && access_.client_certificate_file.empty() &&
             access_.client_key_file.empty() && access_.token_file.empty()),
      pool_(pool) {}

Result<Credentials::Held> Credentials::obtain(const Access& access) {
    Held held;
    if (auto filled = fill_from_files(access, held.credential); !filled) return filled.error();
    held.until = Steady::now() + kFileLife;
    if (!access.exec) return held;
    auto result = run_exec_credential(access);
    if (!result) return result.error();
    if (!result->token.empty()) held.credential.authorization = "Bearer " + result->token;
    if (!result->certificate_pem.empty()) {
        held.credential.certificate_pem = std::move(result->certificate_pem);
        held.credential.key_pem = std::move(result->key_pem);
    }
    held.until = Steady::now() + kForever;
    if (result->expires) {
        const auto left = *result->expires - std::chrono::system_clock::now() - kEarly;
        held.until = Steady::now() + std::max<Steady::duration>(left, std::chrono::seconds(1));
        held.expires = true;
    }
    return held;
}

/// Gives the turn to renew back, whatever ends the coroutine that had it.
class Credentials::Turn {
 public:
    explicit Turn(Credentials& owner) : owner_(owner) {}
    ~Turn() { owner_.end_turn(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

 private:
    Credentials& owner_;
};

void Credentials::end_turn() {
    std::vector<std::shared_ptr<aio::OneShot<bool>>> woken;
    {
        std::lock_guard lock(mutex_);
        renewing_ = false;
        woken.swap(waiting_);
    }
    for (auto& one : woken) one->deliver(true);
}

/// With the lock held.
std::optional<Result<Credential>> Credentials::at_hand() const {
    const auto now = Steady::now();
    if (held_ && now < held_->until) return Result<Credential>(held_->credential);
    if (now >= failed_until_) return std::nullopt;
    if (held_ && !held_->expires) return Result<Credential>(held_->credential);
    return Result<Credential>(*failure_);
}

void Credentials::keep(const Result<Held>& obtained) {
    std::lock_guard lock(mutex_);
    if (!obtained) {
        failure_ = obtained.error();
        failed_until_ = Steady::now() + kFailurePause;
        return;
    }
    held_ = *obtained;
    held_->credential.version = ++version_;
    failed_until_ = {};
}

Task<Result<Credential>> Credentials::present(Deadline deadline) {
    const aio::Executor executor = co_await aio::net::this_coro::executor;
    for (;;) {
        std::shared_ptr<aio::OneShot<bool>> turn;
        {
            std::lock_guard lock(mutex_);
            if (auto known = at_hand()) co_return *known;
            if (renewing_) {
                turn = std::make_shared<aio::OneShot<bool>>(executor);
                waiting_.push_back(turn);
            }
            renewing_ = true;
        }
        if (!turn) break;
        const auto woken = co_await turn->wait(deadline);
        if (!woken && deadline.passed())
            co_return Error(Errc::deadline_exceeded,
                            "the credential for Kubernetes did not come in time", {},
                            std::string(kComponent));
        if (!woken) co_return Error(Errc::cancelled, "the caller was cancelled");
    }
    Turn mine(*this);
    if (fixed_) {
        Held held;
        auto filled = fill_from_files(access_, held.credential);
        held.until = Steady::time_point::max();
        keep(Result<Held>(std::move(held)));
    } else {
        auto work = [access = access_] { return obtain(access); };
        auto obtained = co_await pool_.run(std::move(work));
        keep(obtained);
    }
    std::lock_guard lock(mutex_);
    if (auto known = at_hand()) co_return *known;
    co_return Error(Errc::unavailable, "the credential for Kubernetes expired while it was made",
                    {}, std::string(kComponent));
}

void Credentials::refused(std::uint64_t version) {
    std::lock_guard lock(mutex_);
    if (!fixed_ && held_ && held_->credential.version == version)
        held_->until = Steady::time_point::min();
}

}  // namespace hearth::kube
