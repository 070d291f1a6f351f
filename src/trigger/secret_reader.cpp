#include "trigger/secret_reader.hpp"

#include <boost/asio/co_spawn.hpp>

#include <future>

#include "hearth/model/specs.hpp"

namespace hearth::trigger {
namespace {

constexpr std::chrono::seconds kPatience{5};

}  // namespace

Result<model::Resource> SecretReader::find(const std::string& ns, const std::string& name) const {
    if (const auto record = catalog_.find(model::Kind::secret, ns, name)) return record->load();
    if (settings_ != nullptr) {
        auto done = std::make_shared<std::promise<Result<void>>>();
        auto future = done->get_future();
        std::vector<backend::SettingsRef> refs(1);
        refs[0].ns = ns;
        refs[0].name = name;
        const auto deadline = Deadline::after(kPatience);
        aio::net::co_spawn(shards_.first().executor(), settings_->ready(std::move(refs), deadline),
                           [done](std::exception_ptr thrown, Result<void> result) {
                               done->set_value(thrown ? Error(Errc::internal, "reading a Secret")
                                                      : std::move(result));
                           });
        if (future.wait_for(kPatience * 2) != std::future_status::ready)
            return Error(Errc::unavailable, "the cluster did not tell the Secret in time");
        if (auto ready = future.get(); ready.has_error()) return ready.error();
        if (auto found = settings_->find(model::Kind::secret, ns, name)) return std::move(*found);
    }
    return Error(Errc::not_found, "there is no Secret " + ns + "/" + name);
}

Result<std::map<std::string, std::string>> SecretReader::read(const std::string& ns,
                                                              const std::string& name) const {
    const auto found = find(ns, name);
    if (!found) return found.error();
    return model::decode_data(*found);
}

}  // namespace hearth::trigger
