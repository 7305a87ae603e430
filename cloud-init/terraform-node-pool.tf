# A managed node pool whose nodes install ocir-broker at their first boot. Merge it into your own pool: settings that do not concern
# ocir-broker are omitted. It needs only the oci provider. Copy it elsewhere, together with dist/packages/ocir-broker-node.sh of a release:
# the script of the same name in cloud-init/ has no checksums.
variable "ocir_broker" {
  type = object({
    sources            = optional(string, "") # bucket URLs or folders, separated by spaces. Default: the address of the release
    service_accounts   = optional(string, "") # an audience, if pods pull with their service accounts
    kubelet_extra_args = optional(string, "") # your own arguments, as one string
  })
  default = {}
}

variable "repository_compartment_ids" {
  type        = list(string)
  default     = []
  description = "Compartments of the repositories that the nodes may read, with those below them. Default: the nodes' own"
}

locals {
  repository_compartment_ids = length(var.repository_compartment_ids) > 0 ? var.repository_compartment_ids : [var.compartment_id]
  ocir_broker_user_data = join("\n", [
    "#!/bin/sh",
    "export OCIR_BROKER_SOURCES='${var.ocir_broker.sources}' OCIR_BROKER_SERVICE_ACCOUNTS='${var.ocir_broker.service_accounts}'",
    "export KUBELET_EXTRA_ARGS='${var.ocir_broker.kubelet_extra_args}'",
    file("${path.module}/ocir-broker-node.sh"),
  ])
}

resource "oci_containerengine_node_pool" "workers" {
  cluster_id     = var.cluster_id
  compartment_id = var.compartment_id
  # name, node_shape, node_config_details, node_source_details …

  # This takes effect only on new nodes, so cycle or replace the existing ones.
  node_metadata = {
    user_data = base64encode(local.ocir_broker_user_data)
  }
}

# The dynamic group of the nodes. To create it, you need rights in the tenancy, and must use its home region.
resource "oci_identity_dynamic_group" "nodes" {
  compartment_id = var.tenancy_id
  name           = "oke-nodes"
  description    = "Worker nodes that pull images with ocir-broker"
  matching_rule  = "ALL {instance.compartment.id = '${var.compartment_id}'}"
}

# The policy is in the tenancy, because it may name several compartments.
resource "oci_identity_policy" "pull" {
  compartment_id = var.tenancy_id
  name           = "oke-nodes-pull"
  description    = "Worker nodes may pull images"
  statements = [
    for id in local.repository_compartment_ids :
    "Allow dynamic-group ${oci_identity_dynamic_group.nodes.name} to read repos in compartment id ${id}"
  ]
}
