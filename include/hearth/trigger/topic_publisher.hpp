#pragma once

#include <memory>
#include <string>

#include "hearth/aio/shards.hpp"
#include "hearth/backend/settings_source.hpp"
#include "hearth/catalog/call_queue.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/trigger/queue_triggers.hpp"

namespace hearth::trigger {

/// Publishes to topics and subjects that destinations of queued calls name: a thread and a connection for each set of
/// servers and credentials, opened when it is needed. Thread: publish on any shard; stop from a thread that is none.
class TopicPublisher {
  public:
    /// `settings`: Secrets that are not in the catalog; may be null. All arguments outlive the object.
    static std::unique_ptr<TopicPublisher> make(QueueTriggersOptions options, catalog::Catalog& catalog,
                                                backend::SettingsSource* settings, aio::Shards& shards);
    virtual ~TopicPublisher() = default;
    /// Sends the request's body and headers to the topic that its url names (topic_url). Returns once the broker has
    /// confirmed it: Kafka with acks=all, JetStream by its acknowledgement, a core subject when the server has taken it.
    /// Errors: unavailable and others that may pass; too_large when the broker will never take it.
    virtual Task<Result<void>> publish(catalog::CallRequest request, Deadline deadline) = 0;
    /// What is under way fails as unavailable. Blocks for some seconds at most.
    virtual void stop() = 0;
};

}  // namespace hearth::trigger
