#include "trigger/nats_session.hpp"

#include <atomic>
#include <charconv>
#include <cstring>
#include <map>

namespace hearth::trigger {
namespace {

constexpr std::int64_t kPatienceMs = 3'000;
constexpr std::int64_t kReconnectMs = 250, kJitterMs = 250;
constexpr std::int64_t kPingMs = 20'000;

/// libnats may call back after a connection was destroyed; its closure is a number that is looked
/// up here, so that such a call finds nothing.
struct Directory {
    std::mutex mutex;
    std::map<std::uint64_t, std::weak_ptr<NatsInbox>> inboxes;
    std::uint64_t next = 1;
};

Directory& directory() {
    static Directory all;
    return all;
}

std::shared_ptr<NatsInbox> inbox_of(void* closure) {
    std::lock_guard lock(directory().mutex);
    const auto found = directory().inboxes.find(reinterpret_cast<std::uintptr_t>(closure));
    return found == directory().inboxes.end() ? nullptr : found->second.lock();
}

void on_message(natsConnection*, natsSubscription*, natsMsg* raw, void* closure) {
    NatsMessage message(raw);
    const auto inbox = inbox_of(closure);
    if (!inbox) return;
    {
        std::lock_guard lock(inbox->mutex);
        if (inbox->messages.size() < NatsInbox::kMost)
            inbox->messages.push_back(std::move(message));
        else
            ++inbox->dropped;
    }
    inbox->wake();
}

void on_answer(natsConnection*, natsSubscription*, natsMsg* raw, void* closure) {
    NatsMessage message(raw);
    const auto inbox = inbox_of(closure);
    if (!inbox) return;
    {
        std::lock_guard lock(inbox->mutex);
        inbox->answers.push_back(std::move(message));
    }
    inbox->wake();
}

template <class Change>
void change(void* closure, Change apply) {
    const auto inbox = inbox_of(closure);
    if (!inbox) return;
    {
        std::lock_guard lock(inbox->mutex);
        apply(*inbox);
    }
    inbox->wake();
}

std::string last_error(natsConnection* connection) {
    const char* text = nullptr;
    natsConnection_GetLastError(connection, &text);
    return text != nullptr ? text : "";
}

void on_disconnected(natsConnection* connection, void* closure) {
    std::string words = last_error(connection);
    change(closure, [&](NatsInbox& inbox) {
        inbox.connected = false;
        inbox.error = words.empty() ? "the server has gone" : words;
    });
}

void on_reconnected(natsConnection*, void* closure) {
    change(closure, [](NatsInbox& inbox) {
        inbox.connected = true;
        inbox.error.clear();
        ++inbox.reconnects;
    });
}

void on_closed(natsConnection* connection, void* closure) {
    std::string words = last_error(connection);
    change(closure, [&](NatsInbox& inbox) {
        inbox.connected = false;
        inbox.closed = true;
        if (!words.empty()) inbox.error = words;
    });
}

void on_error(natsConnection*, natsSubscription*, natsStatus status, void* closure) {
    if (status == NATS_SLOW_CONSUMER)
        change(closure, [](NatsInbox& inbox) { ++inbox.dropped; });
    else
        change(closure, [&](NatsInbox& inbox) { inbox.error = natsStatus_GetText(status); });
}

natsStatus give_jwt(char** jwt, char** error, void* closure) {
    const auto inbox = inbox_of(closure);
    if (!inbox) {
        *error = strdup("the link is closed");
        return NATS_ERR;
    }
    *jwt = strdup(inbox->credentials.jwt.c_str());
    return NATS_OK;
}

natsStatus sign(char** error, unsigned char** signature, int* size, const char* nonce,
                void* closure) {
    const auto inbox = inbox_of(closure);
    const natsStatus status =
        inbox ? nats_Sign(inbox->credentials.seed.c_str(), nonce, signature, size) : NATS_ERR;
    if (status != NATS_OK) *error = strdup("the Secret's credentials hold no usable NKEY seed");
    return status;
}

bool is_refusal(natsStatus status, const std::string& words) {
    return status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED ||
           words.find("uthorization") != std::string::npos ||
           words.find("uthentication") != std::string::npos;
}

Error failure(natsStatus status, const std::string& what) {
    natsStatus last = NATS_OK;
    const char* words = nats_GetLastError(&last);
    std::string text = words != nullptr && last == status ? words : natsStatus_GetText(status);
    const Errc code = is_refusal(status, text) ? Errc::unauthenticated : Errc::unavailable;
    return Error(code, what + ": " + text);
}

std::vector<std::string> split_servers(const std::string& text) {
    std::vector<std::string> out;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(',', start), text.size());
        std::string one = text.substr(start, end - start);
        std::erase(one, ' ');
        if (!one.empty()) out.push_back(std::move(one));
        start = end + 1;
    }
    return out;
}

const std::string& credential(const LinkSettings& settings, const std::string& key) {
    static const std::string kNone;
    const auto found = settings.credentials.find(key);
    return found == settings.credentials.end() ? kNone : found->second;
}

}  // namespace

Result<void> NatsSession::secure(natsOptions* options, const LinkSettings& settings) {
    const bool own = !credential(settings, "ca").empty() || !credential(settings, "cert").empty();
    if (!own && !settings.spec.tls && settings.spec.servers.find("tls://") == std::string::npos)
        return {};
    natsStatus status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK && !credential(settings, "ca").empty())
        status = natsOptions_SetCATrustedCertificates(options, credential(settings, "ca").c_str());
    if (status == NATS_OK && !credential(settings, "cert").empty())
        status = natsOptions_SetCertificatesChain(options, credential(settings, "cert").c_str(),
                                                  credential(settings, "key").c_str());
    if (status == NATS_OK) return {};
    return Error(Errc::invalid_argument,
                 "the Secret " + settings.ns + "/" + settings.spec.secret +
                     ": ca, cert or key are not usable PEM: " + natsStatus_GetText(status));
}

Result<void> NatsSession::configure(natsOptions* options, const LinkSettings& settings) {
    const auto servers = split_servers(settings.spec.servers);
    if (servers.empty())
        return Error(Errc::invalid_argument,
                     "no server is named: give spec.metadata.natsServer, or queues.natsServers in "
                     "the daemon's configuration");
    std::vector<const char*> names;
    for (const auto& server : servers) names.push_back(server.c_str());
    if (natsOptions_SetServers(options, names.data(), static_cast<int>(names.size())) != NATS_OK)
        return Error(Errc::invalid_argument, "spec.metadata.natsServer " + settings.spec.servers +
                                                 " is no list of NATS URLs");
    void* closure = reinterpret_cast<void*>(static_cast<std::uintptr_t>(id_->number));
    natsOptions_SetName(options, ("hearth." + settings.ns + "." + settings.name).c_str());
    natsOptions_SetTimeout(options, kPatienceMs);
    natsOptions_SetMaxReconnect(options, -1);
    natsOptions_SetReconnectWait(options, kReconnectMs);
    natsOptions_SetReconnectJitter(options, kJitterMs, kJitterMs);
    natsOptions_SetPingInterval(options, kPingMs);
    natsOptions_SetMaxPingsOut(options, 2);
    natsOptions_UseGlobalMessageDelivery(options, true);
    natsOptions_SetDisconnectedCB(options, on_disconnected, closure);
    natsOptions_SetReconnectedCB(options, on_reconnected, closure);
    natsOptions_SetClosedCB(options, on_closed, closure);
    natsOptions_SetErrorHandler(options, on_error, closure);
    if (!credential(settings, "token").empty())
        natsOptions_SetToken(options, credential(settings, "token").c_str());
    else if (!credential(settings, "username").empty())
        natsOptions_SetUserInfo(options, credential(settings, "username").c_str(),
                                credential(settings, "password").c_str());
    if (const auto& text = credential(settings, "credentials"); !text.empty()) {
        inbox_->credentials = parse_credentials(text);
        if (inbox_->credentials.jwt.empty() || inbox_->credentials.seed.empty())
            return Error(Errc::invalid_argument, "the Secret's key credentials is no creds file");
        natsOptions_SetUserCredentialsCallbacks(options, give_jwt, closure, sign, closure);
    }
    return secure(options, settings);
}

Result<std::unique_ptr<NatsSession>> NatsSession::open(const LinkSettings& settings,
                                                       std::function<void()> wake) {
    std::unique_ptr<NatsSession> session(new NatsSession);
    session->inbox_ = std::make_shared<NatsInbox>();
    session->inbox_->wake = std::move(wake);
    session->id_ = std::make_unique<Id>();
    {
        std::lock_guard lock(directory().mutex);
        session->id_->number = directory().next++;
        directory().inboxes[session->id_->number] = session->inbox_;
    }
    natsOptions* options = nullptr;
    if (natsOptions_Create(&options) != NATS_OK)
        return Error(Errc::internal, "libnats gives no options");
    const std::unique_ptr<natsOptions, void (*)(natsOptions*)> owner(options, natsOptions_Destroy);
    if (auto ready = session->configure(options, settings); ready.has_error()) return ready.error();
    if (const auto status = natsConnection_Connect(&session->connection_, options);
        status != NATS_OK)
        return failure(status, "connecting to " + settings.spec.servers);
    natsInbox* prefix = nullptr;
    if (natsInbox_Create(&prefix) != NATS_OK)
        return Error(Errc::internal, "libnats gives no inbox");
    session->reply_prefix_ = prefix;
    natsInbox_Destroy(prefix);
    if (auto on = session->listen(session->reply_prefix_ + ".*", "", true, 0); on.has_error())
        return on.error();
    return session;
}

NatsSession::~NatsSession() {
    if (id_) {
        std::lock_guard lock(directory().mutex);
        directory().inboxes.erase(id_->number);
    }
    for (auto* subscription : subscriptions_) natsSubscription_Destroy(subscription);
    if (connection_ != nullptr) natsConnection_Destroy(connection_);
}

Result<void> NatsSession::listen(const std::string& subject, const std::string& group, bool answers,
                                 int most) {
    natsSubscription* subscription = nullptr;
    void* closure = reinterpret_cast<void*>(static_cast<std::uintptr_t>(id_->number));
    const auto handler = answers ? on_answer : on_message;
    const natsStatus status =
        group.empty() ? natsConnection_Subscribe(&subscription, connection_, subject.c_str(),
                                                 handler, closure)
                      : natsConnection_QueueSubscribe(&subscription, connection_, subject.c_str(),
                                                      group.c_str(), handler, closure);
    if (status != NATS_OK) return failure(status, "subscribing to " + subject);
    if (most > 0) natsSubscription_SetPendingLimits(subscription, most, -1);
    subscriptions_.push_back(subscription);
    return {};
}

Result<void> NatsSession::subscribe(const std::string& subject, const std::string& queue_group,
                                    int most) {
    return listen(subject, queue_group, false, most);
}

Result<std::string> NatsSession::subscribe_own(int most) {
    natsInbox* subject = nullptr;
    if (natsInbox_Create(&subject) != NATS_OK)
        return Error(Errc::internal, "libnats gives no inbox");
    std::string name = subject;
    natsInbox_Destroy(subject);
    if (auto on = listen(name, "", false, most); on.has_error()) return on.error();
    return name;
}

Result<std::string> NatsSession::request(const std::string& subject, const std::string& text) {
    natsMsg* raw = nullptr;
    const natsStatus status =
        natsConnection_Request(&raw, connection_, subject.c_str(), text.data(),
                               static_cast<int>(text.size()), kPatienceMs);
    const NatsMessage answer(raw);
    if (status == NATS_NO_RESPONDERS)
        return Error(Errc::unavailable,
                     "the server has no JetStream, or it is not ready: nobody answers " + subject);
    if (status != NATS_OK) return failure(status, "asking " + subject);
    return std::string(natsMsg_GetData(answer.get()),
                       static_cast<std::size_t>(natsMsg_GetDataLength(answer.get())));
}

natsStatus NatsSession::publish(const std::string& subject, const std::string& reply,
                                std::string_view text) {
    const auto size = static_cast<int>(text.size());
    return reply.empty() ? natsConnection_Publish(connection_, subject.c_str(), text.data(), size)
                         : natsConnection_PublishRequest(connection_, subject.c_str(),
                                                         reply.c_str(), text.data(), size);
}

natsStatus NatsSession::publish(const OutgoingMessage& message, const std::string& reply) {
    natsMsg* raw = nullptr;
    const natsStatus made =
        natsMsg_Create(&raw, message.topic.c_str(), reply.empty() ? nullptr : reply.c_str(),
                       message.value.data(), static_cast<int>(message.value.size()));
    if (made != NATS_OK) return made;
    const NatsMessage owner(raw);
    for (const auto& [name, value] : message.headers)
        natsMsgHeader_Add(raw, name.c_str(), value.c_str());
    return natsConnection_PublishMsg(connection_, raw);
}

natsStatus NatsSession::flush(std::chrono::milliseconds patience) {
    return natsConnection_FlushTimeout(connection_, std::max<std::int64_t>(patience.count(), 1));
}

QueueMessage taken_from(natsMsg* message, std::int64_t offset) {
    QueueMessage out;
    out.offset = offset;
    out.topic = natsMsg_GetSubject(message);
    out.value.assign(natsMsg_GetData(message),
                     static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    const char** keys = nullptr;
    int count = 0;
    if (natsMsgHeader_Keys(message, &keys, &count) != NATS_OK) return out;
    for (int i = 0; i < count; ++i) {
        const char** values = nullptr;
        int many = 0;
        if (natsMsgHeader_Values(message, keys[i], &values, &many) != NATS_OK) continue;
        for (int k = 0; k < many; ++k)
            out.headers.emplace_back(keys[i], values[k] != nullptr ? values[k] : "");
        std::free(static_cast<void*>(values));
    }
    std::free(static_cast<void*>(keys));
    return out;
}

int status_of(natsMsg* message, std::string& words) {
    if (natsMsg_GetDataLength(message) > 0) return 0;
    const char* text = nullptr;
    if (natsMsgHeader_Get(message, "Status", &text) != NATS_OK || text == nullptr) return 0;
    int status = 0;
    std::from_chars(text, text + std::strlen(text), status);
    const char* description = nullptr;
    if (natsMsgHeader_Get(message, "Description", &description) == NATS_OK &&
        description != nullptr)
        words = description;
    return status;
}

}  // namespace hearth::trigger
