# One OKE cluster with one node, one private repository, and the archive of a release in a bucket. All in one compartment, except
# the dynamic group and the policies, which are in the tenancy.
terraform {
  required_providers {
    oci = { source = "oracle/oci" }
  }
}

provider "oci" {
  region = var.region
}

variable "region" { type = string }
variable "tenancy_id" { type = string }
variable "compartment_id" { type = string }
variable "oracle_linux" { type = string }
variable "kubernetes_version" { type = string }
variable "archive" { type = string }
variable "node_script" { type = string }
variable "may_pull" { type = bool }

locals {
  name = "ocir-broker-live"
  # The first image of the list is the newest.
  images = [
    for source in data.oci_containerengine_node_pool_option.all.sources : source.image_id
    if can(regex("^Oracle-Linux-${var.oracle_linux}\\.[0-9]+-20[0-9.-]+-OKE-${trimprefix(var.kubernetes_version, "v")}-", source.source_name))
  ]
  bucket_url = "https://objectstorage.${var.region}.oraclecloud.com${oci_objectstorage_preauthrequest.archive.access_uri}"
}

data "oci_objectstorage_namespace" "own" {
  compartment_id = var.compartment_id
}

data "oci_identity_availability_domains" "all" {
  compartment_id = var.compartment_id
}

data "oci_containerengine_node_pool_option" "all" {
  node_pool_option_id = "all"
  compartment_id      = var.compartment_id
}

data "oci_containerengine_cluster_kube_config" "admin" {
  cluster_id = oci_containerengine_cluster.live.id
}

resource "oci_core_vcn" "live" {
  compartment_id = var.compartment_id
  display_name   = local.name
  cidr_blocks    = ["10.0.0.0/16"]
}

resource "oci_core_internet_gateway" "live" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.live.id
  display_name   = local.name
}

resource "oci_core_default_route_table" "live" {
  manage_default_resource_id = oci_core_vcn.live.default_route_table_id
  route_rules {
    destination       = "0.0.0.0/0"
    network_entity_id = oci_core_internet_gateway.live.id
  }
}

# From outside: the API server only.
resource "oci_core_default_security_list" "live" {
  manage_default_resource_id = oci_core_vcn.live.default_security_list_id
  egress_security_rules {
    destination = "0.0.0.0/0"
    protocol    = "all"
  }
  ingress_security_rules {
    source   = "10.0.0.0/16"
    protocol = "all"
  }
  ingress_security_rules {
    source   = "0.0.0.0/0"
    protocol = "6"
    tcp_options {
      min = 6443
      max = 6443
    }
  }
}

resource "oci_core_subnet" "live" {
  compartment_id = var.compartment_id
  vcn_id         = oci_core_vcn.live.id
  display_name   = local.name
  cidr_block     = "10.0.0.0/24"
}

# Enhanced, because a basic cluster exchanges no tokens of service accounts.
resource "oci_containerengine_cluster" "live" {
  compartment_id     = var.compartment_id
  vcn_id             = oci_core_vcn.live.id
  name               = local.name
  kubernetes_version = var.kubernetes_version
  type               = "ENHANCED_CLUSTER"
  endpoint_config {
    is_public_ip_enabled = true
    subnet_id            = oci_core_subnet.live.id
  }
}

resource "oci_containerengine_node_pool" "live" {
  compartment_id     = var.compartment_id
  cluster_id         = oci_containerengine_cluster.live.id
  name               = local.name
  kubernetes_version = var.kubernetes_version
  node_shape         = "VM.Standard.E4.Flex"
  node_shape_config {
    ocpus         = 1
    memory_in_gbs = 8
  }
  node_source_details {
    source_type = "IMAGE"
    image_id    = local.images[0]
  }
  node_config_details {
    size = 1
    placement_configs {
      availability_domain = data.oci_identity_availability_domains.all.availability_domains[0].name
      subnet_id           = oci_core_subnet.live.id
    }
  }
  node_metadata = {
    user_data = base64encode(join("\n", [
      "#!/bin/sh",
      "export OCIR_BROKER_SOURCES='${local.bucket_url}'",
      file(var.node_script),
    ]))
  }
}

resource "oci_artifacts_container_repository" "live" {
  compartment_id = var.compartment_id
  display_name   = "${local.name}/app"
  is_public      = false
}

resource "oci_objectstorage_bucket" "live" {
  compartment_id = var.compartment_id
  namespace      = data.oci_objectstorage_namespace.own.namespace
  name           = local.name
}

resource "oci_objectstorage_object" "archive" {
  namespace = data.oci_objectstorage_namespace.own.namespace
  bucket    = oci_objectstorage_bucket.live.name
  object    = basename(var.archive)
  source    = var.archive
}

resource "oci_objectstorage_preauthrequest" "archive" {
  namespace    = data.oci_objectstorage_namespace.own.namespace
  bucket       = oci_objectstorage_bucket.live.name
  name         = local.name
  access_type  = "AnyObjectRead"
  time_expires = timeadd(plantimestamp(), "24h")
  lifecycle {
    ignore_changes = [time_expires]
  }
}

resource "oci_identity_dynamic_group" "live" {
  compartment_id = var.tenancy_id
  name           = local.name
  description    = "The node of a first run of ocir-broker"
  matching_rule  = "ALL {instance.compartment.id = '${var.compartment_id}'}"
}

resource "oci_identity_policy" "node" {
  count          = var.may_pull ? 1 : 0
  compartment_id = var.tenancy_id
  name           = "${local.name}-node"
  description    = "The node may pull images"
  statements = [
    "Allow dynamic-group ${oci_identity_dynamic_group.live.name} to read repos in compartment id ${var.compartment_id}"
  ]
}

resource "oci_identity_policy" "service_account" {
  compartment_id = var.tenancy_id
  name           = "${local.name}-service-account"
  description    = "One service account may pull images"
  statements = [join("", [
    "Allow any-user to read repos in compartment id ${var.compartment_id} where all {request.principal.type = 'workload', ",
    "request.principal.cluster_id = '${oci_containerengine_cluster.live.id}', ",
    "request.principal.namespace = 'ocir-live', request.principal.service_account = 'puller'}"
  ])]
}

output "registry_host" { value = "${var.region}.ocir.io" }
output "namespace" { value = data.oci_objectstorage_namespace.own.namespace }
output "repository" { value = oci_artifacts_container_repository.live.display_name }
output "kubeconfig" {
  value     = data.oci_containerengine_cluster_kube_config.admin.content
  sensitive = true
}
