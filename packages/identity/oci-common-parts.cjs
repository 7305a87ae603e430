// The parts of oci-common that our programs bundle in place of its index (bundle.ts in foundation): all of it, with its HTTP clients and
// authentication providers, takes memory that the daemon never uses. The sources import oci-common as it is, and so do their tests.
module.exports = {
  ConfigFileReader: require("oci-common/lib/config-file-reader").ConfigFileReader,
  DefaultRequestSigner: require("oci-common/lib/signer").DefaultRequestSigner,
  Region: require("oci-common/lib/region").Region,
};
