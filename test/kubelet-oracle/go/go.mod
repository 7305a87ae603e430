// Only marks the module: each version of Kubernetes has its own kubernetes-1.XX.mod.
module ocir-broker/test/kubelet-oracle
