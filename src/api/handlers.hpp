#pragma once

#include "api/context.hpp"

namespace hearth::api {

// One handler per operation, in the file of its resource. Thread: the exchange's shard.
Task<Reply> handle_health(Context& context, Request& request);
Task<Reply> handle_admin_page(Context& context, Request& request);
Task<Reply> handle_login(Context& context, Request& request);
Task<Reply> handle_session(Context& context, Request& request);
Task<Reply> handle_logout(Context& context, Request& request);
Task<Reply> handle_ready(Context& context, Request& request);
Task<Reply> handle_metrics(Context& context, Request& request);
Task<Reply> handle_openapi(Context& context, Request& request);
Task<Reply> handle_version(Context& context, Request& request);
Task<Reply> handle_identity(Context& context, Request& request);
Task<Reply> handle_list(Context& context, Request& request);
Task<Reply> handle_create(Context& context, Request& request);
Task<Reply> handle_create_token(Context& context, Request& request);
Task<Reply> handle_get(Context& context, Request& request);
Task<Reply> handle_put(Context& context, Request& request);
Task<Reply> handle_patch(Context& context, Request& request);
Task<Reply> handle_delete(Context& context, Request& request);
Task<Reply> handle_apply(Context& context, Request& request);
Task<Reply> handle_validate(Context& context, Request& request);
Task<Reply> handle_watch(Context& context, Request& request);
Task<Reply> handle_upload(Context& context, Request& request);
Task<Reply> handle_list_archives(Context& context, Request& request);
Task<Reply> handle_get_archive(Context& context, Request& request);
Task<Reply> handle_delete_archive(Context& context, Request& request);
Task<Reply> handle_collect(Context& context, Request& request);
Task<Reply> handle_package_files(Context& context, Request& request);
Task<Reply> handle_rebuild(Context& context, Request& request);
Task<Reply> handle_cancel_build(Context& context, Request& request);
Task<Reply> handle_get_build(Context& context, Request& request);
Task<Reply> handle_build_log(Context& context, Request& request);
Task<Reply> handle_list_builds(Context& context, Request& request);
Task<Reply> handle_list_calls(Context& context, Request& request);
Task<Reply> handle_get_call(Context& context, Request& request);
Task<Reply> handle_edit_call(Context& context, Request& request);
Task<Reply> handle_redrive_call(Context& context, Request& request);
Task<Reply> handle_delete_call(Context& context, Request& request);
Task<Reply> handle_purge_calls(Context& context, Request& request);
Task<Reply> handle_list_runs(Context& context, Request& request);
Task<Reply> handle_create_run(Context& context, Request& request);
Task<Reply> handle_get_run(Context& context, Request& request);
Task<Reply> handle_cancel_run(Context& context, Request& request);
Task<Reply> handle_redrive_run(Context& context, Request& request);
Task<Reply> handle_delete_run(Context& context, Request& request);
Task<Reply> handle_call_back(Context& context, Request& request);
Task<Reply> handle_logs(Context& context, Request& request);
Task<Reply> handle_call(Context& context, Request& request);
Task<Reply> handle_describe(Context& context, Request& request);
Task<Reply> handle_instances(Context& context, Request& request);
Task<Reply> handle_pools(Context& context, Request& request);
Task<Reply> handle_match_route(Context& context, Request& request);
Task<Reply> handle_list_offers(Context& context, Request& request);
Task<Reply> handle_get_starter(Context& context, Request& request);
Task<Reply> handle_system_info(Context& context, Request& request);

}  // namespace hearth::api
