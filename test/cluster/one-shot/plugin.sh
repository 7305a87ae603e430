#!/bin/sh
# The alternative to a daemon, as a prototype that is not shipped: one process a call, a token for each registry host and service
# account in a folder on tmpfs, a lock, and the kubelet's own cache until half of the token's life.
#
# ONE_SHOT_GET is a command that reads a CredentialProviderRequest and fetches everything anew; ONE_SHOT_FOLDER holds the tokens.
# It trusts its standard input, as only the kubelet runs it.
set -eu
umask 077
request=$(cat)

field() { printf '%s' "$request" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
# The payload of a JWT, whose base64 has no padding.
payload() { printf '%s==' "$1" | cut -d. -f2 | tr -- '-_' '+/' | base64 -di 2>/dev/null || :; }
number() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }

image=$(field image)
token=$(field serviceAccountToken)
account=node
[ -z "$token" ] || account=$(payload "$token" | sed -n 's/.*"sub":"\([^"]*\)".*/\1/p')
file=$ONE_SHOT_FOLDER/${image%%/*}.$account

# Sets renew_at and expires_at from the file's first line.
look() {
  renew_at=0 expires_at=0 now=$(date +%s)
  [ ! -s "$file" ] || read -r renew_at expires_at <"$file"
}
answer() {
  seconds=$((renew_at > now ? renew_at - now : 0))
  sed -n "2s/\"cacheDuration\":\"0s\"/\"cacheDuration\":\"${seconds}s\"/p" "$file"
  exit 0
}

look
[ "$now" -ge "$renew_at" ] || answer
exec 9>"$file.lock"
if [ "$now" -lt "$expires_at" ]; then
  # One call renews; the others need not wait for it.
  flock -n 9 || answer
else
  flock 9
  look
  [ "$now" -ge "$renew_at" ] || answer
fi

if response=$(printf '%s' "$request" | sh -c "$ONE_SHOT_GET"); then
  claims=$(payload "$(printf '%s' "$response" | sed -n 's/.*"password":"\([^"]*\.[^"]*\.[^"]*\)".*/\1/p')")
  expires_at=$(printf '%s' "$claims" | number exp)
  renew_at=$(((now + expires_at) / 2))
  printf '%s %s\n%s\n' "$renew_at" "$expires_at" "$response" >"$file.new"
  mv "$file.new" "$file"
  answer
fi
look
[ "$now" -ge "$expires_at" ] || answer
exit 1
