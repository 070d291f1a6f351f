# Sourced by up: the parts of the cluster, each started once and left alone while it runs. All paths are relative to $CLUSTER_DIR.

# start NAME COMMAND...: in the background, with its log and process id on file. It inherits no lock of the caller's.
start() {
    local name=$1
    shift
    if [ -f "run/$name.pid" ] && kill -0 "$(cat "run/$name.pid")" 2>/dev/null; then return 0; fi
    (
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            [ "$fd" -le 2 ] || eval "exec $fd>&-" 2>/dev/null || true
        done
        exec setsid nohup "$@" >>"log/$name.log" 2>&1 </dev/null
    ) &
    echo $! >"run/$name.pid"
}

# await WHAT SECONDS COMMAND...
await() {
    local what=$1 limit=$2 attempt
    shift 2
    for attempt in $(seq $((limit * 5))); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    echo "error: $what is not ready after $limit s; see $CLUSTER_DIR/log" >&2
    exit 1
}

# Pods sit on a bridge of their own, services are nftables rules of kube-proxy; nothing leaves the host.
write_network() {
    sysctl -qw net.ipv4.ip_forward=1
    # Dummy links need a kernel module that may not be there, so the node's address sits on lo.
    [ -n "$(ip -o addr show dev lo to "$node_ip/32")" ] || ip addr add "$node_ip/32" dev lo
    cat >cni/10-bridge.conflist <<JSON
{"cniVersion": "1.0.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$CLUSTER_DIR/run/networks",
            "ranges": [[{"subnet": "$pod_range"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
}

# issue NAME SUBJECT [NAMES]
issue() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" 2>/dev/null \
        -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "${3:-DNS:localhost}")
}

make_certificates() (
    cd pki
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 3650 -subj /CN=hearth-test-ca 2>/dev/null
    local names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost"
    issue apiserver /CN=kube-apiserver "$names,IP:127.0.0.1,IP:$apiserver_ip,IP:$node_ip"
    issue admin /O=system:masters/CN=admin
    issue kubelet-client /O=system:masters/CN=apiserver-kubelet
    openssl genrsa -out sa.key 2048 2>/dev/null
)

write_kubeconfig() {
    local pki="$CLUSTER_DIR/pki"
    cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $pki/ca.crt}}]
users: [{name: admin, user: {client-certificate: $pki/admin.crt, client-key: $pki/admin.key}}]
contexts: [{name: test, context: {cluster: test, user: admin}}]
current-context: test
YAML
}

start_runtime() {
    # restrict_oom_score_adj: where CAP_SYS_RESOURCE is missing, runc dies without a word on a lower score.
    cat >containerd.toml <<TOML
version = 2
root = "$CLUSTER_DIR/containerd"
state = "$CLUSTER_DIR/run/containerd"
[grpc]
  address = "$containerd_socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$CLUSTER_DIR/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
TOML
    start containerd containerd --config containerd.toml
    await containerd 30 ctr -a "$containerd_socket" version
}

start_control_plane() {
    start etcd etcd --data-dir etcd --unsafe-no-fsync --log-level warn --listen-client-urls http://127.0.0.1:2379 \
        --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
    # InternalIP: `logs` and `exec` would resolve the node's name otherwise.
    start kube-apiserver "$kube" kube-apiserver --etcd-servers http://127.0.0.1:2379 \
        --bind-address 0.0.0.0 --advertise-address "$node_ip" --secure-port 6443 --service-cluster-ip-range "$service_range" \
        --allow-privileged --authorization-mode Node,RBAC --cert-dir run \
        --tls-cert-file pki/apiserver.crt --tls-private-key-file pki/apiserver.key --client-ca-file pki/ca.crt \
        --kubelet-client-certificate pki/kubelet-client.crt --kubelet-client-key pki/kubelet-client.key \
        --kubelet-preferred-address-types InternalIP --service-account-issuer https://kubernetes.default.svc \
        --service-account-key-file pki/sa.key --service-account-signing-key-file pki/sa.key
    await kube-apiserver 60 bin/kubectl get --raw /readyz
    start kube-controller-manager "$kube" kube-controller-manager --kubeconfig "$KUBECONFIG" --leader-elect=false \
        --service-account-private-key-file pki/sa.key --root-ca-file pki/ca.crt --use-service-account-credentials --cert-dir run
    start kube-scheduler "$kube" kube-scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false --cert-dir run
}

start_node() {
    # Hosts with cgroup v1 are accepted.
    cat >kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://$containerd_socket
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $CLUSTER_DIR/pki/ca.crt}}
authorization: {mode: Webhook}
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 250
YAML
    start kubelet "$kube" kubelet --config kubelet.yaml --kubeconfig "$KUBECONFIG" --hostname-override node \
        --node-ip "$node_ip" --root-dir "$CLUSTER_DIR/kubelet" --cert-dir "$CLUSTER_DIR/run/kubelet-pki"
    cat >kube-proxy.yaml <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $KUBECONFIG}
clusterCIDR: $pod_range
conntrack: {maxPerCore: 0}
hostnameOverride: node
YAML
    start kube-proxy "$kube" kube-proxy --config kube-proxy.yaml
}

node_is_ready() {
    bin/kubectl get node node -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -q True
}
