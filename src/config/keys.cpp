#include "config/keys.hpp"

#include <algorithm>
#include <array>

namespace hearth::config {

namespace {

using Config = DaemonConfig;

#define HEARTH_SLOT(member) [](Config& c) -> Slot { return &c.member; }

constexpr std::array kRows = {
    KeyRow{"data", Form::path, HEARTH_SLOT(data), "", "",
           "Folder of everything the daemon keeps: database, archives, logs, sockets. Made with "
           "mode 0700."},
    KeyRow{"backend", Form::text, HEARTH_SLOT(backend), "enum:process,kubernetes", "",
           "Where instances run: as processes of this machine, or as pods of a cluster (section "
           "kubernetes)."},
    KeyRow{"listen.gateway", Form::text, HEARTH_SLOT(listen.gateway), "listen", "host:port",
           "Where functions are served. Port 0 picks a free one; unix:/path is a socket."},
    KeyRow{"listen.api", Form::text, HEARTH_SLOT(listen.api), "listen", "host:port",
           "Where the REST API and the admin page are served. Beyond loopback it needs "
           "auth.required."},
    KeyRow{"auth.required", Form::boolean, HEARTH_SLOT(auth.required), "", "",
           "Whether the API asks for a token. Off, everybody who reaches listen.api is admin."},
    KeyRow{"auth.allowUnauthenticatedBeyondLoopback", Form::boolean,
           HEARTH_SLOT(auth.allow_unauthenticated_beyond_loopback), "", "",
           "Permits auth.required: false on an API address other machines reach. They can then run "
           "any code here."},
    KeyRow{"log.level", Form::text, HEARTH_SLOT(log.level), "enum:debug,info,warn,error", "",
           "Least severe lines of the daemon's own log that are written."},
    KeyRow{
        "log.format", Form::text, HEARTH_SLOT(log.format), "enum:auto,json,text", "",
        "Form of the daemon's own log; auto writes text to a terminal and JSON lines elsewhere."},
    KeyRow{"log.functionBytes", Form::bytes, HEARTH_SLOT(log.function_bytes), "range:64Ki..1Gi",
           "bytes",
           "Output and call records kept on disk of one function; past it the older half goes."},
    KeyRow{"log.totalBytes", Form::bytes, HEARTH_SLOT(log.total_bytes), "range:1Mi..1Ti", "bytes",
           "The same of all functions together; past it the longest untouched function's go."},
    KeyRow{
        "gateway.maxBodySize", Form::bytes, HEARTH_SLOT(gateway.max_body_bytes), "range:1..1Ti",
        "bytes",
        "Largest request body, answered 413 past it; a route may set its own. Bodies are streamed, "
        "so it costs no memory."},
    KeyRow{"gateway.serverTiming", Form::boolean, HEARTH_SLOT(gateway.server_timing), "", "",
           "Adds Server-Timing to every answer. Off, it is sent where the client sends "
           "X-Hearth-Timing or the "
           "route asks for it."},
    KeyRow{"gateway.trustedProxies", Form::list, HEARTH_SLOT(gateway.trusted_proxies), "cidr",
           "CIDR list",
           "Peers whose Forwarded and X-Forwarded-* headers are kept and appended to; those of "
           "others are "
           "made anew."},
    KeyRow{"gateway.headerTimeout", Form::duration, HEARTH_SLOT(gateway.header_timeout),
           "range:100ms..10m", "duration",
           "Time for a whole request head. Too small cuts slow clients off, too large lets idle "
           "ones hold "
           "connections."},
    KeyRow{"gateway.idleTimeout", Form::duration, HEARTH_SLOT(gateway.idle_timeout), "range:1s..1h",
           "duration",
           "How long a connection may stay open between two requests. Keep it above that of a load "
           "balancer "
           "in front."},
    KeyRow{"gateway.maxConnections", Form::integer, HEARTH_SLOT(gateway.max_connections),
           "range:1..1000000", "connections",
           "Open client connections; more are answered 503 and closed. Each idle one costs some "
           "KiB and one "
           "descriptor."},
    KeyRow{"executor.queuePerFunction", Form::integer, HEARTH_SLOT(executor.queue_per_function),
           "range:0..1000000", "requests",
           "Requests of one function that may wait for a free instance; past it they are answered "
           "429 at once."},
    KeyRow{"executor.maxInstances", Form::integer, HEARTH_SLOT(executor.max_instances),
           "range:1..100000", "instances",
           "Instances of all functions together, warm ones included. Bounds memory and processes."},
    KeyRow{"executor.maxPoolSize", Form::integer, HEARTH_SLOT(executor.max_pool_size),
           "range:0..10000", "instances",
           "Warm instances one environment may grow to when functions start often."},
    KeyRow{"process.environmentsFolder", Form::path, HEARTH_SLOT(process.environments_folder), "",
           "",
           "Folder of the language environments. Empty: env-images beside the program, then "
           "/usr/share/hearth/env-images."},
    KeyRow{"process.isolation", Form::text, HEARTH_SLOT(process.isolation),
           "enum:auto,sandbox,basic", "",
           "sandbox: namespaces and a read-only view of the disk, refused where the system cannot; "
           "basic: limits "
           "only; auto: the best that works, shown by hearth doctor."},
    KeyRow{"process.memory", Form::bytes, HEARTH_SLOT(process.memory_bytes), "range:16Mi..1Ti",
           "bytes",
           "Memory of one instance whose function or environment sets none; past it the instance "
           "is killed."},
    KeyRow{
        "process.cpu", Form::cpu, HEARTH_SLOT(process.cpu_millicores), "", "cores",
        "CPU of one instance whose function or environment sets none, as 500m or 2; 0: no limit."},
    KeyRow{"process.maxProcesses", Form::integer, HEARTH_SLOT(process.max_processes),
           "range:1..100000", "processes",
           "Processes and threads of one instance. Runtimes need some tens."},
    KeyRow{"process.network", Form::boolean, HEARTH_SLOT(process.network), "", "",
           "Whether instances reach the network. Off needs the sandbox."},
    KeyRow{"kubernetes.kubeconfig", Form::path, HEARTH_SLOT(kubernetes.kubeconfig), "", "",
           "File that tells how the cluster is reached. Empty: the pod's service account, else "
           "KUBECONFIG, else ~/.kube/config."},
    KeyRow{"kubernetes.context", Form::text, HEARTH_SLOT(kubernetes.context), "", "",
           "Context of that file. Empty: its current one."},
    KeyRow{"kubernetes.namespace", Form::text, HEARTH_SLOT(kubernetes.ns), "name", "",
           "Kubernetes namespace of the daemon's own objects, and of all pods with "
           "functionNamespaces: one. Empty: the service account's or the context's."},
    KeyRow{"kubernetes.functionNamespaces", Form::text, HEARTH_SLOT(kubernetes.function_namespaces),
           "enum:one,own", "",
           "one: all pods live in kubernetes.namespace, so whoever may deploy can name any Secret "
           "there; own: each in the Kubernetes namespace named as the function's, which must exist "
           "and in which the daemon needs its rights."},
    KeyRow{
        "kubernetes.watchNamespaces", Form::list, HEARTH_SLOT(kubernetes.watch_namespaces), "",
        "names of namespaces, or *",
        "Kubernetes namespaces that KubernetesWatchTriggers may watch besides their own; *: all, "
        "and kinds that have no namespace. Whoever may deploy sees what is watched."},
    KeyRow{"kubernetes.installation", Form::text, HEARTH_SLOT(kubernetes.installation), "name", "",
           "Label of everything this daemon makes. Two daemons in one cluster need two; changed, "
           "the pods of before are left alone and never removed."},
    KeyRow{"kubernetes.deployment", Form::text, HEARTH_SLOT(kubernetes.deployment), "subdomain", "",
           "Deployment in kubernetes.namespace that owns what the daemon makes, so that it goes "
           "when the Deployment goes. Empty: nothing owns it."},
    KeyRow{"kubernetes.runnerImage", Form::text, HEARTH_SLOT(kubernetes.runner_image), "", "",
           "Image of the container beside each runtime that takes its code. Needed with backend: "
           "kubernetes."},
    KeyRow{"kubernetes.imagePullPolicy", Form::text, HEARTH_SLOT(kubernetes.image_pull_policy),
           "enum:Always,IfNotPresent,Never", "",
           "When images are fetched, the runner's too, unless an Environment says otherwise. "
           "Always costs a question to the registry at every start."},
    KeyRow{"kubernetes.imagePullSecrets", Form::list, HEARTH_SLOT(kubernetes.image_pull_secrets),
           "subdomain", "names of Secrets",
           "Secrets for image registries, added to those of each Environment."},
    KeyRow{
        "kubernetes.environmentImages", Form::list, HEARTH_SLOT(kubernetes.environment_images), "",
        "image globs",
        "Images made of Hearth's environments, besides those named hearth/LANGUAGE-env: they "
        "take a function's variables with its code, bear a read-only root and write log records. "
        "Of others Fission's contract alone is asked."},
    KeyRow{"kubernetes.runAsUser", Form::integer, HEARTH_SLOT(kubernetes.run_as_user),
           "range:1..4294967294", "user id",
           "User of every container that sets none. Root is refused."},
    KeyRow{"kubernetes.runAsGroup", Form::integer, HEARTH_SLOT(kubernetes.run_as_group),
           "range:1..4294967294", "group id", "Group of every container that sets none."},
    KeyRow{"kubernetes.limits.memory", Form::bytes, HEARTH_SLOT(kubernetes.limits.memory_bytes),
           "range:16Mi..1Ti", "bytes",
           "Memory limit of one instance whose function or environment sets none; past it the "
           "container is killed."},
    KeyRow{"kubernetes.limits.memoryRequest", Form::bytes,
           HEARTH_SLOT(kubernetes.limits.memory_request_bytes), "range:1Mi..1Ti", "bytes",
           "Memory the scheduler sets aside for it. Too small overfills nodes, too large leaves "
           "them empty."},
    KeyRow{"kubernetes.limits.cpu", Form::cpu, HEARTH_SLOT(kubernetes.limits.cpu_millicores), "",
           "cores",
           "CPU limit of one instance whose function or environment sets none; 0: no limit. Too "
           "small makes cold starts slow."},
    KeyRow{"kubernetes.limits.cpuRequest", Form::cpu,
           HEARTH_SLOT(kubernetes.limits.cpu_request_millicores), "", "cores",
           "CPU the scheduler sets aside for it."},
    KeyRow{"kubernetes.limits.ephemeralStorage", Form::bytes,
           HEARTH_SLOT(kubernetes.limits.ephemeral_storage_bytes), "range:64Mi..1Ti", "bytes",
           "Disk of one pod: code, /tmp and logs together; past it the pod is evicted."},
    KeyRow{"kubernetes.limits.pods", Form::integer, HEARTH_SLOT(kubernetes.limits.max_pods),
           "range:1..100000", "pods",
           "Pods of this daemon, of Deployments too; past it none is made."},
    KeyRow{"kubernetes.startTimeout", Form::duration, HEARTH_SLOT(kubernetes.start_timeout),
           "range:5s..1h", "duration",
           "Time a pod gets from its making until it answers, fetching of the image included; then "
           "it is removed and the start has failed."},
    KeyRow{"kubernetes.peerAbove", Form::bytes, HEARTH_SLOT(kubernetes.peer_above_bytes),
           "range:0..1Ti", "bytes",
           "Packages larger than this are fetched by a pod from another one of its node that has "
           "them, over the runner's port 8889, else sent by the daemon; 0: always sent."},
    KeyRow{"kubernetes.requestBudget", Form::integer, HEARTH_SLOT(kubernetes.request_budget),
           "range:1..1000", "requests per second",
           "Requests to the cluster's API on average; bursts of four times as many are let "
           "through. Too small delays starts, too large wears out a small control plane."},
    KeyRow{"kubernetes.istio.enabled", Form::boolean, HEARTH_SLOT(kubernetes.istio.enabled), "", "",
           "Pods, Services and requests are made such that Istio's sidecars do mTLS and traffic "
           "rules: a Service for each function, requests through it."},
    KeyRow{"kubernetes.clusterDomain", Form::text, HEARTH_SLOT(kubernetes.cluster_domain),
           "subdomain", "", "Domain of the cluster's Services, for requests through Istio."},
    KeyRow{"kubernetes.leaderLease.enabled", Form::boolean,
           HEARTH_SLOT(kubernetes.leader_lease.enabled), "", "",
           "Whether the daemon serves only while it holds a Lease, so that a second replica can "
           "wait and take over. Needed for more than one replica."},
    KeyRow{"kubernetes.leaderLease.name", Form::text, HEARTH_SLOT(kubernetes.leader_lease.name),
           "subdomain", "", "Name of the Lease in kubernetes.namespace."},
    KeyRow{"kubernetes.leaderLease.seconds", Form::integer,
           HEARTH_SLOT(kubernetes.leader_lease.seconds), "range:5..300", "seconds",
           "How long a holder that went silent keeps it. Too small changes the leader at each slow "
           "answer of the cluster, too large makes a take-over slow."},
    KeyRow{"build.concurrency", Form::integer, HEARTH_SLOT(build.concurrency), "range:1..100",
           "builds",
           "Builds of source packages that run at once; others wait, first come, first served. "
           "Each may use build.memory."},
    KeyRow{"build.timeout", Form::duration, HEARTH_SLOT(build.timeout), "range:1s..24h", "duration",
           "Time one build may take; then everything it started is ended and it has failed."},
    KeyRow{"build.memory", Form::bytes, HEARTH_SLOT(build.memory_bytes), "range:16Mi..1Ti", "bytes",
           "Memory of one build whose Environment sets none in builder.container.resources."},
    KeyRow{
        "build.scratchSize", Form::bytes, HEARTH_SLOT(build.scratch_bytes), "range:16Mi..16Ti",
        "bytes",
        "Disk of one build: its copy of the source, its result, HOME and temporary files. Looked "
        "at every second or so; past it the build is ended and has failed."},
    KeyRow{"build.cacheSize", Form::bytes, HEARTH_SLOT(build.cache_bytes), "range:16Mi..16Ti",
           "bytes",
           "Disk of what builds of one Environment keep between them, downloads above all. A build "
           "that ends with more leaves it empty, one that grows it to twice as much is ended."},
    KeyRow{"build.logBytes", Form::bytes, HEARTH_SLOT(build.log_bytes), "range:64Ki..1Gi", "bytes",
           "Log kept on disk of each package's newest build; past it the middle goes."},
    KeyRow{"build.home", Form::path, HEARTH_SLOT(build.home), "", "",
           "Folder whose files are copied into the HOME of each build on this machine: .npmrc, "
           ".m2/settings.xml, .config/pip/pip.conf. Every build can read them. Empty: none."},
    KeyRow{
        "build.env", Form::map, HEARTH_SLOT(build.env), "", "name: text",
        "Variables of each build, such as PIP_INDEX_URL, GOPROXY or HTTPS_PROXY; an Environment's "
        "own go before."},
    KeyRow{"build.cacheClaim", Form::text, HEARTH_SLOT(build.cache_claim), "", "",
           "PersistentVolumeClaim, in the namespace of the pods, for what builds keep: downloads "
           "and compiled parts, a folder for each Environment. It is used with the kubernetes "
           "backend; several nodes need one that they can share. Empty: the cache of a build ends "
           "with its pod."},
    KeyRow{"packages.maxSize", Form::bytes, HEARTH_SLOT(packages.max_bytes), "range:64Ki..5Gi",
           "bytes", "Largest packed archive, uploaded or fetched from a URL."},
    KeyRow{"packages.allowPrivateAddresses", Form::boolean,
           HEARTH_SLOT(packages.allow_private_addresses), "", "",
           "Whether archives are fetched from addresses that are not of the public internet, such "
           "as loopback and private networks. On, whoever may deploy can make the daemon send "
           "requests to what only it reaches."},
    KeyRow{"packages.caFile", Form::path, HEARTH_SLOT(packages.ca_file), "", "",
           "PEM file of certificate authorities trusted for archives from URLs, besides the "
           "system's."},
    KeyRow{"packages.fetchTimeout", Form::duration, HEARTH_SLOT(packages.fetch_timeout),
           "range:1s..1h", "duration",
           "Time for fetching one archive from a URL, redirects and waiting for a turn included."},
    KeyRow{"packages.fetchesAtOnce", Form::integer, HEARTH_SLOT(packages.fetches_at_once),
           "range:1..1000", "fetches",
           "Archives fetched from URLs at a time, four of one request at most; others wait for "
           "their turn. Too many fill disk and line of the daemon."},
    KeyRow{"archives.store", Form::text, HEARTH_SLOT(archives.store), "enum:disk,s3", "",
           "Where packages are kept: in the data folder, or in a bucket of an S3-compatible store "
           "(archives.s3), with the data folder as a bounded cache of it. Changed from disk to s3, "
           "what is on disk goes to the bucket as it is used."},
    KeyRow{"archives.s3.endpoint", Form::text, HEARTH_SLOT(archives.s3.endpoint), "", "URL",
           "Address of the store, scheme, host and port alone. The bucket goes into the path. "
           "Needed with archives.store: s3."},
    KeyRow{"archives.s3.bucket", Form::text, HEARTH_SLOT(archives.s3.bucket), "", "",
           "Bucket, which must exist; the keys need s3:ListBucket, GetObject, PutObject and "
           "DeleteObject there. One bucket and prefix belong to one installation: what its "
           "packages do not name is removed. Needed with archives.store: s3."},
    KeyRow{"archives.s3.region", Form::text, HEARTH_SLOT(archives.s3.region), "", "",
           "Region that requests are signed for."},
    KeyRow{"archives.s3.prefix", Form::text, HEARTH_SLOT(archives.s3.prefix), "", "",
           "Stands before each object's name, such as hearth/."},
    KeyRow{"archives.s3.credentialsFile", Form::path, HEARTH_SLOT(archives.s3.credentials_file), "",
           "",
           "File with aws_access_key_id, aws_secret_access_key and, where there is one, "
           "aws_session_token, below [default]; read again when it changes. Empty: the variables "
           "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN."},
    KeyRow{"archives.s3.caFile", Form::path, HEARTH_SLOT(archives.s3.ca_file), "", "",
           "PEM file of certificate authorities trusted for the store, besides the system's."},
    KeyRow{"archives.s3.cacheSize", Form::bytes, HEARTH_SLOT(archives.s3.cache_bytes),
           "range:64Mi..16Ti", "bytes",
           "Disk for packages fetched from the bucket, packed and unpacked; past it the longest "
           "unused ones go. Too small fetches the same ones again and again."},
    KeyRow{"archives.s3.timeout", Form::duration, HEARTH_SLOT(archives.s3.timeout), "range:1s..1h",
           "duration", "Time for bringing one archive to the bucket or back, tries included."},
    KeyRow{"queues.kafkaBrokers", Form::text, HEARTH_SLOT(queues.kafka_brokers), "", "host:port,…",
           "Kafka brokers of MessageQueueTriggers that name none in metadata.bootstrapServers."},
    KeyRow{"queues.natsServers", Form::text, HEARTH_SLOT(queues.nats_servers), "", "URL,…",
           "NATS servers of MessageQueueTriggers that name none in metadata.natsServer."},
    KeyRow{
        "async.maxRunning", Form::integer, HEARTH_SLOT(async.max_running), "range:1..100000",
        "calls",
        "Asynchronous calls of all functions together that run at once; each function has its own "
        "spec.invocation.concurrency besides."},
    KeyRow{
        "async.maxPending", Form::integer, HEARTH_SLOT(async.max_pending), "range:1..10000000",
        "calls",
        "Asynchronous calls that wait or run; past it new ones get 429. Each takes about 300 bytes "
        "of memory."},
    KeyRow{"async.maxBodySize", Form::bytes, HEARTH_SLOT(async.max_body_bytes), "range:1Ki..64Mi",
           "bytes",
           "Largest body of an asynchronous call; it is kept in calls.db until the call ends."},
    KeyRow{"async.maxResultSize", Form::bytes, HEARTH_SLOT(async.max_result_bytes), "range:0..64Mi",
           "bytes", "How much of a function's answer is kept to be fetched."},
    KeyRow{"async.keepSucceeded", Form::duration, HEARTH_SLOT(async.keep_succeeded),
           "range:1s..720h", "duration", "How long results can be fetched."},
    KeyRow{"async.keepFailed", Form::duration, HEARTH_SLOT(async.keep_failed), "range:1s..8760h",
           "duration", "How long dead letters are kept."},
    KeyRow{"async.mostSucceeded", Form::integer, HEARTH_SLOT(async.most_succeeded),
           "range:0..10000000", "calls", "Results kept at most; the oldest go first."},
    KeyRow{"async.mostFailed", Form::integer, HEARTH_SLOT(async.most_failed), "range:0..10000000",
           "calls", "Dead letters kept at most; the oldest go first."},
    KeyRow{
        "workflows.maxRunning", Form::integer, HEARTH_SLOT(workflows.max_running),
        "range:1..1000000", "runs",
        "Runs of workflows that have not ended, those that are steps of others not counted; past "
        "it new ones get 429."},
    KeyRow{"workflows.maxCalls", Form::integer, HEARTH_SLOT(workflows.max_calls), "range:1..100000",
           "calls", "Calls of all runs together at once; a Map has its own bound besides."},
    KeyRow{"workflows.maxInputSize", Form::bytes, HEARTH_SLOT(workflows.max_input_bytes),
           "range:1Ki..16Mi", "bytes", "Largest input of a run."},
    KeyRow{"workflows.maxValueSize", Form::bytes, HEARTH_SLOT(workflows.max_value_bytes),
           "range:1Ki..64Mi", "bytes",
           "Largest result of a step and largest document; past it the step fails with "
           "Hearth.TooLarge."},
    KeyRow{"workflows.memoryValueSize", Form::bytes, HEARTH_SLOT(workflows.memory_value_bytes),
           "range:1Ki..1Mi", "bytes",
           "Longer values are kept in runs.db and not in memory while a run goes on."},
    KeyRow{"workflows.maxItems", Form::integer, HEARTH_SLOT(workflows.max_items),
           "range:1..1000000", "items", "Items of one Map."},
    KeyRow{"workflows.maxSteps", Form::integer, HEARTH_SLOT(workflows.max_steps),
           "range:1..10000000", "steps",
           "Steps of one run, each item of a Map counted; past it the run fails with "
           "Hearth.TooManySteps."},
    KeyRow{"workflows.keepFinished", Form::duration, HEARTH_SLOT(workflows.keep_finished),
           "range:1s..8760h", "duration", "How long runs are kept after their end."},
    KeyRow{"workflows.mostFinished", Form::integer, HEARTH_SLOT(workflows.most_finished),
           "range:0..10000000", "runs", "Finished runs kept at most; the oldest go first."},
    KeyRow{"environments", Form::map, HEARTH_SLOT(environments), "", "image glob: name",
           "Which local environment stands for an Environment's image, besides those the "
           "environments name "
           "themselves."},
    KeyRow{"drainTimeout", Form::duration, HEARTH_SLOT(drain_timeout), "range:0s..1h", "duration",
           "Time requests in flight have to finish after SIGTERM; then they are cut off."},
    KeyRow{"drainDelay", Form::duration, HEARTH_SLOT(drain_delay), "range:0s..10m", "duration",
           "Time after SIGTERM during which readiness already answers 503 and requests are still "
           "taken. Set it to "
           "what a load balancer in front needs to notice."},
    KeyRow{"shards", Form::integer, HEARTH_SLOT(shards), "range:0..1024", "threads",
           "Event loops. 0: one per core."},
};

#undef HEARTH_SLOT

}  // namespace

std::span<const KeyRow> key_rows() {
    return kRows;
}

const KeyRow* find_key(std::string_view name) {
    const auto found = std::ranges::find(kRows, name, &KeyRow::name);
    return found == kRows.end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
    return std::ranges::any_of(kRows, [name](const KeyRow& row) {
        return row.name.size() > name.size() && row.name.starts_with(name) &&
               row.name[name.size()] == '.';
    });
}

std::string variable_of(std::string_view key) {
    std::string name = "HEARTH_";
    for (const char c : key) {
        if (c == '.') {
            name += "__";
        } else {
            name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        }
    }
    return name;
}

}  // namespace hearth::config
