#include "gateway/route_map.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

namespace hearth::gateway {

using NodePtr = boost::intrusive_ptr<RouteMapNode>;

/// Either a subtree or the routes of one hash.
struct MapSlot {
    NodePtr node;
    RouteChainPtr chain;
};

struct RouteMapNode {
    mutable std::atomic<std::uint32_t> references{0};
    std::uint32_t bitmap = 0;
    std::vector<MapSlot> slots;

    RouteMapNode() = default;
    RouteMapNode(const RouteMapNode& other) : bitmap(other.bitmap), slots(other.slots) {}
    RouteMapNode& operator=(const RouteMapNode&) = delete;
};

void intrusive_ptr_add_ref(const RouteMapNode* node) {
    node->references.fetch_add(1, std::memory_order_relaxed);
}

void intrusive_ptr_release(const RouteMapNode* node) {
    if (node->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node;
}

namespace {

constexpr unsigned kBits = 5;

std::uint32_t bit_of(std::uint64_t hash, unsigned shift) {
    return 1u << ((hash >> shift) & 31u);
}

std::size_t index_of(std::uint32_t bitmap, std::uint32_t bit) {
    return static_cast<std::size_t>(std::popcount(bitmap & (bit - 1)));
}

/// The node or chain itself while nobody else holds it, else a copy that may be changed.
NodePtr own(NodePtr node) {
    if (node->references.load(std::memory_order_acquire) == 1) return node;
    return NodePtr(new RouteMapNode(*node));
}

RouteChainPtr own(RouteChainPtr chain) {
    if (chain->use_count() == 1) return chain;
    return RouteChainPtr(new RouteChain(*chain));
}

std::uint64_t hash_of(const RouteChain& chain) {
    return chain.routes.front()->hash;
}

RouteChainPtr with(RouteChainPtr chain, RoutePtr route) {
    chain = own(std::move(chain));
    const auto at = std::ranges::find_if(chain->routes,
                                         [&](const auto& other) { return route->before(*other); });
    chain->routes.insert(at, std::move(route));
    return chain;
}

/// Null when the chain held that route alone.
RouteChainPtr without(RouteChainPtr chain, std::uint64_t id) {
    chain = own(std::move(chain));
    chain->routes.erase(
        std::ranges::find(chain->routes, id, [](const auto& route) { return route->id; }));
    return chain->routes.empty() ? nullptr : chain;
}

NodePtr put(NodePtr node, unsigned shift, RouteChainPtr single) {
    node = own(std::move(node));
    const auto hash = hash_of(*single);
    const auto bit = bit_of(hash, shift);
    const auto index = index_of(node->bitmap, bit);
    if ((node->bitmap & bit) == 0) {
        node->bitmap |= bit;
        node->slots.insert(node->slots.begin() + static_cast<std::ptrdiff_t>(index),
                           MapSlot{nullptr, std::move(single)});
        return node;
    }
    auto& slot = node->slots[index];
    if (slot.chain && hash_of(*slot.chain) == hash) {
        slot.chain = with(std::move(slot.chain), std::move(single->routes.front()));
        return node;
    }
    if (slot.chain) {
        slot.node = put(NodePtr(new RouteMapNode), shift + kBits, std::move(slot.chain));
        slot.chain = nullptr;
    }
    slot.node = put(std::move(slot.node), shift + kBits, std::move(single));
    return node;
}

/// `hash` and `id` are known to be in the subtree.
NodePtr take(NodePtr node, unsigned shift, std::uint64_t hash, std::uint64_t id) {
    node = own(std::move(node));
    const auto bit = bit_of(hash, shift);
    const auto index = index_of(node->bitmap, bit);
    auto& slot = node->slots[index];
    if (slot.chain) {
        slot.chain = without(std::move(slot.chain), id);
    } else {
        slot.node = take(std::move(slot.node), shift + kBits, hash, id);
        if (slot.node && slot.node->slots.size() == 1 && slot.node->slots[0].chain) {
            slot.chain = slot.node->slots[0].chain;
            slot.node = nullptr;
        }
    }
    if (!slot.chain && !slot.node) {
        node->bitmap &= ~bit;
        node->slots.erase(node->slots.begin() + static_cast<std::ptrdiff_t>(index));
    }
    return node->slots.empty() ? nullptr : node;
}

}  // namespace

const RouteChain* RouteMap::find(std::uint64_t hash) const {
    const auto* node = root_.get();
    for (unsigned shift = 0; node != nullptr; shift += kBits) {
        const auto bit = bit_of(hash, shift);
        if ((node->bitmap & bit) == 0) return nullptr;
        const auto& slot = node->slots[index_of(node->bitmap, bit)];
        if (slot.chain) return hash_of(*slot.chain) == hash ? slot.chain.get() : nullptr;
        node = slot.node.get();
    }
    return nullptr;
}

void RouteMap::insert(RoutePtr route) {
    if (!root_) root_ = NodePtr(new RouteMapNode);
    RouteChainPtr single(new RouteChain);
    single->routes.push_back(std::move(route));
    root_ = put(std::move(root_), 0, std::move(single));
}

bool RouteMap::erase(std::uint64_t hash, std::uint64_t id) {
    const auto* chain = find(hash);
    const auto is_it = [id](const auto& route) { return route->id == id; };
    if (chain == nullptr || std::ranges::none_of(chain->routes, is_it)) return false;
    root_ = take(std::move(root_), 0, hash, id);
    return true;
}

}  // namespace hearth::gateway
