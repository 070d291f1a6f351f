# Sourced by up, down and image: where the cluster is and which addresses it takes. Everything of it lives under $CLUSTER_DIR.
CLUSTER_DIR=$(realpath -m "${CLUSTER_DIR:-/var/tmp/hearth-cluster}")
export KUBECONFIG="$CLUSTER_DIR/admin.kubeconfig"
kube="$CLUSTER_DIR/bin/kube"
containerd_socket="$CLUSTER_DIR/run/containerd.sock"
node_ip=10.89.0.1       # an address of this host that pods can reach; a node's may not be a loopback address
pod_range=10.88.0.0/16
service_range=10.96.0.0/16
apiserver_ip=10.96.0.1  # kubernetes.default inside the cluster
