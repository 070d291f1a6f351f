#pragma once

#include "api/writer.hpp"

namespace hearth::api {

/// What a write of one object demands.
struct OneWrite {
    bool must_create = false;
    bool must_exist = false;
    std::optional<EntityTags> if_match, if_none_match;
};

/// The body of a request on one kind; nothing when the media type or size is refused and `refused`
/// has the answer.
Task<std::optional<Reading>> reading_of(Context& context, Request& request,
                                        std::optional<Reply>& refused);

/// Writes the one checked document and answers with the object as it is now.
Task<Reply> write_one(Context& context, Request& request, Incoming incoming, OneWrite demands);

/// The object of a request with its status, ETag included.
Reply object_reply(Context& context, const Request& request, const model::Resource& resource,
                   int status);

}  // namespace hearth::api
