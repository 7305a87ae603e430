// Only marks the module: each version of Kubernetes has its own kubernetes-1.XX.mod, and containerd its own.
module ocir-broker/test/cluster
