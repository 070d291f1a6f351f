#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <cstdint>
#include <vector>

#include "gateway/route.hpp"

namespace hearth::gateway {

/// Routes of one hash, oldest first; never empty.
struct RouteChain : boost::intrusive_ref_counter<RouteChain, boost::thread_safe_counter> {
    boost::container::small_vector<RoutePtr, 1> routes;
};
using RouteChainPtr = boost::intrusive_ptr<RouteChain>;

struct RouteMapNode;
void intrusive_ptr_add_ref(const RouteMapNode* node);
void intrusive_ptr_release(const RouteMapNode* node);

/// Routes by Route::hash as a persistent hash trie: copies share all nodes, a change copies the few
/// nodes on its way (or none, while nobody else holds them). Thread: a copy may be read while
/// another is changed. Source: P. Bagwell, Ideal Hash Trees, 2001; copy on write as in Clojure's
/// maps.
class RouteMap {
 public:
    /// The routes of that hash, oldest first; null when there are none.
    const RouteChain* find(std::uint64_t hash) const;
    void insert(RoutePtr route);
    /// Takes out the route of that id and hash. False when it is not there.
    bool erase(std::uint64_t hash, std::uint64_t id);

 private:
    boost::intrusive_ptr<RouteMapNode> root_;
};

}  // namespace hearth::gateway
