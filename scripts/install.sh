#!/bin/sh
# Installs Wellkeeper from the folder of an unpacked release, or updates it. Running it
# again changes nothing that is right: the configuration and the data are never touched.
#
#   ./install.sh [--no-start]
#
# DESTDIR=FOLDER installs into FOLDER, for images: no user is made and nothing is started.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=${DESTDIR:-}
start=1
case "${1:-}" in
'') ;;
--no-start) start= ;;
*) echo "install: unknown argument $1; there is --no-start" >&2; exit 2 ;;
esac

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 1; }

[ -f "$here/wellkeeper" ] || fail "there is no wellkeeper beside this script; unpack a release and run it there"
if [ -z "$root" ]; then
  [ "$(id -u)" -eq 0 ] || fail "needs root: run it with sudo"
  # A program for another processor would replace one that works.
  "$here/wellkeeper" version >/dev/null 2>&1 || fail "this wellkeeper does not run on this machine ($(uname -m)); take the release for it"
fi

# put installs a file where it differs, whole or not at all.
put() { # MODE FROM TO
  if cmp -s "$2" "$3"; then return 1; fi
  install -d -m 755 "$(dirname "$3")"
  install -m "$1" "$2" "$3.new"
  mv -f "$3.new" "$3"
  say "wrote $3"
}

# systemd_version is 0 where there is none.
systemd_version() {
  version=$( (systemctl --version 2>/dev/null || true) | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  echo "${version:-0}"
}

if [ -z "$root" ] && ! id wellkeeper >/dev/null 2>&1; then
  useradd --system --user-group --home-dir /var/lib/wellkeeper --no-create-home --shell /usr/sbin/nologin wellkeeper
  say "made the user wellkeeper"
fi

changed=
put 755 "$here/wellkeeper" "$root/usr/bin/wellkeeper" && changed=1
put 644 "$here/systemd/wellkeeper.service" "$root/etc/systemd/system/wellkeeper.service" && changed=1
put 644 "$here/systemd/wellkeeper.sysusers" "$root/usr/lib/sysusers.d/wellkeeper.conf" || true
if [ -n "$root" ] || [ "$(systemd_version)" -ge 254 ]; then
  put 644 "$here/systemd/backoff.conf" "$root/etc/systemd/system/wellkeeper.service.d/10-backoff.conf" && changed=1
fi
[ -d "$root/etc/wellkeeper" ] || install -d -m 750 "$root/etc/wellkeeper"
if [ ! -e "$root/etc/wellkeeper/wellkeeper.yaml" ]; then
  install -m 640 "$here/default.yaml" "$root/etc/wellkeeper/wellkeeper.yaml"
  say "wrote $root/etc/wellkeeper/wellkeeper.yaml: name the wells and devices in it"
  fresh=1
fi
[ -d "$root/var/lib/wellkeeper" ] || install -d -m 750 "$root/var/lib/wellkeeper"

[ -z "$root" ] || exit 0
chown -R root:wellkeeper /etc/wellkeeper
chown wellkeeper:wellkeeper /var/lib/wellkeeper
/usr/bin/wellkeeper check /etc/wellkeeper/wellkeeper.yaml || fail "the program is in place, but its configuration has mistakes: see above"
if [ ! -d /run/systemd/system ]; then
  say "systemd does not run here; start it with: wellkeeper run -c /etc/wellkeeper/wellkeeper.yaml"
  exit 0
fi
systemctl daemon-reload
systemctl enable wellkeeper.service >/dev/null 2>&1 || fail "systemctl enable wellkeeper did not work"
if [ -n "${fresh:-}" ]; then
  say "edit /etc/wellkeeper/wellkeeper.yaml, then: systemctl start wellkeeper"
elif [ -z "$start" ]; then
  say "systemctl restart wellkeeper puts it to work"
elif [ -n "$changed" ] || ! systemctl is-active --quiet wellkeeper.service; then
  systemctl restart wellkeeper.service
  say "wellkeeper runs: $(/usr/bin/wellkeeper version)"
else
  say "everything is in place"
fi
