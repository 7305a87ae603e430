# shellcheck shell=sh
# The installation lock: one installer of any kind at a time. Sourced by setup, install.sh and uninstall.sh, which define `fail`;
# ocir-broker-node.sh runs before this file exists, so it has a copy of open_lock.
lock_file=/run/ocir-broker-install.lock

# Any user who can open the file can hold the lock, so only root may open it.
open_lock() {
  [ -e $lock_file ] || (umask 077 && : >>$lock_file)
  [ -f $lock_file ] && [ ! -L $lock_file ] && [ "$(stat -c %u:%a $lock_file)" = 0:600 ] && command exec 9>>$lock_file
}

# An installer started by another one uses that one's lock.
lock() {
  [ "${OCIR_BROKER_LOCKED-}" != yes ] || return 0
  open_lock || fail "$lock_file is not a file that belongs to root with mode 0600, so others could block an installation: delete it"
  flock -w 300 9 || fail "another installation of ocir-broker has not ended for 5 minutes: see who with fuser -v $lock_file"
  export OCIR_BROKER_LOCKED=yes
}
