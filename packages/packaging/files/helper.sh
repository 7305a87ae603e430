#!/bin/sh
# Puts docker-credential-ocir, and the ocir-broker that it starts, into a folder of the PATH, for a laptop, a CI job or a pod:
# `./helper.sh [FOLDER]`, by default ~/.local/bin. It changes nothing else.
set -eu
from=$(cd "$(dirname "$0")" && pwd)
to=${1:-$HOME/.local/bin}
mkdir -p "$to"
for name in libatomic.so.1 ocir-broker docker-credential-ocir; do
  cp "$from/$name" "$to/$name.new"
  mv "$to/$name.new" "$to/$name"
done
if ! said=$("$to/ocir-broker" version 2>&1); then
  echo "helper.sh: ocir-broker does not run here: $said
It needs glibc 2.28 and libstdc++, which Alpine's images and most distroless ones lack." >&2
  exit 1
fi
