#include "executor/adoption.hpp"

#include <utility>

namespace hearth::executor {

std::vector<backend::FoundInstance> Adoption::found(backend::FoundInstance instance) {
    std::vector<backend::FoundInstance> now;
    if (!seen_.insert(instance.instance.id).second) return now;
    auto& into = open_ ? now : waiting_;
    into.push_back(std::move(instance));
    return now;
}

std::vector<backend::FoundInstance> Adoption::open() {
    open_ = true;
    return std::exchange(waiting_, {});
}

void Adoption::ended(std::uint64_t id) {
    if (open_) {
        // What was decided on is the pools' and functions' affair now.
        seen_.erase(id);
        return;
    }
    std::erase_if(waiting_, [id](const auto& found) { return found.instance.id == id; });
}

void Adoption::known(std::uint64_t id) {
    seen_.insert(id);
}

}  // namespace hearth::executor
